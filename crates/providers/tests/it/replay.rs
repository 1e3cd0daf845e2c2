//! The vendors' bytes, recorded and written, decoded alike however they are split.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use chat::provider::{CompletionEvent, Usage};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use providers::settings::Kind;
use providers::{anthropic, openai};
use testkit::upstream::{Reply, Upstream};

use crate::{Outcome, ask, provider, question, settings};

/// Replays a fixture whole, byte by byte and split in two at every place, and compares what it yields: `"text"`,
/// `(reasoning)`, and the end as `Reason prompt+completion` or the error.
async fn check(kind: Kind, fixture: &str, expected: &str) {
    let bytes = read(kind, fixture);
    assert_eq!(show(&decode(kind, &[&bytes]).await), expected, "{fixture}");
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(show(&decode(kind, &single).await), expected, "{fixture} byte by byte");
    for position in 1..bytes.len() {
        let (head, tail) = bytes.split_at(position);
        assert_eq!(show(&decode(kind, &[head, tail]).await), expected, "{fixture} split at {position}");
    }
}

fn read(kind: Kind, fixture: &str) -> Vec<u8> {
    let folder = match kind {
        Kind::OpenAi => "openai",
        Kind::Anthropic => "anthropic",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder).join(fixture);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn decode(kind: Kind, pieces: &[&[u8]]) -> Outcome {
    let pieces: Vec<Bytes> = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
    let body =
        stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)).map_err(|never| match never {}).boxed();
    match kind {
        Kind::OpenAi => openai::decode(body).collect().await,
        Kind::Anthropic => anthropic::decode(body).collect().await,
    }
}

fn show(outcome: &Outcome) -> String {
    let events = outcome.iter().map(|event| match event {
        Ok(CompletionEvent::TextDelta(text)) => format!("{text:?}"),
        Ok(CompletionEvent::ReasoningDelta(text)) => format!("({text})"),
        Ok(CompletionEvent::Finished { reason, usage }) => {
            format!("{reason:?}{}", show_usage(usage.as_ref()))
        }
        Err(error) => format!("{error:?}"),
    });
    events.collect::<Vec<_>>().join(" ")
}

fn show_usage(usage: Option<&Usage>) -> String {
    let Some(usage) = usage else { return String::new() };
    let cached = usage.cached_prompt_tokens.map(|count| format!(" cached {count}"));
    let reasoning = usage.reasoning_tokens.map(|count| format!(" reasoning {count}"));
    let (cached, reasoning) = (cached.unwrap_or_default(), reasoning.unwrap_or_default());
    format!(" {}+{}{cached}{reasoning}", usage.prompt_tokens, usage.completion_tokens)
}

#[tokio::test]
async fn written_openai_streams() {
    for (fixture, expected) in [
        ("usage-chunk", r#""Hello" Stop 19+10 cached 8 reasoning 4"#),
        ("empty-choices", r#""Hello" Stop"#),
        ("tools", "ToolCalls"),
        ("reasoning", r#"(Let me ) (think.) "Yes." Stop"#),
        ("reasoning-openrouter", r#"(Let me think.) "Yes." Stop"#),
        ("refusal", r#""I can't " "help." ContentFilter"#),
        ("content-filter", r#""First" ContentFilter"#),
        ("length", r#""One two" Length"#),
        (
            "error",
            r#""Hel" Failed("The server had an error while processing your request. Sorry about that!")"#,
        ),
        ("error-rate-limit", "RateLimited { retry_after: None }"),
        ("error-gateway", r#""Hel" Failed("Provider disconnected")"#),
        ("comments", r#""Hello" Stop"#),
        ("crlf", r#""Hel" "lo\r\nyou" Stop"#),
        ("no-last-newline", r#""Hello" Stop"#),
        ("no-done", r#""Hello" Stop"#),
        ("no-finish-reason", r#""Hello" Truncated"#),
        ("done-without-finish-reason", r#""Hello" Truncated"#),
        ("half-an-event", r#""Hello" Truncated"#),
        ("unicode", r#""Grüße, " "世界 " "👋🏽" Stop"#),
        ("byte-order-mark", r#""Hello" Stop"#),
        ("data-over-lines", r#""Hello" Stop"#),
        ("unknown", r#""Hello" Stop"#),
        ("not-json", r#""Hel" Malformed"#),
        ("not-utf8", r#""Hel" Malformed"#),
    ] {
        check(Kind::OpenAi, &format!("written/{fixture}.sse"), expected).await;
    }
}

#[tokio::test]
async fn written_anthropic_streams() {
    for (fixture, expected) in [
        ("text", r#""Hello" "!" Stop 25+15"#),
        ("usage", r#""Hello" Stop 155+15 cached 100"#),
        ("tools", r#""Let me look." ToolCalls 25+15"#),
        ("thinking", r#"(Let me ) (think.) "Yes." Stop 25+15"#),
        ("refusal", r#""I can't" ContentFilter 25+15"#),
        ("max-tokens", r#""One two" Length 25+15"#),
        ("error-overloaded", r#""Hel" Overloaded { retry_after: None }"#),
        ("error-rate-limit", "RateLimited { retry_after: None }"),
        ("error-api", r#"Failed("Internal server error")"#),
        ("crlf", r#""Hel" "lo" Stop 25+15"#),
        ("no-last-newline", r#""Hello" Stop 25+15"#),
        ("comments", r#""Hello" Stop 25+15"#),
        ("byte-order-mark", r#""Hello" Stop 25+15"#),
        ("unicode", r#""Grüße, " "世界 " "👋🏽" Stop 25+15"#),
        ("no-message-stop", r#""Hello" Truncated"#),
        ("unknown", r#""Hello" Stop 25+15"#),
        ("not-json", r#""Hel" Malformed"#),
    ] {
        check(Kind::Anthropic, &format!("written/{fixture}.sse"), expected).await;
    }
}

#[tokio::test]
async fn recorded_streams() {
    for (kind, fixture, expected) in [
        (
            Kind::OpenAi,
            "llama-cpp-python-text",
            r#""I" "'m" " here" " to" " help" " with" " any" " creative" " writing" " project" "." Stop"#,
        ),
        (Kind::OpenAi, "llama-cpp-python-length", r#""Hello" "," " I" "'m" " here" Length"#),
        (
            Kind::OpenAi,
            "llama-cpp-python-unicode",
            r#""Gr" "ü" "ß" "e" "," " " "世" "界" " 👋" "🏽" "!" Stop"#,
        ),
        (
            Kind::OpenAi,
            "litellm-text",
            r#""I" "'m" " here" " to" " help" " with" " any" " creative" " writing" " project" "." Stop 14+11 reasoning 0"#,
        ),
        (
            Kind::Anthropic,
            "litellm-text",
            r#""Hello" "," " I" "'m" " here" " to" " help" " with" " any" " creative" " writing" " project" "." Stop 14+13 cached 0"#,
        ),
        (Kind::Anthropic, "litellm-length", r#""Hello" "," " I" "'m" " here" Length 14+5 cached 0"#),
        (
            Kind::Anthropic,
            "litellm-unicode",
            r#""Gr" "ü" "ß" "e" "," " " "世" "界" " 👋" "🏽" "!" Stop 27+14 cached 0"#,
        ),
    ] {
        check(kind, &format!("recorded/{fixture}.sse"), expected).await;
    }
}

#[tokio::test]
async fn the_real_path_decodes_the_same() {
    let fixtures = [
        (Kind::OpenAi, "written/crlf.sse"),
        (Kind::OpenAi, "written/unicode.sse"),
        (Kind::OpenAi, "written/error.sse"),
        (Kind::Anthropic, "written/thinking.sse"),
        (Kind::Anthropic, "written/no-message-stop.sse"),
    ];
    let upstream = Upstream::start().await;
    for (kind, fixture) in fixtures {
        let provider = provider(&settings(kind, &upstream));
        let bytes = read(kind, fixture);
        upstream.enqueue(Reply::sse(bytes.clone()).byte_by_byte());
        let answer = ask(&*provider, question("m")).await;
        assert_eq!(answer, decode(kind, &[&bytes]).await, "{fixture}");
    }
}
