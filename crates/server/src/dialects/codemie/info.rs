//! What clients ask before they chat: models, themselves, and what the server is.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{CodeMieError, wire as dialect};
use crate::app::App;
use crate::auth::SignedIn;

mod wire;

/// The models that can be asked for: a bare list, the default first. All are enabled, so `include_all` adds none.
#[utoipa::path(get, path = "/code-assistant-api/v1/llm_models", tag = "codemie",
    params(("include_all" = Option<bool>, Query, description = "Changes nothing")),
    responses((status = 200, description = "The models", body = [dialect::Model])))]
pub(super) async fn llm_models(
    State(app): State<App>,
    _: SignedIn<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let models = app.chat.models().listed().into_iter().enumerate().map(|(place, name)| dialect::Model {
        base_name: name.model.clone(),
        deployment_name: name.model.clone(),
        label: name.model,
        enabled: true,
        default: place == 0,
        multimodal: false,
        react_agent: true,
        provider: None,
        features: dialect::Features {
            streaming: true,
            tools: false,
            temperature: true,
            parallel_tool_calls: false,
            system_prompt: true,
            max_tokens: true,
        },
    });
    Ok(axum::Json(models.collect::<Vec<_>>()).into_response())
}

/// The models that turn texts into vectors: none yet.
#[utoipa::path(get, path = "/code-assistant-api/v1/embeddings_models", tag = "codemie",
    responses((status = 200, description = "None", body = [dialect::Model])))]
pub(super) async fn embeddings_models(_: SignedIn<CodeMieError>) -> Result<Response, CodeMieError> {
    Ok(axum::Json(Vec::<dialect::Model>::new()).into_response())
}

/// The model that answers where none is named, by what it is for: one for everything.
#[utoipa::path(get, path = "/code-assistant-api/v1/default_models", tag = "codemie",
    responses((status = 200, description = "Names of models", body = BTreeMap<String, String>)))]
pub(super) async fn default_models(
    State(app): State<App>,
    _: SignedIn<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let default = app.chat.models().listed().into_iter().next();
    let models: BTreeMap<&str, String> = default.map(|name| ("global", name.model)).into_iter().collect();
    Ok(axum::Json(models).into_response())
}

/// The caller's own record.
#[utoipa::path(get, path = "/code-assistant-api/v1/user/data", tag = "codemie",
    responses((status = 200, description = "The record", body = wire::UserData)))]
pub(super) async fn user_data(
    SignedIn(principal, _): SignedIn<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let account = principal.account();
    let date = account.made_at().map(|time| time.to_string());
    let (id, user_id) = (account.to_string(), account.to_string());
    Ok(axum::Json(wire::UserData { id, user_id, update_date: date.clone(), date }).into_response())
}

/// What is switched on in the vendor's user interface, for anybody.
#[utoipa::path(get, path = "/code-assistant-api/v1/config", tag = "codemie",
    responses((status = 200, description = "The components", body = [wire::Component])))]
pub(super) async fn config() -> Response {
    // Assistants take no MCP servers here, which is what this one says.
    let settings = wire::Settings { enabled: true };
    axum::Json([wire::Component { id: "mcpCustomServersDisabled", settings }]).into_response()
}

/// What answers here.
#[utoipa::path(get, path = "/code-assistant-api/v1/info", tag = "codemie",
    responses((status = 200, description = "Name and version", body = wire::Info)))]
pub(super) async fn info() -> Response {
    axum::Json(wire::Info { name: "Latimer", version: env!("CARGO_PKG_VERSION") }).into_response()
}

/// The server answers.
#[utoipa::path(get, path = "/code-assistant-api/v1/healthcheck", tag = "codemie",
    responses((status = 200, description = "Alive")))]
pub(super) async fn health() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}
