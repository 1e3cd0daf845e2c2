//! Cody's error body: `{"message"}`, and for wrong fields `{"message", "errors": {field: [text]}}`.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chat::{Error, ErrorKind};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::wire;
use crate::auth::challenge;
use crate::body::{BodyError, Refusal};
use crate::request_id;

/// The published sentence.
const LIMIT_REACHED: &str = "You have reached the message limit for last 30 days, please wait till tomorrow or upgrade your \
                             plan.";

/// A failure on its way to a Cody client.
#[derive(Debug)]
pub(crate) struct CodyError {
    status: StatusCode,
    message: String,
    /// Each wrong field with what is wrong about it, in the order of the documentation.
    errors: Vec<(String, String)>,
    retry_after: Option<Duration>,
    /// For the log.
    source: Option<String>,
}

impl CodyError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: Vec::new(), retry_after: None, source: None }
    }

    /// Wrong fields of the request; there is at least one. The first one's text leads, as in Laravel.
    pub(super) fn fields(errors: Vec<(String, String)>) -> Self {
        let first = errors.first().map(|(_, text)| text.as_str()).unwrap_or_default();
        let message = match errors.len() {
            0 | 1 => first.to_owned(),
            2 => format!("{first} (and 1 more error)"),
            more => format!("{first} (and {} more errors)", more - 1),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    /// An id in the body that names nothing of the caller's.
    pub(super) fn selected(field: &str) -> Self {
        let text = format!("The selected {} is invalid.", field.replace('_', " "));
        Self::fields(vec![(field.to_owned(), text)])
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// Known to the vendor and not built here.
    pub(super) fn not_built(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("{what} is not supported by this server."))
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "This route does not take that method.")
    }

    /// No answer came of it; the failed message can be read in the list.
    pub(super) fn answer_failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Server Error")
    }
}

impl From<BodyError> for CodyError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(message) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, message),
            BodyError::Malformed(wrong) => Self::new(StatusCode::BAD_REQUEST, wrong.message),
            BodyError::Wrong(wrong) => Self::fields(vec![(wrong.field, wrong.message)]),
        }
    }
}

impl Refusal for CodyError {
    // Nobody is answered here without credentials, so a page from elsewhere gains nothing.
    const ANY_CONTENT_TYPE: bool = true;
}

impl From<Error> for CodyError {
    fn from(error: Error) -> Self {
        let failed = |status| Self::new(status, error.message.clone());
        let mut answer = match error.kind {
            ErrorKind::Invalid { field: Some(field) } => {
                Self::fields(vec![(field.to_owned(), error.message.clone())])
            }
            ErrorKind::Invalid { field: None } => failed(StatusCode::UNPROCESSABLE_ENTITY),
            ErrorKind::Unauthorized => Self::new(StatusCode::UNAUTHORIZED, "Unauthenticated."),
            ErrorKind::Forbidden => Self::new(StatusCode::FORBIDDEN, "This action is unauthorized."),
            ErrorKind::NotFound | ErrorKind::Gone => Self::not_found(),
            ErrorKind::Conflict => failed(StatusCode::CONFLICT),
            ErrorKind::QuotaExceeded { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::PAYMENT_REQUIRED, LIMIT_REACHED)
            },
            ErrorKind::RateLimited { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Attempts.")
            },
            ErrorKind::Unavailable { retry_after } => {
                Self { retry_after: Some(retry_after), ..failed(StatusCode::SERVICE_UNAVAILABLE) }
            }
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

impl IntoResponse for CodyError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            let id = request_id::current();
            tracing::warn!(request.id = &*id, error = self.message, source = self.source, "request failed");
        }
        let body = wire::ErrorBody { message: &self.message, errors: wire::errors(&self.errors) };
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge(self.source.as_deref()));
        }
        response
    }
}
