//! The page's cURL examples against the model in the process: what a newcomer sees first.

use serde_json::Value;

use crate::harness::{TestServer, message, published};
use crate::seed::{SIMPLE_CHAT, STREAMING_CHAT};

/// Nothing is configured; the weights are where `cargo xtask models` put them.
async fn newcomer() -> TestServer {
    TestServer::start_with(|config, _| {
        config.providers.clear();
        config.model_dir = testkit::model_dir();
    })
    .await
}

async fn post(server: &TestServer, path: &str, body: &'static str) -> reqwest::Response {
    let request = server.client.post(server.url(path)).header("Content-Type", "application/json");
    request.body(body).send().await.expect("an answer")
}

#[tokio::test]
async fn both_published_examples_are_answered_by_the_embedded_model() {
    let server = newcomer().await;

    let simple = post(&server, "/api/chat", SIMPLE_CHAT).await;
    assert_eq!(simple.status(), 200);
    assert_eq!(simple.headers()["x-latimer-model"], "local/local-smollm2");
    let simple: Value = simple.json().await.expect("JSON");
    assert!(simple["content"].as_str().is_some_and(|text| !text.is_empty()), "{simple}");

    let streaming = post(&server, "/api/chat/reason", STREAMING_CHAT).await;
    let streaming = published(&streaming.text().await.expect("a whole stream"));
    assert!(streaming.errors.is_empty() && !streaming.content.is_empty(), "{streaming:?}");
    assert_ne!(simple["content"], streaming.content, "two questions get two answers");
    server.stop().await;
}

#[tokio::test]
async fn a_full_queue_is_a_503_that_says_when_to_come_back() {
    let server = newcomer().await;
    let body = message("Count from one to one hundred, in words.");
    let asked = (0..12).map(|_| server.post("/api/chat/stream", &body).send());

    let answers = futures::future::join_all(asked).await;

    let refused: Vec<_> = answers.iter().flatten().filter(|answer| answer.status() == 503).collect();
    assert!(!refused.is_empty() && refused.len() < 12, "{} of 12 were refused", refused.len());
    assert!(refused.iter().all(|answer| answer.headers().contains_key("retry-after")));
    // Leaving stops the model, so that the test ends soon.
    drop(answers);
    server.stop().await;
}
