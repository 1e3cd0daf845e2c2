//! Codmir's error body: one object that its SDK, Next.js code and people can read.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chat::turn::Failure;
use chat::{Error, ErrorKind};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::wire;
use crate::auth::challenge;
use crate::body::{BodyError, Refusal};
use crate::request_id;

/// A failure on its way to a Codmir client.
#[derive(Debug)]
pub(crate) struct CodmirError {
    status: StatusCode,
    code: &'static str,
    field: Option<String>,
    cause: Error,
}

impl CodmirError {
    /// A failure of the core, with the field that is to blame.
    pub(crate) fn new(cause: Error, field: Option<String>) -> Self {
        let (status, code) = status(cause.kind);
        Self { status, code, field, cause }
    }

    /// A wrong field of the request.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Error::new(ErrorKind::Invalid { field: None }, message), Some(field.into()))
    }

    /// More bytes than we take.
    fn too_large(message: impl Into<String>) -> Self {
        let too_large = Self::field("body", message);
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "PAYLOAD_TOO_LARGE", ..too_large }
    }

    /// A known path with another method.
    pub(crate) fn method_not_allowed() -> Self {
        let cause = Error::new(
            ErrorKind::Invalid { field: None },
            "this route does not take that method; see /openapi.json",
        );
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "METHOD_NOT_ALLOWED", field: None, cause }
    }
}

impl From<Error> for CodmirError {
    fn from(error: Error) -> Self {
        let field = if let ErrorKind::Invalid { field } = error.kind { field } else { None };
        Self::new(error, field.map(str::to_owned))
    }
}

impl From<BodyError> for CodmirError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(message) => Self::too_large(message),
            BodyError::Malformed(wrong) | BodyError::Wrong(wrong) => Self::field(wrong.field, wrong.message),
        }
    }
}

impl Refusal for CodmirError {
    const ANY_CONTENT_TYPE: bool = false;
}

impl IntoResponse for CodmirError {
    fn into_response(self) -> Response {
        let id = request_id::current();
        if self.status.is_server_error() {
            let source = std::error::Error::source(&self.cause).map(ToString::to_string);
            tracing::warn!(request.id = &*id, code = self.code, error = %self.cause, source, "request failed");
        }
        let body = wire::ErrorBody {
            error: &self.cause.message,
            message: &self.cause.message,
            code: self.code,
            details: wire::ErrorDetails { field: self.field.as_deref() },
            success: false,
            request_id: &id,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(after) = retry_after(self.cause.kind) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let reason = std::error::Error::source(&self.cause).map(ToString::to_string);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge(reason.as_deref()));
        }
        response
    }
}

/// The code of a failure inside a stream.
pub(super) fn code(failure: &Failure) -> &'static str {
    status(failure.kind).1
}

/// Whether the same request may succeed later.
pub(super) fn retryable(failure: &Failure) -> bool {
    match failure.kind {
        ErrorKind::RateLimited { .. }
        | ErrorKind::Provider
        | ErrorKind::ProviderTimeout
        | ErrorKind::UnfitAnswer
        | ErrorKind::Unavailable { .. }
        | ErrorKind::StorageFull
        | ErrorKind::Interrupted
        | ErrorKind::Internal => true,
        ErrorKind::Invalid { .. }
        | ErrorKind::Unauthorized
        | ErrorKind::Forbidden
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Gone
        | ErrorKind::QuotaExceeded { .. }
        | ErrorKind::NotImplemented => false,
    }
}

fn status(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::Invalid { .. } => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        ErrorKind::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        ErrorKind::Conflict => (StatusCode::CONFLICT, "CONFLICT"),
        ErrorKind::Gone => (StatusCode::GONE, "TURN_EXPIRED"),
        ErrorKind::QuotaExceeded { .. } => (StatusCode::TOO_MANY_REQUESTS, "QUOTA_EXCEEDED"),
        ErrorKind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        ErrorKind::Provider | ErrorKind::UnfitAnswer => (StatusCode::BAD_GATEWAY, "PROVIDER_ERROR"),
        ErrorKind::ProviderTimeout => (StatusCode::GATEWAY_TIMEOUT, "PROVIDER_TIMEOUT"),
        ErrorKind::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        ErrorKind::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "STORAGE_FULL"),
        ErrorKind::NotImplemented => (StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
        ErrorKind::Interrupted => (StatusCode::SERVICE_UNAVAILABLE, "INTERRUPTED"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

fn retry_after(kind: ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::QuotaExceeded { retry_after }
        | ErrorKind::RateLimited { retry_after }
        | ErrorKind::Unavailable { retry_after } => Some(retry_after),
        ErrorKind::Interrupted => Some(Duration::from_secs(1)),
        ErrorKind::Invalid { .. }
        | ErrorKind::Unauthorized
        | ErrorKind::Forbidden
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Gone
        | ErrorKind::Provider
        | ErrorKind::ProviderTimeout
        | ErrorKind::UnfitAnswer
        | ErrorKind::StorageFull
        | ErrorKind::NotImplemented
        | ErrorKind::Internal => None,
    }
}
