//! The form that the token endpoint is asked with.

use super::answer::Refusal;

/// TokenScopes that a client may ask for; all but `openid` are given anyway.
const KNOWN_SCOPES: [&str; 8] =
    ["openid", "profile", "email", "codemie", "roles", "basic", "acr", "web-origins"];
/// Those that Keycloak names in its answer.
const GIVEN_SCOPES: &str = "email profile codemie";
/// May be there more than once.
const LISTS: [&str; 2] = ["audience", "resource"];

/// The parameters of a request.
pub(super) struct Form<'form> {
    parameters: &'form [(String, String)],
}

impl<'form> Form<'form> {
    pub(super) fn new(parameters: &'form [(String, String)]) -> Self {
        Self { parameters }
    }

    /// The first of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'form str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has_duplicates(&self) -> bool {
        let mut names: Vec<_> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| !LISTS.contains(name));
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// What is asked for by `scope`.
    pub(super) fn scopes(&self) -> Result<TokenScopes, Refusal> {
        let asked = self.get("scope").unwrap_or_default();
        if asked.split_ascii_whitespace().all(|scope| KNOWN_SCOPES.contains(&scope)) {
            return Ok(TokenScopes { openid: asked.split_ascii_whitespace().any(|scope| scope == "openid") });
        }
        Err(Refusal::new(400, "invalid_scope", format!("Invalid scopes: {asked}")))
    }
}

/// The scopes of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TokenScopes {
    /// It comes with an ID token.
    pub(super) openid: bool,
}

impl TokenScopes {
    /// Of a token that was given out before.
    pub(super) fn of(scope: &str) -> Self {
        Self { openid: scope.split_ascii_whitespace().any(|scope| scope == "openid") }
    }

    pub(super) fn names(self) -> String {
        if self.openid { format!("openid {GIVEN_SCOPES}") } else { GIVEN_SCOPES.to_owned() }
    }
}
