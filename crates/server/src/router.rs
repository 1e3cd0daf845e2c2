//! The table of contents: every route, through `routes!` alone, so that tests can walk them by their description.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use tower_http::normalize_path::NormalizePath;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::admin::{self, Admin};
use crate::app::App;
use crate::dialects::{codemie, codmir, cody};
use crate::edge::Edge;
use crate::{health, openapi, sign_in};

/// What a connection talks to. A trailing slash is the same route, which must be decided before routing.
pub(crate) type Service = Edge<NormalizePath<Router>>;

pub(crate) fn service(app: App) -> Service {
    let (routes, mut description) = OpenApiRouter::with_openapi(openapi::Description::openapi())
        .merge(codmir::router())
        .merge(codemie::router())
        .merge(cody::router())
        .merge(sign_in::router())
        .merge(admin::router().with_state(Admin::of(&app)))
        .merge(health::router())
        .split_for_parts();
    let (document, its_own) = openapi::router().split_for_parts();
    let (documents, codemies_own) = codemie::documents::router().split_for_parts();
    description.merge(its_own);
    description.merge(codemies_own);
    openapi::name_operations(&mut description);
    let json = Bytes::from(description.to_json().expect("a description is valid JSON"));
    let router = routes
        .merge(document.with_state(openapi::Document(json)))
        .merge(documents.with_state(codemie::documents::Documents::new(description)))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app.clone());
    Edge::new(app, NormalizePath::trim_trailing_slash(router))
}

/// Each prefix has its own way to say that there is nothing.
async fn unknown_route(State(app): State<App>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match uri.path() {
        path if is_below(path, codemie::PREFIX) => {
            codemie::unknown_route(&app, &method, path, &headers).await
        }
        path if is_below(path, cody::PREFIX) || is_below(path, cody::STREAMS) => {
            cody::unknown_route(&app, &method, path, &headers).await
        }
        path if is_below(path, sign_in::PREFIX) => sign_in::unknown_route(),
        _ => codmir::unknown_route(),
    }
}

async fn wrong_method(State(app): State<App>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match uri.path() {
        path if is_below(path, codemie::PREFIX) => codemie::wrong_method(&app, &method, path, &headers).await,
        path if is_below(path, cody::PREFIX) || is_below(path, cody::STREAMS) => {
            cody::wrong_method(&app, &method, path, &headers).await
        }
        path if is_below(path, sign_in::PREFIX) => sign_in::wrong_method(),
        _ => codmir::wrong_method(),
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
