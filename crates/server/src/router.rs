//! The table of contents: every route, through `routes!` alone, so that tests can walk them by their description.

use axum::Router;
use bytes::Bytes;
use tower_http::normalize_path::NormalizePath;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::dialects::codmir;
use crate::edge::Edge;
use crate::{admin, health, openapi};

/// What a connection talks to. A trailing slash is the same route, which must be decided before routing.
pub(crate) type Service = Edge<NormalizePath<Router>>;

pub(crate) fn service(app: App) -> Service {
    let (routes, mut description) = OpenApiRouter::with_openapi(openapi::Description::openapi())
        .merge(codmir::router())
        .merge(admin::router())
        .merge(health::router())
        .split_for_parts();
    let (document, its_own) = openapi::router().split_for_parts();
    description.merge(its_own);
    let json = Bytes::from(description.to_json().expect("a description is valid JSON"));
    let router = routes
        .with_state(app.clone())
        .merge(document.with_state(openapi::Document(json)))
        .fallback(codmir::unknown_route)
        .method_not_allowed_fallback(codmir::wrong_method);
    Edge::new(app, NormalizePath::trim_trailing_slash(router))
}
