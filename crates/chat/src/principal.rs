//! Who is calling: the value that every entry to the core demands.

use crate::ids::AccountId;

/// The caller, as far as the core cares. Holding one is the proof of having signed in: only the identity crate and the
/// server's extractors make them (`cargo xtask tidy` checks it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    account: AccountId,
    anonymous: bool,
}

impl Principal {
    /// The owner of valid credentials.
    pub fn authenticated(account: AccountId) -> Self {
        Self { account, anonymous: false }
    }

    /// A caller without credentials; `account` is the one called `local`.
    pub fn anonymous(account: AccountId) -> Self {
        Self { account, anonymous: true }
    }

    /// What this caller's things belong to.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Came without credentials: reaches conversations by their id and lists none.
    pub fn is_anonymous(&self) -> bool {
        self.anonymous
    }
}
