//! Ours: how much there is of a project, and whether it is still what was put in and cited.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CodmirError, dialect};
use crate::app::App;
use crate::auth::Caller;
use crate::body::PathId;

mod wire;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(status)).routes(routes!(verify))
}

/// How much there is of a project, and how much of it has vectors.
#[utoipa::path(get, path = "/api/knowledge/projects/{projectId}/status", tag = "codmir",
    params(("projectId" = String, Path, description = "The project")),
    responses(
        (status = 200, description = "How much", body = wire::Status),
        (status = 404, description = "No such project", body = dialect::ErrorBody<'_>),
    ))]
async fn status(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(project, _): PathId,
) -> Result<axum::Json<wire::Status>, CodmirError> {
    let census = app.documents.status(&principal, &project).await?;
    Ok(axum::Json(wire::Status::of(census, app.documents.library.embedder())))
}

/// Compares every document, and every citation of it in the caller's answers, with what was put in; for administrators
/// in everybody's answers.
#[utoipa::path(get, path = "/api/knowledge/projects/{projectId}/verify", tag = "codmir",
    params(("projectId" = String, Path, description = "The project")),
    responses(
        (status = 200, description = "What is not as it was", body = wire::Verification),
        (status = 404, description = "No such project", body = dialect::ErrorBody<'_>),
    ))]
async fn verify(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(project, _): PathId,
) -> Result<axum::Json<wire::Verification>, CodmirError> {
    let found = app.documents.verify(&principal, &project, &app.conversations).await?;
    Ok(axum::Json(found.into()))
}
