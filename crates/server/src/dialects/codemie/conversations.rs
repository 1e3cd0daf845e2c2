//! Conversations: listed, shown in full, renamed, pinned and deleted by their owner, whom alone they are for.

use std::borrow::Cow;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::conversations::{Change, Filter, Order, Page, Record, RecordedAnswer, RecordedTurn};
use chat::turn::{Dialect, Outcome};
use chat::{Error, ErrorKind, Principal};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Query;
use super::{CodeMieError, failure, wire as dialect};
use crate::app::App;
use crate::auth::SignedIn;
use crate::body::{Json, PathId, check_text};

mod wire;

/// Conversations of a list, unless `per_page` says otherwise; also the most.
const LARGEST_PAGE: u32 = 1_000;
const MAX_TITLE: usize = 255;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, update, delete))
}

/// The caller's conversations, the last changed first: a bare list.
#[utoipa::path(get, path = "/code-assistant-api/v1/conversations", tag = "codemie",
    responses((status = 200, description = "The conversations", body = [wire::Summary])))]
async fn list(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    RawQuery(query): RawQuery,
) -> Result<Response, CodeMieError> {
    let query = Query::parse(query.as_deref());
    // No conversation is ever finished here.
    let only_finished = query.flag("isFinished")? == Some(true);
    let limit = query.number("per_page", 1, LARGEST_PAGE)?.unwrap_or(LARGEST_PAGE);
    let page = query.number("page", 0, u32::MAX / LARGEST_PAGE)?.unwrap_or(0);
    let page = Page { offset: page * limit, limit };
    let (filter, order) = (Filter::default(), Order::Changed);
    let mut found = app.conversations.list(&principal, Dialect::CodeMie, filter, order, page).await?.items;
    found.retain(|_| !only_finished);
    Ok(axum::Json(found.into_iter().map(wire::Summary::from).collect::<Vec<_>>()).into_response())
}

/// A conversation with everything in it.
#[utoipa::path(get, path = "/code-assistant-api/v1/conversations/{conversationId}", tag = "codemie",
    params(("conversationId" = String, Path, description = "The conversation")),
    responses(
        (status = 200, description = "The conversation", body = wire::Details<'_>),
        (status = 404, description = "No such conversation", body = dialect::ErrorBody<'_>),
    ))]
async fn get(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    details(&app, &principal, &id).await
}

/// Renames or pins a conversation.
#[utoipa::path(put, path = "/code-assistant-api/v1/conversations/{conversationId}", tag = "codemie",
    params(("conversationId" = String, Path, description = "The conversation")), request_body = wire::Update,
    responses(
        (status = 200, description = "The conversation", body = wire::Details<'_>),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn update(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
    Json { value: update, .. }: Json<wire::Update, CodeMieError>,
) -> Result<Response, CodeMieError> {
    let asks = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    for (what, asked) in [
        ("folder", asks(&update.folder)),
        ("llm_model", asks(&update.llm_model)),
        ("active_assistant_id", asks(&update.active_assistant_id)),
    ] {
        if asked {
            return Err(CodeMieError::not_built(what));
        }
    }
    let title = update.name.map(checked_title).transpose()?;
    let change = Change { title, pinned: update.pinned, bot: None };
    let changed = app.conversations.change(&principal, Dialect::CodeMie, &id, change).await;
    changed.map_err(|error| absent(error, &id))?;
    details(&app, &principal, &id).await
}

/// Deletes a conversation; an answer that is being written in it is stopped.
#[utoipa::path(delete, path = "/code-assistant-api/v1/conversations/{conversationId}", tag = "codemie",
    params(("conversationId" = String, Path, description = "The conversation")),
    responses(
        (status = 200, description = "Deleted"),
        (status = 404, description = "No such conversation", body = dialect::ErrorBody<'_>),
    ))]
async fn delete(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    PathId(id, _): PathId<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let deleted = app.conversations.delete(&principal, Dialect::CodeMie, &id).await;
    deleted.map_err(|error| absent(error, &id))?;
    Ok(axum::Json(json!({ "message": "Specified conversation removed" })).into_response())
}

fn absent(error: Error, id: &str) -> CodeMieError {
    if error.kind == ErrorKind::NotFound { CodeMieError::conversation_not_found(id) } else { error.into() }
}

fn checked_title(title: String) -> Result<String, CodeMieError> {
    check_text("name", &title)?;
    if title.trim().is_empty() || title.chars().count() > MAX_TITLE {
        return Err(CodeMieError::field("name", "must be 1 to 255 characters"));
    }
    Ok(title)
}

async fn details(app: &App, principal: &Principal, id: &str) -> Result<Response, CodeMieError> {
    let found = app.conversations.get(principal, Dialect::CodeMie, id).await;
    let record = found.map_err(|error| absent(error, id))?;
    let (_, user_name) = app.names_of(principal).await?;
    let mut assistants = Vec::with_capacity(record.summary.assistants.len());
    for id in &record.summary.assistants {
        match app.assistants.get(principal, id).await {
            Ok(assistant) => assistants.push(wire::AssistantData::from(assistant)),
            // It was deleted, or is no longer for the caller; what it said stays.
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let history = history(&record);
    let summary = &record.summary;
    Ok(axum::Json(wire::Details {
        id: &summary.name,
        date: summary.created_at.to_string(),
        update_date: summary.updated_at.to_string(),
        conversation_id: &summary.name,
        conversation_name: &summary.title,
        llm_model: None,
        folder: None,
        pinned: summary.pinned,
        history,
        user_id: principal.account().to_string(),
        user_name,
        initial_assistant_id: summary.assistants.first().map_or("", String::as_str),
        assistant_ids: &summary.assistants,
        assistant_data: assistants,
        final_user_mark: None,
        final_operator_mark: None,
        project: None,
        conversation_details: None,
        assistant_details: None,
        user_abilities: ["read", "write", "delete"],
        is_folder_migrated: true,
        is_workflow_conversation: false,
        category: None,
        mcp_server_single_usage: false,
        finished_at: None,
    })
    .into_response())
}

/// Every message in the order in which it was stored: a question answered again is a further pair of the same index.
fn history(record: &Record) -> Vec<wire::HistoryItem<'_>> {
    let numbered = record.turns.iter().zip(record.numbers());
    numbered
        .flat_map(|(turn, number)| question(turn, number).into_iter().chain(answer(turn, number)))
        .collect()
}

fn question(turn: &RecordedTurn, number: usize) -> Option<wire::HistoryItem<'_>> {
    let question = turn.question.as_ref()?;
    Some(wire::HistoryItem {
        role: "User",
        message: question.text.as_str().into(),
        history_index: number,
        date: turn.opened_at.to_string(),
        message_raw: question.markup.as_deref(),
        file_names: [],
        assistant_id: turn.assistant.as_deref(),
        response_time: None,
        input_tokens: None,
        output_tokens: None,
        thoughts: Vec::new(),
    })
}

fn answer(turn: &RecordedTurn, number: usize) -> Option<wire::HistoryItem<'_>> {
    let answer = turn.answer.as_ref()?;
    let seconds = |ended: jiff::Timestamp| ended.duration_since(turn.opened_at).as_secs_f64();
    let message = told(answer);
    let thought = dialect::Thought::own(dialect::thought_id(&answer.id), message.clone(), false);
    Some(wire::HistoryItem {
        role: "Assistant",
        message,
        history_index: number,
        date: answer.ended_at.unwrap_or(turn.opened_at).to_string(),
        message_raw: None,
        file_names: [],
        assistant_id: turn.assistant.as_deref(),
        response_time: answer.ended_at.map(seconds),
        input_tokens: Some(answer.usage.prompt_tokens),
        output_tokens: Some(answer.usage.completion_tokens),
        thoughts: vec![thought],
    })
}

/// A failure is told in the text, as in the answer itself.
fn told(answer: &RecordedAnswer) -> Cow<'_, str> {
    match &answer.outcome {
        Some(Outcome::Failed(failed)) => format!("{}{}", answer.text, failure::sentence(failed)).into(),
        Some(Outcome::Finished(_) | Outcome::Stopped) | None => answer.text.as_str().into(),
    }
}
