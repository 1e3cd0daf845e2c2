//! Revocation reaches streams that are open: each dialect ends them in its own way.

use reqwest::Response;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::upstream::{Gate, openai_stream};

use crate::harness::{TestServer, message_in, published};
use crate::sign_in::{access_token, sign_in_as};

const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
const WORDS: [&str; 3] = ["Good", " morning", "!"];
/// The role, and the first two words.
const BEGUN: usize = 3;

/// A server that looks after credentials all the time, and an answer that stops after two words.
async fn halfway() -> (TestServer, Gate) {
    let server = TestServer::start_with(|config, _| config.auth.recheck_interval_ms = 10).await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(BEGUN);
    (server, gate)
}

/// Reads until the second word.
async fn begun(answer: &mut Response) -> String {
    assert_eq!(answer.status(), 200);
    let mut text = String::new();
    while !text.contains(" morning") {
        let chunk = answer.chunk().await.expect("the stream goes on").expect("there is more to come");
        text.push_str(std::str::from_utf8(&chunk).expect("ASCII"));
    }
    text
}

async fn revoke(server: &TestServer, key: &str) {
    server.administered("DELETE", &format!("/api/admin/keys/{key}"), &Value::Null).await;
}

#[tokio::test]
async fn the_published_stream_says_that_it_ends_and_the_turn_stops() {
    let (server, _gate) = halfway().await;
    let (key, id) = server.key_and_id("ada").await;
    let request = server.post("/api/chat/stream", &message_in("talk", "Hi")).bearer_auth(key.expose_secret());
    let mut answer = request.send().await.expect("an answer");
    let begun = begun(&mut answer).await;

    revoke(&server, &id).await;

    let rest = answer.text().await.expect("an orderly end");
    let stream = published(&format!("{begun}{rest}"));
    assert_eq!((stream.content.as_str(), stream.errors.len()), ("Good morning", 1));
    assert_eq!(stream.errors[0]["code"], "UNAUTHORIZED");
    server.upstream.wait_closed(0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_resumable_stream_breaks_and_goes_on_under_another_key() {
    let (server, gate) = halfway().await;
    let (key, id) = server.key_and_id("ada").await;
    let other = server.key("ada").await;
    let mut body = message_in("talk", "Hi");
    body["turnId"] = json!("turn-of-two-keys");
    let request = server.v2_request(&body).bearer_auth(key.expose_secret());
    let mut answer = request.send().await.expect("an answer");
    begun(&mut answer).await;

    revoke(&server, &id).await;

    let broken = answer.text().await;
    assert!(broken.is_err(), "no frame is made up, since each is the turn's: {broken:?}");
    let resume = |key: &str| server.resume("turn-of-two-keys", 0).bearer_auth(key).send();
    assert_eq!(resume(key.expose_secret()).await.expect("an answer").status(), 401);
    gate.open();
    let whole = resume(other.expose_secret()).await.expect("an answer").text().await.expect("a whole stream");
    assert!(whole.contains("\"content\":\"!\"") && whole.contains("\"finishReason\":\"stop\""), "{whole}");
    server.stop().await;
}

#[tokio::test]
async fn plain_text_breaks() {
    let (server, _gate) = halfway().await;
    let (key, id) = server.key_and_id("ada").await;
    let body = json!({ "message": "Hi" });
    let request = server.post("/api/ai/chat/stream", &body).bearer_auth(key.expose_secret());
    let mut answer = request.send().await.expect("an answer");
    begun(&mut answer).await;

    revoke(&server, &id).await;

    assert!(answer.text().await.is_err(), "an orderly end would say that the answer is whole");
    server.upstream.wait_closed(0).await;
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_users_stream_of_objects_has_its_last_one() {
    let (server, _gate) = halfway().await;
    let ada = json!({ "username": "ada", "password": "correct horse" });
    server.administered("POST", "/api/admin/users", &ada).await;
    let token = access_token(sign_in_as(&server, "ada", "correct horse").await).await;
    let body = json!({ "text": "hi", "stream": true, "conversationId": "talk" });
    let mut answer = server.post(ASSISTANT, &body).bearer_auth(token).send().await.expect("an answer");
    begun(&mut answer).await;

    server.administered("PATCH", "/api/admin/users/ada", &json!({ "disabled": true })).await;

    let rest = answer.text().await.expect("an orderly end");
    let last: Value = serde_json::from_str(rest.trim_end().lines().last().expect("objects")).expect("JSON");
    assert_eq!((&last["last"], &last["execution_error"]), (&json!(true), &json!("agent_internal_error")));
    assert!(last["generated"].as_str().is_some_and(|text| text.starts_with("Good morning")), "{last}");
    server.upstream.wait_closed(0).await;
    server.stop().await;
}
