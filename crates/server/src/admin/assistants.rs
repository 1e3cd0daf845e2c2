//! Assistants as their administrators see them: every one, for everyone unless it is said otherwise.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::assistants::{AssistantChange, AssistantFilter, AssistantQuery};
use chat::{Error, ErrorKind, Principal};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Admin;
use crate::auth::Administrator;
use crate::body::{Json, PathId};
use crate::dialects::codmir::CodmirError;

pub(crate) mod wire;

/// The most that are listed at once.
const PAGE: u32 = 1_000;

pub(super) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, change, delete))
}

/// All assistants, the last changed first; at most 1,000, those whose name has `name` in it.
#[utoipa::path(get, path = "/api/admin/assistants", tag = "administration",
    params(("name" = Option<String>, Query, description = "A part of the name, in any case")),
    responses((status = 200, description = "The assistants", body = [wire::Assistant])))]
async fn list(
    State(admin): State<Admin>,
    Administrator(principal): Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, CodmirError> {
    let query = query.unwrap_or_default();
    let name = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "name");
    let filter =
        AssistantFilter { name: name.map(|(_, part)| part.into_owned()), ..AssistantFilter::default() };
    let query = AssistantQuery { filter, limit: PAGE, ..AssistantQuery::default() };
    let found = admin.assistants.list(&principal, query).await?.assistants;
    Ok(axum::Json(found.into_iter().map(wire::Assistant::from).collect::<Vec<_>>()).into_response())
}

/// Makes an assistant, which is a bot in Cody's API.
#[utoipa::path(post, path = "/api/admin/assistants", tag = "administration", request_body = wire::NewAssistant,
    responses((status = 201, description = "Made", body = wire::Assistant)))]
async fn create(
    State(admin): State<Admin>,
    Administrator(principal): Administrator,
    Json { value: new, .. }: Json<wire::NewAssistant>,
) -> Result<Response, CodmirError> {
    let project = admin.identity.directory.project_of(&principal, None).await.map_err(Error::from)?;
    let project =
        project.ok_or_else(|| Error::new(ErrorKind::Internal, "there is no project to put it into"))?;
    let draft = read(&admin, &principal, new.into()).await?;
    let id = admin.assistants.create(&principal, &project, draft).await?;
    let made = one(&admin, &principal, &id).await?;
    Ok((StatusCode::CREATED, made).into_response())
}

/// An assistant.
#[utoipa::path(get, path = "/api/admin/assistants/{assistantId}", tag = "administration",
    params(("assistantId" = String, Path, description = "The assistant's id, or its id as a bot")),
    responses(
        (status = 200, description = "The assistant", body = wire::Assistant),
        (status = 404, description = "No such assistant"),
    ))]
async fn get(
    State(admin): State<Admin>,
    Administrator(principal): Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    Ok(one(&admin, &principal, &id).await?.into_response())
}

/// Changes an assistant; what is absent stays.
#[utoipa::path(patch, path = "/api/admin/assistants/{assistantId}", tag = "administration",
    request_body = wire::AssistantPatch,
    params(("assistantId" = String, Path, description = "The assistant's id, or its id as a bot")),
    responses(
        (status = 200, description = "The assistant", body = wire::Assistant),
        (status = 404, description = "No such assistant"),
    ))]
async fn change(
    State(admin): State<Admin>,
    Administrator(principal): Administrator,
    PathId(id, _): PathId,
    Json { value: patch, .. }: Json<wire::AssistantPatch>,
) -> Result<Response, CodmirError> {
    let id = found(&admin, &principal, &id).await?.id;
    let change = read(&admin, &principal, patch.into()).await?;
    admin.assistants.change(&principal, &id, change).await?;
    Ok(one(&admin, &principal, &id).await?.into_response())
}

/// Deletes an assistant; conversations that were had with it stay.
#[utoipa::path(delete, path = "/api/admin/assistants/{assistantId}", tag = "administration",
    params(("assistantId" = String, Path, description = "The assistant's id, or its id as a bot")),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such assistant")))]
async fn delete(
    State(admin): State<Admin>,
    Administrator(principal): Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    let id = found(&admin, &principal, &id).await?.id;
    admin.assistants.delete(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn one(admin: &Admin, principal: &Principal, id: &str) -> Result<axum::Json<wire::Assistant>, Error> {
    Ok(axum::Json(found(admin, principal, id).await?.into()))
}

/// The change with ids in the place of the names of the projects that it reads.
async fn read(
    admin: &Admin,
    principal: &Principal,
    change: AssistantChange,
) -> Result<AssistantChange, Error> {
    let Some(names) = change.knowledge else { return Ok(change) };
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let found = admin.identity.directory.named_project(principal, &name).await?;
        ids.push(found.ok_or_else(|| Error::invalid("knowledge", format!("there is no project {name}")))?);
    }
    Ok(AssistantChange { knowledge: Some(ids), ..change })
}

/// The assistant of this id, or of this short id.
async fn found(admin: &Admin, principal: &Principal, id: &str) -> Result<chat::assistants::Assistant, Error> {
    match admin.assistants.get(principal, id).await {
        Err(error) if error.kind == ErrorKind::NotFound => {
            admin.assistants.get_by_short_id(principal, id).await
        }
        found => found,
    }
}
