//! A server under test: the real one, on a free port, over a data directory of its own and a scripted upstream.
//!
//! Every test ends with [`TestServer::stop`], which fails on work that was left behind; a server that is dropped
//! without it fails the test.

use std::path::Path;

use providers::settings::{Kind, ProviderSettings};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::Server;
use server::config::Config;
use tempfile::TempDir;
use testkit::upstream::Upstream;

pub(crate) struct TestServer {
    pub(crate) upstream: Upstream,
    data: TempDir,
    pub(crate) client: reqwest::Client,
    server: Option<Server>,
    config: Config,
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

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| ()).await
    }

    /// Starts with a configuration that knows the upstream as `openai`, changed as the test needs it.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config, &Upstream)) -> Self {
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
            data,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            server: None,
            config,
            url: String::new(),
        };
        server.boot().await;
        server
    }

    async fn boot(&mut self) {
        let server = Server::start(self.config.clone()).await.expect("the server starts");
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

    /// A new API key for an account.
    pub(crate) async fn key(&self, account: &str) -> SecretString {
        let reach = std::fs::read(self.data_dir().join("admin.json")).expect("the address file is there");
        let reach: Value = serde_json::from_slice(&reach).expect("it is JSON");
        let token = reach["token"].as_str().expect("it has the token");
        let body = json!({ "account": account, "label": "test" });
        let answer = self.post("/api/admin/keys", &body).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        let key: Value = answer.json().await.expect("JSON");
        key["key"].as_str().expect("the key is shown").into()
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
