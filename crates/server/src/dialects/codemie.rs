//! CodeMie's assistants API, as its page publishes it and its SDK and UI speak it.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

mod assistants;
mod chat;
mod encode;
mod error;
mod failure;
mod framing;
mod info;
mod wire;

pub(crate) use error::CodeMieError;

/// Everything of this dialect stands below it.
pub(crate) const PREFIX: &str = "/code-assistant-api";

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(chat::ask_assistant))
        .routes(routes!(chat::ask_assistant_by_slug))
        .routes(routes!(assistants::get))
        .routes(routes!(assistants::get_by_slug))
        .routes(routes!(info::llm_models))
        .routes(routes!(info::health))
        .routes(routes!(crate::sign_in::user))
}

/// Any path below the prefix that is nobody's.
pub(crate) fn unknown_route() -> Response {
    (StatusCode::NOT_FOUND, axum::Json(wire::Detail { detail: "Not Found" })).into_response()
}

/// A known path with another method.
pub(crate) fn wrong_method() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, axum::Json(wire::Detail { detail: "Method Not Allowed" }))
        .into_response()
}
