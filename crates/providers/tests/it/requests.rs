//! What the vendors are asked, and that they would take it.

use chat::provider::{CompletionError, CompletionRequest, PromptMessage, Role};
use providers::fit::{FitRule, TemperatureFit, TokenLimitField};
use providers::openai::OpenAi;
use providers::settings::{Kind, ProviderSettings, SettingsError};
use serde_json::{Value, json};
use testkit::upstream::{Strict, Upstream, anthropic_stream, openai_stream};

use crate::{ask, finished, provider, settings, text};

/// The whole body of the Codmir page's example: system prompt, question, temperature and token limit.
fn codmir_example(model: &str) -> CompletionRequest {
    prompt(model, &[(Role::System, "You are..."), (Role::User, "How is authentication handled?")])
}

fn prompt(model: &str, messages: &[(Role, &str)]) -> CompletionRequest {
    let messages =
        messages.iter().map(|&(role, content)| PromptMessage { role, content: content.to_owned() });
    CompletionRequest {
        model: model.to_owned(),
        messages: messages.collect(),
        temperature: Some(0.7),
        top_p: None,
        max_tokens: Some(4096),
        extract: None,
    }
}

/// The loopback upstream can't be at the vendor's own address, so a rule says what the address would.
fn as_at_own_address(settings: ProviderSettings) -> ProviderSettings {
    let token_limit = Some(TokenLimitField::MaxCompletionTokens);
    ProviderSettings { fit: vec![FitRule { models: "*".into(), temperature: None, token_limit }], ..settings }
}

/// The body that a provider with these settings sends for `request`.
async fn sent(upstream: &Upstream, settings: &ProviderSettings, request: CompletionRequest) -> Value {
    upstream.always(match settings.kind {
        Kind::OpenAi => openai_stream(&["Auth"]),
        Kind::Anthropic => anthropic_stream(&["Auth"]),
    });
    assert_eq!(ask(&*provider(settings), request).await, [text("Auth"), finished(9, 1)]);
    upstream.requests().pop().expect("it was asked").json()
}

#[tokio::test]
async fn openai_itself_takes_the_codmir_example() {
    let upstream = Upstream::start().await;
    upstream.be_strict(Strict::OpenAi { own_address: true });
    let settings = as_at_own_address(settings(Kind::OpenAi, &upstream));
    let expected = json!({
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "You are..."},
            {"role": "user", "content": "How is authentication handled?"},
        ],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_completion_tokens": 4096,
    });
    assert_eq!(sent(&upstream, &settings, codmir_example("gpt-5")).await, expected);

    let request = upstream.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_compatible_server_takes_the_codmir_example() {
    let upstream = Upstream::start().await;
    upstream.be_strict(Strict::OpenAi { own_address: false });
    let settings = ProviderSettings { api_key: None, ..settings(Kind::OpenAi, &upstream) };
    let request = CompletionRequest { top_p: Some(0.5), ..codmir_example("llama3.2") };
    let body = sent(&upstream, &settings, request).await;
    assert_eq!((&body["max_tokens"], &body["top_p"]), (&json!(4096), &json!(0.5)));
    assert_eq!(body["temperature"].to_string(), "0.7");
    assert_eq!(body.get("max_completion_tokens"), None);
    assert_eq!(upstream.requests().pop().unwrap().header("authorization"), None);
}

#[tokio::test]
async fn anthropic_takes_the_codmir_example() {
    let upstream = Upstream::start().await;
    upstream.be_strict(Strict::Anthropic);
    let settings = settings(Kind::Anthropic, &upstream);
    let expected = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "system": "You are...",
        "messages": [{"role": "user", "content": "How is authentication handled?"}],
        "stream": true,
    });
    let request = CompletionRequest { top_p: Some(0.5), ..codmir_example("claude-sonnet-4-5") };
    let mut body = sent(&upstream, &settings, request).await;
    let temperature = body.as_object_mut().unwrap().remove("temperature").unwrap();
    assert_eq!(body, expected);
    assert_eq!(temperature.to_string(), "0.35");

    let request = upstream.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/messages"));
    assert_eq!(request.header("x-api-key"), Some("sk-secret"));
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
}

#[tokio::test]
async fn anthropic_is_told_a_limit_and_takes_turns() {
    let upstream = Upstream::start().await;
    upstream.be_strict(Strict::Anthropic);
    let messages = [
        (Role::User, "Hello."),
        (Role::User, "Anyone there?"),
        (Role::Assistant, "Yes."),
        (Role::User, "Good."),
    ];
    let request = CompletionRequest { max_tokens: None, temperature: None, ..prompt("claude-3", &messages) };
    let body = sent(&upstream, &settings(Kind::Anthropic, &upstream), request).await;
    let expected = json!({
        "model": "claude-3",
        "max_tokens": 4096,
        "messages": [
            {"role": "user", "content": "Hello.\n\nAnyone there?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "Good."},
        ],
        "stream": true,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_wrong_rule_is_refused_in_the_vendors_words() {
    let upstream = Upstream::start().await;
    upstream.be_strict(Strict::OpenAi { own_address: true });
    let plain = settings(Kind::OpenAi, &upstream);
    let rule = FitRule {
        models: "gpt-5*".into(),
        temperature: Some(TemperatureFit::Keep),
        token_limit: Some(TokenLimitField::MaxCompletionTokens),
    };
    let keeping = ProviderSettings { fit: vec![rule], ..plain.clone() };
    for (settings, complaint) in
        [(plain, "'max_tokens' is not supported"), (keeping, "'temperature' does not")]
    {
        let outcome = ask(&*provider(&settings), codmir_example("gpt-5")).await;
        let [Err(CompletionError::Refused(reason))] = outcome.as_slice() else { panic!("{outcome:?}") };
        assert!(reason.contains(complaint), "{reason}");
    }
}

#[test]
fn settings_of_another_kind_or_without_time_make_no_provider() {
    let refusal = |settings: &ProviderSettings| OpenAi::new("openai", settings).unwrap_err();
    assert!(matches!(refusal(&ProviderSettings::new(Kind::Anthropic)), SettingsError::Kind(Kind::Anthropic)));
    let hasty =
        ProviderSettings { idle_timeout: std::time::Duration::ZERO, ..ProviderSettings::new(Kind::OpenAi) };
    assert!(matches!(refusal(&hasty), SettingsError::Timeout));
    let key = Some("two\nlines".to_owned().into());
    let broken = ProviderSettings { api_key: key, ..ProviderSettings::new(Kind::OpenAi) };
    assert!(matches!(refusal(&broken), SettingsError::ApiKey(_)));
}
