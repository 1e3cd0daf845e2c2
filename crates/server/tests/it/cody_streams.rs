//! Cody's streams: sent by one request, read by any number at an address that needs no key.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::ManualClock;
use testkit::upstream::{Gate, Reply, openai_stream};

use crate::cody::Cody;
use crate::harness::TestServer;

/// Text that breaks readers who look for marks, lines or halves of characters.
const PIECES: [&str; 8] = ["[END]", "data: x", "\r\n", "\n\n", " 🇨", "🇭 ", "e\u{301}", "[START]"];
/// The first chunk has the role.
const ROLE: usize = 1;

/// The published request body.
const PUBLISHED: &str = r#"{"content":"string","conversation_id":"string","redirect":true}"#;

fn text() -> String {
    PIECES.concat()
}

impl Cody {
    /// Sends a message and gives the address of its stream.
    async fn stream_url(&self) -> String {
        let sent = json!({ "content": "Hi", "conversation_id": "string", "redirect": false });
        let told = self.ok("POST", "/messages/stream", &sent).await;
        told["data"]["stream_url"].as_str().expect("an address").to_owned()
    }

    /// As [`Cody::stream_url`], of an answer that is held back after `pieces`.
    async fn halfway(&self, pieces: usize) -> (String, Gate) {
        let (reply, gate) = openai_stream(&PIECES).paced();
        self.server.upstream.enqueue(reply);
        gate.release(ROLE + pieces);
        (self.stream_url().await, gate)
    }

    /// As a browser's `EventSource` asks, which has seen the event of this id.
    fn events(&self, url: &str, seen: Option<&str>) -> RequestBuilder {
        let request = self.server.client.get(url).header("Accept", "text/event-stream");
        match seen {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        }
    }
}

async fn whole(request: RequestBuilder) -> String {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    answer.text().await.expect("a whole stream")
}

/// Reads until the text holds this.
async fn until(answer: &mut Response, enough: &str) -> String {
    let mut text = Vec::new();
    while !std::str::from_utf8(&text).is_ok_and(|text| text.contains(enough)) {
        text.extend_from_slice(
            &answer.chunk().await.expect("the stream goes on").expect("there is more to come"),
        );
    }
    String::from_utf8(text).expect("whole code points")
}

/// What a reader makes of a stream: the id and the data of each event.
fn parsed(stream: &str) -> Vec<(Option<&str>, &str)> {
    assert!(stream.ends_with("\n\n") && !stream.contains('\r'), "{stream:?}");
    stream.split_terminator("\n\n").filter(|block| !block.starts_with(':')).map(event).collect()
}

fn event(block: &str) -> (Option<&str>, &str) {
    let (id, line) = match block.split_once('\n') {
        Some((id, line)) => (Some(id.strip_prefix("id: ").expect("an id")), line),
        None => (None, block),
    };
    (id, line.strip_prefix("data: ").expect("one line of data"))
}

/// The text of a stream's chunks.
fn chunks(stream: &str) -> String {
    let data = parsed(stream).into_iter().map(|(_, data)| data).filter(|data| !data.starts_with('['));
    data.map(|data| {
        let chunk: Value = serde_json::from_str(data).expect("JSON");
        chunk["chunk"].as_str().expect("text").to_owned()
    })
    .collect()
}

#[tokio::test]
async fn the_published_request_is_redirected_to_a_stream() {
    let cody = Cody::start().await;
    cody.server.upstream.enqueue(openai_stream(&PIECES));
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
    let url = cody.server.url("/api/v1/messages/stream");
    let request = client.post(url).header("Content-Type", "application/json").bearer_auth(&cody.key);

    let answer = request.body(PUBLISHED).send().await.expect("an answer");

    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    assert!(location.starts_with(&cody.server.url("/stream/")), "it is absolute: {location}");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body, json!({ "data": { "stream_url": location } }));
    let ticket = location.rsplit('/').next().expect("a ticket");
    assert!(ticket.len() == 43 && ticket.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{ticket}");
    let stream = whole(cody.server.client.get(&location)).await;
    assert!(
        stream.starts_with("data: [START]\n\ndata: {\"chunk\":") && stream.ends_with("data: [END]\n\n"),
        "{stream}"
    );
    assert_eq!(chunks(&stream), text());
    let messages = cody.get("/messages").await;
    assert_eq!(messages["data"][0]["content"], text(), "it is stored as it was streamed");
    cody.stop().await;
}

#[tokio::test]
async fn clients_that_follow_the_redirect_read_the_stream() {
    let cody = Cody::start().await;
    cody.server.upstream.always(openai_stream(&PIECES));
    let answer = cody.request("POST", "/messages/stream").body(PUBLISHED).send().await.expect("an answer");
    assert_eq!(chunks(&answer.text().await.expect("a whole stream")), text());
    // `curl -X POST -L` follows with a POST.
    let url = cody.stream_url().await;
    assert_eq!(chunks(&whole(cody.server.client.post(url)).await), text());
    cody.stop().await;
}

#[tokio::test]
async fn an_event_source_gets_ids_and_nothing_twice() {
    let cody = Cody::start().await;
    cody.server.upstream.enqueue(openai_stream(&PIECES));
    let url = cody.stream_url().await;

    let stream = whole(cody.events(&url, None)).await;

    let events = parsed(&stream);
    let ids: Vec<&str> = events.iter().map(|(id, _)| id.expect("each has an id")).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "end"]);
    for (at, id) in ids.iter().enumerate().take(ids.len() - 1) {
        let rest = whole(cody.events(&url, Some(id))).await;
        assert_eq!(parsed(&rest), events[at + 1..], "after {id}");
    }
    let stopped = cody.events(&url, Some("end")).send().await.expect("an answer");
    assert_eq!(stopped.status(), 204);
    cody.stop().await;
}

#[tokio::test]
async fn a_stream_is_given_whole_until_somebody_has_had_all_of_it() {
    let cody = Cody::start().await;
    let (url, gate) = cody.halfway(2).await;
    let mut cut = cody.server.client.get(&url).send().await.expect("an answer");
    until(&mut cut, "data: x").await;
    drop(cut);
    gate.open();
    cody.server.upstream.wait_idle().await;

    let rest = whole(cody.events(&url, Some("2"))).await;
    assert_eq!(chunks(&rest), PIECES[1..].concat(), "who comes back has not had all of it by one connection");
    assert_eq!(chunks(&whole(cody.server.client.get(&url)).await), text());

    for request in [cody.server.client.get(&url), cody.server.client.post(&url), cody.events(&url, None)] {
        assert_eq!(request.send().await.expect("an answer").status(), 204);
    }
    assert_eq!(chunks(&whole(cody.events(&url, Some("8"))).await), PIECES[7..].concat());
    cody.stop().await;
}

#[tokio::test]
async fn readers_that_are_open_all_get_everything() {
    let cody = Cody::start().await;
    let (url, gate) = cody.halfway(2).await;
    let (mut slow, mut quick) = (
        cody.server.client.get(&url).send().await.expect("an answer"),
        cody.server.client.get(&url).send().await.expect("an answer"),
    );
    let (slow_begun, quick_begun) = (until(&mut slow, "data: x").await, until(&mut quick, "data: x").await);
    gate.open();
    let quick = quick.text().await.expect("a whole stream");
    let slow = slow.text().await.expect("a whole stream");
    assert_eq!(chunks(&format!("{quick_begun}{quick}")), text());
    assert_eq!(chunks(&format!("{slow_begun}{slow}")), text());
    cody.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_whole_in_the_list() {
    let cody = Cody::start().await;
    let (url, gate) = cody.halfway(2).await;
    let listed = cody.get("/messages").await;
    assert_eq!(
        (&listed["data"][0]["content"], listed["data"].as_array().map(Vec::len)),
        (&json!("Hi"), Some(1))
    );

    gate.open();
    cody.server.upstream.wait_idle().await;
    let late = whole(cody.server.client.get(&url)).await;

    assert_eq!(chunks(&late), text());
    assert_eq!(cody.get("/messages").await["data"][0]["content"], text());
    cody.stop().await;
}

#[tokio::test]
async fn an_answer_is_in_the_list_when_its_end_is_read() {
    let cody = Cody::start().await;
    let (url, gate) = cody.halfway(1).await;
    let mut reader = cody.server.client.get(&url).send().await.expect("an answer");
    until(&mut reader, "[END]\"}").await;
    gate.open();
    until(&mut reader, "data: [END]").await;
    assert_eq!(cody.get("/messages").await["data"][0]["content"], text());
    drop(reader);
    cody.stop().await;
}

#[tokio::test]
async fn a_failure_is_told_in_the_text() {
    let cody = Cody::start().await;
    let reply = openai_stream(&["Two", " years."]);
    let most = reply.length() * 2 / 3;
    cody.server.upstream.enqueue(reply.cut_after(most));
    cody.server.upstream.always(Reply::status(500).body("{}"));
    for said_something in [true, false] {
        let url = cody.stream_url().await;

        let stream = whole(cody.events(&url, None)).await;

        let events = parsed(&stream);
        let ids: Vec<_> = events.iter().map(|(id, _)| id.expect("an id")).collect();
        assert_eq!(&ids[ids.len() - 2..], ["failed", "end"]);
        assert_eq!(chunks(&stream).contains("\n\n"), said_something, "{stream}");
        let newest = cody.get("/messages").await["data"][0].clone();
        assert_eq!(
            (&newest["content"], &newest["failed_responding"]),
            (&json!(chunks(&stream)), &json!(true))
        );
        let rest = whole(cody.events(&url, Some("failed"))).await;
        assert_eq!(parsed(&rest), [(Some("end"), "[END]")]);
    }
    cody.stop().await;
}

#[tokio::test]
async fn an_unknown_ticket_is_404() {
    let cody = Cody::start().await;
    cody.server.upstream.enqueue(openai_stream(&PIECES));
    let url = cody.stream_url().await;
    let (address, ticket) = url.rsplit_once('/').expect("a ticket");
    let last = if ticket.ends_with('0') { '1' } else { '0' };
    let changed = format!("{}{last}", &ticket[..ticket.len() - 1]);
    for wrong in [&changed, &ticket.to_lowercase(), &format!("{ticket}0"), "x", "%00", "a%2Fb"] {
        let answer = cody.server.client.get(format!("{address}/{wrong}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{wrong}");
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({ "message": "Not Found" }), "{wrong}");
    }
    assert_eq!(chunks(&whole(cody.server.client.get(&url)).await), text());
    cody.request("DELETE", "/conversations/string").send().await.expect("an answer");
    let gone = cody.events(&url, Some("2")).send().await.expect("an answer");
    assert_eq!(gone.status(), 404, "the conversation is deleted");
    cody.stop().await;
}

#[tokio::test]
async fn a_ticket_is_good_for_an_hour_and_while_its_answer_is_written() {
    let clock = ManualClock::at_present();
    let server = TestServer::start_by(std::sync::Arc::new(clock.clone()), |_, _| ()).await;
    let cody = Cody::over(server).await;
    let status = async |url: &str| {
        let answer = cody.events(url, Some("1")).send().await.expect("an answer");
        answer.status().as_u16()
    };
    cody.server.upstream.enqueue(openai_stream(&PIECES));
    let ended = cody.stream_url().await;
    whole(cody.events(&ended, None)).await;
    let (running, gate) = cody.halfway(2).await;

    clock.advance(Duration::from_secs(59 * 60));
    assert_eq!(status(&ended).await, 200);
    clock.advance(Duration::from_secs(2 * 60));
    assert_eq!((status(&ended).await, status(&running).await), (404, 200));
    gate.open();
    whole(cody.events(&running, Some("1"))).await;
    clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(status(&running).await, 200);
    clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(status(&running).await, 404);
    cody.stop().await;
}

#[tokio::test]
async fn a_revoked_key_ends_its_tickets() {
    let server = TestServer::start_with(|config, _| config.auth.recheck_interval_ms = 10).await;
    let (_, id) = server.key_and_id("ada").await;
    let cody = Cody { key: server.key("ada").await.expose_secret().to_owned(), server };
    let keys = cody.server.administered("GET", "/api/admin/keys", &Value::Null).await;
    let mine = keys
        .as_array()
        .expect("a list")
        .iter()
        .find(|key| key["id"] != id.as_str() && key["account"] == "ada");
    let mine = mine.expect("it is listed")["id"].as_str().expect("an id").to_owned();
    let (url, _gate) = cody.halfway(2).await;
    let mut open = cody.events(&url, None).send().await.expect("an answer");
    let begun = until(&mut open, "data: x").await;

    cody.server.administered("DELETE", &format!("/api/admin/keys/{mine}"), &Value::Null).await;

    let rest = open.text().await.expect("an orderly end");
    let stream = format!("{begun}{rest}");
    assert!(stream.ends_with("id: end\ndata: [END]\n\n") && chunks(&stream).contains("revoked"), "{stream}");
    assert_eq!(cody.events(&url, None).send().await.expect("an answer").status(), 404);
    cody.stop().await;
}

#[tokio::test]
async fn a_forged_host_turns_no_ticket_elsewhere() {
    let cody = Cody::start().await;
    cody.server.upstream.always(openai_stream(&PIECES));
    let sent = json!({ "content": "Hi", "conversation_id": "string", "redirect": false });
    for header in ["X-Forwarded-Host", "Forwarded", "X-Original-Host"] {
        let value = if header == "Forwarded" { "host=evil.example" } else { "evil.example" };
        let request = cody.request("POST", "/messages/stream").header(header, value).json(&sent);
        let told: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let url = told["data"]["stream_url"].as_str().expect("an address");
        assert!(url.starts_with(&cody.server.url("/stream/")), "{header}: {url}");
    }
    let rebound = cody.request("POST", "/messages/stream").header("Host", "evil.example").json(&sent);
    assert_eq!(rebound.send().await.expect("an answer").status(), 403);
    cody.stop().await;
}

#[tokio::test]
async fn the_address_is_the_configured_one_or_what_a_trusted_proxy_forwards() {
    for (public_url, address) in [
        (Some("https://chat.example.com/"), "https://chat.example.com/stream/"),
        (None, "https://forwarded.example/stream/"),
    ] {
        let server = TestServer::start_with(|config, _| {
            config.server.public_url = public_url.map(str::to_owned);
            config.server.trusted_proxies = vec!["127.0.0.0/8".to_owned()];
        });
        let cody = Cody::over(server.await).await;
        cody.server.upstream.enqueue(openai_stream(&PIECES));
        let sent = json!({ "content": "Hi", "conversation_id": "string", "redirect": 0 });
        let request = cody.request("POST", "/messages/stream").json(&sent);
        let request =
            request.header("X-Forwarded-Host", "forwarded.example").header("X-Forwarded-Proto", "https");
        let told: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let url = told["data"]["stream_url"].as_str().expect("an address");
        assert!(url.starts_with(address), "{url}");
        cody.server.upstream.wait_idle().await;
        cody.stop().await;
    }
}
