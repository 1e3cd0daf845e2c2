//! The published page, verbatim: what it says works with only scheme, host and port replaced.

use providers::fit::{FitRule, TokenLimitField};
use serde_json::{Value, json};
use testkit::upstream::{Strict, anthropic_stream, openai_stream};

use crate::harness::{TestServer, anthropic, message, message_in, published};

/// The page's request body; its comments are not JSON and stripped.
const WHOLE_BODY: &str = r#"{
"messages": [
{ "role": "user", "content": "How is authentication handled?" }
],
"projectId": "project-123",
"provider": "openai",
"model": "gpt-5",
"temperature": 0.7,
"maxTokens": 4096,
"systemPrompt": "You are..."
}"#;

/// "Simple Chat"
pub(crate) const SIMPLE_CHAT: &str = r#"{
"messages": [
{"role": "user", "content": "What does this project do?"}
],
"projectId": "my-project",
"provider": "openai"
}"#;

/// "Streaming Chat"
pub(crate) const STREAMING_CHAT: &str = r#"{
"messages": [
{"role": "user", "content": "Explain the architecture"}
],
"projectId": "my-project"
}"#;

#[tokio::test]
async fn simple_chat_answers_with_every_documented_field() {
    let server = TestServer::start().await;
    server.upstream.enqueue(openai_stream(&["It serves", " AI chat."]));

    let answer = server
        .client
        .post(server.url("/api/chat"))
        .header("Content-Type", "application/json")
        .body(SIMPLE_CHAT)
        .send()
        .await
        .expect("an answer");

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-latimer-model"], "openai/gpt-5");
    assert!(answer.headers().contains_key("x-request-id"));
    let body: Value = answer.json().await.expect("JSON");
    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    let documented = ["id", "sessionId", "content", "role", "model", "provider", "usage", "createdAt"];
    assert_eq!(keys.len(), documented.len());
    documented.iter().for_each(|key| assert!(body.get(key).is_some(), "{key} is there"));
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("resp_")), "{body}");
    assert!(body["sessionId"].as_str().is_some_and(|id| id.starts_with("sess_")), "{body}");
    assert!(body["createdAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{body}");
    assert_eq!(body["content"], "It serves AI chat.");
    assert_eq!(body["role"], "assistant");
    assert_eq!((&body["model"], &body["provider"]), (&json!("gpt-5"), &json!("openai")));
    assert_eq!(body["usage"], json!({ "promptTokens": 9, "completionTokens": 2, "totalTokens": 11 }));
    server.stop().await;
}

#[tokio::test]
async fn streaming_chat_is_the_documented_bytes() {
    let server = TestServer::start().await;
    server.upstream.enqueue(openai_stream(&["Auth", "entication", " is"]));

    let answer = server
        .client
        .post(server.url("/api/chat/reason"))
        .header("Content-Type", "application/json")
        .header("Accept", "text/event-stream")
        .body(STREAMING_CHAT)
        .send()
        .await
        .expect("an answer");

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let body = answer.text().await.expect("a whole stream");
    let session = published(&body).session;
    let expected = format!(
        "data: {{\"content\":\"Auth\",\"sessionId\":\"{session}\"}}\n\n\
         data: {{\"content\":\"entication\",\"sessionId\":\"{session}\"}}\n\n\
         data: {{\"content\":\" is\",\"sessionId\":\"{session}\"}}\n\n\
         data: {{\"done\":true,\"sessionId\":\"{session}\"}}\n\n"
    );
    assert_eq!(body, expected);
    server.stop().await;
}

/// The page's own body would fail at the vendors if it were passed on as it is.
#[tokio::test]
async fn the_whole_body_passes_openai() {
    let server = TestServer::start_with(|config, _| {
        // What OpenAI's own address gets by itself; the upstream is on loopback.
        let openai = config.providers.get_mut("openai").expect("it is there");
        openai.api_key = Some("key".into());
        openai.fit = vec![FitRule {
            models: "*".to_owned(),
            temperature: None,
            token_limit: Some(TokenLimitField::MaxCompletionTokens),
        }];
    })
    .await;
    server.upstream.be_strict(Strict::OpenAi { own_address: true });
    server.upstream.enqueue(openai_stream(&["Well."]));
    check_whole_body(&server, WHOLE_BODY, "openai/gpt-5").await;
    server.stop().await;
}

#[tokio::test]
async fn the_whole_body_passes_anthropic() {
    let server = TestServer::start_with(|config, upstream| {
        config.providers = [("anthropic".to_owned(), anthropic(upstream))].into();
    })
    .await;
    server.upstream.be_strict(Strict::Anthropic);
    server.upstream.enqueue(anthropic_stream(&["Well."]));
    check_whole_body(&server, WHOLE_BODY, "anthropic/claude-sonnet-4-5").await;
    server.stop().await;
}

async fn check_whole_body(server: &TestServer, body: &str, answered_by: &str) {
    let request = server.client.post(server.url("/api/chat")).header("Content-Type", "application/json");
    let answer = request.body(body.to_owned()).send().await.expect("an answer");
    assert_eq!(
        answer.headers().get("x-latimer-model").map(|name| name.as_bytes()),
        Some(answered_by.as_bytes())
    );
    let status = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["content"], "Well.");
    assert_eq!(body["model"], "gpt-5", "the name that was asked for is echoed");
}

#[tokio::test]
async fn a_session_goes_on_over_all_three_routes() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Yes", "."]));

    let first: Value = server
        .post("/api/chat", &message("one"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let session = first["sessionId"].as_str().expect("a session").to_owned();
    for (path, question) in [("/api/chat/stream", "two"), ("/api/chat/reason", "three")] {
        let answer = server.post(path, &message_in(&session, question)).send().await.expect("an answer");
        assert_eq!(published(&answer.text().await.expect("a stream")).session, session);
    }
    // The whole list is what the client sees; what is stored is not stored again.
    let list = json!({ "sessionId": session, "messages": [
        { "role": "user", "content": "one" }, { "role": "assistant", "content": "Yes." },
        { "role": "user", "content": "two" }, { "role": "assistant", "content": "Yes." },
        { "role": "user", "content": "three" }, { "role": "assistant", "content": "Yes." },
        { "role": "user", "content": "four" },
    ]});
    server.post("/api/chat", &list).send().await.expect("an answer");

    let expected = ["one", "Yes.", "two", "Yes.", "three", "Yes.", "four"];
    let asked = server.upstream.requests()[3].json();
    let said: Vec<&str> = asked["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .filter_map(|said| said["content"].as_str())
        .collect();
    assert_eq!(said, expected);
    let one_by_one = server.upstream.requests()[2].json();
    assert_eq!(
        one_by_one["messages"].as_array().map(Vec::len),
        Some(5),
        "the path goes before a single message"
    );
    let history: Value = server
        .get(&format!("/api/chat/sessions/{session}/messages"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let stored: Vec<&str> = history["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|said| said["content"].as_str())
        .collect();
    assert_eq!(stored, [&expected[..], &["Yes."]].concat());
    server.stop().await;
}

#[tokio::test]
async fn both_providers_answer_when_only_one_is_there() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Yes."]));
    for (provider, model) in
        [("openai", "gpt-5"), ("anthropic", "claude-opus"), ("anthropic", "nobody-knows-me")]
    {
        let body = json!({ "messages": [{ "role": "user", "content": "Hi" }], "provider": provider, "model": model });
        let answer: Value =
            server.post("/api/chat", &body).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!((&answer["provider"], &answer["model"]), (&json!(provider), &json!(model)), "{answer}");
    }
    let local = json!({ "messages": [{ "role": "user", "content": "Hi" }], "model": "local-smollm2" });
    let answer = server.post("/api/chat", &local).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["code"], "UNAVAILABLE");
    assert!(body["message"].as_str().is_some_and(|text| text.contains("cargo xtask models")), "{body}");
    server.stop().await;
}
