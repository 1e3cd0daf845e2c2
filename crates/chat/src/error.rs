//! The closed list of ways a request fails, which every dialect translates into its own status and body.

use std::time::Duration;

use crate::provider::CompletionError;
use crate::store::StoreError;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong; the field is named where one is to blame.
    Invalid {
        /// The field in the caller's own spelling, such as `messages[0].content`.
        field: Option<&'static str>,
    },
    /// No credentials, or wrong ones.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// Not there, or not visible to the caller: the two are never told apart.
    NotFound,
    /// Contradicts what is stored.
    Conflict,
    /// It was there, and its time is over.
    Gone,
    /// The message limit of the account or of the key is reached.
    QuotaExceeded {
        /// When the window frees a message.
        retry_after: Duration,
    },
    /// Too many requests: the model's provider limits us, or we the caller.
    RateLimited {
        /// When to try again.
        retry_after: Duration,
    },
    /// The model's provider failed.
    Provider,
    /// The model's provider did not answer in time.
    ProviderTimeout,
    /// The model's answer is not in the form that was asked for.
    UnfitAnswer,
    /// Can't be served now.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// The disk is full.
    StorageFull,
    /// Known to the dialect and not built here.
    NotImplemented,
    /// The server was stopped or killed while the turn ran.
    Interrupted,
    /// Our fault.
    Internal,
}

/// A failure: its kind, a sentence that may be shown to the caller, and for the log what caused it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// Safe to show: no secrets, no internals; says what to do where something can be done.
    pub message: String,
    #[source]
    source: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure with a sentence for the caller.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A wrong field of the request.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid { field: Some(field) }, message)
    }

    /// Absent or invisible.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("{what} not found"))
    }

    /// Adds the cause, for the log only.
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(std::sync::Arc::new(source));
        self
    }
}

const SOON: Duration = Duration::from_secs(1);
const PROVIDER_PAUSE: Duration = Duration::from_secs(5);

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (kind, message) = match &error {
            StoreError::Busy => {
                (ErrorKind::Unavailable { retry_after: SOON }, "the database is busy; try again in a moment")
            }
            StoreError::Full => (ErrorKind::StorageFull, "the server's disk is full; nothing was stored"),
            StoreError::Failed(_) => (ErrorKind::Internal, "the database failed"),
        };
        Self::new(kind, message).because(error)
    }
}

impl From<CompletionError> for Error {
    fn from(error: CompletionError) -> Self {
        let kind = match &error {
            CompletionError::RateLimited { retry_after } => {
                ErrorKind::RateLimited { retry_after: retry_after.unwrap_or(PROVIDER_PAUSE) }
            }
            CompletionError::Overloaded { retry_after } => {
                ErrorKind::Unavailable { retry_after: retry_after.unwrap_or(PROVIDER_PAUSE) }
            }
            CompletionError::Busy { retry_after } => ErrorKind::Unavailable { retry_after: *retry_after },
            CompletionError::Timeout => ErrorKind::ProviderTimeout,
            CompletionError::ContextLength => ErrorKind::Invalid { field: Some("messages") },
            CompletionError::Refused(_)
            | CompletionError::Unauthorized
            | CompletionError::Unreachable
            | CompletionError::Truncated
            | CompletionError::Malformed
            | CompletionError::Failed(_) => ErrorKind::Provider,
        };
        Self::new(kind, error.to_string())
    }
}
