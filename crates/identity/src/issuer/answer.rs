//! What the issuer answers, well or not.

use std::time::Duration;

use chat::store::StoreError;
use secrecy::SecretString;

use crate::fault::Fault;
use crate::store::Profile;

/// What the token endpoint answers with status 200. Its body further says `"token_type": "Bearer"` and
/// `"not-before-policy": 0`, and must not be stored.
#[derive(Debug, Clone)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: SecretString,
    /// How long it is good, in seconds.
    pub expires_in: u64,
    /// 0 without a refresh token.
    pub refresh_expires_in: u64,
    /// Not for services and exchanges.
    pub refresh_token: Option<SecretString>,
    /// With scope `openid` only.
    pub id_token: Option<SecretString>,
    /// The sign-in, where there is a refresh token.
    pub session_state: Option<String>,
    /// The scopes, with blanks between them.
    pub scope: String,
    /// For exchanges only.
    pub issued_token_type: Option<&'static str>,
}

/// A mistake of the caller's, in Keycloak's words: the body is `{"error": …, "error_description": …}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The kind.
    pub error: &'static str,
    /// The sentence.
    pub description: String,
}

impl Refusal {
    pub(super) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into() }
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(400, "invalid_request", format!("Missing parameter: {parameter}"))
    }

    pub(super) fn wrong_credentials() -> Self {
        Self::new(401, "invalid_grant", "Invalid user credentials")
    }
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GrantError {
    /// The caller's mistake.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// Somebody who has signed in at `local-auth/login`.
#[derive(Debug, Clone)]
pub struct LocalLogin {
    /// The access token.
    pub access_token: SecretString,
    /// How long it is good.
    pub expires_in: Duration,
    /// Who it is.
    pub profile: Profile,
}

/// Why a password is not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoginError {
    /// Nobody has this name and password.
    #[error("Invalid email or password")]
    Wrong,
    /// Tried too often.
    #[error("Too many attempts; try again later")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// Our fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}
