//! The calls of Codmir's published SDK: one message in, `{success, data}` or plain text out.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::Error;
use chat::turn::{Dialect, Follows, Input, Outcome, TurnRequest, WhenUnread};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::chat::{check_model, name_model, projects};
use super::encode::PlainText;
use super::{CodmirError, wire};
use crate::app::App;
use crate::auth::{Caller, Standing};
use crate::body::{Json, check_text};
use crate::idempotency::idempotency_key;
use crate::sse::TurnBody;

/// A whole answer.
#[utoipa::path(post, path = "/api/ai/chat", tag = "codmir", request_body = wire::SdkRequest, responses(
    (status = 200, description = "The answer", body = wire::SdkResponse<'_>),
    (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    (status = "5XX", description = "Failed", body = wire::ErrorBody<'_>),
))]
pub(super) async fn answer(
    State(app): State<App>,
    Caller(principal): Caller,
    headers: HeaderMap,
    body: Json<wire::SdkRequest>,
) -> Result<Response, CodmirError> {
    let projects = projects(&app, &principal, body.value.project_id.as_deref()).await?;
    let request = translate(body, &headers, "/api/ai/chat", projects)?;
    let reply = app.chat.ask(&principal, request).await?.reply().await;
    if let Outcome::Failed(failure) = reply.end.outcome {
        return Err(Error::from(failure).into());
    }
    let body = wire::SdkResponse { success: true, data: wire::SdkData { response: &reply.text } };
    let mut response = axum::Json(body).into_response();
    name_model(&mut response, &reply.head);
    Ok(response)
}

/// The answer as plain text while it is written. A failure on the way breaks the connection without its last chunk.
#[utoipa::path(post, path = "/api/ai/chat/stream", tag = "codmir", request_body = wire::SdkRequest, responses(
    (status = 200, description = "Text", content_type = "text/plain"),
    (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    (status = "5XX", description = "Failed before the first token", body = wire::ErrorBody<'_>),
))]
pub(super) async fn stream(
    State(app): State<App>,
    Caller(principal): Caller,
    standing: Standing,
    headers: HeaderMap,
    body: Json<wire::SdkRequest>,
) -> Result<Response, CodmirError> {
    let projects = projects(&app, &principal, body.value.project_id.as_deref()).await?;
    let request = translate(body, &headers, "/api/ai/chat/stream", projects)?;
    let stream = app.chat.ask(&principal, request).await?;
    stream.first_delta(app.chat.settings().head_wait).await?;
    let head = stream.head().clone();
    let mut response =
        axum::body::Body::new(TurnBody::new(stream, PlainText::new(), standing)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    name_model(&mut response, &head);
    Ok(response)
}

fn translate(
    Json { value: body, hash, .. }: Json<wire::SdkRequest>,
    headers: &HeaderMap,
    route: &'static str,
    projects: Vec<String>,
) -> Result<TurnRequest, CodmirError> {
    if body.message.trim().is_empty() {
        return Err(CodmirError::field("message", "message must not be empty"));
    }
    let context = body.context.as_ref().map(context_text);
    check_text("message", &body.message)?;
    check_text("model", body.model.as_deref().unwrap_or_default())?;
    check_model(body.model.as_deref())?;
    check_text("context", context.as_deref().unwrap_or_default())?;
    Ok(TurnRequest {
        dialect: Dialect::Codmir,
        conversation: None,
        must_exist: false,
        name: None,
        input: Input::Message { id: None, content: body.message, follows: Follows::Tip },
        answer_id: None,
        markup: None,
        assistant: None,
        instructions: context,
        provider: None,
        model: body.model,
        temperature: None,
        top_p: None,
        max_tokens: None,
        idempotency: idempotency_key(headers, route)?,
        request_hash: hash,
        when_unread: WhenUnread::Cancel,
        keep: true,
        form: None,
        projects,
    })
}

fn context_text(context: &serde_json::Value) -> String {
    match context.as_str() {
        Some(text) => text.to_owned(),
        None => format!("Context:\n{context}"),
    }
}
