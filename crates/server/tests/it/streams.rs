//! What the engine promises, as clients see it: heartbeats, stop, resume, errors in the stream, idempotency.

use std::time::{Duration, Instant};

use futures::StreamExt;
use http::StatusCode;
use serde_json::{Value, json};
use testkit::upstream::{Reply, openai_stream};

use crate::harness::{Frame, TestServer, frames, message, message_in, published, text_of};

const WORDS: [&str; 6] = ["Good", " morning", ", ", "wörld", " 🦀", "!"];
const TEXT: &str = "Good morning, wörld 🦀!";
/// The upstream's stream has a first chunk with the role, then one a word, the finish, usage and `[DONE]`.
const ROLE: usize = 1;

/// Reads a response until `enough` holds of what has come.
async fn read_until(response: &mut reqwest::Response, enough: impl Fn(&str) -> bool) -> String {
    let mut text = Vec::new();
    while !std::str::from_utf8(&text).is_ok_and(&enough) {
        let chunk = response.chunk().await.expect("the stream goes on");
        text.extend_from_slice(&chunk.expect("there is more to come"));
    }
    String::from_utf8(text).expect("whole code points")
}

async fn history(server: &TestServer, session: &str) -> Value {
    let path = format!("/api/chat/sessions/{session}/messages");
    server.get(&path).send().await.expect("an answer").json().await.expect("JSON")
}

/// A v2 body with a turn id of the client's.
fn v2_body(turn: &str, content: &str) -> Value {
    let mut body = message(content);
    body["turnId"] = json!(turn);
    body
}

#[tokio::test]
async fn silence_is_filled_with_heartbeats() {
    let server = TestServer::start_with(|config, _| config.server.heartbeat_interval_ms = 100).await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(ROLE + 1);

    let mut answer = server.post("/api/chat/stream", &message("Hi")).send().await.expect("an answer");
    let text = read_until(&mut answer, |text| text.matches(": ping\n\n").count() >= 3).await;
    gate.open();
    let rest = answer.text().await.expect("the rest");

    assert_eq!(published(&format!("{text}{rest}")).content, TEXT);
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_cannot_come_back_stops_the_turn_when_it_leaves() {
    let server = TestServer::start().await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(ROLE + 2);

    let mut answer =
        server.post("/api/chat/stream", &message_in("left", "Hi")).send().await.expect("an answer");
    read_until(&mut answer, |text| text.contains(" morning")).await;
    let left = Instant::now();
    drop(answer);

    let closed = server.upstream.wait_closed(0).await;
    assert!(closed - left < Duration::from_millis(250), "upstream was closed after {:?}", closed - left);
    let answer = ended_answer(&server, "left").await;
    assert_eq!((&answer["status"], &answer["content"]), (&json!("stopped"), &json!("Good morning")));
    server.upstream.enqueue(openai_stream(&["Still here."]));
    let next = server.post("/api/chat", &message_in("left", "And now?")).send().await.expect("an answer");
    assert_eq!(next.json::<Value>().await.expect("JSON")["content"], "Still here.");
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_leaves_before_the_head_stops_the_turn_too() {
    let server = TestServer::start().await;
    server.upstream.enqueue(Reply::hang());

    let request = server.post("/api/chat/stream", &message_in("early", "Hi")).send();
    tokio::select! {
        _ = request => panic!("nothing answers"),
        _ = server.upstream.wait_request(0) => {}
    }
    let left = Instant::now();

    let closed = server.upstream.wait_closed(0).await;
    assert!(closed - left < Duration::from_millis(250), "upstream was closed after {:?}", closed - left);
    let answer = ended_answer(&server, "early").await;
    assert_eq!((&answer["status"], &answer["content"]), (&json!("stopped"), &json!("")));
    server.stop().await;
}

/// The last answer of a session, once its turn has ended.
async fn ended_answer(server: &TestServer, session: &str) -> Value {
    loop {
        let page = history(server, session).await;
        if page["activeTurnId"].is_null() {
            return page["data"].as_array().and_then(|data| data.last()).expect("an answer").clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn cancel_stops_upstream_keeps_the_text_and_says_so() {
    let server = TestServer::start().await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(ROLE + 2);
    let turn = "turn-to-be-stopped";

    let mut answer = server.v2_request(&v2_body(turn, "Hi")).send().await.expect("an answer");
    let seen = read_until(&mut answer, |text| text.contains(" morning")).await;
    let told = Instant::now();
    let path = format!("/api/chat/turns/{turn}/cancel");
    let stopped = server.post(&path, &json!({ "reason": "user" })).send().await.expect("an answer");
    let closed = server.upstream.wait_closed(0).await;

    assert!(closed - told < Duration::from_millis(250), "upstream was closed after {:?}", closed - told);
    assert_eq!(stopped.status(), 200);
    let stopped: Value = stopped.json().await.expect("JSON");
    assert_eq!((&stopped["status"], &stopped["content"]), (&json!("stopped"), &json!("Good morning")));
    let all = frames(&format!("{seen}{}", answer.text().await.expect("the rest")));
    let last = all.last().expect("an end");
    assert_eq!((&last.data["type"], &last.data["finishReason"]), (&json!("done"), &json!("stopped")));
    let again: Value =
        server.client.post(server.url(&path)).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(again, stopped, "cancel is idempotent");
    server.stop().await;
}

#[tokio::test]
async fn a_cancel_that_overtakes_its_send_wins() {
    let server = TestServer::start().await;
    let turn = "turn-stopped-too-early";

    let path = format!("/api/chat/turns/{turn}/cancel");
    let marked = server.post(&path, &json!({ "reason": "user" })).send().await.expect("an answer");
    assert_eq!(marked.status(), 202);
    assert_eq!(marked.json::<Value>().await.expect("JSON"), json!({ "status": "stopping" }));
    let frames = server.v2(&v2_body(turn, "Never mind")).await;

    assert!(server.upstream.requests().is_empty(), "no model was asked");
    assert_eq!(text_of(&frames), "");
    assert_eq!(frames.last().expect("an end").data["finishReason"], "stopped");
    let session = frames[0].data["sessionId"].as_str().expect("a session");
    let page = history(&server, session).await;
    assert_eq!(page["data"][0]["content"], "Never mind");
    assert_eq!(page["data"][1]["status"], "stopped");
    server.stop().await;
}

#[tokio::test]
async fn a_stream_is_the_same_from_every_position_during_the_turn_and_after() {
    let server = TestServer::start().await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(ROLE + 3);
    let turn = "turn-read-everywhere";
    let mut first = server.v2_request(&v2_body(turn, "Hi")).send().await.expect("an answer");
    assert_eq!(first.headers()["x-turn-id"], turn);
    assert_eq!(first.headers()["x-chat-stream"], "v2");
    let seen = read_until(&mut first, |text| text.contains("\", \"")).await;

    // During the turn: one frame and three pieces are there; two readers at each position.
    let mut during = Vec::new();
    for position in [0, 1, 2, 3, 4, 1, 3] {
        let answer = server.resume(turn, position).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "from {position}");
        during.push((position, answer));
    }
    let beyond = server.resume(turn, 5).send().await.expect("an answer");
    assert_eq!(beyond.status(), 400, "frame 5 was not sent yet");
    gate.open();
    let whole = frames(&format!("{seen}{}", first.text().await.expect("the rest")));
    assert_eq!(text_of(&whole), TEXT);
    let numbers: Vec<u64> = whole.iter().map(|frame| frame.id).collect();
    assert_eq!(numbers, (1..=WORDS.len() as u64 + 3).collect::<Vec<_>>(), "turn, pieces, usage, done");
    for (position, answer) in during {
        let rest = frames(&answer.text().await.expect("a stream"));
        assert_eq!(rest, after(&whole, position), "during the turn from {position}");
    }

    // After it, from the store.
    for position in 0..whole.len() as u64 {
        let answer = server.resume(turn, position).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "from {position}");
        assert_eq!(
            frames(&answer.text().await.expect("a stream")),
            after(&whole, position),
            "after from {position}"
        );
    }
    for position in [whole.len() as u64, 99] {
        let answer = server.resume(turn, position).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "nothing follows {position}");
    }
    server.stop().await;
}

fn after(whole: &[Frame], position: u64) -> Vec<Frame> {
    whole.iter().filter(|frame| frame.id > position).cloned().collect()
}

#[tokio::test]
async fn a_session_is_followed_while_its_turn_runs() {
    let server = TestServer::start().await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    let mut body = message_in("followed", "Hi");
    body["turnId"] = json!("turn-that-is-followed");
    let first = server.v2_request(&body).send().await.expect("an answer");
    assert_eq!(history(&server, "followed").await["activeTurnId"], "turn-that-is-followed");

    let follower = server.get("/api/chat/sessions/followed/events").send().await.expect("an answer");
    gate.open();

    let whole = first.text().await.expect("a stream");
    assert_eq!(frames(&follower.text().await.expect("a stream")), frames(&whole));
    let idle = server.get("/api/chat/sessions/followed/events").send().await.expect("an answer");
    assert_eq!(idle.status(), StatusCode::NO_CONTENT);
    server.stop().await;
}

#[tokio::test]
async fn a_resumable_turn_goes_on_without_its_reader() {
    let server = TestServer::start().await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(ROLE + 1);
    let turn = "turn-without-reader";
    let mut answer = server.v2_request(&v2_body(turn, "Hi")).send().await.expect("an answer");
    read_until(&mut answer, |text| text.contains("Good")).await;
    drop(answer);
    gate.open();

    let rest = server.resume(turn, 0).send().await.expect("an answer");

    assert_eq!(text_of(&frames(&rest.text().await.expect("a stream"))), TEXT);
    server.stop().await;
}

#[tokio::test]
async fn a_truncated_upstream_never_looks_whole() {
    let server = TestServer::start().await;
    let reply = openai_stream(&WORDS);
    let cut = reply.length() * 2 / 3;
    server.upstream.always(reply.cut_after(cut));

    let answer = server.post("/api/chat/stream", &message("Hi")).send().await.expect("an answer");
    let stream = published(&answer.text().await.expect("a stream"));
    assert_eq!(stream.errors.len(), 1, "an error comes before done");
    assert_eq!(stream.errors[0]["code"], "PROVIDER_ERROR");
    assert!(TEXT.starts_with(&stream.content) && !stream.content.is_empty(), "{:?}", stream.content);

    let frames = server.v2(&message("Hi")).await;
    let types: Vec<&str> =
        frames.iter().rev().take(2).filter_map(|frame| frame.data["type"].as_str()).collect();
    assert_eq!(types, ["done", "error"]);
    assert_eq!(frames.last().expect("an end").data["finishReason"], "error");

    let whole = server.post("/api/chat", &message("Hi")).send().await.expect("an answer");
    assert_eq!(whole.status(), 502);

    // The plain text of the SDK has no form for an error: the connection breaks.
    let answer =
        server.post("/api/ai/chat/stream", &json!({ "message": "Hi" })).send().await.expect("an answer");
    assert!(
        answer.bytes_stream().any(|chunk| async move { chunk.is_err() }).await,
        "the reader sees it break"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_fails_before_the_first_token_is_a_status() {
    let server = TestServer::start().await;
    let overloaded = Reply::status(429).header("retry-after", "7").body("{}");
    for (reply, status, code) in [
        (Reply::status(500).body("{}"), 502, "PROVIDER_ERROR"),
        (Reply::status(401).body("{}"), 502, "PROVIDER_ERROR"),
        (Reply::html(), 502, "PROVIDER_ERROR"),
        (overloaded, 429, "RATE_LIMITED"),
        (Reply::status(503).body("{}"), 503, "UNAVAILABLE"),
    ] {
        server.upstream.enqueue(reply);
        let answer = server.post("/api/chat/stream", &message("Hi")).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
        let retry_after = answer.headers().get("retry-after").cloned();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["code"], code);
        assert!(body["requestId"].as_str().is_some_and(|id| id.starts_with("req_")), "{body}");
        if status == 429 {
            assert_eq!(retry_after.expect("a time to retry"), "7");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_silent_upstream_becomes_a_stream_of_heartbeats_then_an_error() {
    let server = TestServer::start_with(|config, _| {
        config.turn.head_wait_ms = 50;
        config.server.heartbeat_interval_ms = 50;
        config.providers.get_mut("openai").expect("it is there").first_token_timeout = Duration::from_secs(1);
    })
    .await;
    server.upstream.enqueue(Reply::hang());

    let answer = server.post("/api/chat/stream", &message("Hi")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.expect("a stream");

    assert!(text.starts_with(": ping\n\n"), "{text:?}");
    assert_eq!(published(&text).errors[0]["code"], "PROVIDER_TIMEOUT");
    server.stop().await;
}

#[tokio::test]
async fn the_same_request_again_is_the_same_turn() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&WORDS));
    let again = |body: Value, path: &'static str| {
        let request = server.post(path, &body).header("Idempotency-Key", "once-only");
        async move { request.send().await.expect("an answer") }
    };
    let first: Value = again(message("Hi"), "/api/chat").await.json().await.expect("JSON");
    let second: Value = again(message("Hi"), "/api/chat").await.json().await.expect("JSON");
    assert_eq!(first, second);
    let other = again(message("Something else"), "/api/chat").await;
    assert_eq!(other.status(), 409);
    let stream = published(&again(message("Hi"), "/api/chat/stream").await.text().await.expect("a stream"));
    let repeat = published(&again(message("Hi"), "/api/chat/stream").await.text().await.expect("a stream"));
    assert_eq!(stream, repeat, "another route is another request, and repeats on its own");
    assert_eq!(server.upstream.requests().len(), 2, "each was asked once");
    let wrong = server
        .post("/api/chat", &message("Hi"))
        .header("Idempotency-Key", "")
        .send()
        .await
        .expect("an answer");
    assert_eq!(wrong.status(), 400);
    server.stop().await;
}

#[tokio::test]
async fn thirty_two_copies_of_one_post_are_one_turn() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&WORDS));
    let body = message_in("copies", "Hi");
    let copies = (0..32).map(|_| server.post("/api/chat", &body).header("Idempotency-Key", "copied").send());
    let answers = futures::future::join_all(copies).await;

    let mut ids = Vec::new();
    for answer in answers {
        ids.push(answer.expect("an answer").json::<Value>().await.expect("JSON")["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "all have the same answer");
    assert_eq!(server.upstream.requests().len(), 1);
    assert_eq!(history(&server, "copies").await["data"].as_array().map(Vec::len), Some(2));
    server.stop().await;
}

#[tokio::test]
async fn an_interrupted_turn_resumes_with_an_error_and_an_end() {
    let mut server = TestServer::start_with(|config, _| config.server.shutdown_grace_ms = 1).await;
    let (reply, gate) = openai_stream(&WORDS).paced();
    server.upstream.enqueue(reply);
    gate.release(ROLE + 2);
    let turn = "turn-interrupted-here";
    let mut answer = server.v2_request(&v2_body(turn, "Hi")).send().await.expect("an answer");
    let seen = read_until(&mut answer, |text| text.contains(" morning")).await;

    server.restart().await;

    let whole =
        frames(&format!("{seen}{}", answer.text().await.expect("the end came before the server went")));
    let types: Vec<&str> = whole.iter().filter_map(|frame| frame.data["type"].as_str()).collect();
    assert_eq!(types, ["turn", "delta", "delta", "error", "done"]);
    assert_eq!(whole[3].data["code"], "INTERRUPTED");
    // A reader that knows less, as much, and more than the store: it gets the rest, then one error and the end.
    for position in [0, 2, 3, 7] {
        let rest = frames(
            &server.resume(turn, position).send().await.expect("an answer").text().await.expect("a stream"),
        );
        let numbers: Vec<u64> = rest.iter().map(|frame| frame.id).collect();
        let last = (position + 2).max(5);
        assert_eq!(
            numbers,
            (position + 1..=last).collect::<Vec<_>>(),
            "no number is used twice from {position}"
        );
        let end: Vec<&str> =
            rest.iter().rev().take(2).filter_map(|frame| frame.data["type"].as_str()).collect();
        assert_eq!(end, ["done", "error"], "from {position}");
    }
    server.stop().await;
}
