//! Messages: listed, shown, and sent for an answer that comes whole.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::conversations::Message;
use chat::ids::random_base62;
use chat::turn::{Dialect, Failure, Follows, Input, Outcome, TurnRequest, WhenUnread};
use chat::{Error, ErrorKind, Principal};
use http::HeaderMap;

use super::page::Query;
use super::rules::MAX_TEXT;
use super::{CodyError, ID_LENGTH, rules, wire};
use crate::app::App;
use crate::auth::SignedIn;
use crate::body::{Fields, PathId};
use crate::idempotency::idempotency_key;
use crate::prices::Prices;
use crate::public_address::PublicAddress;

const CONVERSATION: &str = "conversation_id";

/// The messages of a conversation, or of all, the newest first.
#[utoipa::path(get, path = "/api/v1/messages", tag = "cody",
    params(
        ("conversation_id" = Option<String>, Query), ("includes" = Option<String>, Query),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query),
    ),
    responses(
        (status = 200, description = "A page of messages", body = wire::Many<wire::Message>),
        (status = 401, description = "No credentials", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PublicAddress(address): PublicAddress,
    RawQuery(query): RawQuery,
) -> Result<Response, CodyError> {
    let query = Query::parse(query.as_deref());
    let show = |message| to_wire(message, &query, &app.prices, &address);
    let (pages, conversation) = (query.pages(), query.text(CONVERSATION));
    let found = app.conversations.messages(&principal, Dialect::Cody, conversation, pages.page()).await?;
    Ok(axum::Json(pages.answer(found, show)).into_response())
}

/// A message.
#[utoipa::path(get, path = "/api/v1/messages/{messageId}", tag = "cody",
    params(("messageId" = String, Path, description = "The message"), ("includes" = Option<String>, Query)),
    responses(
        (status = 200, description = "The message", body = wire::One<wire::Message>),
        (status = 404, description = "No such message", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn get(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PublicAddress(address): PublicAddress,
    PathId(id, _): PathId<CodyError>,
    RawQuery(query): RawQuery,
) -> Result<Response, CodyError> {
    one(&app, &principal, &id, &Query::parse(query.as_deref()), &address).await
}

/// Sends a message and answers with the bot's.
#[utoipa::path(post, path = "/api/v1/messages", tag = "cody", request_body = wire::MessageBody,
    params(("includes" = Option<String>, Query)),
    responses(
        (status = 200, description = "The answer", body = wire::One<wire::Message>),
        (status = 402, description = "The message limit is reached", body = wire::ErrorBody<'_>),
        (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
        (status = 500, description = "No answer came; the list has what did", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn send(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PublicAddress(address): PublicAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Fields<CodyError>,
) -> Result<Response, CodyError> {
    let mut fields = rules::Fields::of(body.value);
    let sent = Sent::read(&mut fields);
    fields.check()?;
    let request = TurnRequest {
        idempotency: idempotency_key(&headers, "/api/v1/messages")?,
        request_hash: body.hash,
        ..sent.request(&app, &principal).await?
    };
    let reply = app.chat.ask(&principal, request).await.map_err(gone)?.reply().await;
    if matches!(reply.end.outcome, Outcome::Failed(_)) {
        return Err(CodyError::answer_failed());
    }
    one(&app, &principal, &reply.head.answer_id, &Query::parse(query.as_deref()), &address).await
}

/// A message as it was sent.
pub(super) struct Sent {
    content: String,
    conversation: String,
}

impl Sent {
    pub(super) fn read(fields: &mut rules::Fields) -> Self {
        Self { content: fields.text("content", MAX_TEXT), conversation: fields.text(CONVERSATION, MAX_TEXT) }
    }

    /// The turn that it asks for. Nobody reading it stops nothing: the answer is looked up in the list.
    pub(super) async fn request(self, app: &App, principal: &Principal) -> Result<TurnRequest, CodyError> {
        let conversation = app.conversations.summary(principal, Dialect::Cody, &self.conversation).await;
        let conversation = conversation.map_err(gone)?;
        let bot = conversation.bot.as_deref().unwrap_or(chat::assistants::DEFAULT_SHORT_ID);
        let bot = app.assistants.get_by_short_id(principal, bot).await;
        let bot = bot.map_err(|error| absent(error, "bot_id"))?;
        let id = Some(random_base62(ID_LENGTH));
        Ok(TurnRequest {
            dialect: Dialect::Cody,
            conversation: Some(self.conversation),
            must_exist: true,
            name: None,
            input: Input::Message { id, content: self.content, follows: Follows::Tip },
            answer_id: Some(random_base62(ID_LENGTH)),
            markup: None,
            assistant: Some(bot.id),
            instructions: Some(bot.instructions),
            provider: None,
            model: bot.model,
            temperature: bot.temperature,
            top_p: bot.top_p,
            max_tokens: None,
            idempotency: None,
            request_hash: [0; 32],
            when_unread: WhenUnread::Continue,
            keep: true,
            form: None,
            projects: bot.knowledge.into_iter().map(|project| project.id).collect(),
        })
    }
}

/// A conversation that is not there, or no longer, is a mistake in the body.
pub(super) fn gone(error: Error) -> CodyError {
    absent(error, CONVERSATION)
}

fn absent(error: Error, field: &str) -> CodyError {
    if error.kind == ErrorKind::NotFound { CodyError::selected(field) } else { error.into() }
}

/// What stands in the place of what did not come: after a blank line if something came.
pub(super) fn apology(failure: &Failure, said_something: bool) -> String {
    if said_something { format!("\n\n{}", failure.message) } else { failure.message.clone() }
}

async fn one(
    app: &App,
    principal: &Principal,
    id: &str,
    query: &Query,
    address: &str,
) -> Result<Response, CodyError> {
    let message = app.conversations.message(principal, Dialect::Cody, id).await?;
    Ok(axum::Json(wire::One { data: to_wire(message, query, &app.prices, address) }).into_response())
}

fn to_wire(mut message: Message, query: &Query, prices: &Prices, address: &str) -> wire::Message {
    let evidence = message.answer.as_mut().and_then(|answer| answer.evidence.take());
    let failure = match &message.answer {
        Some(answer) => {
            if let Outcome::Failed(failure) = &answer.outcome {
                Some(failure)
            } else {
                None
            }
        }
        None => None,
    };
    let apology = failure.map(|failure| apology(failure, !message.text.is_empty()));
    let usage = message.answer.as_ref().map(|answer| wire::Usage {
        tokens: answer.usage.prompt_tokens.saturating_add(answer.usage.completion_tokens),
        credits: answer.answered_by.as_ref().map_or(0.0, |model| prices.credits(model, &answer.usage)),
    });
    let citations = evidence.map(|evidence| evidence.citations).unwrap_or_default();
    wire::Message {
        machine: message.answer.is_some(),
        failed_responding: failure.is_some(),
        content: message.text + apology.as_deref().unwrap_or_default(),
        id: message.id,
        conversation_id: message.conversation,
        flagged: false,
        created_at: message.at.as_second(),
        sources: query.includes("sources").then(|| wire::Sources::of(citations, address)),
        usage: query.includes("usage").then(|| usage.unwrap_or_default()),
    }
}
