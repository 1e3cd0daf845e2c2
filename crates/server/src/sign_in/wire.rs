//! The JSON of signing in: Keycloak's, and the vendor's for its local sign-in.

use chat::Principal;
use identity::issuer::LocalLogin;
use identity::store::{Membership, Profile};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the token endpoint gives.
#[derive(Serialize, ToSchema)]
#[schema(as = sign_in::Tokens)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    /// Seconds.
    pub(super) expires_in: u64,
    /// Seconds; 0 without a refresh token.
    pub(super) refresh_expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    pub(super) token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_token: Option<String>,
    #[serde(rename = "not-before-policy")]
    pub(super) not_before_policy: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_state: Option<String>,
    pub(super) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issued_token_type: Option<&'static str>,
}

/// Every refusal.
#[derive(Serialize, ToSchema)]
pub(super) struct Refusal<'a> {
    pub(super) error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_description: Option<&'a str>,
}

/// A user, as Keycloak's administration lists one.
#[derive(Serialize, ToSchema)]
#[schema(as = sign_in::User)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) enabled: bool,
}

impl From<Profile> for User {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.account.to_string(),
            username: profile.username,
            email: profile.email,
            enabled: profile.disabled_at.is_none(),
        }
    }
}

/// The body of the local sign-in.
#[derive(Deserialize, ToSchema)]
pub(super) struct Login {
    /// An e-mail address or a user's name.
    pub(super) email: String,
    #[schema(value_type = String)]
    pub(super) password: SecretString,
}

/// Signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct LoggedIn {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    /// Seconds.
    pub(super) expires_in: u64,
    pub(super) user: Person,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Person {
    pub(super) user_id: String,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) is_admin: bool,
}

impl From<LocalLogin> for LoggedIn {
    fn from(login: LocalLogin) -> Self {
        let profile = login.profile;
        Self {
            access_token: login.access_token.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: login.expires_in.as_secs(),
            user: Person {
                user_id: profile.account.to_string(),
                username: profile.username,
                name: profile.name,
                email: profile.email,
                is_admin: profile.roles.admin,
            },
        }
    }
}

/// Who is calling, as CodeMie's clients read it; every key is always there.
#[derive(Serialize, ToSchema)]
pub(super) struct Caller {
    pub(super) user_id: String,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) is_admin: bool,
    pub(super) applications: Vec<String>,
    pub(super) applications_admin: Vec<String>,
    pub(super) knowledge_bases: Vec<String>,
    pub(super) picture: String,
    pub(super) user_type: &'static str,
}

impl Caller {
    pub(super) fn new(principal: &Principal, profile: Option<&Profile>, projects: &[Membership]) -> Self {
        let named = |admin: bool| {
            projects
                .iter()
                .filter(|member| member.is_admin || !admin)
                .map(|member| member.name.clone())
                .collect()
        };
        let external = profile.is_some_and(|profile| profile.is_external);
        let of = |field: fn(&Profile) -> &str| profile.map(field).unwrap_or_default().to_owned();
        Self {
            user_id: principal.account().to_string(),
            name: of(|profile| &profile.name),
            username: of(|profile| &profile.username),
            email: of(|profile| &profile.email),
            is_admin: principal.is_admin(),
            applications: named(false),
            applications_admin: named(true),
            knowledge_bases: profile.map(|profile| profile.knowledge_bases.clone()).unwrap_or_default(),
            picture: of(|profile| profile.picture.as_deref().unwrap_or_default()),
            user_type: if external { "external" } else { "regular" },
        }
    }
}
