//! The SDK and the model in the process.

use serde_json::json;

use crate::{ASSISTANT, Desk};

#[tokio::test]
async fn the_embedded_model_answers_the_sdk() {
    let desk = Desk::open_with(|config, _| {
        config.providers.clear();
        config.model_dir = testkit::model_dir();
    })
    .await;
    let mut client = desk.ada().await;

    let answer = client.call("chat", json!({ "assistant": ASSISTANT, "text": "Name a fruit." })).await;

    assert_eq!(answer["success"], true, "{answer}");
    assert!(answer["generated"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    assert_eq!(client.call("models", json!({})).await[0]["base_name"], "local-smollm2");
    desk.close().await;
}
