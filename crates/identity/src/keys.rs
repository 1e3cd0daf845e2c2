//! API keys: made, listed, revoked, and exchanged for the `Principal` who owns them.

use std::sync::Arc;

use chat::clock::Clock;
use chat::ids::{AccountId, public_id, random_base62};
use chat::store::StoreError;
use chat::{Principal, Scope, Scopes, SignIn};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::store::{KeyStore, NewKey, StoredKey};

/// The account of the anonymous principal and of the command line.
const LOCAL_ACCOUNT: &str = "local";
pub(crate) const PREFIX: &str = "lat_";
/// 43 characters of base 62 are 256 bits.
const SECRET_LENGTH: usize = 43;
/// Longer credentials are refused unread.
const MAX_CREDENTIAL: usize = 16 << 10;
/// Names of accounts and labels of keys.
const MAX_NAME: usize = 100;
/// How exactly the last use of a key is recorded, in seconds.
const USE_PRECISION: f64 = 60.0;

/// Why it could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeysError {
    /// The key is unknown, revoked or over.
    #[error("the API key is not valid; make one with `latimer keys create`")]
    Unknown,
    /// Not a name: of an account, or a label.
    #[error("{0} must be 1 to 100 characters, none of them a control character")]
    Name(&'static str),
    /// Good for nothing.
    #[error("scopes must name at least one")]
    Scopeless,
    /// Over before it begins.
    #[error("expiresAt must be in the future")]
    Past,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key just made: the only moment its secret can be seen.
#[derive(Debug, Clone)]
pub struct IssuedKey {
    /// Its public id, to revoke it by.
    pub id: String,
    /// The key itself.
    pub secret: SecretString,
}

/// The keys of this server. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    store: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    local: AccountId,
}

impl Keys {
    /// Makes sure that the account `local` exists.
    pub async fn new(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        let local = store.ensure_account(AccountId::new(clock.as_ref()), LOCAL_ACCOUNT, clock.now()).await?;
        Ok(Self { store, clock, local })
    }

    /// The caller without credentials. Whether there may be one is the server's decision.
    pub fn anonymous(&self) -> Principal {
        Principal::anonymous(self.local)
    }

    /// The command line on this machine, which owns what the anonymous caller owns.
    pub fn command_line(&self) -> Principal {
        Principal::authenticated(self.local)
    }

    /// The command line on this machine where it administers.
    pub fn administrator(&self) -> Principal {
        Principal::signed_in(self.local, SignIn::CommandLine, Scopes::EVERYDAY.with(Scope::Admin))
    }

    /// The owner of `key`, who may do what the key is good for; an administrator's key administers if it was made for that.
    pub async fn authenticate(&self, key: &SecretString) -> Result<Principal, KeysError> {
        let key = key.expose_secret();
        if key.len() > MAX_CREDENTIAL || !key.starts_with(PREFIX) {
            return Err(KeysError::Unknown);
        }
        let now = self.clock.now();
        let owner = self.store.key_owner(sha256(key)).await?.ok_or(KeysError::Unknown)?;
        if owner.expires_at.is_some_and(|end| end <= now) {
            return Err(KeysError::Unknown);
        }
        let is_noted =
            |used: Timestamp| (now - used).total(jiff::Unit::Second).is_ok_and(|age| age < USE_PRECISION);
        if !owner.last_used_at.is_some_and(is_noted) {
            self.store.note_key_use(&owner.key, now);
        }
        let scopes = if owner.is_admin { owner.scopes } else { owner.scopes.without(Scope::Admin) };
        Ok(Principal::by_key(owner.account, owner.key, scopes))
    }

    /// Whether the key was revoked, or its account disabled or deleted. That its time is over does not count.
    pub(crate) async fn is_revoked(&self, key: &SecretString) -> Result<bool, StoreError> {
        Ok(self.store.key_owner(sha256(key.expose_secret())).await?.is_none())
    }

    /// Makes a key for the account of this name, which is made too if there is none. It is good for everything but
    /// administration, until it is revoked.
    pub async fn create(&self, account: &str, label: &str) -> Result<IssuedKey, KeysError> {
        self.create_scoped(account, label, Scopes::EVERYDAY, None).await
    }

    /// As [`Keys::create`], good for `scopes` only, and not from `expires_at` on.
    pub async fn create_scoped(
        &self,
        account: &str,
        label: &str,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> Result<IssuedKey, KeysError> {
        check_name("account", account)?;
        check_name("label", label)?;
        let now = self.clock.now();
        if scopes == Scopes::default() {
            return Err(KeysError::Scopeless);
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(KeysError::Past);
        }
        let account = self.store.ensure_account(AccountId::new(self.clock.as_ref()), account, now).await?;
        let secret = format!("{PREFIX}{}", random_base62(SECRET_LENGTH));
        let id = public_id("key_");
        let key = NewKey {
            id: id.clone(),
            account,
            label: label.to_owned(),
            scopes,
            hash: sha256(&secret),
            created_at: now,
            expires_at,
        };
        self.store.add_key(key).await?;
        Ok(IssuedKey { id, secret: secret.into() })
    }

    /// All keys, oldest first.
    pub async fn list(&self) -> Result<Vec<StoredKey>, KeysError> {
        Ok(self.store.keys().await?)
    }

    /// Revokes a key. False if there is none of this id.
    pub async fn revoke(&self, id: &str) -> Result<bool, KeysError> {
        Ok(self.store.revoke_key(id, self.clock.now()).await?)
    }
}

/// What stands for a secret, in the store and as the key of a cache.
pub(crate) fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn check_name(what: &'static str, name: &str) -> Result<(), KeysError> {
    let length = name.chars().count();
    let valid = (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control);
    valid.then_some(()).ok_or(KeysError::Name(what))
}
