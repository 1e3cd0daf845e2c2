//! [`Fault`]: what goes wrong here and is nobody's fault but ours.

use chat::store::StoreError;
use chat::{Error, ErrorKind};

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
