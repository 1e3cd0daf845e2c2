//! What is kept of CodeMie conversations and what is not, background tasks, and answers that must satisfy a schema.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::TestServer;

const ASSISTANT: &str = "05959338-06de-477d-9cc3-08369f858057";
const API: &str = "/code-assistant-api/v1";

/// A server and one who asks.
struct Desk {
    server: TestServer,
    key: SecretString,
}

impl Desk {
    async fn open() -> Self {
        let server = TestServer::start().await;
        let key = server.key("alice").await;
        Self { server, key }
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send_as(&self.key, method, path, body).await
    }

    async fn send_as(
        &self,
        key: &SecretString,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let url = self.server.url(&format!("{API}{path}"));
        let mut request = self.server.client.request(method.parse().expect("a method"), url);
        if method == "POST" || method == "PUT" {
            request = request.json(body);
        }
        let answer = request.bearer_auth(key.expose_secret()).send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn ask(&self, body: Value) -> Value {
        let (status, answer) = self.send("POST", &format!("/assistants/{ASSISTANT}/model"), &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Asks, and lets the model answer in one piece.
    async fn talk(&self, body: Value, answer: &str) -> Value {
        self.server.upstream.enqueue(openai_stream(&[answer]));
        self.ask(body).await
    }

    /// The messages of a conversation: index, who, what.
    async fn history(&self, id: &str) -> Vec<String> {
        let details = self.get(&format!("/conversations/{id}")).await;
        let items = details["history"].as_array().expect("a list").iter();
        items
            .map(|item| {
                let text = |name: &str| item[name].as_str().expect("text").to_owned();
                format!("{} {}: {}", item["historyIndex"], text("role"), text("message"))
            })
            .collect()
    }

    /// What the model was given to read in its n-th call, after the instructions.
    fn read(&self, call: usize) -> Vec<String> {
        let body = self.server.upstream.requests()[call].json();
        let messages = body["messages"].as_array().expect("messages").iter().skip(1);
        messages.map(|message| message["content"].as_str().expect("text").to_owned()).collect()
    }
}

#[tokio::test]
async fn a_conversation_is_listed_shown_renamed_pinned_and_deleted() {
    let desk = Desk::open().await;
    let question = "Which of the fifty-one words in this question is cut off at last?";
    desk.talk(json!({ "text": question, "conversation_id": "c-1", "content_raw": "<p>?</p>" }), "None.")
        .await;
    desk.talk(json!({ "text": "Sure?", "conversation_id": "c-1" }), "Yes.").await;

    let list = desk.get("/conversations?isFinished=False").await;
    assert_eq!(list[0]["name"], format!("{}...", &question[..50]));
    assert_eq!((&list[0]["id"], &list[0]["pinned"]), (&json!("c-1"), &json!(false)));
    assert_eq!(list[0]["assistant_ids"], json!([ASSISTANT]));
    let said = desk.history("c-1").await;
    let first = format!("0 User: {question}");
    assert_eq!(said, [first.as_str(), "0 Assistant: None.", "1 User: Sure?", "1 Assistant: Yes."]);
    let details = desk.get("/conversations/c-1").await;
    assert_eq!(details["history"][0]["messageRaw"], "<p>?</p>");
    assert_eq!(details["history"][1]["inputTokens"], 9);
    assert_eq!(details["assistant_data"][0]["assistant_name"], "Assistant");
    assert!(details.get("data").is_none() && details["llm_model"].is_null());

    let change = json!({ "name": "Words", "pinned": true });
    let (status, changed) = desk.send("PUT", "/conversations/c-1", &change).await;
    assert_eq!(
        (status, &changed["conversation_name"], &changed["pinned"]),
        (StatusCode::OK, &json!("Words"), &json!(true))
    );
    let (status, _) = desk.send("PUT", "/conversations/c-1", &json!({ "folder": "Work" })).await;
    assert_eq!(status, 501, "folders are not built");
    let (status, _) = desk.send("PUT", "/conversations/c-1", &json!({ "name": " " })).await;
    assert_eq!(status, 422);

    let (_, gone) = desk.send("DELETE", "/conversations/c-1", &Value::Null).await;
    assert_eq!(gone["message"], "Specified conversation removed");
    let (status, absent) = desk.send("GET", "/conversations/c-1", &Value::Null).await;
    assert_eq!(
        (status, &absent["error"]["message"]),
        (StatusCode::NOT_FOUND, &json!("Conversation not found"))
    );
    assert_eq!(desk.get("/conversations").await, json!([]));
    desk.server.stop().await;
}

#[tokio::test]
async fn conversations_and_tasks_are_their_owners_alone() {
    let desk = Desk::open().await;
    let task =
        desk.talk(json!({ "text": "Hi", "conversation_id": "c-1", "background_task": true }), "Hello.").await;
    let task = format!("/tasks/{}", task["taskId"].as_str().expect("a task"));
    let bob = desk.server.key("bob").await;

    for (method, path) in [
        ("GET", "/conversations/c-1"),
        ("PUT", "/conversations/c-1"),
        ("DELETE", "/conversations/c-1"),
        ("GET", &task),
    ] {
        let (status, body) = desk.send_as(&bob, method, path, &json!({ "pinned": true })).await;
        assert_eq!(status, 404, "{method} {path}: {body}");
    }
    assert_eq!(desk.send_as(&bob, "GET", "/conversations", &Value::Null).await.1, json!([]));
    assert_eq!(desk.get("/conversations/c-1").await["pinned"], false);
    desk.get(&task).await;
    desk.server.stop().await;
}

#[tokio::test]
async fn a_question_asked_again_is_a_further_pair_and_its_branch_goes_on() {
    let desk = Desk::open().await;
    desk.talk(json!({ "text": "One", "conversation_id": "c-1" }), "1").await;
    desk.talk(json!({ "text": "Two", "conversation_id": "c-1" }), "2").await;
    desk.talk(json!({ "text": "Two, please", "conversation_id": "c-1", "history_index": 1 }), "II").await;
    desk.talk(json!({ "text": "Three", "conversation_id": "c-1", "historyIndex": 2 }), "III").await;

    assert_eq!(desk.read(2), ["One", "1", "Two, please"]);
    assert_eq!(desk.read(3), ["One", "1", "Two, please", "II", "Three"]);
    let said = desk.history("c-1").await;
    assert_eq!(
        said[2..],
        [
            "1 User: Two",
            "1 Assistant: 2",
            "1 User: Two, please",
            "1 Assistant: II",
            "2 User: Three",
            "2 Assistant: III"
        ]
    );
    let body = json!({ "text": "Far", "conversation_id": "c-1", "history_index": 9 });
    let (status, _) = desk.send("POST", &format!("/assistants/{ASSISTANT}/model"), &body).await;
    assert_eq!(status, 422);
    desk.server.stop().await;
}

#[tokio::test]
async fn what_is_not_saved_is_answered_from_memory_and_leaves_nothing() {
    let desk = Desk::open().await;
    desk.talk(json!({ "text": "I am Ada.", "conversation_id": "c-1" }), "Noted.").await;
    desk.talk(json!({ "text": "Who am I?", "conversation_id": "c-1", "save_history": false }), "Ada.").await;
    desk.talk(json!({ "text": "Hush", "conversation_id": "c-2", "save_history": false }), "Sh.").await;

    assert_eq!(desk.read(1), ["I am Ada.", "Noted.", "Who am I?"]);
    assert_eq!(desk.history("c-1").await, ["0 User: I am Ada.", "0 Assistant: Noted."]);
    assert_eq!(desk.get("/conversations").await.as_array().map(Vec::len), Some(1));
    let body = json!({ "text": "Hi", "save_history": false, "background_task": true });
    let (status, _) = desk.send("POST", &format!("/assistants/{ASSISTANT}/model"), &body).await;
    assert_eq!(status, 422, "nobody could ask after it");
    desk.server.stop().await;
}

#[tokio::test]
async fn a_background_task_goes_on_without_its_caller() {
    let desk = Desk::open().await;
    let (reply, gate) = openai_stream(&["Done."]).paced();
    desk.server.upstream.enqueue(reply);
    let answer =
        desk.ask(json!({ "text": "Count", "conversation_id": "c-1", "background_task": true })).await;
    assert_eq!(
        (&answer["generated"], &answer["timeElapsed"]),
        (&json!("Task is running in the background"), &json!(0.0))
    );
    let id = answer["taskId"].as_str().expect("a task");
    let running = desk.get(&format!("/tasks/{id}")).await;
    assert_eq!((&running["status"], &running["task"]), (&json!("STARTED"), &json!("Count")));

    gate.open();
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let task = desk.get(&format!("/tasks/{id}")).await;
            if task["status"] != "STARTED" {
                return task;
            }
        }
    });
    let ended = ended.await.expect("the task ends once the model has answered");
    assert_eq!((&ended["status"], &ended["final_output"]), (&json!("COMPLETED"), &json!("Done.")));
    let (status, absent) = desk.send("GET", "/tasks/task_unknown", &Value::Null).await;
    assert_eq!((status, &absent["error"]["message"]), (StatusCode::NOT_FOUND, &json!("Task not found")));
    desk.server.stop().await;
}

fn city(stream: bool) -> Value {
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    json!({ "text": "Which city?", "output_schema": schema, "stream": stream })
}

#[tokio::test]
async fn structured_output_takes_one_call_or_two_or_fails_honestly() {
    let desk = Desk::open().await;
    let answer = desk.talk(city(false), "```json\n{\"city\": \"Paris\"}\n```").await;
    assert_eq!((&answer["generated"], &answer["success"]), (&json!({ "city": "Paris" }), &json!(true)));
    assert_eq!(desk.server.upstream.requests().len(), 1, "valid at once");
    let instructions = desk.server.upstream.requests()[0].json()["messages"][0]["content"].to_string();
    assert!(instructions.contains("JSON schema") && instructions.contains("city"), "{instructions}");

    desk.server.upstream.enqueue(openai_stream(&["Paris it is."]));
    let answer = desk.talk(city(false), "{\"city\": \"Paris\"}").await;
    assert_eq!(answer["generated"], json!({ "city": "Paris" }));
    assert_eq!(answer["tokensUsed"], 20, "both calls count");
    assert_eq!(desk.server.upstream.requests().len(), 3, "invalid, then valid");
    assert_eq!(desk.read(2)[1], "Paris it is.");

    desk.server.upstream.enqueue(openai_stream(&["{}"]));
    let answer = desk.talk(city(false), "{\"city\": 7}").await;
    assert_eq!(
        (&answer["success"], &answer["agentError"]["error_code"]),
        (&json!(false), &json!("validation_output"))
    );
    assert_eq!(desk.server.upstream.requests().len(), 5, "twice invalid");
    desk.server.stop().await;
}

#[tokio::test]
async fn a_stream_of_structured_output_holds_back_what_is_not_valid() {
    let desk = Desk::open().await;
    desk.server.upstream.enqueue(openai_stream(&["Paris", " it is."]));
    desk.server.upstream.enqueue(openai_stream(&["{\"city\": ", "\"Paris\"}"]));
    let path = format!("{API}/assistants/{ASSISTANT}/model");
    let request = desk.server.post(&path, &city(true)).bearer_auth(desk.key.expose_secret());
    let lines = request.send().await.expect("an answer").text().await.expect("a whole stream");
    assert!(!lines.contains("it is."), "{lines}");
    let last: Value = serde_json::from_str(lines.lines().last().expect("an object")).expect("JSON");
    assert_eq!((&last["last"], &last["generated"]), (&json!(true), &json!("{\"city\": \"Paris\"}")));
    let (status, refused) = desk
        .send(
            "POST",
            &format!("/assistants/{ASSISTANT}/model"),
            &json!({ "text": "Hi", "output_schema": { "type": "thing" } }),
        )
        .await;
    assert_eq!(
        (status, &refused["error"]["message"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("Wrong JSON schema for structured output"))
    );
    desk.server.stop().await;
}
