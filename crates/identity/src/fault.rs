//! [`Fault`], what goes wrong here and is nobody's fault but ours; and what each failure of this crate's is to a dialect.

use std::time::Duration;

use chat::store::StoreError;
use chat::{Error, ErrorKind};

use crate::directory::DirectoryError;
use crate::identity::SignInError;
use crate::keys::KeysError;
use crate::tokens::TokenError;

/// When an issuer that can't be reached is worth another try: key sets are fetched no more often.
const ISSUER_PAUSE: Duration = Duration::from_secs(10);

/// Not the caller's fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cryptographic part failed; the text is for the log.
    #[error("{0}")]
    Crypto(String),
}

impl Fault {
    pub(crate) fn crypto(part: &str, error: impl std::fmt::Display) -> Self {
        Self::Crypto(format!("{part} failed: {error}"))
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error.into(),
            Fault::Crypto(_) => Self::new(ErrorKind::Internal, "the server failed").because(fault),
        }
    }
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        let sentence = error.to_string();
        match error {
            KeysError::Unknown => Self::new(ErrorKind::Unauthorized, sentence),
            KeysError::Name(field) => Self::invalid(field, sentence),
            KeysError::Scopeless => Self::invalid("scopes", sentence),
            KeysError::Past => Self::invalid("expiresAt", sentence),
            KeysError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        let kind = match &error {
            SignInError::Key(KeysError::Store(store)) | SignInError::Token(TokenError::Store(store)) => {
                return store.clone().into();
            }
            SignInError::Token(TokenError::RoleRequired) => ErrorKind::Forbidden,
            SignInError::Token(TokenError::Unavailable) => {
                ErrorKind::Unavailable { retry_after: ISSUER_PAUSE }
            }
            SignInError::Key(_) | SignInError::Token(_) => ErrorKind::Unauthorized,
        };
        Self::new(kind, error.to_string()).because(error)
    }
}

impl From<DirectoryError> for Error {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Invalid { field, .. } => Self::invalid(field, error.to_string()),
            DirectoryError::Taken(_) | DirectoryError::Ambiguous(_) => {
                Self::new(ErrorKind::Conflict, error.to_string())
            }
            DirectoryError::NotFound(what) => Self::not_found(what),
            DirectoryError::Fault(fault) => fault.into(),
        }
    }
}
