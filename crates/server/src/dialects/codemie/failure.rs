//! How a failed answer is told where the status is 200: a sentence in the text, and a code of the vendor's own list.

use chat::ErrorKind;
use chat::turn::Failure;

use super::wire::AgentError;

/// What stands after the text that had come.
pub(super) fn sentence(failure: &Failure) -> String {
    format!("AI Agent run failed with error: {}", failure.message)
}

/// The failure as an object.
pub(super) fn agent_error(failure: &Failure) -> AgentError<'_> {
    AgentError { error_code: code(failure), message: &failure.message, details: None, stacktrace: None }
}

/// The vendor's SDK raises at any code that is not in its list.
pub(super) fn code(failure: &Failure) -> &'static str {
    match failure.kind {
        ErrorKind::Invalid { .. } => "llm_context_length",
        ErrorKind::RateLimited { .. } => "llm_rate_limited",
        ErrorKind::Unavailable { .. } => "llm_unavailable",
        ErrorKind::ProviderTimeout => "agent_timeout",
        ErrorKind::UnfitAnswer => "validation_output",
        ErrorKind::Provider => "agent_network_error",
        ErrorKind::Unauthorized
        | ErrorKind::Forbidden
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Gone
        | ErrorKind::QuotaExceeded { .. }
        | ErrorKind::StorageFull
        | ErrorKind::NotImplemented
        | ErrorKind::Interrupted
        | ErrorKind::Internal => "agent_internal_error",
    }
}
