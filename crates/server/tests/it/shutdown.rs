//! How the program stops, and what it leaves: by SIGTERM, within the grace and beyond it; one process to a directory.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::upstream::{Gate, Upstream, openai_stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{frames, message_in, published, text_of};
use crate::program::{Program, asking, run};

const WORDS: [&str; 4] = ["One", " two", " three", " four"];
const TEXT: &str = "One two three four";
/// The upstream's first chunk has the role, then comes one a word.
const ROLE: usize = 1;

fn home() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Three clients in the middle of their answers: v2, the published stream, and a whole answer.
struct Readers {
    resumable: reqwest::Response,
    published: reqwest::Response,
    whole: std::pin::Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>>>>,
    seen: [String; 2],
    gates: Vec<Gate>,
}

impl Readers {
    async fn start(program: &Program, client: &reqwest::Client, upstream: &Upstream) -> Self {
        let mut gates = Vec::new();
        for _ in 0..3 {
            let (reply, gate) = openai_stream(&WORDS).paced();
            gate.release(ROLE + 2);
            upstream.enqueue(reply);
            gates.push(gate);
        }
        let post =
            |path: &str, session: &str| client.post(program.url(path)).json(&message_in(session, "Count."));
        let resumable = post("/api/chat/stream", "resumable").header("X-Chat-Stream", "v2");
        let mut resumable = resumable.send().await.expect("an answer");
        let mut published = post("/api/chat/stream", "published").send().await.expect("an answer");
        let mut whole = Box::pin(post("/api/chat", "whole").send());
        tokio::select! {
            _ = &mut whole => panic!("it is not whole yet"),
            _ = upstream.wait_request(2) => {}
        }
        let seen = [two_words(&mut resumable).await, two_words(&mut published).await];
        Self { resumable, published, whole, seen, gates }
    }

    /// What each was told in all.
    async fn rest(self) -> (String, String, reqwest::Response) {
        let [resumable, published] = self.seen;
        (
            resumable + &self.resumable.text().await.expect("a whole stream"),
            published + &self.published.text().await.expect("a whole stream"),
            self.whole.await.expect("an answer"),
        )
    }
}

async fn two_words(response: &mut reqwest::Response) -> String {
    let mut text = String::new();
    while !text.contains(" two\"") {
        let chunk = response.chunk().await.expect("the stream goes on").expect("there is more to come");
        text.push_str(std::str::from_utf8(&chunk).expect("it is ASCII"));
    }
    text
}

/// Waits until the program takes no new work: nobody listens, or the answer is 503.
async fn refuses(program: &Program, client: &reqwest::Client) {
    loop {
        match client.get(program.url("/readyz")).send().await {
            Ok(answer) if answer.status() == 200 => tokio::task::yield_now().await,
            Ok(answer) => return assert_eq!(answer.status(), 503),
            Err(error) => return assert!(error.is_connect() || error.is_request(), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_running_answers_finish_and_takes_no_new_ones() {
    let (home, client, upstream) = (home(), client(), Upstream::start().await);
    let program = Program::serve(home.path(), &asking(&upstream));
    let readers = Readers::start(&program, &client, &upstream).await;

    program.terminate();
    refuses(&program, &client).await;
    let new = client.post(program.url("/api/chat")).json(&message_in("new", "Me too?")).send().await;
    assert!(new.map_or(true, |answer| answer.status() == 503), "no new turn is taken");
    readers.gates.iter().for_each(Gate::open);
    let (resumable, plain, whole) = readers.rest().await;

    let resumable = frames(&resumable);
    assert_eq!(text_of(&resumable), TEXT);
    assert_eq!(resumable.last().expect("an end").data["finishReason"], "stop");
    let plain = published(&plain);
    assert_eq!((plain.content.as_str(), plain.errors.as_slice()), (TEXT, [].as_slice()));
    assert_eq!(whole.json::<Value>().await.expect("JSON")["content"], TEXT);
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stdout.contains("stopping") && ended.stdout.ends_with("stopped\n"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_grace_readers_get_the_error_and_the_end_and_the_text_is_kept() {
    let (home, client, upstream) = (home(), client(), Upstream::start().await);
    let mut settings = asking(&upstream);
    settings.push("--set=server.shutdown_grace_ms=50".to_owned());
    let program = Program::serve(home.path(), &settings);
    let readers = Readers::start(&program, &client, &upstream).await;

    program.terminate();
    let (resumable, plain, whole) = readers.rest().await;
    let ended = program.ended().await;

    let resumable = frames(&resumable);
    let types: Vec<_> = resumable.iter().filter_map(|frame| frame.data["type"].as_str()).collect();
    assert_eq!(types, ["turn", "delta", "delta", "error", "done"]);
    assert_eq!(resumable[3].data["code"], "INTERRUPTED");
    let plain = published(&plain);
    assert_eq!(plain.content, "One two");
    assert_eq!(plain.errors.iter().map(|error| &error["code"]).collect::<Vec<_>>(), ["INTERRUPTED"]);
    assert_eq!(whole.status(), 503);
    assert_eq!(whole.json::<Value>().await.expect("JSON")["code"], "INTERRUPTED");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let program = Program::serve(home.path(), &asking(&upstream));
    for session in ["resumable", "published", "whole"] {
        let history = program.history(&client, session).await.expect("the session is there");
        assert_eq!(history["activeTurnId"], Value::Null);
        let answer = &history["data"][1];
        assert_eq!(
            (&answer["content"], &answer["status"]),
            (&json!("One two"), &json!("failed")),
            "{session}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_program_at_once() {
    let (home, client, upstream) = (home(), client(), Upstream::start().await);
    let program = Program::serve(home.path(), &asking(&upstream));
    let readers = Readers::start(&program, &client, &upstream).await;

    program.terminate();
    refuses(&program, &client).await;
    program.terminate();
    let ended = program.ended().await;

    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("error: stopped at once"), "{ended:?}");
    drop(readers);
    let program = Program::serve(home.path(), &asking(&upstream));
    let history = program.history(&client, "resumable").await.expect("the session is there");
    assert_eq!(history["activeTurnId"], Value::Null);
    assert_eq!(history["data"][1]["status"], "failed");
}

/// Clients that send half a request, or don't read, hold neither the end nor its success back.
#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_client_does_not_keep_the_program_from_stopping() {
    let home = home();
    let settings = ["--set=server.shutdown_grace_ms=50".to_owned()];
    let program = Program::serve(home.path(), &settings);
    let address = program.url("").trim_start_matches("http://").to_owned();
    let head = format!("POST /api/chat HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    let mut half_head = TcpStream::connect(&address).await.expect("a connection");
    half_head.write_all(head.as_bytes()).await.expect("it is sent");
    let mut half_body = TcpStream::connect(&address).await.expect("a connection");
    let expecting = format!("{head}Content-Length: 50\r\nExpect: 100-continue\r\n\r\n");
    half_body.write_all(expecting.as_bytes()).await.expect("it is sent");
    let mut go_on = [0; 25];
    half_body.read_exact(&mut go_on).await.expect("the server waits for the body");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    program.terminate();
    let told = Instant::now();
    let ended = program.ended().await;

    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(told.elapsed() < Duration::from_secs(15), "it took {:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_refuses_and_names_the_first() {
    let home = home();
    let first = Program::serve(home.path(), &[]);

    let second = run(home.path(), &["serve", "--listen", "127.0.0.1:0"]);

    assert_eq!(second.status.code(), Some(1));
    assert_eq!(second.stdout, "");
    let sentence =
        format!("error: data is in use by process {}; stop it or choose another --data-dir\n", first.id());
    assert_eq!(second.stderr, sentence);
    let listed = run(home.path(), &["keys", "list"]);
    assert!(listed.status.success(), "commands still reach the first: {listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_the_data_directory_is_for_its_owner_only() {
    let home = home();
    let program = Program::serve(home.path(), &[]);
    let data = home.path().join("data");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("admin.json")), 0o600);

    program.terminate();
    let ended = program.ended().await;

    assert!(ended.status.success(), "{ended:?}");
    assert!(!data.join("admin.json").exists(), "nobody is to be reached any more");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
