//! The port to what is durable about identities.

use async_trait::async_trait;
use chat::ids::AccountId;
use chat::store::StoreError;
use jiff::Timestamp;

/// A key as it is stored: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its public id, such as `key_…`.
    pub id: String,
    /// Whose it is, by name.
    pub account: String,
    /// What its owner calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A key to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its public id.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// What its owner calls it.
    pub label: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Now.
    pub created_at: Timestamp,
}

/// Everything durable that identities need. Durable when it returns, as `chat::store` says.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The account of this name; made under `id` if there is none.
    async fn ensure_account(
        &self,
        id: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<AccountId, StoreError>;

    /// Stores a new key.
    async fn add_key(&self, key: NewKey) -> Result<(), StoreError>;

    /// All keys, oldest first.
    async fn keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Revokes a key. False if there is none of this id; revoking again changes nothing.
    async fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Whose key has this hash, unless it is revoked.
    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<AccountId>, StoreError>;
}
