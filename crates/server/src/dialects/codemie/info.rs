//! What clients ask before they chat: models, and whether the server is there.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{CodeMieError, wire};
use crate::app::App;
use crate::auth::SignedIn;

/// The models that can be asked for: a bare list, the default first.
#[utoipa::path(get, path = "/code-assistant-api/v1/llm_models", tag = "codemie",
    responses((status = 200, description = "The models", body = [wire::Model])))]
pub(super) async fn llm_models(
    State(app): State<App>,
    _: SignedIn<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let models = app.chat.models().listed().into_iter().enumerate().map(|(place, name)| wire::Model {
        base_name: name.model.clone(),
        deployment_name: name.model.clone(),
        label: name.model,
        enabled: true,
        default: place == 0,
        multimodal: false,
        react_agent: true,
        provider: None,
        features: wire::Features {
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

/// The server answers.
#[utoipa::path(get, path = "/code-assistant-api/v1/healthcheck", tag = "codemie",
    responses((status = 200, description = "Alive")))]
pub(super) async fn health() -> Response {
    axum::Json(json!({ "status": "ok" })).into_response()
}
