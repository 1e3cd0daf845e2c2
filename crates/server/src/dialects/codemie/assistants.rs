//! Assistants: read, list, make, change and delete them.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::assistants::{Assistant, AssistantChange, AssistantPage, NamedProject};
use chat::{Error, ErrorKind, Principal};
use identity::Fault;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::chat::absent;
use super::query::Query;
use super::{CodeMieError, wire as dialect};
use crate::app::App;
use crate::auth::SignedIn;
use crate::body::{OptionalJson, PathId};
use listing::Listing;

mod listing;
mod wire;

/// The project of those that come with the server, as clients want a name.
const NO_PROJECT: &str = "default";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(update, delete))
        .routes(routes!(get))
        .routes(routes!(get_by_slug))
}

/// An assistant by its id.
#[utoipa::path(get, path = "/code-assistant-api/v1/assistants/id/{assistantId}", tag = "codemie",
    params(("assistantId" = String, Path, description = "The assistant")),
    responses(
        (status = 200, description = "The assistant", body = wire::Assistant),
        (status = 404, description = "No such assistant", body = dialect::ErrorBody<'_>),
    ))]
async fn get(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let assistant = app.assistants.get(&principal, &id).await.map_err(|error| absent(error, &id))?;
    Ok(axum::Json(wire::Assistant::from(assistant)).into_response())
}

/// An assistant by its slug.
#[utoipa::path(get, path = "/code-assistant-api/v1/assistants/slug/{slug}", tag = "codemie",
    params(("slug" = String, Path, description = "The assistant's slug")),
    responses(
        (status = 200, description = "The assistant", body = wire::Assistant),
        (status = 404, description = "No such assistant", body = dialect::ErrorBody<'_>),
    ))]
async fn get_by_slug(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(slug, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let assistant =
        app.assistants.get_by_slug(&principal, &slug).await.map_err(|error| absent(error, &slug))?;
    Ok(axum::Json(wire::Assistant::from(assistant)).into_response())
}

/// A page of the assistants that the caller may ask.
#[utoipa::path(get, path = "/code-assistant-api/v1/assistants", tag = "codemie",
    params(
        ("scope" = Option<String>, Query, description = "Which of them"),
        ("minimal_response" = Option<bool>, Query, description = "The short form; so it is without this"),
        ("page" = Option<u32>, Query, description = "From 0"),
        ("per_page" = Option<u32>, Query, description = "1 to 1000; 12 without this"),
        ("filters" = Option<String>, Query, description = "A JSON object"),
        ("sort_by" = Option<String>, Query, description = "`name`; the newest change first without this"),
        ("sort_order" = Option<String>, Query, description = "`asc` or `desc`"),
    ),
    responses(
        (status = 200, description = "The page", body = wire::Listed<wire::Assistant>),
        (status = 422, description = "A wrong parameter", body = dialect::ErrorBody<'_>),
    ))]
async fn list(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    RawQuery(query): RawQuery,
) -> Result<Response, CodeMieError> {
    let Listing { query, page, per_page, is_of_templates } = Listing::parse(&Query::parse(query.as_deref()))?;
    let is_brief = query.is_brief;
    // Also a list of nothing is only for who may read.
    let AssistantPage { mut assistants, mut total } = app.assistants.list(&principal, query).await?;
    if is_of_templates {
        (assistants, total) = (Vec::new(), 0);
    }
    let pages = total.div_ceil(u64::from(per_page));
    let pagination = wire::Pagination { page, per_page, total, pages };
    if is_brief {
        let data: Vec<wire::Brief> = assistants.into_iter().map(wire::Brief::from).collect();
        return Ok(axum::Json(wire::Listed { data, pagination }).into_response());
    }
    let data: Vec<wire::Assistant> = assistants.into_iter().map(wire::Assistant::from).collect();
    Ok(axum::Json(wire::Listed { data, pagination }).into_response())
}

/// Makes an assistant.
#[utoipa::path(post, path = "/code-assistant-api/v1/assistants", tag = "codemie", request_body = wire::Draft,
    responses(
        (status = 200, description = "It is made", body = wire::Created),
        (status = 400, description = "The slug is taken", body = dialect::ErrorBody<'_>),
        (status = 403, description = "Not in this project, or not for everyone", body = dialect::ErrorBody<'_>),
        (status = 422, description = "A wrong field", body = dialect::ErrorBody<'_>),
        (status = 501, description = "It asks for what is not built", body = dialect::ErrorBody<'_>),
    ))]
async fn create(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    OptionalJson(draft, _): OptionalJson<wire::Draft, CodeMieError>,
) -> Result<Response, CodeMieError> {
    refuse_unbuilt(&draft)?;
    if draft.name.is_none() {
        return Err(CodeMieError::field("name", "Field required"));
    }
    let project = project(&app, &principal, named(draft.project.as_deref())).await?;
    let knowledge = knowledge(&app, &principal, draft.context.as_deref(), &[]).await?;
    let draft = AssistantChange { knowledge, ..change(draft) };
    let made = app.assistants.create(&principal, &project, draft).await;
    let assistant_id = made.map_err(|error| refused(error, ""))?;
    let message = "Specified assistant saved";
    Ok(axum::Json(wire::Created { message, assistant_id, validation: None }).into_response())
}

/// Changes an assistant; fields that are left out stay as they are.
#[utoipa::path(put, path = "/code-assistant-api/v1/assistants/{assistantId}", tag = "codemie",
    params(("assistantId" = String, Path, description = "The assistant")), request_body = wire::Draft,
    responses(
        (status = 200, description = "It is changed", body = wire::Updated),
        (status = 400, description = "The slug is taken", body = dialect::ErrorBody<'_>),
        (status = 403, description = "Not the caller's to change", body = dialect::ErrorBody<'_>),
        (status = 404, description = "No such assistant", body = dialect::ErrorBody<'_>),
        (status = 422, description = "A wrong field", body = dialect::ErrorBody<'_>),
        (status = 501, description = "It asks for what is not built", body = dialect::ErrorBody<'_>),
    ))]
async fn update(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
    OptionalJson(draft, _): OptionalJson<wire::Draft, CodeMieError>,
) -> Result<Response, CodeMieError> {
    refuse_unbuilt(&draft)?;
    let before = app.assistants.get(&principal, &id).await.map_err(|error| absent(error, &id))?;
    // Clients send the whole assistant back, and its project need not be one of the caller's.
    let project = match named(draft.project.as_deref()).filter(|name| *name != project_name(&before)) {
        Some(name) => Some(project(&app, &principal, Some(name)).await?),
        None => None,
    };
    let knowledge = knowledge(&app, &principal, draft.context.as_deref(), &before.knowledge).await?;
    let change = AssistantChange { project, knowledge, ..change(draft) };
    app.assistants.change(&principal, &id, change).await.map_err(|error| refused(error, &id))?;
    let message = "Specified assistant updated";
    Ok(axum::Json(wire::Updated { message, validation: None }).into_response())
}

/// Deletes an assistant. Conversations that were had with it stay.
#[utoipa::path(delete, path = "/code-assistant-api/v1/assistants/{assistantId}", tag = "codemie",
    params(("assistantId" = String, Path, description = "The assistant")),
    responses(
        (status = 200, description = "It is deleted", body = wire::Removed),
        (status = 403, description = "Not the caller's to delete", body = dialect::ErrorBody<'_>),
        (status = 404, description = "No such assistant", body = dialect::ErrorBody<'_>),
    ))]
async fn delete(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    app.assistants.delete(&principal, &id).await.map_err(|error| refused(error, &id))?;
    Ok(axum::Json(wire::Removed { message: "Specified assistant removed" }).into_response())
}

fn project_name(assistant: &Assistant) -> &str {
    assistant.project.as_ref().map_or(NO_PROJECT, |project| &project.name)
}

fn named(project: Option<&str>) -> Option<&str> {
    project.filter(|name| !name.is_empty())
}

/// The id of the caller's project of this name, without one of the personal project.
async fn project(app: &App, principal: &Principal, name: Option<&str>) -> Result<String, CodeMieError> {
    let found = app.identity.directory.project_of(principal, name).await;
    let found = found.map_err(|fault: Fault| Error::new(ErrorKind::Internal, fault.to_string()))?;
    found.ok_or_else(|| Error::new(ErrorKind::Forbidden, "you are not in this project").into())
}

/// The ids of the projects that a context names. One that the assistant reads `before` keeps its meaning, whatever else
/// has its name.
async fn knowledge(
    app: &App,
    principal: &Principal,
    context: Option<&[wire::Context]>,
    before: &[NamedProject],
) -> Result<Option<Vec<String>>, CodeMieError> {
    let Some(context) = context else { return Ok(None) };
    let mut ids = Vec::with_capacity(context.len());
    for wire::Context { context_type, name } in context {
        if context_type != wire::Context::KNOWLEDGE_BASE {
            return Err(CodeMieError::not_built(&format!("context of the type {context_type}")));
        }
        let known = before.iter().find(|project| project.name == *name).map(|project| project.id.clone());
        let found = match known {
            Some(id) => Some(id),
            None => app.documents.project(principal, name).await?,
        };
        let absent = || CodeMieError::field("context", &format!("you are in no project named {name}"));
        ids.push(found.ok_or_else(absent)?);
    }
    Ok(Some(ids))
}

/// A refusal of the core's, with fields and statuses as this dialect has them.
fn refused(error: Error, id: &str) -> CodeMieError {
    if let ErrorKind::Invalid { field: Some(field) } = error.kind {
        let name = match field {
            "instructions" => "system_prompt",
            "model" => "llm_model_type",
            field => field,
        };
        return CodeMieError::field(name, &error.message);
    }
    if error.kind == ErrorKind::Conflict { CodeMieError::rule(error.message) } else { absent(error, id) }
}

/// All but projects, whose names are not their ids.
fn change(draft: wire::Draft) -> AssistantChange {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    AssistantChange {
        name: draft.name,
        slug: draft.slug.and_then(some),
        description: draft.description,
        project: None,
        knowledge: None,
        instructions: draft.system_prompt,
        model: draft.llm_model_type,
        temperature: draft.temperature,
        top_p: draft.top_p,
        conversation_starters: draft.conversation_starters,
        categories: draft.categories,
        icon_url: draft.icon_url.map(|url| url.and_then(some)),
        is_react: draft.is_react,
        shared: draft.shared,
        is_global: draft.is_global,
    }
}

/// A field whose feature is not built is an error where it asks for something; empty or false it is nothing.
fn refuse_unbuilt(draft: &wire::Draft) -> Result<(), CodeMieError> {
    let asks = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    };
    let asks_for_permissions = draft.tool_permissions.as_ref().is_some_and(|permissions| {
        permissions.tool_call_policy.as_ref().is_some_and(|policy| policy != "auto_approve")
            || permissions.allow_override == Some(false)
    });
    let asked = [
        ("toolkits", asks(&draft.toolkits)),
        ("mcp_servers", asks(&draft.mcp_servers)),
        ("assistant_ids", asks(&draft.assistant_ids)),
        ("enabled_builtin_subagents", asks(&draft.enabled_builtin_subagents)),
        ("skill_ids", asks(&draft.skill_ids)),
        ("prompt_variables", asks(&draft.prompt_variables)),
        ("guardrail_assignments", asks(&draft.guardrail_assignments)),
        ("smart_tool_selection_enabled", asks(&draft.smart_tool_selection_enabled)),
        ("plan_prompt", asks(&draft.plan_prompt)),
        ("agent_mode", draft.agent_mode.as_ref().is_some_and(|mode| !mode.is_empty() && mode != "general")),
        ("tool_permissions", asks_for_permissions),
    ];
    match asked.iter().find(|(_, asks)| *asks) {
        Some((what, _)) => Err(CodeMieError::not_built(what)),
        None => Ok(()),
    }
}
