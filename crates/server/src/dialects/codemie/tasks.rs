//! Background tasks: a turn that goes on without a reader, and is asked after by its id.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::ids::public_id;
use chat::turn::{Dialect, Outcome, TurnRequest, WhenUnread};
use chat::{ErrorKind, Principal};

use super::{CodeMieError, failure, wire};
use crate::app::App;
use crate::auth::SignedIn;
use crate::body::PathId;

/// Tells a task from a turn that somebody reads.
const PREFIX: &str = "task_";

/// How a background task stands; its owner's alone.
#[utoipa::path(get, path = "/code-assistant-api/v1/tasks/{taskId}", tag = "codemie",
    params(("taskId" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "The task", body = wire::Task),
        (status = 404, description = "No such task", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn get(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let found = app.chat.turn(&principal, Dialect::CodeMie, &id).await;
    let turn = match found {
        Ok(turn) if id.starts_with(PREFIX) => turn,
        Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
        Ok(_) | Err(_) => return Err(CodeMieError::task_not_found(&id)),
    };
    let (status, final_output, updated) = match &turn.end {
        None => ("STARTED", String::new(), turn.head.opened_at),
        Some(end) => match &end.outcome {
            Outcome::Finished(_) => ("COMPLETED", turn.transcript.text, end.ended_at),
            Outcome::Stopped => ("FAILED", turn.transcript.text, end.ended_at),
            Outcome::Failed(failed) => {
                let output = format!("{}{}", turn.transcript.text, failure::sentence(failed));
                ("FAILED", output, end.ended_at)
            }
        },
    };
    let (username, name) = app.names_of(&principal).await?;
    let task = wire::Task {
        id,
        task: turn.question.unwrap_or_default(),
        user: wire::TaskUser { user_id: principal.account().to_string(), username, name },
        final_output,
        current_step: String::new(),
        status,
        date: turn.head.opened_at.to_string(),
        update_date: updated.to_string(),
    };
    Ok(axum::Json(task).into_response())
}

/// Starts the turn and answers at once.
pub(super) async fn start(
    app: &App,
    principal: &Principal,
    request: TurnRequest,
) -> Result<Response, CodeMieError> {
    let (name, when_unread) = (Some(public_id(PREFIX)), WhenUnread::Continue);
    let stream = app.chat.ask(principal, TurnRequest { name, when_unread, ..request }).await?;
    let head = stream.head();
    let answer = wire::Answer {
        generated: wire::Generated::Text("Task is running in the background"),
        time_elapsed: 0.0,
        tokens_used: 0,
        thoughts: Vec::new(),
        task_id: Some(head.name.clone()),
        success: true,
        agent_error: None,
        tool_errors: None,
        conversation_id: &head.conversation_name,
    };
    Ok(axum::Json(answer).into_response())
}
