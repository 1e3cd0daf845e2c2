//! CodeMie's error body: `{"error": {message, details, help}}`.

use axum::response::{IntoResponse, Response};
use chat::{Error, ErrorKind};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::wire;
use crate::auth::challenge;
use crate::body::{BodyError, Refusal};
use crate::request_id;

/// The fields of the published page: mistakes in them are the 400 of its table, all others 422.
const PUBLISHED: [&str; 3] = ["text", "stream", "llmModel"];

/// A failure on its way to a CodeMie client.
#[derive(Debug)]
pub(crate) struct CodeMieError {
    status: StatusCode,
    message: String,
    details: Option<Value>,
    help: Option<&'static str>,
    retry_after: Option<std::time::Duration>,
    /// For the log.
    source: Option<String>,
}

impl CodeMieError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: None, help: None, retry_after: None, source: None }
    }

    /// A wrong field of the request.
    pub(super) fn field(field: &str, message: &str) -> Self {
        let published = PUBLISHED.contains(&field);
        let status = if published { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
        let details =
            json!([{ "type": "value_error", "loc": ["body", field], "msg": message, "input": null }]);
        Self { details: Some(details), ..Self::new(status, format!("{field}: {message}")) }
    }

    /// A wrong parameter of the query.
    pub(super) fn parameter(name: &str, message: &str) -> Self {
        let details =
            json!([{ "type": "value_error", "loc": ["query", name], "msg": message, "input": null }]);
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { details: Some(details), ..Self::new(status, format!("{name}: {message}")) }
    }

    /// What is asked for contradicts what is stored.
    pub(super) fn rule(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// What the caller asks for is not built here.
    pub(super) fn not_built(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("{what} is not supported by this server"))
    }

    /// The local sign-in refuses.
    pub(crate) fn wrong_password() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Invalid email or password")
    }

    /// The local sign-in was tried too often.
    pub(crate) fn too_many_attempts(retry_after: std::time::Duration) -> Self {
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Please try again later.");
        Self { retry_after: Some(retry_after), ..refused }
    }

    /// What the answer must be like is no JSON schema.
    pub(super) fn wrong_schema(problem: String) -> Self {
        Self {
            details: Some(problem.into()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Wrong JSON schema for structured output")
        }
    }

    /// No conversation of this id, or one of somebody else's.
    pub(super) fn conversation_not_found(id: &str) -> Self {
        let details = format!("The conversation with ID [{id}] could not be found in the system.");
        let help = "Please verify the conversation ID and try again. If you believe this is an error, contact support.";
        Self {
            details: Some(details.into()),
            help: Some(help),
            ..Self::new(StatusCode::NOT_FOUND, "Conversation not found")
        }
    }

    /// No background task of this id, or one of somebody else's.
    pub(super) fn task_not_found(id: &str) -> Self {
        Self {
            details: Some(format!("No task found with the id '{id}'.").into()),
            help: Some("Please check the task id; it is the taskId of the answer that started the task."),
            ..Self::new(StatusCode::NOT_FOUND, "Task not found")
        }
    }

    /// No assistant of this id, or none that the caller may see.
    pub(super) fn assistant_not_found(id: &str) -> Self {
        Self {
            details: Some(format!("No assistant found with the id '{id}'.").into()),
            help: Some("Please check the assistant id and ensure it is correct."),
            ..Self::new(StatusCode::NOT_FOUND, "Assistant not found")
        }
    }
}

impl From<BodyError> for CodeMieError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(message) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, message),
            BodyError::Malformed(wrong) => Self::new(StatusCode::BAD_REQUEST, wrong.message),
            BodyError::Wrong(wrong) => {
                let message = wrong.message.trim_start_matches(&format!("{}: ", wrong.field)).to_owned();
                Self::field(&wrong.field, &message)
            }
        }
    }
}

impl Refusal for CodeMieError {
    // Nobody is answered here without credentials, so a page from elsewhere gains nothing.
    const ANY_CONTENT_TYPE: bool = true;
}

impl From<Error> for CodeMieError {
    fn from(error: Error) -> Self {
        let failed = |status| Self::new(status, error.message.clone());
        let mut answer = match error.kind {
            ErrorKind::Invalid { field: Some(field) } => Self::field(field, &error.message),
            ErrorKind::Invalid { field: None } => failed(StatusCode::UNPROCESSABLE_ENTITY),
            ErrorKind::Unauthorized => Self {
                details: Some("No valid authentication credentials were provided with this request.".into()),
                help: Some("Please ensure you're logged in and that your token has not expired."),
                ..Self::new(StatusCode::UNAUTHORIZED, "Authentication failed")
            },
            ErrorKind::Forbidden => Self {
                details: Some(error.message.clone().into()),
                ..Self::new(StatusCode::FORBIDDEN, "Access denied")
            },
            ErrorKind::NotFound => failed(StatusCode::NOT_FOUND),
            ErrorKind::Conflict => failed(StatusCode::CONFLICT),
            ErrorKind::Gone => failed(StatusCode::GONE),
            ErrorKind::QuotaExceeded { retry_after } => Self {
                details: Some(error.message.clone().into()),
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Message limit reached")
            },
            ErrorKind::RateLimited { retry_after } => {
                Self { retry_after: Some(retry_after), ..failed(StatusCode::TOO_MANY_REQUESTS) }
            }
            ErrorKind::Unavailable { retry_after } => {
                Self { retry_after: Some(retry_after), ..failed(StatusCode::SERVICE_UNAVAILABLE) }
            }
            // The page's table knows no 502 and no 504.
            ErrorKind::Provider
            | ErrorKind::ProviderTimeout
            | ErrorKind::UnfitAnswer
            | ErrorKind::Internal => failed(StatusCode::INTERNAL_SERVER_ERROR),
            ErrorKind::StorageFull => failed(StatusCode::INSUFFICIENT_STORAGE),
            ErrorKind::NotImplemented => failed(StatusCode::NOT_IMPLEMENTED),
            ErrorKind::Interrupted => failed(StatusCode::SERVICE_UNAVAILABLE),
        };
        answer.source = std::error::Error::source(&error).map(ToString::to_string);
        answer
    }
}

impl IntoResponse for CodeMieError {
    fn into_response(self) -> Response {
        let id = request_id::current();
        if self.status.is_server_error() {
            tracing::warn!(request.id = &*id, error = self.message, source = self.source, "request failed");
        }
        let error = wire::ErrorDetails { message: &self.message, details: self.details, help: self.help };
        let mut response = (self.status, axum::Json(wire::ErrorBody { error })).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge(self.source.as_deref()));
        }
        response
    }
}
