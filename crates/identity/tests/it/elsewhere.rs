//! Identity that trusts another issuer, and tokens of that issuer's with this or that claim.

use std::sync::Arc;

use identity::TokenError;
use identity::store::{Membership, ProjectKind};
use identity::tokens::IssuerSettings;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::issuer::FakeIssuer;

use crate::house::House;

pub(crate) const ELSEWHERE: &str = "https://elsewhere.example/realms/prod";

/// A house that trusts another issuer.
pub(crate) struct Elsewhere {
    pub(crate) house: House,
    pub(crate) issuer: FakeIssuer,
}

impl Elsewhere {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut IssuerSettings)) -> Self {
        let issuer = FakeIssuer::new(ELSEWHERE);
        let mut settings = IssuerSettings::new(ELSEWHERE);
        change(&mut settings);
        let house = House::with_issuers(vec![settings], Arc::new(issuer.clone())).await;
        Self { house, issuer }
    }

    /// The claims of a good token of `ada`'s, with these in place of its own; null takes one out.
    pub(crate) fn claims(&self, other: &Value) -> Value {
        let mut claims = self.issuer.claims(&self.house.clock, "ada");
        for (name, value) in other.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    #[expect(clippy::needless_pass_by_value, reason = "a test reads better without the borrows")]
    pub(crate) fn token(&self, other: Value) -> SecretString {
        self.issuer.sign(&self.claims(&other))
    }

    pub(crate) async fn take(&self, token: &SecretString) -> Result<chat::Principal, TokenError> {
        self.house.identity.tokens.authenticate(token).await
    }

    /// What a token with these claims is refused with.
    pub(crate) async fn refusal(&self, other: Value) -> String {
        self.take(&self.token(other)).await.unwrap_err().to_string()
    }

    pub(crate) async fn refusal_of(&self, header: &Value) -> String {
        let token = self.issuer.sign_with(header, &self.claims(&json!({})));
        self.take(&token).await.unwrap_err().to_string()
    }

    pub(crate) async fn projects(&self, token: &SecretString) -> Vec<String> {
        let principal = self.take(token).await.unwrap();
        let projects = self.house.identity.directory.projects_of(&principal).await.unwrap();
        let name = |project: Membership| {
            let rank = if project.is_admin { "*" } else { "" };
            if project.kind == ProjectKind::Personal {
                format!("({})", project.name)
            } else {
                format!("{}{rank}", project.name)
            }
        };
        projects.into_iter().map(name).collect()
    }
}
