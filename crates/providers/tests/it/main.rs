//! The providers against a scripted upstream, over real connections.

use std::sync::Arc;

use chat::provider::{
    CompletionError, CompletionEvent, CompletionRequest, FinishReason, PromptMessage, Provider, Role, Usage,
};
use futures::StreamExt as _;
use providers::anthropic::Anthropic;
use providers::openai::OpenAi;
use providers::settings::{Kind, ProviderSettings};
use testkit::upstream::Upstream;

mod connection;
mod failures;
mod replay;
mod requests;

/// All that a stream yielded, in order.
type Outcome = Vec<Result<CompletionEvent, CompletionError>>;

fn settings(kind: Kind, upstream: &Upstream) -> ProviderSettings {
    let path = if kind == Kind::OpenAi { "/v1" } else { "" };
    ProviderSettings {
        base_url: Some(upstream.base_url() + path),
        api_key: Some("sk-secret".to_owned().into()),
        ..ProviderSettings::new(kind)
    }
}

fn provider(settings: &ProviderSettings) -> Arc<dyn Provider> {
    match settings.kind {
        Kind::OpenAi => Arc::new(OpenAi::new("openai", settings).expect("the settings are valid")),
        Kind::Anthropic => Arc::new(Anthropic::new("anthropic", settings).expect("the settings are valid")),
    }
}

fn question(model: &str) -> CompletionRequest {
    let content = "How is authentication handled?".to_owned();
    CompletionRequest {
        model: model.to_owned(),
        messages: vec![PromptMessage { role: Role::User, content }],
        temperature: None,
        top_p: None,
        max_tokens: None,
        extract: None,
    }
}

async fn ask(provider: &dyn Provider, request: CompletionRequest) -> Outcome {
    provider.stream(request).collect().await
}

fn text(delta: &str) -> Result<CompletionEvent, CompletionError> {
    Ok(CompletionEvent::TextDelta(delta.to_owned()))
}

fn finished(prompt_tokens: u32, completion_tokens: u32) -> Result<CompletionEvent, CompletionError> {
    let usage = Usage { prompt_tokens, completion_tokens, ..Usage::default() };
    Ok(CompletionEvent::Finished { reason: FinishReason::Stop, usage: Some(usage) })
}
