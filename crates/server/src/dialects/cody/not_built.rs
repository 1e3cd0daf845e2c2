//! The routes of the vendor's API that are not built here.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};

use super::{CodyError, PREFIX};
use crate::app::App;
use crate::auth::bearer_principal;
use crate::dialects::table::{Known, look_up};

/// Methods, and a path below the prefix in which `{…}` stands for a segment.
const NOT_BUILT: &[(&str, &str)] = &[
    ("GET POST", "/documents"),
    ("POST", "/documents/file"),
    ("POST", "/documents/webpage"),
    ("GET DELETE", "/documents/{id}"),
    ("GET POST", "/folders"),
    ("GET POST PUT", "/folders/{id}"),
    ("POST", "/uploads/signed-url"),
];

/// Answers what no handler took; whether a route is not built is told to callers with credentials only.
pub(super) async fn answer(
    app: &App,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    otherwise: StatusCode,
) -> Response {
    let refusal = match look_up(NOT_BUILT, method, path.strip_prefix(PREFIX).unwrap_or_default()) {
        Known::NotBuilt => match bearer_principal(app, headers).await {
            Ok(_) => CodyError::not_built(&format!("{method} {path}")),
            Err(error) => error.into(),
        },
        Known::OtherMethod => CodyError::method_not_allowed(),
        Known::Nothing if otherwise == StatusCode::METHOD_NOT_ALLOWED => CodyError::method_not_allowed(),
        Known::Nothing => CodyError::not_found(),
    };
    refusal.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_list_the_table() {
        let docs = include_str!("../../../../../docs/dialects/cody.md");
        let (_, list) = docs.split_once("## What is not built").expect("the docs have a list");
        let lines = list.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
        let table = NOT_BUILT.iter().map(|(methods, path)| format!("{} {path}", methods.replace(' ', ", ")));
        assert_eq!(lines.collect::<Vec<_>>(), table.collect::<Vec<_>>());
    }
}
