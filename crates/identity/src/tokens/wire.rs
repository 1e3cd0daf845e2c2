//! The JSON of others that tokens are verified by: headers, claims, discovery documents and key sets.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What is used of a token's header. What could name a key of the sender's own (`jku`, `jwk`, `x5u`, …) is not even read.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    /// Names extensions that must be understood; none are.
    pub(crate) crit: Option<Value>,
}

/// The claims of a token. One of the wrong type makes the whole unreadable.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: Option<Audience>,
    pub(crate) azp: Option<String>,
    pub(crate) exp: f64,
    pub(crate) nbf: Option<f64>,
    pub(crate) iat: Option<f64>,
    pub(crate) typ: Option<String>,
    pub(crate) sid: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) preferred_username: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) picture: Option<String>,
    pub(crate) user_type: Option<String>,
    pub(crate) guest: Option<bool>,
    pub(crate) realm_access: Option<RealmAccess>,
    pub(crate) applications: Option<Names>,
    pub(crate) applications_admin: Option<Names>,
    pub(crate) knowledge_bases: Option<Names>,
    /// Of ID tokens, as are the three hashes.
    nonce: Option<IgnoredAny>,
    at_hash: Option<IgnoredAny>,
    c_hash: Option<IgnoredAny>,
    s_hash: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RealmAccess {
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

/// Comma-separated, or a list whose items may again be comma-separated.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Names {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Discovery {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeySet {
    /// Read one by one, since one that we don't understand must not hide the others.
    pub(crate) keys: Vec<Value>,
}

impl Claims {
    /// Whether something stands in them that is there for the reader of an ID token.
    pub(crate) fn look_like_an_id_token(&self) -> bool {
        let marks = [&self.nonce, &self.at_hash, &self.c_hash, &self.s_hash];
        marks.into_iter().any(Option::is_some)
    }
}

impl Audience {
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

impl Names {
    /// Each name once, in order, without blanks around it.
    pub(crate) fn list(&self) -> Vec<String> {
        let items = match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        };
        let mut names = Vec::new();
        for name in items.iter().flat_map(|item| item.split(',')).map(str::trim) {
            let is_name = !name.is_empty() && !name.chars().any(char::is_control);
            if is_name && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_come_in_three_forms() {
        for (value, expected) in [
            (json!("demo"), vec!["demo"]),
            (json!(" demo , sales,,demo"), vec!["demo", "sales"]),
            (json!(["demo", "sales,hr ", ""]), vec!["demo", "sales", "hr"]),
            (json!(""), vec![]),
            (json!([]), vec![]),
            (json!("a\nb,c"), vec!["c"]),
        ] {
            let names: Names = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(names.list(), expected, "{value}");
        }
        for value in [json!(1), json!([1]), json!({"a": "b"})] {
            assert!(serde_json::from_value::<Names>(value.clone()).is_err(), "{value}");
        }
    }
}
