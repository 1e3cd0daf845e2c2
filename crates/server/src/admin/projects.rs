//! Projects with members, and who is in them.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Admin, wire};
use crate::auth::Administrator;
use crate::body::{Json, PathId};
use crate::dialects::codmir::CodmirError;

/// A project's and a user's.
type TwoIds = PathId<CodmirError, (String, String)>;

pub(super) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new()
        .routes(routes!(list_projects, create_project))
        .routes(routes!(list_members))
        .routes(routes!(set_member, remove_member))
}

/// All projects with members, by name.
#[utoipa::path(get, path = "/api/admin/projects", tag = "administration", responses(
    (status = 200, description = "The projects", body = [wire::Project]),
))]
async fn list_projects(State(admin): State<Admin>, _: Administrator) -> Result<Response, CodmirError> {
    let projects = admin.identity.directory.projects().await?;
    Ok(axum::Json(projects.into_iter().map(wire::Project::from).collect::<Vec<_>>()).into_response())
}

/// The project of this name; made if there is none.
#[utoipa::path(post, path = "/api/admin/projects", tag = "administration", request_body = wire::NewProject,
    responses((status = 200, description = "The project", body = wire::Project)))]
async fn create_project(
    State(admin): State<Admin>,
    _: Administrator,
    Json { value: new, .. }: Json<wire::NewProject>,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let id = directory.ensure_project(&new.name).await?;
    let project = directory.project(&id).await?;
    Ok(axum::Json(wire::Project::from(project)).into_response())
}

/// Who is in a project, by name.
#[utoipa::path(get, path = "/api/admin/projects/{projectId}/members", tag = "administration",
    params(("projectId" = String, Path, description = "The project's id or name")),
    responses(
        (status = 200, description = "The members", body = [wire::Member]),
        (status = 404, description = "No such project"),
    ))]
async fn list_members(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let project = directory.project(&id).await?;
    let members = directory.members(&project.id).await?;
    Ok(axum::Json(members.into_iter().map(wire::Member::from).collect::<Vec<_>>()).into_response())
}

/// Adds a member, or changes whether it administers the project.
#[utoipa::path(put, path = "/api/admin/projects/{projectId}/members/{userId}", tag = "administration",
    request_body = wire::Membership,
    params(
        ("projectId" = String, Path, description = "The project's id or name"),
        ("userId" = String, Path, description = "The user's id or name"),
    ),
    responses((status = 204, description = "Is a member"), (status = 404, description = "No such project or user")))]
async fn set_member(
    State(admin): State<Admin>,
    _: Administrator,
    PathId((project, user), _): TwoIds,
    Json { value: membership, .. }: Json<wire::Membership>,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let project = directory.project(&project).await?;
    let user = directory.user(&user).await?;
    let is_admin = membership.admin.unwrap_or_default();
    directory.set_member(&project.id, user.account, is_admin).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes a membership back; one that claims give comes and goes with them.
#[utoipa::path(delete, path = "/api/admin/projects/{projectId}/members/{userId}", tag = "administration",
    params(
        ("projectId" = String, Path, description = "The project's id or name"),
        ("userId" = String, Path, description = "The user's id or name"),
    ),
    responses(
        (status = 204, description = "Is no member"),
        (status = 404, description = "No such project, user or membership"),
    ))]
async fn remove_member(
    State(admin): State<Admin>,
    _: Administrator,
    PathId((project, user), _): TwoIds,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let project = directory.project(&project).await?;
    let user = directory.user(&user).await?;
    directory.remove_member(&project.id, user.account).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
