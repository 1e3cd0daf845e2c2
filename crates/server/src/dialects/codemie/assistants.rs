//! Assistants: read one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::assistants::Assistant;

use super::chat::absent;
use super::{CodeMieError, wire};
use crate::app::App;
use crate::auth::SignedIn;
use crate::body::PathId;

/// An assistant by its id.
#[utoipa::path(get, path = "/code-assistant-api/v1/assistants/id/{assistantId}", tag = "codemie",
    params(("assistantId" = String, Path, description = "The assistant")),
    responses(
        (status = 200, description = "The assistant", body = wire::Assistant),
        (status = 404, description = "No such assistant", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn get(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let assistant = app.assistants.get(&principal, &id).await.map_err(|error| absent(error, &id))?;
    Ok(axum::Json(body(assistant)).into_response())
}

/// An assistant by its slug.
#[utoipa::path(get, path = "/code-assistant-api/v1/assistants/slug/{slug}", tag = "codemie",
    params(("slug" = String, Path, description = "The assistant's slug")),
    responses(
        (status = 200, description = "The assistant", body = wire::Assistant),
        (status = 404, description = "No such assistant", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn get_by_slug(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(slug, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let assistant =
        app.assistants.get_by_slug(&principal, &slug).await.map_err(|error| absent(error, &slug))?;
    Ok(axum::Json(body(assistant)).into_response())
}

fn body(assistant: Assistant) -> wire::Assistant {
    wire::Assistant {
        id: assistant.id,
        name: assistant.name,
        description: assistant.description,
        system_prompt: assistant.instructions,
        project: assistant.project,
        slug: assistant.slug,
        llm_model_type: assistant.model,
        temperature: assistant.temperature,
        shared: assistant.for_everyone,
        is_global: assistant.for_everyone,
        created_date: assistant.created_at.to_string(),
        updated_date: assistant.created_at.to_string(),
    }
}
