//! Chat: `/api/chat` answers whole, `/api/chat/stream` and `/api/chat/reason` stream.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::turn::{Dialect, Follows, Input, ListedMessage, Outcome, TurnHead, TurnRequest, WhenUnread};
use chat::{Error, ErrorKind, Principal, Reply, TurnStream, provider};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::encode::{Published, V2};
use super::{CodmirError, wire};
use crate::app::App;
use crate::auth::{Caller, Standing};
use crate::body::{Json, check_text};
use crate::idempotency::idempotency_key;
use crate::sse::TurnBody;

const X_CHAT_STREAM: HeaderName = HeaderName::from_static("x-chat-stream");
const X_TURN_ID: HeaderName = HeaderName::from_static("x-turn-id");
const X_SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");
const X_LATIMER_MODEL: HeaderName = HeaderName::from_static("x-latimer-model");
/// The provider of requests that name none.
const DEFAULT_PROVIDER: &str = "openai";
const PROVIDERS: [&str; 2] = [DEFAULT_PROVIDER, "anthropic"];
/// A longer list is no conversation.
const MAX_MESSAGES: usize = 10_000;
/// A longer name is no model's. What answers is named in a header, of which clients take only so much.
const MAX_MODEL_NAME: usize = 256;

/// A whole answer; a stream if `stream` is true, or if `Accept` names `text/event-stream` and not JSON.
#[utoipa::path(post, path = "/api/chat", tag = "codmir", request_body = wire::ChatRequest, responses(
    (status = 200, description = "The answer", body = wire::ChatResponse<'_>),
    (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    (status = "5XX", description = "Failed", body = wire::ErrorBody<'_>),
))]
pub(super) async fn answer(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    headers: HeaderMap,
    body: Json<wire::ChatRequest>,
) -> Result<Response, CodmirError> {
    if body.value.stream == Some(true) || wants_stream(&headers) {
        return start_stream(&app, &principal, standing, &headers, body, "/api/chat").await;
    }
    let projects = projects(&app, &principal, body.value.project_id.as_deref()).await?;
    let request = translate(body, &headers, "/api/chat", WhenUnread::Cancel, projects)?;
    let reply = app.chat.ask(&principal, request).await?.reply().await;
    whole(&reply)
}

/// A stream of Server-Sent Events, whatever `Accept` says.
#[utoipa::path(post, path = "/api/chat/stream", tag = "codmir", request_body = wire::ChatRequest, responses(
    (status = 200, description = "Server-Sent Events", content_type = "text/event-stream"),
    (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    (status = "5XX", description = "Failed before the first token", body = wire::ErrorBody<'_>),
))]
pub(super) async fn stream(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    headers: HeaderMap,
    body: Json<wire::ChatRequest>,
) -> Result<Response, CodmirError> {
    start_stream(&app, &principal, standing, &headers, body, "/api/chat/stream").await
}

/// The same stream under its other published name.
#[utoipa::path(post, path = "/api/chat/reason", tag = "codmir", request_body = wire::ChatRequest, responses(
    (status = 200, description = "Server-Sent Events", content_type = "text/event-stream"),
    (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    (status = "5XX", description = "Failed before the first token", body = wire::ErrorBody<'_>),
))]
pub(super) async fn reason(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    headers: HeaderMap,
    body: Json<wire::ChatRequest>,
) -> Result<Response, CodmirError> {
    start_stream(&app, &principal, standing, &headers, body, "/api/chat/reason").await
}

async fn start_stream(
    app: &App,
    principal: &Principal,
    standing: Standing,
    headers: &HeaderMap,
    body: Json<wire::ChatRequest>,
    route: &'static str,
) -> Result<Response, CodmirError> {
    let resumable = is_v2(headers);
    let when_unread = if resumable { WhenUnread::Continue } else { WhenUnread::Cancel };
    let projects = projects(app, principal, body.value.project_id.as_deref()).await?;
    let request = translate(body, headers, route, when_unread, projects)?;
    let stream = app.chat.ask(principal, request).await?;
    if resumable {
        return Ok(resumable_stream(app, stream, 0, standing));
    }
    stream.first_delta(app.chat.settings().head_wait).await?;
    let head = stream.head().clone();
    let body = TurnBody::new(stream, Published::new(&head.conversation_name), standing);
    let mut response = body.with_heartbeat(app.heartbeat_interval).into_event_stream();
    name_model(&mut response, &head);
    Ok(response)
}

/// The v2 stream for a reader that has seen the frames up to `seen`. It begins at once, since whatever fails later can be
/// told in it, and a client that knows the turn can come back.
pub(super) fn resumable_stream(app: &App, stream: TurnStream, seen: u64, standing: Standing) -> Response {
    let head = stream.head().clone();
    let body = TurnBody::new(stream, V2::new(&head.conversation_name, seen), standing);
    let mut response = body.with_heartbeat(app.heartbeat_interval).into_event_stream();
    name_model(&mut response, &head);
    let headers = response.headers_mut();
    headers.insert(X_CHAT_STREAM, HeaderValue::from_static("v2"));
    insert(headers, X_TURN_ID, &head.name);
    insert(headers, X_SESSION_ID, &head.conversation_name);
    response
}

fn whole(reply: &Reply) -> Result<Response, CodmirError> {
    if let Outcome::Failed(failure) = &reply.end.outcome {
        return Err(Error::from(failure.clone()).into());
    }
    let (usage, evidence) = (&reply.end.usage, reply.evidence.as_ref());
    let body = wire::ChatResponse {
        id: &reply.head.answer_id,
        session_id: &reply.head.conversation_name,
        content: &reply.text,
        role: wire::Role::Assistant,
        model: &reply.head.asked.model,
        provider: &reply.head.asked.provider,
        usage: wire::Tokens {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        },
        created_at: reply.head.opened_at.to_string(),
        citations: evidence.map(|evidence| evidence.citations.iter().map(wire::Citation::from).collect()),
        refused: evidence.map(|evidence| evidence.refused),
    };
    let mut response = axum::Json(body).into_response();
    name_model(&mut response, &reply.head);
    Ok(response)
}

/// Says which model answers; a name that no header can carry is left out.
pub(super) fn name_model(response: &mut Response, head: &TurnHead) {
    insert(response.headers_mut(), X_LATIMER_MODEL, &head.answered_by.to_string());
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn is_v2(headers: &HeaderMap) -> bool {
    headers.get(X_CHAT_STREAM).is_some_and(|value| value == "v2")
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = |media: &str| {
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            value
                .split(',')
                .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media))
        })
    };
    accepts("text/event-stream") && !accepts("application/json")
}

/// The projects whose documents the answer may rest on: the one that is named, if the caller may know of it.
pub(super) async fn projects(
    app: &App,
    principal: &Principal,
    named: Option<&str>,
) -> Result<Vec<String>, CodmirError> {
    let Some(name) = named else { return Ok(Vec::new()) };
    check_text("projectId", name)?;
    Ok(app.documents.project(principal, name).await?.into_iter().collect())
}

fn translate(
    Json { value: body, hash, .. }: Json<wire::ChatRequest>,
    headers: &HeaderMap,
    route: &'static str,
    when_unread: WhenUnread,
    projects: Vec<String>,
) -> Result<TurnRequest, CodmirError> {
    check_texts(&body)?;
    check_model(body.model.as_deref())?;
    let v2 = when_unread == WhenUnread::Continue;
    if v2 && (body.continue_message_id.is_some() || body.messages.is_empty()) {
        return Err(not_built(
            "continuing and regenerating an answer are not built yet; send the message again",
        ));
    }
    let provider = body.provider.unwrap_or_else(|| DEFAULT_PROVIDER.to_owned());
    if !PROVIDERS.contains(&provider.as_str()) {
        return Err(CodmirError::field("provider", "provider must be \"openai\" or \"anthropic\""));
    }
    let (system, said): (Vec<_>, Vec<_>) =
        body.messages.into_iter().partition(|message| message.role == wire::Role::System);
    let instructions: Vec<String> =
        body.system_prompt.into_iter().chain(system.into_iter().map(|message| message.content)).collect();
    Ok(TurnRequest {
        dialect: Dialect::Codmir,
        conversation: body.session_id.filter(|id| is_id(id, 1)),
        must_exist: false,
        name: body.turn_id.filter(|_| v2).map(checked_turn_id).transpose()?,
        input: input(said, body.message_id.filter(|_| v2), body.parent_id.filter(|_| v2))?,
        answer_id: None,
        markup: None,
        assistant: None,
        instructions: (!instructions.is_empty()).then(|| instructions.join("\n\n")),
        provider: Some(provider),
        model: body.model,
        temperature: body.temperature.map(checked_temperature).transpose()?,
        top_p: None,
        max_tokens: body.max_tokens.map(checked_max_tokens).transpose()?,
        idempotency: idempotency_key(headers, route)?,
        request_hash: hash,
        when_unread,
        keep: true,
        form: None,
        projects,
    })
}

fn input(said: Vec<wire::Message>, id: Option<String>, parent: Option<String>) -> Result<Input, CodmirError> {
    let Some(last) = said.last() else {
        return Err(CodmirError::field("messages", "messages must hold a user's message"));
    };
    if last.role != wire::Role::User {
        return Err(CodmirError::field("messages", "the last message must be a user's"));
    }
    if let [only] = said.as_slice() {
        if id.as_deref().is_some_and(|id| !is_id(id, 1)) {
            return Err(CodmirError::field(
                "messageId",
                "messageId must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -",
            ));
        }
        let follows = parent.map_or(Follows::Tip, Follows::Message);
        return Ok(Input::Message { id, content: only.content.clone(), follows });
    }
    let listed = |message: wire::Message| ListedMessage {
        id: message.id,
        role: if message.role == wire::Role::User { provider::Role::User } else { provider::Role::Assistant },
        content: message.content,
    };
    Ok(Input::Transcript(said.into_iter().map(listed).collect()))
}

fn check_texts(body: &wire::ChatRequest) -> Result<(), CodmirError> {
    if body.messages.len() > MAX_MESSAGES {
        return Err(CodmirError::field("messages", format!("messages must hold at most {MAX_MESSAGES}")));
    }
    for (index, message) in body.messages.iter().enumerate() {
        let field = format!("messages[{index}].content");
        if message.content.is_empty() {
            return Err(CodmirError::field(field.clone(), format!("{field} must not be empty")));
        }
        check_text(&field, &message.content)?;
        check_text(&format!("messages[{index}].id"), message.id.as_deref().unwrap_or_default())?;
    }
    let optional = [
        ("projectId", &body.project_id),
        ("model", &body.model),
        ("systemPrompt", &body.system_prompt),
        ("sessionId", &body.session_id),
        ("turnId", &body.turn_id),
        ("messageId", &body.message_id),
        ("parentId", &body.parent_id),
        ("continueMessageId", &body.continue_message_id),
    ];
    for (field, text) in optional {
        check_text(field, text.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

pub(super) fn check_model(model: Option<&str>) -> Result<(), CodmirError> {
    if model.is_some_and(|model| model.len() > MAX_MODEL_NAME) {
        return Err(CodmirError::field("model", format!("model must be at most {MAX_MODEL_NAME} bytes")));
    }
    Ok(())
}

/// Sessions, turns and messages are named by `[A-Za-z0-9_-]`, at most 64 of them.
pub(super) fn is_id(text: &str, shortest: usize) -> bool {
    (shortest..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn checked_turn_id(id: String) -> Result<String, CodmirError> {
    let wrong =
        || CodmirError::field("turnId", "turnId must be 16 to 64 characters of A-Z, a-z, 0-9, _ and -");
    if is_id(&id, 16) { Ok(id) } else { Err(wrong()) }
}

fn checked_temperature(temperature: f64) -> Result<f32, CodmirError> {
    if (0.0..=2.0).contains(&temperature) {
        return Ok(temperature as f32);
    }
    Err(CodmirError::field("temperature", "temperature must be between 0 and 2"))
}

fn checked_max_tokens(max_tokens: i64) -> Result<u32, CodmirError> {
    let wrong = || CodmirError::field("maxTokens", "maxTokens must be an integer of at least 1");
    if max_tokens < 1 { Err(wrong()) } else { Ok(u32::try_from(max_tokens).unwrap_or(u32::MAX)) }
}

fn not_built(message: &str) -> CodmirError {
    Error::new(ErrorKind::NotImplemented, message).into()
}
