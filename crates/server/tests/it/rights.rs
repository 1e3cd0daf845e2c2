//! The other half of the route walk: what each route needs, and that without it nothing is told and nothing changes.

use std::time::Duration;

use http::StatusCode;
use http::header::{HOST, ORIGIN};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use server::config::Anonymous;
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, message_in};
use crate::ownership::routes;

const CODEMIE: &str = "/code-assistant-api/v1";
const SESSION: &str = "session-of-ada";
const TURN: &str = "turn-of-ada-and-nobody-else";

/// For something that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a caller must have.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Needs {
    Nothing,
    Credentials,
    /// One of these scopes.
    Scopes(&'static [&'static str]),
}

fn needs(route: &str) -> Needs {
    let (method, path) = route.split_once(' ').expect("method and path");
    let Some(codemie) = path.strip_prefix(CODEMIE) else {
        return match path {
            "/healthz" | "/readyz" => Needs::Nothing,
            path if path.ends_with("/openapi.json") || path.ends_with("/docs") => Needs::Nothing,
            path if path.starts_with("/auth/realms/") => Needs::Nothing,
            // The ticket is the right.
            "/stream/{ticket}" => Needs::Nothing,
            "/api/v1/bots" => Needs::Scopes(&["chat", "assistants"]),
            path if path.ends_with("/{projectId}/documents") && method == "POST" => {
                Needs::Scopes(&["documents"])
            }
            "/api/tasks" if method == "POST" => Needs::Scopes(&["documents"]),
            path if path.starts_with("/api/tasks") => Needs::Scopes(&["chat", "documents"]),
            path if path.starts_with("/api/knowledge/projects/") => Needs::Scopes(&["chat", "documents"]),
            path if path.starts_with("/api/knowledge/") && method == "GET" => {
                Needs::Scopes(&["chat", "documents"])
            }
            path if path.starts_with("/api/knowledge/") => Needs::Scopes(&["documents"]),
            path if path.starts_with("/api/admin/") || path.starts_with("/auth/admin/") => {
                Needs::Scopes(&["admin"])
            }
            _ => Needs::Scopes(&["chat"]),
        };
    };
    match codemie {
        "/healthcheck" | "/info" | "/config" | "/local-auth/login" => Needs::Nothing,
        // Not built, which whoever has signed in is told.
        "/assistants/virtual/model" | "/conversations/search" => Needs::Credentials,
        path if path.starts_with("/conversations") || path.starts_with("/tasks/") => Needs::Scopes(&["chat"]),
        path if path.ends_with("/model") => Needs::Scopes(&["chat"]),
        path if path.starts_with("/assistants") && method == "GET" => Needs::Scopes(&["chat", "assistants"]),
        path if path.starts_with("/assistants") => Needs::Scopes(&["assistants"]),
        _ => Needs::Credentials,
    }
}

/// Ada, who has a conversation, a turn and an assistant.
struct Ada {
    server: TestServer,
    key: String,
    assistant: String,
    ticket: String,
    document: String,
}

impl Ada {
    async fn settle() -> Self {
        Self::settle_where(Anonymous::Never).await
    }

    async fn settle_where(anonymous: Anonymous) -> Self {
        let server = TestServer::start_with(|config, _| config.auth.anonymous = anonymous).await;
        server.upstream.always(openai_stream(&["Hello."]));
        let key = server.key("ada").await.expose_secret().to_owned();
        let mut chat = message_in(SESSION, "Hi");
        chat["turnId"] = json!(TURN);
        let told = server.v2_request(&chat).bearer_auth(&key).send().await.expect("an answer");
        told.text().await.expect("a whole stream");
        let ask = json!({ "text": "hi", "conversationId": SESSION });
        let model = format!("{CODEMIE}/assistants/05959338-06de-477d-9cc3-08369f858057/model");
        assert_eq!(
            server.post(&model, &ask).bearer_auth(&key).send().await.expect("an answer").status(),
            200
        );
        let new = json!({ "name": "Ada's", "slug": "adas" });
        let made = server.post(&format!("{CODEMIE}/assistants"), &new).bearer_auth(&key).send().await;
        let made: Value = made.expect("an answer").json().await.expect("JSON");
        let assistant = made["assistantId"].as_str().expect("an id").to_owned();
        let new =
            json!({ "projectId": "ada", "type": "doc", "content": "Ada's own text.", "filePath": "a.md" });
        let kept = server.post("/api/knowledge/documents", &new).bearer_auth(&key).send().await;
        let kept: Value = kept.expect("an answer").json().await.expect("JSON");
        let document = kept["id"].as_str().expect("an id").to_owned();
        let sent = json!({ "content": "Hi", "conversation_id": "string", "redirect": false });
        let sent = server.post("/api/v1/messages/stream", &sent).bearer_auth(&key).send().await;
        let sent: Value = sent.expect("an answer").json().await.expect("JSON");
        let url = sent["data"]["stream_url"].as_str().expect("an address");
        let ticket = url.rsplit('/').next().expect("a ticket").to_owned();
        server.upstream.wait_idle().await;
        let ada = Self { server, key, assistant, ticket, document };
        // Reading the stream would spend the ticket.
        tokio::time::timeout(PATIENCE, ada.answered()).await.expect("the answer is kept");
        ada
    }

    /// Returns when Cody's conversation holds the answer.
    async fn answered(&self) {
        loop {
            let listed = self.server.get("/api/v1/messages").bearer_auth(&self.key).send().await;
            let listed: Value = listed.expect("an answer").json().await.expect("JSON");
            if listed["data"].as_array().is_some_and(|messages| messages.len() == 2) {
                return;
            }
        }
    }

    /// A key of Ada's that is good for these scopes only.
    async fn key_for(&self, scopes: &[&str]) -> String {
        let new = json!({ "account": "ada", "label": "scoped", "scopes": scopes });
        let made = self.server.administered("POST", "/api/admin/keys", &new).await;
        made["key"].as_str().expect("a key").to_owned()
    }

    /// A request to the route about what is Ada's, with a body that would do something.
    fn request(&self, route: &str) -> reqwest::RequestBuilder {
        let (method, path) = route.split_once(' ').expect("method and path");
        let ids = [
            ("{sessionId}", SESSION),
            ("{turnId}", TURN),
            ("{taskId}", TURN),
            ("{assistantId}", &self.assistant),
            ("{slug}", "adas"),
            ("{realm}", "codemie-prod"),
            ("{userId}", "admin"),
            ("{clientId}", "codemie-sdk"),
            ("{keyId}", "key_unknown"),
            ("{projectId}", "ada"),
            ("{messageId}", "unknown"),
            ("{documentId}", &self.document),
            ("{ticket}", &self.ticket),
            ("{conversationId}", if path.starts_with("/api/v1/") { "string" } else { SESSION }),
        ];
        let path = ids.iter().fold(path.to_owned(), |path, (place, id)| path.replace(place, id));
        let mut body = message_in(SESSION, "Again");
        for field in ["message", "text", "name", "username", "id", "account", "label"] {
            body[field] = json!("again");
        }
        for (field, value) in [
            ("content", "again"),
            ("conversation_id", "string"),
            ("bot_id", "0595933806de"),
            ("projectId", "ada"),
            ("type", "doc"),
            ("query", "again"),
        ] {
            body[field] = json!(value);
        }
        let request = self.server.client.request(method.parse().expect("a method"), self.server.url(&path));
        if method == "GET" { request } else { request.json(&body) }
    }

    /// All that must not change.
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for path in [
            format!("/api/chat/sessions/{SESSION}/messages"),
            format!("{CODEMIE}/conversations/{SESSION}"),
            "/api/v1/conversations".to_owned(),
            "/api/v1/messages".to_owned(),
            format!("{CODEMIE}/assistants/id/{}", self.assistant),
            "/api/knowledge/projects/ada/documents".to_owned(),
        ] {
            let answer = self.server.get(&path).bearer_auth(&self.key).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            state.push(answer.json().await.expect("JSON"));
        }
        for path in ["users", "clients", "projects"] {
            state.push(self.server.administered("GET", &format!("/api/admin/{path}"), &Value::Null).await);
        }
        state
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_told() {
    let ada = Ada::settle().await;
    let (before, asked) = (ada.state().await, ada.server.upstream.requests().len());
    for route in routes().filter(|route| needs(route) != Needs::Nothing) {
        let answer = ada.request(route).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{route}");
        let body = answer.text().await.expect("a body");
        assert!(!body.contains("Ada") && !body.contains("Hello."), "{route}: {body}");
    }
    for route in routes().filter(|route| needs(route) == Needs::Nothing && route.starts_with("GET ")) {
        assert_eq!(ada.request(route).send().await.expect("an answer").status(), StatusCode::OK, "{route}");
    }
    assert_eq!(ada.state().await, before, "nothing has changed");
    assert_eq!(ada.server.upstream.requests().len(), asked, "no model was asked");
    ada.server.stop().await;
}

#[tokio::test]
async fn without_the_scope_nothing_is_told_of_ones_own() {
    let ada = Ada::settle().await;
    let (before, asked) = (ada.state().await, ada.server.upstream.requests().len());
    for route in routes() {
        let Needs::Scopes(needed) = needs(route) else { continue };
        let others: Vec<&str> =
            ["chat", "documents", "assistants"].into_iter().filter(|scope| !needed.contains(scope)).collect();
        let answer = ada.request(route).bearer_auth(ada.key_for(&others).await).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{route} with {others:?}");
        let body = answer.text().await.expect("a body");
        assert!(!body.contains("Ada's") && !body.contains("Hello."), "{route}: {body}");
    }
    assert_eq!(ada.state().await, before, "nothing has changed");
    assert_eq!(ada.server.upstream.requests().len(), asked, "no model was asked");
    ada.server.stop().await;
}

#[tokio::test]
async fn the_scope_that_is_needed_is_enough() {
    let ada = Ada::settle().await;
    for route in routes().filter(|route| !route.starts_with("DELETE ")) {
        let scopes: &[&str] = match needs(route) {
            Needs::Nothing => continue,
            Needs::Credentials => &["documents"],
            // No account of this test's is an administrator's.
            Needs::Scopes(["admin"]) => continue,
            Needs::Scopes(scopes) => scopes,
        };
        for scope in scopes {
            let answer = ada.request(route).bearer_auth(ada.key_for(&[scope]).await).send().await;
            let status = answer.expect("an answer").status();
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
            assert!(!refused, "{route} with {scope}: {status}");
        }
    }
    ada.server.stop().await;
}

#[tokio::test]
async fn a_page_from_elsewhere_gets_nothing_without_credentials() {
    let ada = Ada::settle_where(Anonymous::Loopback).await;
    let (before, asked) = (ada.state().await, ada.server.upstream.requests().len());
    for route in routes().filter(|route| needs(route) != Needs::Nothing) {
        let answer = ada.request(route).header(ORIGIN, "https://evil.example").send().await;
        assert_eq!(answer.expect("an answer").status(), StatusCode::UNAUTHORIZED, "{route}");
    }
    assert_eq!(ada.state().await, before, "nothing has changed");
    assert_eq!(ada.server.upstream.requests().len(), asked, "no model was asked");
    ada.server.stop().await;
}

/// A page whose own host name leads to this machine (DNS rebinding) is of the same origin as what it asks.
#[tokio::test]
async fn a_rebound_host_gets_nothing_at_all() {
    let ada = Ada::settle_where(Anonymous::Loopback).await;
    let (before, asked) = (ada.state().await, ada.server.upstream.requests().len());
    for route in routes() {
        for key in [None, Some(&ada.key)] {
            let mut request =
                ada.request(route).header(HOST, "evil.example").header(ORIGIN, "http://evil.example");
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{route}");
        }
    }
    assert_eq!(ada.state().await, before, "nothing has changed");
    assert_eq!(ada.server.upstream.requests().len(), asked, "no model was asked");
    ada.server.stop().await;
}
