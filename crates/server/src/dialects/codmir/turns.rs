//! Turns and sessions: resume a stream, stop it, read a session's history.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::store::{HistoryMessage, HistoryPage, MessageState};
use chat::turn::{Dialect, Outcome};
use chat::{Cancelled, TurnLog, provider};
use http::{HeaderMap, HeaderName, StatusCode};

use super::chat::{is_id, resumable_stream};
use super::encode::{is_interrupted, usage};
use super::{CodmirError, Query, wire};
use crate::app::App;
use crate::auth::{Caller, Standing};
use crate::body::{OptionalJson, PathId};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const DEFAULT_PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// The frames of a turn's v2 stream after the one that `Last-Event-ID` names, during the turn and for 15 minutes after.
#[utoipa::path(get, path = "/api/chat/turns/{turnId}/events", tag = "codmir",
    params(("turnId" = String, Path, description = "The turn"), ("Last-Event-ID" = Option<String>, Header)),
    responses(
        (status = 200, description = "Server-Sent Events", content_type = "text/event-stream"),
        (status = 204, description = "Nothing follows"),
        (status = 404, description = "No such turn", body = wire::ErrorBody<'_>),
        (status = 410, description = "No longer kept", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn resume(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    PathId(turn, _): PathId,
    headers: HeaderMap,
) -> Result<Response, CodmirError> {
    let seen = last_event_id(&headers)?;
    let log = app.chat.resume(&principal, &turn).await?;
    follow(&app, &log, seen, standing)
}

/// The active turn of a session from its first frame.
#[utoipa::path(get, path = "/api/chat/sessions/{sessionId}/events", tag = "codmir",
    params(("sessionId" = String, Path, description = "The session")),
    responses(
        (status = 200, description = "Server-Sent Events", content_type = "text/event-stream"),
        (status = 204, description = "No turn is running"),
        (status = 404, description = "No such session", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn follow_session(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    PathId(session, _): PathId,
) -> Result<Response, CodmirError> {
    let conversation = app.chat.conversation(&principal, Dialect::Codmir, &session).await?;
    let Some(turn) = conversation.active_turn else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let log = app.chat.log(&principal, &turn).await?;
    follow(&app, &log, 0, standing)
}

/// Stops a turn and answers with what it had written. Accepted before the turn exists: it is then stopped at its start.
#[utoipa::path(post, path = "/api/chat/turns/{turnId}/cancel", tag = "codmir",
    params(("turnId" = String, Path, description = "The turn")),
    request_body(content = wire::CancelRequest, description = "May be absent"),
    responses(
        (status = 200, description = "Ended", body = wire::CancelResponse<'_>),
        (status = 202, description = "Will be stopped at its start", body = wire::CancelResponse<'_>),
    ))]
pub(super) async fn cancel(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(turn, _): PathId,
    OptionalJson(body, _): OptionalJson<wire::CancelRequest>,
) -> Result<Response, CodmirError> {
    if !is_id(&turn, 1) {
        return Err(CodmirError::field(
            "turnId",
            "turnId must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -",
        ));
    }
    tracing::debug!(reason = ?body.reason, "a turn is told to stop");
    match app.chat.cancel(&principal, &turn).await? {
        Cancelled::Ended(reply) => Ok(axum::Json(wire::CancelResponse {
            status: ended_status(&reply.end.outcome),
            message_id: Some(&reply.head.answer_id),
            content: Some(&reply.text),
        })
        .into_response()),
        Cancelled::Marked => {
            let stopping = wire::CancelResponse { status: "stopping", message_id: None, content: None };
            Ok((StatusCode::ACCEPTED, axum::Json(stopping)).into_response())
        }
    }
}

/// A page of the session's selected path, oldest first: the newest messages, or those before the message `before`.
#[utoipa::path(get, path = "/api/chat/sessions/{sessionId}/messages", tag = "codmir",
    params(
        ("sessionId" = String, Path, description = "The session"),
        ("before" = Option<String>, Query, description = "A message id"),
        ("limit" = Option<usize>, Query, description = "1 to 200, by default 50"),
    ),
    responses(
        (status = 200, description = "A page", body = wire::History),
        (status = 404, description = "No such session", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn history(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(session, _): PathId,
    RawQuery(query): RawQuery,
) -> Result<Response, CodmirError> {
    let query = history_query(query.as_deref())?;
    let limit = query.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(CodmirError::field("limit", format!("limit must be 1 to {LARGEST_PAGE}")));
    }
    let conversation = app.chat.conversation(&principal, Dialect::Codmir, &session).await?;
    let page = app.chat.history(&principal, conversation.id, query.before.as_deref(), limit).await?;
    Ok(axum::Json(history_body(page, conversation.active_turn)).into_response())
}

fn follow(app: &App, log: &Arc<TurnLog>, seen: u64, standing: Standing) -> Result<Response, CodmirError> {
    let events = log.events() as u64;
    match log.outcome() {
        // After a crash a reader may know more than was stored; it always gets an end.
        Some(end) if is_interrupted(&end.outcome) => {}
        // The end is one event and two frames.
        Some(_) if seen > events => return Ok(StatusCode::NO_CONTENT.into_response()),
        Some(_) => {}
        None if seen > events => {
            return Err(CodmirError::field(
                "Last-Event-ID",
                "Last-Event-ID names a frame that was not sent yet",
            ));
        }
        None => {}
    }
    let ended = log.outcome().is_some();
    let last = if ended { events.saturating_sub(1) } else { events };
    let position = usize::try_from(seen.min(last)).unwrap_or(usize::MAX);
    Ok(resumable_stream(app, log.read_from(position), seen, standing))
}

fn last_event_id(headers: &HeaderMap) -> Result<u64, CodmirError> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(0) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits {
        Some("") => Ok(0),
        // One below the largest, so that what follows has a number.
        Some(digits) => digits.parse().ok().filter(|seen| *seen < u64::MAX / 2).ok_or_else(wrong_event_id),
        None => Err(wrong_event_id()),
    }
}

fn wrong_event_id() -> CodmirError {
    CodmirError::field("Last-Event-ID", "Last-Event-ID must be the number of a frame")
}

fn history_query(query: Option<&str>) -> Result<wire::HistoryQuery, CodmirError> {
    let query = Query::parse(query)?;
    let whole_number =
        |limit: &str| limit.parse().map_err(|_| CodmirError::field("limit", "limit must be a whole number"));
    let before = query.once("before")?.map(str::to_owned);
    Ok(wire::HistoryQuery { before, limit: query.once("limit")?.map(whole_number).transpose()? })
}

fn ended_status(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Finished(_) => "complete",
        Outcome::Stopped => "stopped",
        Outcome::Failed(_) => "failed",
    }
}

fn history_body(page: HistoryPage, active_turn_id: Option<String>) -> wire::History {
    let selected = page.messages.iter().map(|message| message.id.clone()).collect();
    let data = page.messages.into_iter().map(history_message).collect();
    wire::History { data, selected, active_turn_id, next_before: page.next_before }
}

fn history_message(message: HistoryMessage) -> wire::HistoryMessage {
    let status = match &message.state {
        MessageState::Given => "complete",
        MessageState::Running => "streaming",
        MessageState::Ended(outcome) => ended_status(outcome),
    };
    let citations = message.evidence.map(|evidence| evidence.citations).unwrap_or_default();
    let (provider, model) = message.answered_by.map(|name| (name.provider, name.model)).unzip();
    wire::HistoryMessage {
        id: message.id,
        role: if message.role == provider::Role::User { wire::Role::User } else { wire::Role::Assistant },
        content: message.content,
        created_at: message.created_at.to_string(),
        parent_id: message.parent_id,
        sibling_ids: message.sibling_ids,
        status,
        turn_id: message.turn,
        model,
        provider,
        usage: message.usage.as_ref().map(usage),
        citations: citations.iter().map(wire::Citation::from).collect(),
        feedback: None,
    }
}
