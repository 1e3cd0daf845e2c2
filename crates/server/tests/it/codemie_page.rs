//! CodeMie's published page, verbatim: what it says works with only scheme, host and port replaced, and a real token.

use serde_json::{Value, json};
use testkit::upstream::{Reply, openai_stream};

use crate::harness::TestServer;
use crate::sign_in::{access_token, sign_in_as, sign_in_client};

/// The address of the page's `curl`.
const PUBLISHED_URL: &str =
    "https://codemie.example.com/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";

/// What its `curl` sends.
const HI: &str = r#"{
"text": "hi"
}"#;

/// "Example Request Body"
const STREAMED: &str = r#"{
"text": "hi",
"llmModel": "gpt-4o",
"stream": true
}"#;

/// "Response Example"
const RESPONSE: &str = r#"{
"generated": "Hello! Welcome to CodeMie, your AI-powered SDLC assistant. 😊 How can I help you today?",
"timeElapsed": 2.2828991413116455,
"tokensUsed": null,
"thoughts": [
{
"id": "105bd3e4-a861-495b-b817-847555651642",
"parent_id": null,
"metadata": {},
"in_progress": false,
"input_text": "",
"message": "Hello! Welcome to CodeMie, your AI-powered SDLC assistant. 😊 How can I help you today?",
"author_type": "Tool",
"author_name": "Codemie Thoughts",
"output_format": "text",
"children": []
}
],
"taskId": null
}"#;

const WORDS: [&str; 3] =
    ["Hello! Welcome to CodeMie, your AI-powered SDLC assistant. 😊 ", "How can I help ", "you today?"];

async fn call(server: &TestServer, token: &str, body: &'static str) -> reqwest::Response {
    let url = PUBLISHED_URL.replace("https://codemie.example.com", &server.url(""));
    let request = server.client.post(url).header("Content-Type", "application/json");
    let request = request.header("Authorization", format!("Bearer {token}")).body(body);
    request.send().await.expect("an answer")
}

/// "Client Password (User Credentials)"
async fn by_password(server: &TestServer) -> String {
    let ada = json!({ "username": "ada", "password": "correct horse" });
    server.administered("POST", "/api/admin/users", &ada).await;
    access_token(sign_in_as(server, "ada", "correct horse").await).await
}

/// "Client Secret (Service Account)"
async fn by_client_secret(server: &TestServer) -> String {
    let made = server.administered("POST", "/api/admin/clients", &json!({ "id": "api-demo-project" })).await;
    let secret = made["secret"].as_str().expect("a secret");
    access_token(sign_in_client(server, "api-demo-project", secret).await).await
}

#[tokio::test]
async fn both_ways_to_sign_in_lead_to_the_response_example() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&WORDS));
    let example: Value = serde_json::from_str(RESPONSE).expect("the example is JSON");

    for token in [by_password(&server).await, by_client_secret(&server).await] {
        let answer = call(&server, &token, HI).await;

        assert_eq!(answer.status(), 200);
        let mut answer: Value = answer.json().await.expect("JSON");
        assert!(answer["timeElapsed"].as_f64().is_some_and(|seconds| seconds > 0.0), "{answer}");
        assert!(answer["thoughts"][0]["id"].as_str().is_some_and(|id| !id.is_empty()), "{answer}");
        // What no two calls have in common, and what we know and the example does not.
        for (pointer, value) in [
            ("/timeElapsed", &example["timeElapsed"]),
            ("/tokensUsed", &Value::Null),
            ("/thoughts/0/id", &example["thoughts"][0]["id"]),
        ] {
            *answer.pointer_mut(pointer).expect("it is there") = value.clone();
        }
        check_within(&example, &answer, "");
    }
    server.stop().await;
}

/// Checks that everything of the example is in the answer, which may have more fields.
fn check_within(example: &Value, answer: &Value, at: &str) {
    match (example, answer) {
        (Value::Object(example), Value::Object(answer)) => {
            for (name, value) in example {
                let found = answer.get(name).unwrap_or_else(|| panic!("{at}/{name} is missing"));
                check_within(value, found, &format!("{at}/{name}"));
            }
        }
        (Value::Array(example), Value::Array(answer)) => {
            assert_eq!(example.len(), answer.len(), "{at}");
            for (index, (example, answer)) in example.iter().zip(answer).enumerate() {
                check_within(example, answer, &format!("{at}/{index}"));
            }
        }
        (example, answer) => assert_eq!(example, answer, "{at}"),
    }
}

#[tokio::test]
async fn the_example_request_streams_as_server_sent_events() {
    let server = TestServer::start_with(|config, _| {
        let openai = config.providers.get_mut("openai").expect("it is there");
        openai.models = Some(vec!["gpt-*".to_owned()]);
    })
    .await;
    server.upstream.enqueue(openai_stream(&WORDS));
    let token = by_client_secret(&server).await;

    let answer = call(&server, &token, STREAMED).await;

    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/event-stream".parse().expect("a value"))
    );
    let body = answer.text().await.expect("a whole stream");
    let data = body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").expect("an event"));
    let objects: Vec<Value> = data.map(|data| serde_json::from_str(data).expect("JSON")).collect();
    let assembled: String = objects.iter().filter_map(|object| object["generated_chunk"].as_str()).collect();
    assert_eq!(assembled, WORDS.concat());
    assert_eq!(objects.last().expect("an end")["generated"], assembled);
    assert_eq!(server.upstream.requests()[0].json()["model"], "gpt-4o", "llmModel overrides the assistant's");
    server.stop().await;
}

#[tokio::test]
async fn the_errors_of_the_table_have_their_status() {
    let server = TestServer::start().await;
    let token = by_password(&server).await;
    let documents = json!({ "account": "ada", "label": "documents", "scopes": ["documents"] });
    let documents = server.administered("POST", "/api/admin/keys", &documents).await;
    let documents = documents["key"].as_str().expect("a key");
    server.upstream.always(Reply::status(500).body("{}"));

    for (token, body, status) in [
        (token.as_str(), "{}", 400),
        ("<your-access-token>", HI, 401),
        (documents, HI, 403),
        (&token, STREAMED, 500),
    ] {
        let answer = call(&server, token, body).await;
        assert_eq!(answer.status().as_u16(), status, "{body}");
        let said: Value = answer.json().await.expect("JSON");
        assert!(said["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{said}");
    }
    let nobody = "/code-assistant-api/v1/assistants/11111111-06de-477d-9cc3-08369f858057/model";
    let absent = server.client.post(server.url(nobody)).bearer_auth(&token).body(HI).send().await;
    assert_eq!(absent.expect("an answer").status(), 404);
    server.stop().await;
}
