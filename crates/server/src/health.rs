//! Liveness and readiness, for whatever watches the process.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::{Error, ErrorKind};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::dialects::codmir::CodmirError;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "Alive")))]
async fn alive() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}

/// The store can be read; `llm` names the model that answers by default, or `none`. `unreachedIssuers` is there while
/// configured issuers were never reached: their tokens are refused, everything else is served.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "Ready"),
    (status = 503, description = "The store can't be read, or the server is stopping"),
))]
async fn ready(State(app): State<App>) -> Result<Response, CodmirError> {
    if app.chat.is_closing() {
        let soon = ErrorKind::Unavailable { retry_after: std::time::Duration::from_secs(5) };
        return Err(Error::new(soon, "the server is stopping").into());
    }
    app.chat.ping().await?;
    let llm = app
        .chat
        .models()
        .fallback()
        .map_or_else(|| "none".to_owned(), |answering| answering.name().to_string());
    let mut body = json!({ "status": "ok", "llm": llm });
    let unreached = app.identity.tokens.unreached();
    if !unreached.is_empty() {
        body["unreachedIssuers"] = json!(unreached);
    }
    Ok(axum::Json(body).into_response())
}
