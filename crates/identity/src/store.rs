//! The ports to what is durable about identities: keys here, people and projects and the issuer's own beside it.
//!
//! # Implementing a store
//!
//! Every operation is atomic and durable when it returns, as `chat::store` says; `testkit::store_suite` judges it.
//! A name that is taken, or something that is not there, is an answer and not an error.

use async_trait::async_trait;
use chat::Scopes;
use chat::ids::AccountId;
use chat::store::StoreError;
use jiff::Timestamp;

mod accounts;
mod issuer;

pub use accounts::{
    AccountStore, Added, Allowance, AppliedClaims, ForeignSignIn, Kind, Login, Member, Membership, NewUser,
    Profile, ProjectKind, Roles, StoredProject, UserChange,
};
pub use issuer::{
    IssuerStore, NewSignIn, NewSigningKey, ServiceClient, StoredClient, StoredSignIn, StoredSigningKey,
};

/// A key as it is stored: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its public id, such as `key_…`.
    pub id: String,
    /// Whose it is, by name.
    pub account: String,
    /// What its owner calls it.
    pub label: String,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Its limit of messages, and how many count on it.
    pub allowance: Allowance,
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
    /// What it is good for.
    pub scopes: Scopes,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Now.
    pub created_at: Timestamp,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// How many messages may be sent by it in `chat::store::QUOTA_WINDOW`; `None`: any number.
    pub message_limit: Option<u32>,
}

/// What a presented key says about its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The key's public id.
    pub key: String,
    /// Whose it is.
    pub account: AccountId,
    /// What the key is good for.
    pub scopes: Scopes,
    /// Whether the account is an administrator's.
    pub is_admin: bool,
    /// When the key ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What is stored of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTicket {
    /// Whose it is.
    pub account: AccountId,
    /// The turn's public id.
    pub turn: String,
    /// The public id of the key that it was got by; `None`: by a token.
    pub key: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When somebody had been given all of the turn.
    pub delivered_at: Option<Timestamp>,
}

/// Everything durable about tickets. Durable when it returns.
#[async_trait]
pub trait TicketStore: Send + Sync + 'static {
    /// Stores a ticket under its hash, and forgets those that are older than a day.
    async fn add_ticket(&self, hash: [u8; 32], ticket: StoredTicket) -> Result<(), StoreError>;

    /// The ticket of this hash, unless its key is revoked or its owner disabled. One that was got by a token ends with
    /// the owner's sign-ins.
    async fn ticket(&self, hash: [u8; 32]) -> Result<Option<StoredTicket>, StoreError>;

    /// Notes when somebody had been given all of the turn; the first time counts.
    async fn deliver_ticket(&self, hash: [u8; 32], now: Timestamp) -> Result<(), StoreError>;
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

    /// All keys, oldest first, with what counts on them now.
    async fn keys(&self, now: Timestamp) -> Result<Vec<StoredKey>, StoreError>;

    /// Sets how many messages may be sent by a key in `chat::store::QUOTA_WINDOW`; `None`: any number. False if there is none
    /// of this id.
    async fn limit_key(&self, id: &str, limit: Option<u32>) -> Result<bool, StoreError>;

    /// Revokes a key. False if there is none of this id; revoking again changes nothing.
    async fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Whose key has this hash, unless the key is revoked or its owner disabled. Whether it has ended is the caller's to
    /// judge.
    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<KeyOwner>, StoreError>;

    /// Notes that a key was used, unless it is noted for less than a minute ago. Returns at once; what is noted is durable
    /// soon, and may be lost with the process.
    fn note_key_use(&self, key: &str, now: Timestamp);
}
