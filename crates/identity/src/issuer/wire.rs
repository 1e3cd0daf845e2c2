//! The claims that the built-in issuer writes, as Keycloak writes them.

use serde::Serialize;

/// What all tokens have.
#[derive(Serialize)]
pub(super) struct Common<'token> {
    pub(super) exp: i64,
    pub(super) iat: i64,
    pub(super) jti: String,
    pub(super) iss: &'token str,
    pub(super) aud: &'token str,
    pub(super) sub: String,
    pub(super) typ: &'token str,
    pub(super) azp: &'token str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<&'token str>,
}

#[derive(Serialize)]
pub(super) struct Person<'token> {
    pub(super) preferred_username: &'token str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'token str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'token str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) picture: Option<&'token str>,
}

#[derive(Serialize)]
pub(super) struct RealmAccess {
    pub(super) roles: Vec<&'static str>,
}

#[derive(Serialize)]
pub(super) struct AccessClaims<'token> {
    #[serde(flatten)]
    pub(super) common: Common<'token>,
    pub(super) scope: &'token str,
    #[serde(flatten)]
    pub(super) person: Person<'token>,
    pub(super) realm_access: RealmAccess,
    pub(super) applications: Vec<&'token str>,
    pub(super) applications_admin: Vec<&'token str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) knowledge_bases: &'token [String],
    pub(super) user_type: &'static str,
    /// Of service accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<&'token str>,
}

#[derive(Serialize)]
pub(super) struct RefreshClaims<'token> {
    #[serde(flatten)]
    pub(super) common: Common<'token>,
    pub(super) scope: &'token str,
}

#[derive(Serialize)]
pub(super) struct IdClaims<'token> {
    #[serde(flatten)]
    pub(super) common: Common<'token>,
    #[serde(flatten)]
    pub(super) person: Person<'token>,
}
