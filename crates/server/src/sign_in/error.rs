//! Keycloak's error body: `{"error": …, "error_description": …}`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use identity::issuer::Refusal;

use super::wire;

/// A refusal on its way to an OpenID client.
#[derive(Debug)]
pub(crate) struct SignInError {
    status: StatusCode,
    error: String,
    description: Option<String>,
}

impl SignInError {
    pub(super) fn new(status: StatusCode, error: &str, description: Option<String>) -> Self {
        Self { status, error: error.to_owned(), description }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, refusal.error, Some(refusal.description))
    }

    pub(super) fn unknown_realm() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Realm does not exist", None)
    }

    pub(super) fn realm_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Realm not found.", None)
    }

    pub(super) fn anonymous() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized", None)
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "HTTP 403 Forbidden", None)
    }

    /// When to come back is told by the edge.
    pub(super) fn too_many_requests() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "HTTP 429 Too Many Requests", None)
    }

    pub(super) fn unknown_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "HTTP 404 Not Found", None)
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed", None)
    }
}

impl IntoResponse for SignInError {
    fn into_response(self) -> Response {
        let body = wire::Refusal { error: &self.error, error_description: self.description.as_deref() };
        (self.status, axum::Json(body)).into_response()
    }
}
