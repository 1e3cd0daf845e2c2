//! `POST /v1/assistants/{id}/model`: an assistant is asked, and answers whole or in pieces.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::assistants::Assistant;
use chat::ids::random_uuid;
use chat::provider::Role;
use chat::turn::{AnswerForm, Dialect, Follows, Input, ListedMessage, Outcome, TurnRequest, WhenUnread};
use chat::{ErrorKind, Principal, Reply};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::encode::Objects;
use super::framing::Framing;
use super::query::Query;
use super::schema::JsonAnswer;
use super::{CodeMieError, failure, tasks, wire};
use crate::app::App;
use crate::auth::{SignedIn, Standing};
use crate::body::{self, Json, PathId, check_text};
use crate::idempotency::idempotency_key;
use crate::sse::TurnBody;

/// Conversation ids that are paths of the vendor's own.
const RESERVED: [&str; 3] = ["search", "folder", "folders"];
/// What an `Idempotency-Key` counts for: the two addresses of an assistant are one route.
const ROUTE: &str = "/code-assistant-api/v1/assistants/model";
const MAX_CONVERSATION_ID: usize = 128;

/// What the query says about the answer.
#[derive(Debug, Clone, Copy)]
struct Options {
    /// Whether the answer lists the tools that failed; a stream then has one more object.
    tool_errors: bool,
}

impl Options {
    fn parse(query: Option<&str>) -> Result<Self, CodeMieError> {
        let query = Query::parse(query);
        let level = query.text("error_detail_level");
        // Errors here have one sentence, whatever the level.
        if level.is_some_and(|level| !["minimal", "standard", "full"].contains(&level)) {
            return Err(CodeMieError::parameter("error_detail_level", "must be minimal, standard or full"));
        }
        Ok(Self { tool_errors: query.flag("include_tool_errors")?.unwrap_or(false) })
    }
}

/// A body as it came, its fields not yet looked at: their spelling and presence matter.
type RawAsk = Json<Map<String, Value>, CodeMieError>;

/// Asks an assistant by its id.
#[utoipa::path(post, path = "/code-assistant-api/v1/assistants/{assistantId}/model", tag = "codemie",
    params(
        ("assistantId" = String, Path, description = "The assistant"),
        ("include_tool_errors" = Option<bool>, Query), ("error_detail_level" = Option<String>, Query),
    ), request_body = wire::Ask,
    responses(
        (status = 200, description = "The answer, or a stream of objects", body = wire::Answer<'_>),
        (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
        (status = "5XX", description = "Failed", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn ask_assistant(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    standing: Standing,
    PathId(id, _): PathId<CodeMieError>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: RawAsk,
) -> Result<Response, CodeMieError> {
    let options = Options::parse(query.as_deref())?;
    let assistant = app.assistants.get(&principal, &id).await.map_err(|error| absent(error, &id))?;
    ask(&app, &principal, standing, &assistant, options, &headers, body).await
}

/// Asks an assistant by its slug.
#[utoipa::path(post, path = "/code-assistant-api/v1/assistants/slug/{slug}/model", tag = "codemie",
    params(
        ("slug" = String, Path, description = "The assistant's slug"),
        ("include_tool_errors" = Option<bool>, Query), ("error_detail_level" = Option<String>, Query),
    ), request_body = wire::Ask,
    responses(
        (status = 200, description = "The answer, or a stream of objects", body = wire::Answer<'_>),
        (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
        (status = "5XX", description = "Failed", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn ask_assistant_by_slug(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
    standing: Standing,
    PathId(slug, _): PathId<CodeMieError>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: RawAsk,
) -> Result<Response, CodeMieError> {
    let options = Options::parse(query.as_deref())?;
    let assistant =
        app.assistants.get_by_slug(&principal, &slug).await.map_err(|error| absent(error, &slug))?;
    ask(&app, &principal, standing, &assistant, options, &headers, body).await
}

pub(super) fn absent(error: chat::Error, id: &str) -> CodeMieError {
    if error.kind == ErrorKind::NotFound { CodeMieError::assistant_not_found(id) } else { error.into() }
}

async fn ask(
    app: &App,
    principal: &Principal,
    standing: Standing,
    assistant: &Assistant,
    options: Options,
    headers: &HeaderMap,
    body: RawAsk,
) -> Result<Response, CodeMieError> {
    let started = Instant::now();
    let fields = in_one_spelling(body.value);
    let framing = Framing::of(headers, known(&fields));
    let ask = parse(fields)?;
    let streams = ask.stream == Some(true);
    let in_background = !streams && ask.background_task == Some(true);
    let request = TurnRequest {
        idempotency: idempotency_key(headers, ROUTE)?,
        request_hash: asked_of(assistant, body.hash),
        ..translate(app, principal, assistant, ask).await?
    };
    if !request.keep {
        refuse_unkept(in_background, &request)?;
    }
    if in_background {
        return tasks::start(app, principal, request).await;
    }
    let structured = request.form.is_some();
    let stream = app.chat.ask(principal, request).await?;
    if !streams {
        return Ok(whole(&stream.reply().await, started, structured, options));
    }
    stream.first_delta(app.chat.settings().head_wait).await?;
    let thought = wire::thought_id(&stream.head().answer_id);
    let body = TurnBody::new(stream, Objects::new(framing, thought, options.tool_errors), standing);
    let body = match framing {
        Framing::EventStream => body.with_heartbeat(app.heartbeat_interval),
        Framing::Ndjson => body.by_line().with_keep_alive(app.heartbeat_interval, b"\n"),
    };
    let mut response = axum::body::Body::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(framing.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// What nothing is stored of can neither be asked after nor found again.
fn refuse_unkept(in_background: bool, request: &TurnRequest) -> Result<(), CodeMieError> {
    if in_background {
        return Err(CodeMieError::field("saveHistory", "must not be false for a background task"));
    }
    if request.idempotency.is_some() {
        return Err(CodeMieError::field("saveHistory", "must not be false with an Idempotency-Key"));
    }
    Ok(())
}

/// The same body for another assistant is another request.
fn asked_of(assistant: &Assistant, body_hash: [u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(body_hash).chain_update(&assistant.id).finalize().into()
}

/// Brings every name to its camelCase spelling; the SDK writes snake_case, the page and the UI camelCase.
fn in_one_spelling(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (camel_case(&name), value)).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

fn known(fields: &Map<String, Value>) -> impl Iterator<Item = &str> {
    fields.keys().map(String::as_str).filter(|name| wire::FIELDS.contains(name))
}

fn parse(fields: Map<String, Value>) -> Result<wire::Ask, CodeMieError> {
    let ask = serde_path_to_error::deserialize(Value::Object(fields));
    ask.map_err(|error| body::field_error(&error).into())
}

async fn translate(
    app: &App,
    principal: &Principal,
    assistant: &Assistant,
    ask: wire::Ask,
) -> Result<TurnRequest, CodeMieError> {
    refuse_unbuilt(&ask)?;
    let text = ask
        .text
        .filter(|text| !text.is_empty())
        .ok_or_else(|| CodeMieError::field("text", "Field required"))?;
    check_text("text", &text)?;
    check_text("llmModel", ask.llm_model.as_deref().unwrap_or_default())?;
    check_text("systemPrompt", ask.system_prompt.as_deref().unwrap_or_default())?;
    check_text("contentRaw", ask.content_raw.as_deref().unwrap_or_default())?;
    let schema = ask.output_schema.filter(|schema| !schema.is_null());
    let form = schema.as_ref().map(JsonAnswer::new).transpose()?;
    let conversation =
        ask.conversation_id.filter(|id| !id.is_empty()).map(checked_conversation_id).transpose()?;
    let history = ask.history.map(listed).transpose()?.unwrap_or_default();
    // What is stored replaces what the client says was said.
    let stored = match &conversation {
        Some(id) if !history.is_empty() => is_stored(app, principal, id).await?,
        _ => false,
    };
    let input = if history.is_empty() || stored {
        let follows = ask.history_index.map_or(Follows::Tip, Follows::Question);
        Input::Message { id: None, content: text, follows }
    } else {
        let question = ListedMessage { id: None, role: Role::User, content: text };
        Input::Transcript(history.into_iter().chain([question]).collect())
    };
    let instructions = ask.system_prompt.filter(|prompt| !prompt.is_empty());
    Ok(TurnRequest {
        dialect: Dialect::CodeMie,
        conversation: Some(conversation.unwrap_or_else(random_uuid)),
        must_exist: false,
        name: None,
        input,
        answer_id: None,
        markup: ask.content_raw.filter(|markup| !markup.is_empty()),
        assistant: Some(assistant.id.clone()),
        instructions: instructions.or_else(|| Some(assistant.instructions.clone())),
        provider: None,
        model: ask.llm_model.or_else(|| assistant.model.clone()),
        temperature: assistant.temperature,
        top_p: assistant.top_p,
        max_tokens: None,
        idempotency: None,
        request_hash: [0; 32],
        when_unread: WhenUnread::Cancel,
        keep: ask.save_history != Some(false),
        form: form.map(|form| Arc::new(form) as Arc<dyn AnswerForm>),
        projects: assistant.knowledge.iter().map(|project| project.id.clone()).collect(),
    })
}

/// A field whose feature is not built is an error where it asks for something; empty or false it is nothing.
fn refuse_unbuilt(ask: &wire::Ask) -> Result<(), CodeMieError> {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let asked = [
        ("file_names", some(&ask.file_names) || ask.file_name.as_ref().is_some_and(|name| !name.is_empty())),
        ("tools_config", ask.tools_config.as_ref().is_some_and(|tools| !tools.is_empty())),
        ("version", ask.version.is_some()),
        (
            "sub_assistants_versions",
            ask.sub_assistants_versions.as_ref().is_some_and(|versions| !versions.is_empty()),
        ),
        ("workflow_execution_id", ask.workflow_execution_id.as_ref().is_some_and(|id| !id.is_empty())),
        ("interactive_response", ask.interactive_response.as_ref().is_some_and(|answer| !answer.is_null())),
        ("skill_ids", some(&ask.skill_ids)),
        ("enable_image_generation", ask.enable_image_generation == Some(true)),
        (
            "image_generation_model",
            ask.image_generation_model.as_ref().is_some_and(|model| !model.is_empty()),
        ),
        ("enable_web_search", ask.enable_web_search == Some(true)),
        ("enable_code_interpreter", ask.enable_code_interpreter == Some(true)),
    ];
    match asked.iter().find(|(_, asks)| *asks) {
        Some((what, _)) => Err(CodeMieError::not_built(what)),
        None => Ok(()),
    }
}

fn checked_conversation_id(id: String) -> Result<String, CodeMieError> {
    check_text("conversationId", &id)?;
    if id.chars().count() > MAX_CONVERSATION_ID || id.contains('/') || RESERVED.contains(&id.as_str()) {
        let message = "must be at most 128 characters without a slash, and not search, folder or folders";
        return Err(CodeMieError::field("conversationId", message));
    }
    Ok(id)
}

fn listed(history: wire::History) -> Result<Vec<ListedMessage>, CodeMieError> {
    let items = match history {
        wire::History::Messages(items) => items,
        wire::History::Text(text) => vec![wire::HistoryItem { role: "User".to_owned(), message: Some(text) }],
    };
    let mut messages = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let role = match item.role.to_ascii_lowercase().as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => {
                return Err(CodeMieError::field(
                    "history",
                    &format!("item {index}: role must be User or Assistant"),
                ));
            }
        };
        let content = item.message.unwrap_or_default();
        check_text("history", &content)?;
        if !content.is_empty() {
            messages.push(ListedMessage { id: None, role, content });
        }
    }
    Ok(messages)
}

async fn is_stored(app: &App, principal: &Principal, id: &str) -> Result<bool, CodeMieError> {
    match app.chat.conversation(principal, Dialect::CodeMie, id).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A model's failure is a 200 that says so: clients of this API read it there.
fn whole(reply: &Reply, started: Instant, structured: bool, options: Options) -> Response {
    let failed = if let Outcome::Failed(failure) = &reply.end.outcome { Some(failure) } else { None };
    let text = match failed {
        Some(failure) => format!("{}{}", reply.text, failure::sentence(failure)),
        None => reply.text.clone(),
    };
    let thought = wire::thought_id(&reply.head.answer_id);
    let json = if structured && failed.is_none() { serde_json::from_str(&text).ok() } else { None };
    let answer = wire::Answer {
        generated: json.map_or(wire::Generated::Text(&text), wire::Generated::Json),
        time_elapsed: started.elapsed().as_secs_f64(),
        tokens_used: reply.end.usage.prompt_tokens.saturating_add(reply.end.usage.completion_tokens),
        thoughts: vec![wire::Thought::own(thought, text.as_str(), false)],
        task_id: None,
        success: failed.is_none(),
        agent_error: failed.map(failure::agent_error),
        // There are no tools that could fail.
        tool_errors: options.tool_errors.then(Vec::new),
        conversation_id: &reply.head.conversation_name,
    };
    axum::Json(answer).into_response()
}
