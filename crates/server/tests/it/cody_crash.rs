//! A ticket survives `kill -9`: after the next start it leads to what was saved, to the reason, and to an end.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use testkit::upstream::{Upstream, openai_stream};

use crate::cli::{client, create_key, home};
use crate::program::{Program, asking};

/// Between a word's coming and its being saved there is the interval of checkpoints, the commit, and our clock.
const MAY_BE_LOST: Duration = Duration::from_millis(1_000 + 500);
const APOLOGY: &str = "the server stopped while this answer was being written; send the message again";

/// What a reader had got of a stream when the server died: the last event's id, and when each word came.
struct Reader {
    last_id: String,
    words: Vec<(String, Instant)>,
}

impl Reader {
    /// Reads until so many words have come.
    async fn read(request: RequestBuilder, words: usize) -> Self {
        let mut answer = request.header("Accept", "text/event-stream").send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut reader = Self { last_id: String::new(), words: Vec::new() };
        let mut text = String::new();
        while reader.words.len() < words {
            let chunk = answer.chunk().await.expect("the stream goes on").expect("there is more to come");
            text.push_str(std::str::from_utf8(&chunk).expect("ASCII"));
            while let Some((event, rest)) = text.split_once("\n\n") {
                let (id, data) = event.split_once('\n').expect("an id and data");
                reader.last_id = id.trim_start_matches("id: ").to_owned();
                let data = data.trim_start_matches("data: ");
                if data != "[START]" {
                    let chunk: Value = serde_json::from_str(data).expect("JSON");
                    reader.words.push((chunk["chunk"].as_str().expect("text").to_owned(), Instant::now()));
                }
                text = rest.to_owned();
            }
        }
        reader
    }
}

async fn text(request: RequestBuilder) -> String {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a whole stream")
}

fn chunks(stream: &str) -> String {
    let data = stream.split_terminator("\n\n").map(|event| event.rsplit("data: ").next().expect("data"));
    data.filter(|data| !data.starts_with('['))
        .map(|data| {
            let chunk: Value = serde_json::from_str(data).expect("JSON");
            chunk["chunk"].as_str().expect("text").to_owned()
        })
        .collect()
}

/// Sends a message; gives the path of its stream, since the next start has another port.
async fn send(program: &Program, http: &Client, key: &str) -> String {
    let sent = json!({ "content": "Count.", "conversation_id": "string", "redirect": false });
    let request = http.post(program.url("/api/v1/messages/stream")).bearer_auth(key).json(&sent);
    let told: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    let url = told["data"]["stream_url"].as_str().expect("an address");
    url.strip_prefix(&program.url("")).expect("it is the server's own").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_leads_to_an_end_after_a_kill() {
    let (home, http) = (home(), client());
    let words: Vec<String> = (0..400).map(|at| format!("w{at} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let upstream = Upstream::start().await;
    upstream.always(openai_stream(&words).every(Duration::from_millis(20)));
    let mut program = Program::serve(home.path(), &asking(&upstream));
    let (key, _) = create_key(home.path(), "ada");
    // Before the first checkpoint, after it, and after the second.
    for seen in [3, 80, 130] {
        let path = send(&program, &http, &key).await;
        let reader = Reader::read(http.get(program.url(&path)), seen).await;
        let killed = program.kill();
        program = Program::serve(home.path(), &asking(&upstream));

        let whole = text(http.get(program.url(&path))).await;
        let rest = http.get(program.url(&path)).header("Accept", "text/event-stream");
        let rest = text(rest.header("Last-Event-ID", &reader.last_id)).await;

        assert!(whole.starts_with("data: [START]\n\n") && whole.ends_with("\n\ndata: [END]\n\n"), "{whole}");
        let told = chunks(&whole);
        let saved = told.strip_suffix(APOLOGY).expect("the reason comes last");
        let saved = saved.strip_suffix("\n\n").unwrap_or(saved);
        let due = reader.words.iter().filter(|(_, came)| killed.duration_since(*came) > MAY_BE_LOST);
        let due: String = due.map(|(word, _)| word.as_str()).collect();
        assert!(words.concat().starts_with(saved) && saved.starts_with(&due), "{saved} lacks some of {due}");
        let seen: String = reader.words.iter().map(|(word, _)| word.as_str()).collect();
        assert!(!chunks(&rest).contains(seen.trim_end()), "nothing is told twice: {rest}");
        assert!(chunks(&rest).ends_with(APOLOGY) && rest.ends_with("id: end\ndata: [END]\n\n"), "{rest}");
        let listed =
            http.get(program.url("/api/v1/messages")).bearer_auth(&key).send().await.expect("an answer");
        let listed: Value = listed.json().await.expect("JSON");
        let newest = &listed["data"][0];
        assert_eq!((&newest["content"], &newest["failed_responding"]), (&json!(told), &json!(true)));
        let stopped = http.get(program.url(&path)).header("Last-Event-ID", "end").send().await;
        assert_eq!(stopped.expect("an answer").status(), 204);
    }
    program.terminate();
    assert!(program.ended().await.status.success());
}
