//! What a project's documents are asked, and who answers: the model, its floor, or nobody.

use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, frames, message, message_in, published};

const KETTLE: &str = "The kettle has a warranty of 7 years.";
const QUESTION: &str = "How long is the warranty of the kettle?";
const NOT_SAID: &str = "The documents of this project do not say.";

/// Puts what a shop knows into its project.
async fn stock(server: &TestServer) {
    let content = format!("# Warranty\n\n{KETTLE} Ask for it at the counter.\n");
    let body = json!({ "projectId": "shop", "type": "doc", "content": content, "filePath": "warranty.md" });
    let added = server.post("/api/knowledge/documents", &body).send().await.expect("an answer");
    assert_eq!(added.status(), 201);
}

/// In the project.
fn about(mut body: Value) -> Value {
    body["projectId"] = json!("shop");
    body
}

/// The model that the header names, and the answer.
async fn ask(server: &TestServer, body: Value) -> (String, Value) {
    let answer = server.post("/api/chat", &about(body)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let model = answer.headers()["x-latimer-model"].to_str().expect("a name").to_owned();
    (model, answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn talk_in_a_project_is_answered_by_the_model_without_passages() {
    let server = TestServer::start().await;
    stock(&server).await;
    server.upstream.always(openai_stream(&["As you like."]));
    let said = |content| ask(&server, message_in("session-of-talk", content));

    said(QUESTION).await;
    for talk in ["Hello!", "Thanks", "Say that in one sentence"] {
        let (model, answer) = said(talk).await;
        assert_eq!((model.split('/').next(), &answer["content"]), (Some("openai"), &json!("As you like.")));
        assert_eq!((answer.get("citations"), answer.get("refused")), (None, None), "{talk}");
        let prompt = server.upstream.requests().pop().expect("the model was asked").json();
        assert!(!prompt.to_string().contains(KETTLE), "{talk}: {prompt}");
    }

    let (_, follow_up) = said("And the second one?").await;
    assert_eq!(follow_up["refused"], false);
    let prompt = server.upstream.requests().pop().expect("the model was asked").json();
    assert!(prompt.to_string().contains(KETTLE), "it is read with the question before it: {prompt}");
    server.stop().await;
}

#[tokio::test]
async fn what_the_documents_do_not_say_is_said_without_a_model() {
    let server = TestServer::start().await;
    stock(&server).await;
    let question = "Who won the football championship of 1998?";

    let (_, plain) = ask(&server, message(question)).await;
    assert_eq!((&plain["content"], &plain["refused"]), (&json!(NOT_SAID), &json!(true)), "{plain}");
    let stream = server.post("/api/chat/stream", &about(message(question))).send().await;
    let stream = stream.expect("an answer").text().await.expect("a whole stream");
    assert_eq!(published(&stream).content, NOT_SAID);
    let numbered = server.v2_request(&about(message(question))).send().await.expect("an answer");
    let numbered = frames(&numbered.text().await.expect("a whole stream"));
    assert!(numbered.iter().any(|frame| frame.data.to_string().contains(NOT_SAID)), "{numbered:?}");
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn without_any_model_documents_are_still_quoted() {
    let server = TestServer::start_with(|config, _| config.providers.clear()).await;
    stock(&server).await;

    let (model, answer) = ask(&server, message(QUESTION)).await;

    assert_eq!(model, "local/local-extractive");
    assert_eq!(answer["model"], "local-extractive");
    assert!(answer["content"].as_str().is_some_and(|text| text.contains(KETTLE)), "{answer}");
    assert_eq!(answer["citations"][0]["quote"], KETTLE);
    let hello = server.post("/api/chat", &about(message("Hello!"))).send().await.expect("an answer");
    let hello = check_error(hello, 503, "UNAVAILABLE").await;
    assert!(hello["message"].as_str().is_some_and(|said| said.contains("cargo xtask models")), "{hello}");
    server.stop().await;
}

#[tokio::test]
async fn the_model_that_quotes_can_be_asked_for_by_name_but_not_without_documents() {
    let server = TestServer::start().await;
    stock(&server).await;
    let mut question = message(QUESTION);
    question["model"] = json!("local-extractive");

    let (model, answer) = ask(&server, question.clone()).await;
    assert_eq!(model, "local/local-extractive");
    assert!(answer["content"].as_str().is_some_and(|text| text.contains(KETTLE)), "{answer}");

    let alone = server.post("/api/chat", &question).send().await.expect("an answer");
    let status = alone.status();
    let alone: Value = alone.json().await.expect("JSON");
    assert!(!status.is_success() && alone.to_string().contains("name the project"), "{status}: {alone}");
    assert!(server.upstream.requests().is_empty(), "no other model was asked");
    server.stop().await;
}

/// The 135M model is the default.
#[cfg(feature = "embedded-llm")]
#[tokio::test]
async fn the_small_model_answers_no_question_of_documents_unless_it_is_named() {
    let server = TestServer::start_with(|config, _| {
        config.providers.clear();
        config.model_dir = testkit::model_dir();
    })
    .await;
    stock(&server).await;
    const FLOOR: &str = "local/local-extractive";

    let (model, answer) = ask(&server, message_in("session-of-floor", QUESTION)).await;
    assert_eq!((model.as_str(), &answer["model"]), (FLOOR, &json!("local-extractive")));
    for path in ["/api/chat/stream", "/api/chat/reason"] {
        let stream = server.post(path, &about(message(QUESTION))).send().await.expect("an answer");
        assert_eq!(stream.headers()["x-latimer-model"], FLOOR, "{path}");
        let stream = published(&stream.text().await.expect("a whole stream"));
        assert!(stream.content.contains(KETTLE), "{path}: {stream:?}");
    }
    let numbered = server.v2_request(&about(message(QUESTION))).send().await.expect("an answer");
    assert_eq!(numbered.headers()["x-latimer-model"], FLOOR);
    assert!(frames(&numbered.text().await.expect("a whole stream")).len() > 2);

    let mut named = message(QUESTION);
    (named["model"], named["maxTokens"]) = (json!("local-smollm2"), json!(4));
    assert_eq!(ask(&server, named).await.0, "local/local-smollm2");
    server.stop().await;
}
