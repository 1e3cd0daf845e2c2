//! What this dialect says about itself: its description, and a page that lists its routes.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PREFIX;
use super::not_built::NOT_BUILT;

/// Both documents, rendered once.
#[derive(Clone)]
pub(crate) struct Documents {
    json: Bytes,
    page: Bytes,
}

impl Documents {
    /// Of the routes of `description` those below the prefix.
    pub(crate) fn new(mut description: OpenApi) -> Self {
        description.info.title = "Codemie".to_owned();
        description.info.description = Some("Smart AI assistant 'CodeMie'".to_owned());
        description.paths.paths.retain(|path, _| path.starts_with(PREFIX));
        let json = description.to_json().expect("a description is valid JSON");
        let page = page(&serde_json::from_str(&json).expect("it was written as JSON"));
        Self { json: json.into(), page: page.into() }
    }
}

pub(crate) fn router() -> OpenApiRouter<Documents> {
    OpenApiRouter::new().routes(routes!(description)).routes(routes!(docs))
}

/// This dialect's description, as OpenAPI 3.1.
#[utoipa::path(get, path = "/code-assistant-api/openapi.json", tag = "codemie",
    responses((status = 200, description = "OpenAPI 3.1")))]
async fn description(State(documents): State<Documents>) -> Response {
    ([(CONTENT_TYPE, "application/json")], documents.json).into_response()
}

/// A page that lists this dialect's routes.
#[utoipa::path(get, path = "/code-assistant-api/docs", tag = "codemie",
    responses((status = 200, description = "HTML", content_type = "text/html")))]
async fn docs(State(documents): State<Documents>) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, policy)], Html(documents.page)).into_response()
}

/// It stands alone: no script, no style and no picture from elsewhere.
fn page(description: &Value) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Codemie</title><style>\
         body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
         table{border-collapse:collapse}td{padding:.2em .8em .2em 0;vertical-align:top}</style></head><body>\
         <h1>Codemie</h1><p>Smart AI assistant 'CodeMie'. \
         The whole description: <a href=\"/code-assistant-api/openapi.json\">openapi.json</a>.</p><table>",
    );
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            row(&mut page, &method.to_uppercase(), path, summary);
        }
    }
    page.push_str("</table><h2>Not built here</h2><p>These answer 501.</p><table>");
    for (methods, path) in NOT_BUILT {
        row(&mut page, methods, &format!("{PREFIX}{path}"), "");
    }
    page.push_str("</table></body></html>\n");
    page
}

fn row(page: &mut String, method: &str, path: &str, summary: &str) {
    for (start, text, end) in
        [("<tr><td>", method, "</td>"), ("<td><code>", path, "</code></td>"), ("<td>", summary, "</td></tr>")]
    {
        page.push_str(start);
        for letter in text.chars() {
            match letter {
                '<' => page.push_str("&lt;"),
                '>' => page.push_str("&gt;"),
                '&' => page.push_str("&amp;"),
                '"' => page.push_str("&quot;"),
                letter => page.push(letter),
            }
        }
        page.push_str(end);
    }
}
