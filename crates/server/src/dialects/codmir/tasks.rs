//! Codmir's tasks: a project's documents from a repository, what they say of it, and how far that is.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use chat::Error;
use futures::{StreamExt as _, stream};
use http::StatusCode;
use knowledge::store::{Repository, TaskKind};
use knowledge::work::Watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CodmirError, Query, wire as dialect};
use crate::app::App;
use crate::auth::{Caller, Standing};
use crate::body::{Json, PathId, check_text};
use crate::knowledge::{AskedTask, check_may_read};
use crate::sse::{HEARTBEAT, data_frame, event_stream};

pub(super) mod wire;

const DEFAULT_BRANCH: &str = "main";
/// How many tasks are listed.
const MOST_TASKS: usize = 200;
const KINDS: [TaskKind; 2] = [TaskKind::GenerateKnowledgeBase, TaskKind::AnalyzeProject];

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start, list)).routes(routes!(status)).routes(routes!(follow))
}

/// Takes a task on. `generate-knowledge-base` makes the files of a repository's archive documents of the project, or
/// counts what is there; `analyze-project` tells what the project is by its documents, after the same.
#[utoipa::path(post, path = "/api/tasks", tag = "codmir", request_body = wire::NewTask,
    responses(
        (status = 201, description = "The task", body = wire::Task<'_>),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn start(
    State(app): State<App>,
    Caller(principal): Caller,
    Json { value: body, .. }: Json<wire::NewTask>,
) -> Result<Response, CodmirError> {
    app.documents.check_may_add(&principal, &body.project_id).await?;
    let named = KINDS.into_iter().find(|kind| kind.name() == body.kind);
    let wrong =
        || CodmirError::field("type", format!("type must be {}", KINDS.map(TaskKind::name).join(" or ")));
    let kind = named.ok_or_else(wrong)?;
    let branch = body.branch.unwrap_or_else(|| DEFAULT_BRANCH.to_owned());
    for (field, text) in [("projectId", &body.project_id), ("branch", &branch)] {
        check_text(field, text)?;
    }
    if let Some(address) = &body.repo_url {
        check_text("repoUrl", address)?;
    }
    let asked = AskedTask {
        project: body.project_id,
        kind,
        repository: body.repo_url.map(|address| Repository { address, branch }),
        include_tests: body.config.and_then(|config| config.include_tests).unwrap_or(true),
        files: Vec::new(),
    };
    let task = app.documents.start(&principal, asked).await?;
    Ok((StatusCode::CREATED, axum::Json(wire::Task::from(&task))).into_response())
}

/// Where a task is.
#[utoipa::path(get, path = "/api/tasks/{taskId}", tag = "codmir",
    params(("taskId" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "The task", body = wire::Task<'_>),
        (status = 404, description = "No such task", body = dialect::ErrorBody<'_>),
    ))]
async fn status(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    let task = app.documents.task(&principal, &id).await?;
    Ok(axum::Json(wire::Task::from(&task)).into_response())
}

/// The tasks of a project, the newest first, at most 200.
#[utoipa::path(get, path = "/api/tasks", tag = "codmir",
    params(("projectId" = String, Query, description = "The project; one that is not there has no tasks")),
    responses(
        (status = 200, description = "Tasks", body = Vec<wire::Task<'_>>),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn list(
    State(app): State<App>,
    Caller(principal): Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, CodmirError> {
    check_may_read(&principal)?;
    let query = Query::parse(query.as_deref())?;
    let missing = || CodmirError::field("projectId", "projectId must be given");
    let project = query.once("projectId")?.ok_or_else(missing)?;
    let tasks = app.documents.tasks(&principal, project, MOST_TASKS).await?;
    Ok(axum::Json(tasks.iter().map(wire::Task::from).collect::<Vec<_>>()).into_response())
}

/// The progress of a task as events: where it is at once, then whenever that has changed, until it has ended.
#[utoipa::path(get, path = "/api/tasks/{taskId}/events", tag = "codmir",
    params(("taskId" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "Server-Sent Events, each a `Progress`", content_type = "text/event-stream",
            body = wire::Progress),
        (status = 404, description = "No such task", body = dialect::ErrorBody<'_>),
    ))]
async fn follow(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    let task = app.documents.task(&principal, &id).await?;
    let watch = app.documents.work.watch(&task.id);
    let heartbeat = app.heartbeat_interval;
    let frames = stream::unfold(Some(watch), move |watch| frame(watch, heartbeat));
    let frames = frames.take_until(Box::pin(standing.revoked()));
    Ok(event_stream(Body::from_stream(frames.map(Ok::<_, std::convert::Infallible>))))
}

/// The next frame, and what to follow from then on.
async fn frame(watch: Option<Watch>, heartbeat: Duration) -> Option<(Bytes, Option<Watch>)> {
    let mut watch = watch?;
    let mut frame = BytesMut::new();
    match tokio::time::timeout(heartbeat, watch.next()).await {
        Err(_silence) => return Some((Bytes::from_static(HEARTBEAT), Some(watch))),
        Ok(Ok(None)) => return None,
        Ok(Ok(Some(progress))) => data_frame(&mut frame, &wire::Progress::from(&progress)),
        Ok(Err(error)) => {
            let error = Error::from(error);
            data_frame(&mut frame, &wire::Broken { error: &error.message, code: "INTERNAL_ERROR" });
            return Some((frame.freeze(), None));
        }
    }
    Some((frame.freeze(), Some(watch)))
}
