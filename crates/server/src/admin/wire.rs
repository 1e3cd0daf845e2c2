//! The JSON of administration, spoken by the routes and by the commands.

use identity::store::StoredKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct NewKey {
    /// Whose it is, by name.
    pub(crate) account: String,
    /// What its owner calls it.
    pub(crate) label: String,
}

/// A key just made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IssuedKey {
    pub(crate) id: String,
    /// Shown once.
    pub(crate) key: String,
    pub(crate) account: String,
    pub(crate) label: String,
}

/// A key without the key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) label: String,
    pub(crate) created_at: String,
    pub(crate) revoked_at: Option<String>,
}

impl From<StoredKey> for Key {
    fn from(key: StoredKey) -> Self {
        Self {
            id: key.id,
            account: key.account,
            label: key.label,
            created_at: key.created_at.to_string(),
            revoked_at: key.revoked_at.map(|time| time.to_string()),
        }
    }
}

/// How to reach the running server.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) address: String,
    pub(crate) token: String,
}
