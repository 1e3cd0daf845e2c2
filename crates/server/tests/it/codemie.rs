//! The published page of CodeMie, and the readers of its streams: what an assistant is asked and how it answers.

use reqwest::Response;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::{Reply, openai_stream};

use crate::harness::TestServer;

const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
/// Text that breaks readers who cut at `}{` or inside a character.
const PIECES: [&str; 7] = ["fn main() {", "}{ ", "\"quoted\\\"", " wörld", " 🦀", "\n\ndata: x", "}"];

async fn ask(server: &TestServer, key: &SecretString, body: &Value) -> Response {
    let request = server.post(ASSISTANT, body).bearer_auth(key.expose_secret());
    request.send().await.expect("an answer")
}

fn text() -> String {
    PIECES.concat()
}

/// Checks the objects of a stream and rebuilds its text.
#[track_caller]
fn check_objects(objects: &[Value]) {
    let (last, before) = objects.split_last().expect("there are objects");
    assert!(before.iter().all(|object| object["last"] == json!(false)), "one object is the last");
    assert_eq!((&last["last"], &last["generated"]), (&json!(true), &json!(text())));
    let chunks: String = objects.iter().filter_map(|object| object["generated_chunk"].as_str()).collect();
    assert_eq!(chunks, text());
    let thoughts: String =
        objects.iter().filter_map(|object| object["thought"]["message"].as_str()).collect();
    assert_eq!(thoughts, text());
    for object in objects {
        assert_eq!(object.as_object().map(serde_json::Map::len), Some(15), "every key is there: {object}");
    }
}

#[tokio::test]
async fn the_published_call_is_answered_as_documented() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.enqueue(openai_stream(&["Hello! ", "How can I help?"]));

    let answer = ask(&server, &key, &json!({ "text": "hi" })).await;

    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["generated"], "Hello! How can I help?");
    assert!(body["timeElapsed"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{body}");
    assert_eq!(
        (&body["taskId"], &body["success"], &body["tokensUsed"]),
        (&Value::Null, &json!(true), &json!(11))
    );
    let thought = &body["thoughts"][0];
    assert_eq!(
        (&thought["author_name"], &thought["author_type"]),
        (&json!("Codemie Thoughts"), &json!("Tool"))
    );
    assert_eq!((&thought["message"], &thought["children"]), (&body["generated"], &json!([])));
    let asked = server.upstream.requests()[0].json();
    assert_eq!(asked["messages"][0]["role"], "system", "the assistant's instructions lead");
    server.stop().await;
}

#[tokio::test]
async fn the_published_stream_is_server_sent_events() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.enqueue(openai_stream(&PIECES));

    let answer = ask(&server, &key, &json!({ "text": "hi", "llmModel": "gpt-4o", "stream": true })).await;

    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let body = answer.text().await.expect("a whole stream");
    let event =
        |frame: &str| serde_json::from_str(frame.strip_prefix("data: ").expect("an event")).expect("JSON");
    let objects: Vec<Value> = body.split_terminator("\n\n").map(event).collect();
    check_objects(&objects);
    server.stop().await;
}

#[tokio::test]
async fn the_sdk_reads_one_whole_object_a_line() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    let body = json!({ "text": "hi", "stream": true, "conversation_id": "c-1", "history": [], "top_k": 10 });
    for _ in 0..2 {
        server.upstream.enqueue(openai_stream(&PIECES));
    }

    let answer = ask(&server, &key, &body).await;
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let lines = answer.text().await.expect("a whole stream");
    let objects: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("one object")).collect();
    check_objects(&objects);

    // The vendor's UI cuts at `}`, blanks, `{`; no text of ours may hold such a place.
    let answer = ask(&server, &key, &body).await.text().await.expect("a whole stream");
    let cut = answer.trim_end().replace("}\n{", "}\u{1}{");
    assert!(!answer.contains("}{"), "objects are apart");
    let objects: Vec<Value> =
        cut.split('\u{1}').map(|object| serde_json::from_str(object).expect("one object")).collect();
    check_objects(&objects);
    server.stop().await;
}

#[tokio::test]
async fn a_strict_reader_gets_one_whole_object_an_http_chunk() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.enqueue(openai_stream(&PIECES));
    let body = json!({ "text": "hi", "stream": true, "conversationId": "c-1" }).to_string();
    let request = format!(
        "POST {ASSISTANT} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        server.address(),
        key.expose_secret(),
        body.len(),
    );

    let mut connection = server.connect().await;
    connection.send(request.as_bytes()).await;
    let (head, chunks) = connection.chunked().await;

    assert!(head.contains("\r\ncontent-type: application/x-ndjson\r\n"), "{head}");
    let object = |chunk: &Vec<u8>| {
        let text = std::str::from_utf8(chunk).expect("each chunk decodes on its own");
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no object: {error}: {text}"))
    };
    let objects: Vec<Value> = chunks.iter().map(object).collect();
    check_objects(&objects);
    server.stop().await;
}

#[tokio::test]
async fn whoever_asks_for_tool_errors_is_told_that_there_are_none() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.enqueue(openai_stream(&PIECES));
    server.upstream.enqueue(openai_stream(&PIECES));
    let half = openai_stream(&PIECES).length() / 2;
    server.upstream.enqueue(openai_stream(&PIECES).cut_after(half));
    let ask = async |query: &str, stream: bool| {
        let body = json!({ "text": "hi", "stream": stream, "conversationId": "c-1" });
        let request = server.post(&format!("{ASSISTANT}?{query}"), &body).bearer_auth(key.expose_secret());
        request.send().await.expect("an answer").text().await.expect("a whole answer")
    };
    let objects = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("one object")).collect()
    };

    let whole: Value = serde_json::from_str(&ask("include_tool_errors=True", false).await).expect("JSON");
    let mut streamed = objects(&ask("include_tool_errors=1&error_detail_level=full", true).await);
    let failed = objects(&ask("include_tool_errors=true", true).await);

    assert_eq!((&whole["generated"], &whole["toolErrors"]), (&json!(text()), &json!([])));
    let tools = streamed.pop().expect("an object");
    check_objects(&streamed);
    assert_eq!(
        (&tools["last"], &tools["generated"], &tools["success"]),
        (&json!(true), &Value::Null, &json!(true))
    );
    assert_eq!((&tools["agent_error"], &tools["tool_errors"]), (&Value::Null, &json!([])));
    let tools = failed.last().expect("an object");
    assert_eq!(
        (&tools["success"], &tools["agent_error"]["error_code"]),
        (&json!(false), &json!("agent_network_error"))
    );
    let refused: Value =
        serde_json::from_str(&ask("error_detail_level=everything", true).await).expect("JSON");
    assert_eq!(refused["error"]["message"], "error_detail_level: must be minimal, standard or full");
    server.stop().await;
}

#[tokio::test]
async fn a_conversation_remembers_and_its_stored_history_counts() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.always(openai_stream(&["Noted."]));

    ask(&server, &key, &json!({ "text": "My name is Ada.", "conversation_id": "c-2" })).await;
    let claimed = json!([{ "role": "User", "message": "My name is Bob." }]);
    ask(&server, &key, &json!({ "text": "Who am I?", "conversationId": "c-2", "history": claimed })).await;
    let fresh = json!([{ "role": "User", "message": "Before." }, { "role": "Assistant", "message": "Yes." }]);
    ask(&server, &key, &json!({ "text": "After.", "conversation_id": "c-3", "history": fresh })).await;

    let said = |request: usize| -> Vec<String> {
        let body = server.upstream.requests()[request].json();
        let messages = body["messages"].as_array().expect("messages").iter().skip(1);
        messages.map(|message| message["content"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(said(1), ["My name is Ada.", "Noted.", "Who am I?"]);
    assert_eq!(said(2), ["Before.", "Yes.", "After."]);
    server.stop().await;
}

#[tokio::test]
async fn failures_are_told_where_this_api_tells_them() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.always(Reply::status(500).body("{}"));

    let plain: Value = ask(&server, &key, &json!({ "text": "hi" })).await.json().await.expect("JSON");
    assert_eq!(plain["success"], false);
    assert!(
        plain["generated"].as_str().is_some_and(|text| text.starts_with("AI Agent run failed with error: "))
    );
    assert_eq!(plain["agentError"]["error_code"], "agent_network_error");
    let streamed = ask(&server, &key, &json!({ "text": "hi", "stream": true })).await;
    assert_eq!(streamed.status(), 500, "before the first token it is a status");

    let whole = openai_stream(&PIECES);
    let cut = whole.length() / 2;
    server.upstream.always(whole.cut_after(cut));
    let streamed = ask(&server, &key, &json!({ "text": "hi", "stream": true })).await;
    let body = streamed.text().await.expect("a whole stream");
    let last: Value = body
        .split_terminator("\n\n")
        .last()
        .and_then(|frame| serde_json::from_str(&frame[6..]).ok())
        .expect("an end");
    assert_eq!(last["last"], true);
    assert_eq!(last["execution_error"], "agent_network_error");
    server.stop().await;
}

#[tokio::test]
async fn each_refusal_has_the_documented_status_and_form() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    let unknown = "/code-assistant-api/v1/assistants/no-such-assistant/model";
    let send = |path: &str, body: &str, key: Option<&SecretString>| {
        let mut request = server.client.post(server.url(path)).body(body.to_owned());
        if let Some(key) = key {
            request = request.bearer_auth(key.expose_secret());
        }
        request.send()
    };
    for (path, body, signed_in, status, message) in [
        (ASSISTANT, "{\"text\": \"hi\"}", false, 401, "Authentication failed"),
        (ASSISTANT, "{\"text\": ", true, 400, "the body is not valid JSON"),
        (ASSISTANT, "{}", true, 400, "text: Field required"),
        (ASSISTANT, "{\"text\": 7}", true, 400, "text: "),
        (ASSISTANT, "{\"text\": \"hi\", \"stream\": \"maybe\"}", true, 400, "stream: "),
        (ASSISTANT, "{\"text\": \"hi\", \"history\": 7}", true, 422, "history: "),
        (ASSISTANT, "{\"text\": \"hi\", \"conversation_id\": \"a/b\"}", true, 422, "conversationId: "),
        (
            ASSISTANT,
            "{\"text\": \"hi\", \"enable_web_search\": true}",
            true,
            501,
            "enable_web_search is not supported",
        ),
        (unknown, "{\"text\": \"hi\"}", true, 404, "Assistant not found"),
    ] {
        let answer = send(path, body, signed_in.then_some(&key)).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{body}");
        assert!(answer.headers().contains_key("x-request-id"));
        let said: Value = answer.json().await.expect("JSON");
        assert!(
            said["error"]["message"].as_str().is_some_and(|text| text.starts_with(message)),
            "{body}: {said}"
        );
        assert!(said["error"].get("details").is_some(), "{said}");
    }
    let nowhere = server.get("/code-assistant-api/v1/nothing").send().await.expect("an answer");
    assert_eq!(nowhere.status(), 404);
    assert_eq!(nowhere.json::<Value>().await.expect("JSON"), json!({ "detail": "Not Found" }));
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn the_same_request_again_is_the_same_turn() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    server.upstream.always(openai_stream(&["Once."]));
    let send = |text: &str| {
        let request = server.post(ASSISTANT, &json!({ "text": text })).bearer_auth(key.expose_secret());
        request.header("Idempotency-Key", "once-only").send()
    };

    let first: Value = send("hi").await.expect("an answer").json().await.expect("JSON");
    let again: Value = send("hi").await.expect("an answer").json().await.expect("JSON");
    let other = send("something else").await.expect("an answer");

    assert_eq!(first["conversationId"], again["conversationId"]);
    assert_eq!(other.status(), 409);
    assert_eq!(server.upstream.requests().len(), 1);
    server.stop().await;
}
