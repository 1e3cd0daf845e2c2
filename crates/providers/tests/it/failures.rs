//! What each vendor's refusals and failures are to the core.

use std::time::Duration;

use chat::provider::CompletionError::{self, *};
use providers::settings::Kind;
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream};

use crate::{ask, provider, question, settings};

/// What a provider of `kind` makes of `reply`.
async fn check(kind: Kind, reply: Reply, expected: CompletionError) {
    let upstream = Upstream::start().await;
    let described = format!("{kind:?} {reply:?}");
    upstream.enqueue(reply);
    let outcome = ask(&*provider(&settings(kind, &upstream)), question("m")).await;
    assert_eq!(outcome, [Err(expected)], "{described}");
}

fn openai(kind: &str, code: &str, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn anthropic(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
}

#[tokio::test]
async fn openai_answers_with_a_status() {
    let too_long = "This model's maximum context length is 8192 tokens.";
    for (status, body, expected) in [
        (400, openai("invalid_request_error", "", "no such tool"), Refused("no such tool".into())),
        (400, openai("invalid_request_error", "context_length_exceeded", "too long"), ContextLength),
        (400, json!({"object": "error", "message": too_long, "code": 400}), ContextLength),
        (400, json!({"error": "model is loading"}), Refused("model is loading".into())),
        (401, openai("invalid_request_error", "invalid_api_key", "Incorrect API key: sk-sec*"), Unauthorized),
        (403, json!({}), Unauthorized),
        (
            404,
            openai("invalid_request_error", "model_not_found", "no such model"),
            Refused("no such model".into()),
        ),
        (413, json!({}), Refused("HTTP status 413".into())),
        (422, json!({"detail": "top_p is wrong"}), Refused("top_p is wrong".into())),
        (429, openai("insufficient_quota", "insufficient_quota", "pay"), RateLimited { retry_after: None }),
        (500, openai("server_error", "", "sorry"), Failed("sorry".into())),
        (502, json!(null), Failed("HTTP status 502".into())),
        (503, openai("server_error", "", "slow down"), Overloaded { retry_after: None }),
        (302, json!({}), Failed("HTTP status 302".into())),
        (200, openai("server_error", "", "sorry"), Failed("sorry".into())),
        (200, json!({"choices": []}), Malformed),
    ] {
        check(Kind::OpenAi, Reply::json(status, &body), expected).await;
    }
}

#[tokio::test]
async fn anthropic_answers_with_a_status() {
    let too_long = "prompt is too long: 210000 tokens > 200000 maximum";
    let no_room = "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000";
    for (status, body, expected) in [
        (400, anthropic("invalid_request_error", "no"), Refused("no".into())),
        (400, anthropic("invalid_request_error", too_long), ContextLength),
        (400, anthropic("invalid_request_error", no_room), ContextLength),
        (401, anthropic("authentication_error", "invalid x-api-key"), Unauthorized),
        (402, anthropic("billing_error", "pay"), RateLimited { retry_after: None }),
        (403, anthropic("permission_error", "no"), Unauthorized),
        (404, anthropic("not_found_error", "model: claude-0"), Refused("model: claude-0".into())),
        (413, anthropic("request_too_large", "Request exceeds the maximum size"), ContextLength),
        (429, anthropic("rate_limit_error", "slow down"), RateLimited { retry_after: None }),
        (500, anthropic("api_error", "sorry"), Failed("sorry".into())),
        (529, anthropic("overloaded_error", "Overloaded"), Overloaded { retry_after: None }),
        (200, anthropic("overloaded_error", "Overloaded"), Overloaded { retry_after: None }),
    ] {
        check(Kind::Anthropic, Reply::json(status, &body), expected).await;
    }
}

#[tokio::test]
async fn the_vendor_says_when_to_come_again() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let later = "Sun, 06 Nov 1994 08:50:07 GMT";
    for kind in [Kind::OpenAi, Kind::Anthropic] {
        let seconds = Reply::status(429).header("retry-after", "7");
        check(kind, seconds, RateLimited { retry_after: Some(Duration::from_secs(7)) }).await;
        let until = Reply::status(503).header("retry-after", later).header("date", date);
        check(kind, until, Overloaded { retry_after: Some(Duration::from_secs(30)) }).await;
    }
}

#[tokio::test]
async fn what_is_no_event_stream_is_malformed() {
    for kind in [Kind::OpenAi, Kind::Anthropic] {
        check(kind, Reply::html(), Malformed).await;
        check(kind, Reply::status(200), Malformed).await;
    }
}

#[tokio::test]
async fn an_error_page_is_read_only_so_far() {
    let page = vec![b'x'; 1024 * 1024];
    let reply = Reply::status(500).header("content-type", "text/html").body(page).stall_after(512 * 1024);
    check(Kind::OpenAi, reply, Failed("HTTP status 500".into())).await;
}

#[tokio::test]
async fn our_key_is_never_passed_on() {
    let body = openai("invalid_request_error", "", "the key sk-secret may not use this model");
    let shown = Refused("the key [key] may not use this model".into());
    check(Kind::OpenAi, Reply::json(400, &body), shown).await;
}

#[tokio::test]
async fn recorded_refusals_are_understood() {
    let recorded = |name: &str| {
        let path = format!("{}/fixtures/openai/recorded/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()
    };
    check(Kind::OpenAi, Reply::json(400, &recorded("llama-cpp-python-too-long")), ContextLength).await;
    let unknown = "/chat/completions: Invalid model name passed in model=nobody. Call `/v1/models` to view available \
                   models for your key.";
    check(Kind::OpenAi, Reply::json(400, &recorded("litellm-unknown-model")), Refused(unknown.into())).await;
}
