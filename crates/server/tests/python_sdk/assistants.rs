//! The models, and the life of an assistant.

use serde_json::{Value, json};

use crate::{ASSISTANT, Desk};

fn pirate() -> Value {
    json!({
        "name": "Pirate", "description": "Talks like one.", "system_prompt": "You are a pirate.",
        "project": "ada", "llm_model_type": "gpt-5", "conversation_starters": ["Ahoy!"], "temperature": 0.5,
    })
}

#[tokio::test]
async fn the_models_are_listed_with_one_default() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;

    let models = client.call("models", json!({})).await;

    let models = models.as_array().expect("a list");
    let defaults: Vec<&Value> = models.iter().filter(|model| model["default"] == json!(true)).collect();
    assert_eq!(defaults.len(), 1, "{models:?}");
    assert_eq!((&defaults[0]["base_name"], &defaults[0]["enabled"]), (&json!("gpt-5"), &json!(true)));
    assert_eq!(client.call("embeddings", json!({})).await, json!([]));
    desk.close().await;
}

#[tokio::test]
async fn an_assistant_is_made_found_asked_changed_and_deleted() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;

    let made = client.call("create_assistant", pirate()).await;
    let id = &made["assistant_id"];
    let by_id = client.call("assistant", json!({ "assistant": id })).await;
    let by_slug = client.call("assistant_by_slug", json!({ "slug": by_id["slug"] })).await;
    assert_eq!(by_id, by_slug);
    for (field, value) in pirate().as_object().expect("an object") {
        assert_eq!(by_id[field], *value, "{field}");
    }
    assert_eq!(by_id["created_by"]["username"], "ada");

    let found = client.call("assistants", json!({ "filters": { "search": "pirate" } })).await;
    assert_eq!((&found[0]["id"], found.as_array().map(Vec::len)), (id, Some(1)));
    let full = client.call("assistants", json!({ "minimal_response": false, "per_page": 50 })).await;
    let ids: Vec<&Value> = full.as_array().expect("a list").iter().map(|found| &found["id"]).collect();
    assert_eq!(ids, [id, &json!(ASSISTANT)]);
    assert_eq!(full[0]["system_prompt"], "You are a pirate.");

    desk.model_says(&["Arr.", "Aye."]);
    let question = json!({ "assistant": id, "text": "hi" });
    assert_eq!(client.call("chat", question).await["generated"], "Arr.");
    assert_eq!(desk.read(0).0, "You are a pirate.");
    let mut change = pirate();
    change["assistant"] = id.clone();
    change["system_prompt"] = json!("You are a polite pirate.");
    client.call("update_assistant", change).await;
    client.call("chat_by_slug", json!({ "slug": by_id["slug"], "text": "hi" })).await;
    assert_eq!(desk.read(1).0, "You are a polite pirate.");

    client.call("delete_assistant", json!({ "assistant": id })).await;
    let raised = client.raised("assistant", json!({ "assistant": id })).await;
    assert_eq!((&raised["raised"], &raised["status"]), (&json!("HTTPError"), &json!(404)));
    desk.close().await;
}
