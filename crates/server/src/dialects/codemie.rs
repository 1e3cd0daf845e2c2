//! CodeMie's assistants API, as its page publishes it and its SDK and UI speak it.

use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

mod assistants;
mod chat;
mod conversations;
pub(crate) mod documents;
mod encode;
mod error;
mod failure;
mod framing;
mod info;
mod not_built;
mod query;
mod schema;
mod tasks;
mod wire;

pub(crate) use error::CodeMieError;

/// Everything of this dialect stands below it.
pub(crate) const PREFIX: &str = "/code-assistant-api";

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(chat::ask_assistant))
        .routes(routes!(chat::ask_assistant_by_slug))
        .routes(routes!(not_built::ask_virtual_assistant))
        .routes(routes!(not_built::search_conversations))
        .merge(assistants::router())
        .merge(conversations::router())
        .routes(routes!(tasks::get))
        .routes(routes!(info::llm_models))
        .routes(routes!(info::embeddings_models))
        .routes(routes!(info::default_models))
        .routes(routes!(info::user_data))
        .routes(routes!(info::config))
        .routes(routes!(info::info))
        .routes(routes!(info::health))
        .routes(routes!(crate::sign_in::user))
}

/// Any path below the prefix that is nobody's.
pub(crate) async fn unknown_route(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    not_built::answer(app, method, path, headers, (StatusCode::NOT_FOUND, "Not Found")).await
}

/// A known path with another method.
pub(crate) async fn wrong_method(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let otherwise = (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    not_built::answer(app, method, path, headers, otherwise).await
}
