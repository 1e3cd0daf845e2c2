//! Conversations: listed, made, shown, changed and deleted by their owner, whom alone they are for.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::conversations::{Change, Filter, Order};
use chat::ids::random_base62;
use chat::turn::Dialect;
use chat::{Error, ErrorKind, Principal};

use super::page::Query;
use super::rules::{self, MAX_TEXT};
use super::{CodyError, ID_LENGTH, wire};
use crate::app::App;
use crate::auth::SignedIn;
use crate::body::{Fields, PathId};

const DOCUMENTS: &str = "document_ids";

/// The conversations, the last made first.
#[utoipa::path(get, path = "/api/v1/conversations", tag = "cody",
    params(
        ("bot_id" = Option<String>, Query), ("keyword" = Option<String>, Query, description = "A part of the name"),
        ("includes" = Option<String>, Query), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query),
    ),
    responses(
        (status = 200, description = "A page of conversations", body = wire::Many<wire::Conversation>),
        (status = 401, description = "No credentials", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    RawQuery(query): RawQuery,
) -> Result<Response, CodyError> {
    let query = Query::parse(query.as_deref());
    let text = |name| query.text(name).map(str::to_owned);
    let filter = Filter { name: None, bot: text("bot_id"), keyword: text("keyword") };
    let (pages, with_documents) = (query.pages(), query.includes(DOCUMENTS));
    let found =
        app.conversations.list(&principal, Dialect::Cody, filter, Order::Opened, pages.page()).await?;
    let to_wire = |conversation| wire::Conversation::of(conversation, with_documents);
    Ok(axum::Json(pages.answer(found, to_wire)).into_response())
}

/// Makes a conversation with a bot.
#[utoipa::path(post, path = "/api/v1/conversations", tag = "cody", request_body = wire::ConversationBody,
    responses(
        (status = 200, description = "The conversation", body = wire::One<wire::Conversation>),
        (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn create(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    RawQuery(query): RawQuery,
    body: Fields<CodyError>,
) -> Result<Response, CodyError> {
    let (name, bot) = checked(&app, &principal, body).await?;
    let id = random_base62(ID_LENGTH);
    app.conversations.create(&principal, Dialect::Cody, id.clone(), name, bot).await?;
    one(&app, &principal, &id, &Query::parse(query.as_deref())).await
}

/// A conversation.
#[utoipa::path(get, path = "/api/v1/conversations/{conversationId}", tag = "cody",
    params(
        ("conversationId" = String, Path, description = "The conversation"), ("includes" = Option<String>, Query),
    ),
    responses(
        (status = 200, description = "The conversation", body = wire::One<wire::Conversation>),
        (status = 404, description = "No such conversation", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn get(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PathId(id, _): PathId<CodyError>,
    RawQuery(query): RawQuery,
) -> Result<Response, CodyError> {
    one(&app, &principal, &id, &Query::parse(query.as_deref())).await
}

/// Gives a conversation another name and bot; clients differ in the verb.
#[utoipa::path(method(post, put, patch), path = "/api/v1/conversations/{conversationId}", tag = "cody",
    params(("conversationId" = String, Path, description = "The conversation")), request_body = wire::ConversationBody,
    responses(
        (status = 200, description = "The conversation", body = wire::One<wire::Conversation>),
        (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn update(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PathId(id, _): PathId<CodyError>,
    RawQuery(query): RawQuery,
    body: Fields<CodyError>,
) -> Result<Response, CodyError> {
    app.conversations.summary(&principal, Dialect::Cody, &id).await?;
    let (title, bot) = checked(&app, &principal, body).await?;
    let change = Change { title: Some(title), pinned: None, bot: Some(bot) };
    app.conversations.change(&principal, Dialect::Cody, &id, change).await?;
    one(&app, &principal, &id, &Query::parse(query.as_deref())).await
}

/// Deletes a conversation with its messages; an answer that is being written is stopped.
#[utoipa::path(delete, path = "/api/v1/conversations/{conversationId}", tag = "cody",
    params(("conversationId" = String, Path, description = "The conversation")),
    responses(
        (status = 200, description = "Deleted", body = wire::Deleted),
        (status = 404, description = "No such conversation", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn delete(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PathId(id, _): PathId<CodyError>,
) -> Result<Response, CodyError> {
    app.conversations.delete(&principal, Dialect::Cody, &id).await?;
    Ok(axum::Json(wire::Deleted { data: true, success: true }).into_response())
}

/// The name and the bot of a body.
async fn checked(
    app: &App,
    principal: &Principal,
    body: Fields<CodyError>,
) -> Result<(String, String), CodyError> {
    let mut fields = rules::Fields::of(body.value);
    let (name, bot) = (fields.text("name", MAX_TEXT), fields.text("bot_id", MAX_TEXT));
    fields.documents(DOCUMENTS);
    fields.check()?;
    match app.assistants.get_by_short_id(principal, &bot).await {
        Ok(_) => Ok((name, bot)),
        Err(Error { kind: ErrorKind::NotFound, .. }) => Err(CodyError::selected("bot_id")),
        Err(error) => Err(error.into()),
    }
}

async fn one(app: &App, principal: &Principal, id: &str, query: &Query) -> Result<Response, CodyError> {
    let found = app.conversations.summary(principal, Dialect::Cody, id).await?;
    let data = wire::Conversation::of(found, query.includes(DOCUMENTS));
    Ok(axum::Json(wire::One { data }).into_response())
}
