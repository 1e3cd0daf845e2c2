//! The life of a conversation.

use serde_json::json;

use crate::{ASSISTANT, Desk};

#[tokio::test]
async fn a_conversation_is_listed_shown_renamed_and_deleted() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    desk.model_says(&["An apple."]);
    let question = json!({ "assistant": ASSISTANT, "text": "Name a fruit.", "conversation_id": "c-1" });
    client.call("chat", question).await;
    let the_conversation = json!({ "conversation": "c-1" });

    let listed = client.call("conversations", json!({})).await;
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&json!("c-1"), &json!("Name a fruit.")));
    assert_eq!(listed[0]["assistant_ids"], json!([ASSISTANT]));
    assert_eq!(client.call("conversations_with", json!({ "assistant": ASSISTANT })).await, listed);
    assert_eq!(client.call("conversations", json!({ "is_finished": false })).await, listed);

    let details = client.call("conversation", the_conversation.clone()).await;
    let items = details["history"].as_array().expect("a list").iter();
    let said: Vec<String> = items.map(|item| format!("{}: {}", item["role"], item["message"])).collect();
    assert_eq!(said, [r#""User": "Name a fruit.""#, r#""Assistant": "An apple.""#]);
    assert_eq!(details["user_name"], "Ada Lovelace");

    let change = json!({ "conversation": "c-1", "name": "Fruit", "pinned": true });
    let changed = client.call("change_conversation", change).await;
    assert_eq!((&changed["conversation_name"], &changed["pinned"]), (&json!("Fruit"), &json!(true)));
    let listed = client.call("conversations", json!({})).await;
    assert_eq!((&listed[0]["name"], &listed[0]["pinned"]), (&json!("Fruit"), &json!(true)));

    let unbuilt = client.raised("finish_conversation", the_conversation.clone()).await;
    assert_eq!((&unbuilt["raised"], &unbuilt["status"]), (&json!("HTTPError"), &json!(501)));

    client.call("delete_conversation", the_conversation.clone()).await;
    assert_eq!(client.call("conversations", json!({})).await, json!([]));
    let raised = client.raised("conversation", the_conversation).await;
    assert_eq!((&raised["raised"], &raised["status"]), (&json!("HTTPError"), &json!(404)));
    assert_eq!(raised["body"]["error"]["message"], "Conversation not found");
    desk.close().await;
}
