//! The port to what the built-in issuer keeps: its clients, its keys and who is signed in.

use async_trait::async_trait;
use chat::ids::AccountId;
use chat::store::StoreError;
use jiff::Timestamp;
use secrecy::SecretSlice;

/// What a client may do at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServiceClient {
    /// The password grant.
    pub password_grant: bool,
    /// The grant `client_credentials`, in its service account's name.
    pub service_account: bool,
    /// Standard token exchange.
    pub token_exchange: bool,
    /// Token exchange into any account that is no administrator's.
    pub may_impersonate: bool,
}

/// A client of the built-in issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClient {
    /// The client id.
    pub id: String,
    /// Its service account; `None` for a public client.
    pub account: Option<AccountId>,
    /// SHA-256 of its secret; `None` for a public client.
    pub secret_hash: Option<[u8; 32]>,
    /// What it may do.
    pub rights: ServiceClient,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// Somebody signs in, in a way that can be refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignIn {
    /// Its id, which tokens carry as `sid`.
    pub id: String,
    /// Who.
    pub account: AccountId,
    /// By which client.
    pub client: String,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Now: what has ended before is forgotten.
    pub now: Timestamp,
}

/// A sign-in that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSignIn {
    /// Who.
    pub account: AccountId,
    /// By which client.
    pub client: String,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A key to sign with from now on.
#[derive(Debug, Clone)]
pub struct NewSigningKey {
    /// Its id, which tokens carry as `kid`.
    pub id: String,
    /// In PKCS#8.
    pub private_key: SecretSlice<u8>,
    /// Now: what is out of publication is deleted.
    pub created_at: Timestamp,
    /// Until when the keys that signed so far stay published.
    pub others_published_until: Timestamp,
}

/// A key that signs, or has signed.
#[derive(Debug, Clone)]
pub struct StoredSigningKey {
    /// Its id.
    pub id: String,
    /// In PKCS#8.
    pub private_key: SecretSlice<u8>,
    /// `None`: it signs. Else it only proves what it has signed, until then.
    pub published_until: Option<Timestamp>,
}

/// Everything durable about the built-in issuer.
#[async_trait]
pub trait IssuerStore: Send + Sync + 'static {
    /// Adds a client; for one with a secret also its service account `service-account-<id>`, a developer's, whose id is
    /// `account` unless there is one of that name. False if its id or its account's name is taken.
    async fn add_client(&self, client: StoredClient) -> Result<bool, StoreError>;

    /// All clients, in the order of their ids.
    async fn clients(&self) -> Result<Vec<StoredClient>, StoreError>;

    /// The client of this id.
    async fn client(&self, id: &str) -> Result<Option<StoredClient>, StoreError>;

    /// Replaces the secret of a client that has one. False if there is no such client.
    async fn set_client_secret(&self, id: &str, hash: [u8; 32]) -> Result<bool, StoreError>;

    /// Changes what a client may do. False if there is no such client.
    async fn set_client_rights(&self, id: &str, rights: ServiceClient) -> Result<bool, StoreError>;

    /// Shuts a client out, or lets it in again. False if there is no such client.
    async fn disable_client(&self, id: &str, disabled_at: Option<Timestamp>) -> Result<bool, StoreError>;

    /// Deletes a client, its sign-ins and, as `AccountStore::delete_user` says, its account. False if there is none.
    async fn delete_client(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Records a sign-in.
    async fn add_sign_in(&self, sign_in: NewSignIn) -> Result<(), StoreError>;

    /// The sign-in, unless it has ended.
    async fn sign_in(&self, id: &str, now: Timestamp) -> Result<Option<StoredSignIn>, StoreError>;

    /// Ends a sign-in. Doing it again changes nothing.
    async fn end_sign_in(&self, id: &str, now: Timestamp) -> Result<(), StoreError>;

    /// All keys, the newest first.
    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError>;

    /// Adds a key; the others sign no more.
    async fn add_signing_key(&self, key: NewSigningKey) -> Result<(), StoreError>;
}
