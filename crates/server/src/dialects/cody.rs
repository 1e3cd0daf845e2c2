//! Cody AI's API, as its page publishes it and its clients speak it: bots, conversations, messages, and streams that are
//! read by a ticket.

use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

mod bots;
mod conversations;
mod encode;
mod error;
mod messages;
mod not_built;
mod page;
mod rules;
mod stream;
mod wire;

pub(crate) use error::CodyError;

/// Where the API stands.
pub(crate) const PREFIX: &str = "/api/v1";
/// Where streams are read.
pub(crate) const STREAMS: &str = "/stream";
/// Ids are opaque to clients and stored in columns of theirs; the vendor's have 12 letters and digits.
const ID_LENGTH: usize = 12;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(bots::list))
        .routes(routes!(conversations::list, conversations::create))
        .routes(routes!(conversations::get, conversations::update, conversations::delete))
        .routes(routes!(messages::list, messages::send))
        .routes(routes!(messages::get))
        .routes(routes!(stream::send))
        .routes(routes!(stream::read))
}

/// Any path below the prefixes that is nobody's.
pub(crate) async fn unknown_route(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    not_built::answer(app, method, path, headers, StatusCode::NOT_FOUND).await
}

/// A known path with another method.
pub(crate) async fn wrong_method(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    not_built::answer(app, method, path, headers, StatusCode::METHOD_NOT_ALLOWED).await
}
