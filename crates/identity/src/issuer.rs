//! The built-in issuer: Keycloak's answers at Keycloak's token endpoint, for whoever runs no Keycloak.
//!
//! Users sign in by the password grant, services by their client's secret. Tokens are signed by RS256; a subject is an
//! account's id. What it answers to mistakes, and in which order it looks for them, is what Keycloak 26.4 does.

use std::sync::Arc;
use std::time::Duration;

use argon2::Params;
use chat::Principal;
use chat::clock::Clock;
use chat::ids::AccountId;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::Value;

use crate::fault::Fault;
use crate::passwords::Passwords;
use crate::store::{AccountStore, IssuerStore, Kind, Profile};
use crate::throttle::Throttle;
use crate::tokens::Tokens;

mod answer;
mod client;
mod documents;
mod exchange;
mod form;
mod grants;
mod mint;
mod ring;
mod wire;

pub use answer::{GrantError, LocalLogin, LoginError, Refusal, TokenResponse};
pub(crate) use client::secret_hash;
use form::{Form, TokenScopes};
pub(crate) use ring::Ring;

/// The client of the vendor's SDK, made at the first start.
pub const PUBLIC_CLIENT: &str = "codemie-sdk";
/// What the name of a service account begins with; the client's id follows.
pub(crate) const SERVICE_PREFIX: &str = "service-account-";
/// The name that `local-auth/login` signs in by; no client of the token endpoint.
const LOCAL_LOGIN: &str = "local-auth";

/// What is configured about the built-in issuer.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// Where the server is reached, without a slash at the end: `https://chat.example.com`.
    pub public_url: String,
    /// The realm.
    pub realm: String,
    /// How long an access token is good.
    pub access_lifetime: Duration,
    /// How long a refresh token is good.
    pub refresh_lifetime: Duration,
    /// How long a sign-in can be refreshed, and how long one of `local-auth/login` is good.
    pub sign_in_lifetime: Duration,
    /// What hashing a password takes.
    pub password_cost: PasswordCost,
}

/// What hashing a password takes: memory in KiB, and passes over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// KiB.
    pub memory: u32,
    /// Passes.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// As OWASP recommends.
    fn default() -> Self {
        Self { memory: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST }
    }
}

impl IssuerConfig {
    /// As a fresh Keycloak has it, with a realm of the name that the vendor's documentation uses.
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            realm: "codemie-prod".to_owned(),
            access_lifetime: Duration::from_secs(5 * 60),
            refresh_lifetime: Duration::from_secs(30 * 60),
            sign_in_lifetime: Duration::from_secs(10 * 60 * 60),
            password_cost: PasswordCost::default(),
        }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/auth/realms/{}", self.public_url.trim_end_matches('/'), self.realm)
    }

    /// How long anything is good that a key has signed.
    fn longest(&self) -> SignedDuration {
        let longest = self.access_lifetime.max(self.refresh_lifetime).max(self.sign_in_lifetime);
        SignedDuration::try_from(longest).unwrap_or(SignedDuration::from_hours(24))
    }
}

/// The built-in issuer. Cheap to clone.
#[derive(Clone)]
pub struct Issuer {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: IssuerConfig,
    pub(crate) issuer: String,
    pub(crate) ring: Arc<Ring>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) store: Arc<dyn IssuerStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
}

impl Issuer {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// The realm; any other is unknown.
    pub fn realm(&self) -> &str {
        &self.shared.config.realm
    }

    /// The issuer, as its tokens name it.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The discovery document, with addresses under `public_base`: scheme, host and port as the caller reached them.
    pub fn discovery(&self, public_base: &str) -> Value {
        documents::discovery(&self.shared.issuer, public_base, self.realm())
    }

    /// The key set.
    pub fn jwks(&self) -> Value {
        documents::key_set(&self.shared.ring.public_keys())
    }

    /// What the token endpoint answers to this form. `basic` is what the header `Authorization: Basic` carries, if there
    /// is one, still percent-encoded. A body that is no form is an empty one.
    pub async fn token(
        &self,
        form: &[(String, String)],
        basic: Option<(String, SecretString)>,
    ) -> Result<TokenResponse, GrantError> {
        grants::token(&self.shared, &Form::new(form), basic).await
    }

    /// Signs in by e-mail address or name for a day's work.
    pub async fn local_login(&self, email: &str, password: &SecretString) -> Result<LocalLogin, LoginError> {
        let profile = grants::check_password(&self.shared, email, password).await?;
        if profile.disabled_at.is_some() {
            return Err(LoginError::Wrong);
        }
        let lifetime = self.shared.config.sign_in_lifetime;
        let sign_in = mint::open_sign_in(&self.shared, &profile, LOCAL_LOGIN).await?;
        let access = mint::Access {
            profile: &profile,
            client: LOCAL_LOGIN,
            sign_in: Some(&sign_in.id),
            scopes: TokenScopes::default(),
        };
        let access_token = mint::access_token(&self.shared, &access, lifetime).await?;
        Ok(LocalLogin { access_token, expires_in: lifetime, profile })
    }

    /// The one who has this very e-mail address, in any case; substrings are nobody's.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<Profile>, Fault> {
        Ok(self.shared.accounts.profile_by_email(email).await?)
    }

    /// Whether the caller may look users up: administrators, and services that may become others.
    pub async fn may_look_up_users(&self, principal: &Principal) -> Result<bool, Fault> {
        if principal.is_admin() {
            return Ok(true);
        }
        let profile = self.shared.accounts.profile(principal.account()).await?;
        let name = profile.filter(|profile| profile.kind == Kind::Service).map(|profile| profile.username);
        let Some(id) = name.as_deref().and_then(|name| name.strip_prefix(SERVICE_PREFIX)) else {
            return Ok(false);
        };
        let client = self.shared.store.client(id).await?;
        Ok(client.is_some_and(|client| client.rights.may_impersonate && client.disabled_at.is_none()))
    }

    /// Ends the sign-in of a refresh token, if it is one of this client's; what it gave out ends within a minute.
    pub async fn sign_out(&self, client: &str, refresh_token: &str) -> Result<(), Fault> {
        grants::sign_out(&self.shared, client, refresh_token).await
    }

    /// Signs with a new key from now on. Tokens that are out stay good.
    pub async fn rotate_keys(&self) -> Result<(), Fault> {
        self.shared.ring.rotate(self.shared.config.longest()).await
    }
}

/// How tokens name an account.
pub(crate) fn subject_of(account: AccountId) -> String {
    account.to_string()
}

/// The account that a token names.
pub(crate) fn account_of(subject: &str) -> Option<AccountId> {
    let id = uuid::Uuid::try_parse(subject).ok()?;
    Some(AccountId::from_bytes(*id.as_bytes()))
}
