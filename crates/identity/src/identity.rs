//! Puts the parts of identity together: keys, tokens, the built-in issuer and the directory over one store.

use std::sync::Arc;

use argon2::Params;
use chat::clock::Clock;
use chat::store::StoreError;
use chat::{Principal, Scope, Scopes, Tasks};
use secrecy::{ExposeSecret as _, SecretString};

use crate::directory::{Directory, DirectoryError, User, generated_password};
use crate::fault::Fault;
use crate::issuer::{self, Issuer, IssuerConfig, PUBLIC_CLIENT, Ring};
use crate::keys::{IssuedKey, KeyRights, Keys, KeysError};
use crate::passwords::Passwords;
use crate::store::{AccountStore, IssuerStore, KeyStore, Roles, ServiceClient, TicketStore};
use crate::throttle::Throttle;
use crate::tickets::Tickets;
use crate::tokens::{self, IssuerSettings, KeySetSource, Own, TokenError, Tokens};

/// The account that the first start makes.
const FIRST_USER: &str = "admin";

/// What identity is made of.
pub struct Parts {
    /// The store of keys.
    pub keys: Arc<dyn KeyStore>,
    /// The store of people and projects.
    pub accounts: Arc<dyn AccountStore>,
    /// The store of the built-in issuer.
    pub issuer: Arc<dyn IssuerStore>,
    /// The store of tickets.
    pub tickets: Arc<dyn TicketStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What key sets are fetched in.
    pub tasks: Tasks,
    /// The built-in issuer's settings.
    pub config: IssuerConfig,
    /// The issuers whose tokens are taken besides.
    pub issuers: Vec<IssuerSettings>,
    /// Where their keys come from.
    pub source: Arc<dyn KeySetSource>,
}

/// Everything about who is calling. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    /// API keys.
    pub keys: Keys,
    /// Bearer tokens.
    pub tokens: Tokens,
    /// The built-in issuer.
    pub issuer: Issuer,
    /// Users, clients, projects.
    pub directory: Directory,
    /// Tickets for single turns.
    pub tickets: Tickets,
}

/// Why a credential is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// As an API key.
    #[error(transparent)]
    Key(#[from] KeysError),
    /// As a bearer token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// What the first start has made: the only moment that its secrets can be seen.
#[derive(Debug, Clone)]
pub struct FirstStart {
    /// The administrator's name.
    pub username: &'static str,
    /// The administrator's password, unless it was given.
    pub password: Option<SecretString>,
    /// The administrator's key, good for everything.
    pub key: IssuedKey,
}

impl Identity {
    /// Loads the issuer's keys, making the first ones, and its public client.
    pub async fn start(parts: Parts) -> Result<Self, Fault> {
        let keys = Keys::new(parts.keys, Arc::clone(&parts.clock)).await.map_err(fault)?;
        let ring = Arc::new(Ring::load(Arc::clone(&parts.issuer), Arc::clone(&parts.clock)).await?);
        let cost = parts.config.password_cost;
        let params = Params::new(cost.memory, cost.passes, Params::DEFAULT_P_COST, None);
        let passwords = Passwords::new(params.map_err(|error| Fault::crypto("argon2", error))?).await?;
        let tickets = Tickets::new(parts.tickets, Arc::clone(&parts.clock));
        let name = parts.config.issuer();
        let tokens = Tokens::new(tokens::Parts {
            own: Own { issuer: name.clone(), ring: Arc::clone(&ring), store: Arc::clone(&parts.issuer) },
            issuers: parts.issuers,
            source: parts.source,
            accounts: Arc::clone(&parts.accounts),
            clock: Arc::clone(&parts.clock),
            tasks: parts.tasks,
        });
        let directory = Directory::new(
            Arc::clone(&parts.accounts),
            Arc::clone(&parts.issuer),
            Arc::clone(&parts.clock),
            passwords.clone(),
        );
        let rights = ServiceClient { password_grant: true, ..ServiceClient::default() };
        directory.ensure_public_client(PUBLIC_CLIENT, rights).await?;
        let issuer = Issuer::new(issuer::Shared {
            config: parts.config,
            issuer: name,
            ring,
            accounts: parts.accounts,
            store: parts.issuer,
            clock: parts.clock,
            tokens: tokens.clone(),
            passwords,
            throttle: Throttle::default(),
        });
        Ok(Self { keys, tokens, issuer, directory, tickets })
    }

    /// Whose credential this is: an API key or a bearer token.
    pub async fn authenticate(&self, credential: &SecretString) -> Result<Principal, SignInError> {
        if Keys::are_meant_by(credential) {
            return Ok(self.keys.authenticate(credential).await?);
        }
        Ok(self.tokens.authenticate(credential).await?)
    }

    /// Whether a credential that [`Identity::authenticate`] has taken was revoked since. One that has ended by itself was
    /// not: what began in time goes on. Proves nothing of a credential that was never taken.
    pub async fn is_revoked(&self, credential: &SecretString) -> Result<bool, StoreError> {
        if Keys::are_meant_by(credential) {
            return self.keys.is_revoked(credential).await;
        }
        self.tokens.is_revoked(credential).await
    }

    /// On the first start makes the administrator, with this password or a random one, and a key. `None` once there is
    /// anybody who can sign in by a password.
    pub async fn first_start(
        &self,
        password: Option<SecretString>,
    ) -> Result<Option<FirstStart>, DirectoryError> {
        if self.directory.has_people().await? {
            return Ok(None);
        }
        let generated = password.is_none().then(generated_password);
        let user = User {
            username: FIRST_USER.to_owned(),
            name: "Administrator".to_owned(),
            roles: Roles { admin: true, developer: true },
            ..User::default()
        };
        let password = password.or_else(|| generated.clone()).unwrap_or_default();
        self.directory.add_user(user, &password).await?;
        let scopes = Scopes::EVERYDAY.with(Scope::Admin);
        let rights = KeyRights { scopes, ..KeyRights::default() };
        let key = self.keys.create_scoped(FIRST_USER, "first start", rights).await.map_err(fault)?;
        Ok(Some(FirstStart { username: FIRST_USER, password: generated, key }))
    }
}

impl Keys {
    /// Whether the credential has the form of an API key; no token has.
    fn are_meant_by(credential: &SecretString) -> bool {
        credential.expose_secret().starts_with(crate::keys::PREFIX)
    }
}

/// Names that we choose ourselves are good.
fn fault(error: KeysError) -> Fault {
    match error {
        KeysError::Store(error) => error.into(),
        KeysError::Unknown | KeysError::Name(_) | KeysError::Scopeless | KeysError::Past => {
            Fault::crypto("a key", error)
        }
    }
}
