//! A server under test: the real one, on a free port, over a data directory of its own and a scripted upstream.
//!
//! Every test ends with [`TestServer::stop`], which fails on work that was left behind; a server that is dropped
//! without it fails the test.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat::clock::{Clock, SystemClock};
use providers::settings::{Kind, ProviderSettings};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::config::Config;
use server::{Server, Surroundings};
use tempfile::TempDir;
use testkit::names::Names;
use testkit::upstream::Upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct TestServer {
    pub(crate) upstream: Upstream,
    /// Where hosts are looked up that requests name.
    pub(crate) names: Arc<Names>,
    data: TempDir,
    pub(crate) client: reqwest::Client,
    server: Option<Server>,
    config: Config,
    clock: Arc<dyn Clock>,
    url: String,
}

/// What the published streams say, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PublishedStream {
    pub(crate) content: String,
    pub(crate) session: String,
    pub(crate) errors: Vec<Value>,
}

/// One frame of a v2 stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: u64,
    pub(crate) data: Value,
}

/// A connection without an HTTP client.
pub(crate) struct RawConnection(TcpStream);

/// What came back over a [`RawConnection`]; the head in lower case.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| ()).await
    }

    /// Starts with a configuration that knows the upstream as `openai`, changed as the test needs it.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config, &Upstream)) -> Self {
        Self::start_by(Arc::new(SystemClock), change).await
    }

    /// As [`TestServer::start_with`], by a clock of the test's.
    pub(crate) async fn start_by(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Config, &Upstream)) -> Self {
        let upstream = Upstream::start().await;
        let data = TempDir::new().expect("a temporary directory");
        let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() };
        config.model_dir = data.path().join("no-models");
        config.server.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        config.server.shutdown_grace_ms = 2_000;
        config.providers.insert("openai".to_owned(), openai(&upstream));
        change(&mut config, &upstream);
        let mut server = Self {
            upstream,
            names: Arc::default(),
            data,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            server: None,
            config,
            clock,
            url: String::new(),
        };
        server.boot().await;
        server
    }

    async fn boot(&mut self) {
        let surroundings = Surroundings {
            program: Some(env!("CARGO_BIN_EXE_latimer").into()),
            names: Some(self.names.clone()),
        };
        let server = Server::start_in(self.config.clone(), self.clock.clone(), surroundings).await;
        let server = server.expect("the server starts");
        self.url = format!("http://{}", server.addresses()[0]);
        self.server = Some(server);
    }

    /// Stops the server and fails if a turn or a task was left.
    pub(crate) async fn stop(mut self) {
        self.halt().await;
    }

    /// Stops the server and starts it again over the same data.
    pub(crate) async fn restart(&mut self) {
        self.halt().await;
        self.boot().await;
    }

    /// Stops the server, does something with its data directory, and starts it again.
    pub(crate) async fn while_stopped(&mut self, work: impl AsyncFnOnce(&Path)) {
        self.halt().await;
        work(self.data.path()).await;
        self.boot().await;
    }

    async fn halt(&mut self) {
        let server = self.server.take().expect("the server runs");
        assert!(server.stop().await, "a turn or a task was left running when the server stopped");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// `127.0.0.1:port`
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn running(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(self.url(path)).json(body)
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path))
    }

    /// The token by which commands on this machine administer the server.
    pub(crate) fn admin_token(&self) -> String {
        let reach = std::fs::read(self.data_dir().join("admin.json")).expect("the address file is there");
        let reach: Value = serde_json::from_slice(&reach).expect("it is JSON");
        reach["token"].as_str().expect("it has the token").to_owned()
    }

    /// Asks administration, by the token in the data directory.
    pub(crate) async fn administer(&self, method: &str, path: &str, body: &Value) -> reqwest::Response {
        let request = self.client.request(method.parse().expect("a method"), self.url(path)).json(body);
        request.bearer_auth(self.admin_token()).send().await.expect("an answer")
    }

    /// As [`TestServer::administer`], where it must work; the answer's JSON, if it has any.
    pub(crate) async fn administered(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.administer(method, path, body).await;
        let status = answer.status();
        let text = answer.text().await.expect("a whole answer");
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }

    /// A new API key for an account.
    pub(crate) async fn key(&self, account: &str) -> SecretString {
        self.key_and_id(account).await.0
    }

    /// A new API key for an account, and the id by which it is revoked.
    pub(crate) async fn key_and_id(&self, account: &str) -> (SecretString, String) {
        let body = json!({ "account": account, "label": "test" });
        let request = self.post("/api/admin/keys", &body).bearer_auth(self.admin_token());
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        let key: Value = answer.json().await.expect("JSON");
        let text = |field: &str| key[field].as_str().expect("it is shown").to_owned();
        (text("key").into(), text("id"))
    }

    /// The server's own description of its routes.
    pub(crate) async fn description(&self) -> Value {
        self.get("/openapi.json").send().await.expect("an answer").json().await.expect("JSON")
    }

    /// A new connection, for bytes that no client would send.
    pub(crate) async fn connect(&self) -> RawConnection {
        RawConnection(TcpStream::connect(self.address()).await.expect("the server accepts"))
    }

    /// The answer to these bytes, sent as they are.
    pub(crate) async fn raw(&self, request: &[u8]) -> RawAnswer {
        let mut connection = self.connect().await;
        connection.send(request).await;
        connection.answer().await
    }

    /// Asks for a v2 stream and reads it to its end.
    pub(crate) async fn v2(&self, body: &Value) -> Vec<Frame> {
        let answer = self.v2_request(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        frames(&answer.text().await.expect("a whole stream"))
    }

    pub(crate) fn v2_request(&self, body: &Value) -> reqwest::RequestBuilder {
        self.post("/api/chat/stream", body).header("X-Chat-Stream", "v2")
    }

    pub(crate) fn resume(&self, turn: &str, seen: u64) -> reqwest::RequestBuilder {
        self.get(&format!("/api/chat/turns/{turn}/events")).header("Last-Event-ID", seen.to_string())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.server.is_some() && !std::thread::panicking() {
            panic!("end the test with `server.stop().await`: it fails on work that is left behind");
        }
    }
}

impl RawConnection {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the server reads");
    }

    /// Sends `chunk` up to `times` times and tells how many went out before the server closed.
    pub(crate) async fn flood(&mut self, chunk: &[u8], times: usize) -> usize {
        for sent in 0..times {
            if self.0.write_all(chunk).await.is_err() {
                return sent;
            }
        }
        times
    }

    /// Reads one answer whose length is announced.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        let head = self.until(b"\r\n\r\n").await.to_ascii_lowercase();
        let mut answer = RawAnswer { head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.expect("the body is as long as announced");
        answer.body = String::from_utf8(body).expect("JSON is text");
        answer
    }

    /// Reads one chunked answer: its head and its HTTP chunks as they were sent.
    pub(crate) async fn chunked(&mut self) -> (String, Vec<Vec<u8>>) {
        let head = self.until(b"\r\n\r\n").await.to_ascii_lowercase();
        let mut chunks = Vec::new();
        loop {
            let size = self.until(b"\r\n").await;
            let size = usize::from_str_radix(size.trim_end(), 16).expect("a chunk's size");
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk).await.expect("the chunk is as long as announced");
            assert_eq!(chunk.split_off(size), b"\r\n");
            if size == 0 {
                return (head, chunks);
            }
            chunks.push(chunk);
        }
    }

    async fn until(&mut self, end: &[u8]) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            bytes.push(self.0.read_u8().await.expect("there is more to come"));
        }
        String::from_utf8(bytes).expect("a head is text")
    }

    /// Waits until the server closes, and gives what it still sent.
    pub(crate) async fn closed(&mut self) -> String {
        let mut rest = String::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), self.0.read_to_string(&mut rest)).await;
        closed.expect("the server closes the connection").expect("in an orderly way");
        rest
    }
}

impl RawAnswer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// A header's value, in lower case as the whole head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
        self.head.lines().find(|line| value(line)).map(|line| line[name.len() + 1..].trim())
    }

    /// Fails unless this is an error in the documented form.
    #[track_caller]
    pub(crate) fn check_error(&self, status: u16, code: &str) {
        assert_eq!(self.status(), status, "{self:?}");
        let body = serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        check_error_body(&body, code);
        let id = body["requestId"].as_str().map(str::to_ascii_lowercase);
        assert_eq!(self.header("x-request-id"), id.as_deref());
    }
}

/// Fails unless this is an error in the documented form.
pub(crate) async fn check_error(answer: reqwest::Response, status: u16, code: &str) -> Value {
    let (got, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.expect("a whole body");
    assert_eq!(got, status, "{text}");
    assert_eq!(headers["content-type"], "application/json", "{text}");
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    check_error_body(&body, code);
    assert_eq!(body["requestId"], headers["x-request-id"].to_str().expect("text"));
    body
}

#[track_caller]
fn check_error_body(body: &Value, code: &str) {
    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["code", "details", "error", "message", "requestId", "success"], "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["success"], false);
    assert_eq!(body["error"], body["message"]);
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert!(body["details"].is_object(), "{body}");
}

/// The scripted upstream as OpenAI-compatible provider.
fn openai(upstream: &Upstream) -> ProviderSettings {
    ProviderSettings {
        base_url: Some(format!("{}/v1", upstream.base_url())),
        ..ProviderSettings::new(Kind::OpenAi)
    }
}

/// The scripted upstream as Anthropic.
pub(crate) fn anthropic(upstream: &Upstream) -> ProviderSettings {
    let base_url = Some(upstream.base_url());
    ProviderSettings { base_url, api_key: Some("key".into()), ..ProviderSettings::new(Kind::Anthropic) }
}

/// A body with one message.
pub(crate) fn message(content: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }] })
}

/// A body with one message in a session.
pub(crate) fn message_in(session: &str, content: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }], "sessionId": session })
}

/// Takes a published stream apart; fails where its bytes are not those of the contract.
#[track_caller]
pub(crate) fn published(body: &str) -> PublishedStream {
    let (mut content, mut errors, mut sessions) = (String::new(), Vec::new(), Vec::new());
    let mut ended = false;
    assert!(body.ends_with("\n\n"), "the stream ends with a whole frame: {body:?}");
    for frame in body.split_terminator("\n\n").filter(|frame| *frame != ": ping") {
        assert!(!ended, "nothing follows done: {frame:?}");
        let json =
            frame.strip_prefix("data: ").unwrap_or_else(|| panic!("a frame is `data: ` and JSON: {frame:?}"));
        assert!(!json.contains('\n'), "a frame is one line: {frame:?}");
        let event: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {frame:?}"));
        sessions.push(event["sessionId"].as_str().expect("every event has the session").to_owned());
        let keys: Vec<&String> = event.as_object().expect("an object").keys().collect();
        if event["done"] == json!(true) {
            assert_eq!(keys, ["done", "sessionId"]);
            ended = true;
        } else if event.get("error").is_some() {
            errors.push(event);
        } else {
            assert_eq!(keys, ["content", "sessionId"]);
            content.push_str(event["content"].as_str().expect("content is text"));
        }
    }
    assert!(ended, "the last event is done: {body:?}");
    sessions.dedup();
    assert_eq!(sessions.len(), 1, "the session is the same throughout");
    PublishedStream { content, errors, session: sessions.remove(0) }
}

/// Takes a v2 stream apart.
#[track_caller]
pub(crate) fn frames(body: &str) -> Vec<Frame> {
    let frame = |text: &str| {
        let (id, data) = text.split_once('\n').unwrap_or_else(|| panic!("a frame is two lines: {text:?}"));
        let id = id.strip_prefix("id: ").and_then(|id| id.parse().ok());
        let data = data.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok());
        Frame {
            id: id.unwrap_or_else(|| panic!("a frame begins with its number: {text:?}")),
            data: data.unwrap_or_else(|| panic!("a frame ends with JSON: {text:?}")),
        }
    };
    body.split_terminator("\n\n").filter(|text| *text != ": ping").map(frame).collect()
}

/// The answer's text in v2 frames.
pub(crate) fn text_of(frames: &[Frame]) -> String {
    frames.iter().filter_map(|frame| frame.data["content"].as_str()).collect()
}
