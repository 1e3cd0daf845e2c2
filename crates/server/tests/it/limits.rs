//! Message limits of accounts and keys, as senders meet them in every dialect and as administrators set them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Response;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::ManualClock;
use testkit::upstream::{Reply, openai_stream};

use crate::harness::{TestServer, message};
use crate::sign_in::{access_token, sign_in_as};

const CODEMIE: &str = "/code-assistant-api/v1";
const PASSWORD: &str = "correct horse";
const DAYS_30: u64 = 30 * 24 * 60 * 60;

/// A message in a dialect, and how one beyond the limit is refused there.
struct Sent {
    path: String,
    body: Value,
    status: u16,
    /// Where the refusal says why.
    reason: &'static str,
    /// What it says, where its sentence is published; else whose limit is reached.
    published: Option<&'static str>,
}

const CODYS: &str =
    "You have reached the message limit for last 30 days, please wait till tomorrow or upgrade your plan.";

/// One in each dialect.
fn in_every_dialect() -> Vec<Sent> {
    let assistant = format!("{CODEMIE}/assistants/05959338-06de-477d-9cc3-08369f858057/model");
    vec![
        Sent {
            path: "/api/chat".to_owned(),
            body: message("Hi"),
            status: 429,
            reason: "/message",
            published: None,
        },
        Sent {
            path: assistant,
            body: json!({ "text": "Hi" }),
            status: 429,
            reason: "/error/details",
            published: None,
        },
        Sent {
            path: "/api/v1/messages".to_owned(),
            body: json!({ "content": "Hi", "conversation_id": "string" }),
            status: 402,
            reason: "/message",
            published: Some(CODYS),
        },
    ]
}

impl Sent {
    async fn send(&self, server: &TestServer, key: &SecretString) -> Response {
        let request = server.post(&self.path, &self.body).bearer_auth(key.expose_secret());
        request.send().await.expect("an answer")
    }

    async fn check_accepted(&self, server: &TestServer, key: &SecretString) {
        let answer = self.send(server, key).await;
        assert_eq!(answer.status(), 200, "{}", self.path);
        answer.bytes().await.expect("a whole answer");
    }

    /// Refused in the dialect's form, with whose limit is reached and how long it is.
    async fn check_refused(&self, answer: Response, of: &str, wait: u64) {
        assert_eq!(answer.status(), self.status, "{}", self.path);
        assert_eq!(answer.headers()["retry-after"], wait.to_string(), "{}", self.path);
        let body: Value = answer.json().await.expect("JSON");
        let reason = body.pointer(self.reason).and_then(Value::as_str);
        let expected = format!("the message limit of this {of} is reached");
        assert_eq!(reason, Some(self.published.unwrap_or(&expected)), "{body}");
    }
}

/// A user with this limit, by a clock of the test's, and a model that always answers.
async fn start(limit: Value) -> (TestServer, ManualClock) {
    let clock = ManualClock::new();
    let server = TestServer::start_by(Arc::new(clock.clone()), |_, _| ()).await;
    server.upstream.always(openai_stream(&["Hello."]));
    let ada = json!({ "username": "ada", "password": PASSWORD, "messageLimit": limit });
    server.administered("POST", "/api/admin/users", &ada).await;
    (server, clock)
}

async fn standing(server: &TestServer, path: &str) -> (Value, Value) {
    let shown = server.administered("GET", path, &Value::Null).await;
    let shown =
        if shown.is_array() { shown.as_array().and_then(|all| all.last().cloned()) } else { Some(shown) };
    let shown = shown.expect("it is there");
    (shown["messageLimit"].clone(), shown["messagesUsed"].clone())
}

#[tokio::test]
async fn exactly_the_limit_is_accepted_over_all_dialects_at_once() {
    const LIMIT: usize = 20;
    let (server, _) = start(json!(LIMIT)).await;
    let token = access_token(sign_in_as(&server, "ada", PASSWORD).await).await;
    let credentials = [server.key("ada").await, server.key("ada").await, token.into()];
    let messages = in_every_dialect();
    let senders =
        credentials.iter().flat_map(|credential| messages.iter().map(move |sent| (sent, credential)));
    let senders = senders.cycle().take(LIMIT + 15);

    let answers =
        join_all(senders.map(async |(sent, credential)| (sent, sent.send(&server, credential).await))).await;

    let (accepted, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, answer)| answer.status() == 200);
    assert_eq!((accepted.len(), refused.len()), (LIMIT, 15));
    for (sent, answer) in refused {
        sent.check_refused(answer, "account", DAYS_30).await;
    }
    assert_eq!(server.upstream.requests().len(), LIMIT, "no model was asked for what was refused");
    assert_eq!(standing(&server, "/api/admin/users/ada").await, (json!(LIMIT), json!(LIMIT)));
    server.stop().await;
}

#[tokio::test]
async fn a_keys_limit_is_kept_beside_its_accounts() {
    let (server, _) = start(json!(3)).await;
    let new = json!({ "account": "ada", "label": "robot", "messageLimit": 1 });
    let made = server.administered("POST", "/api/admin/keys", &new).await;
    let narrow: SecretString = made["key"].as_str().expect("it is shown").into();
    let wide = server.key("ada").await;
    let [codmir, codemie, ..] = &in_every_dialect()[..] else { panic!("two dialects") };

    codmir.check_accepted(&server, &narrow).await;

    for sent in [codmir, codemie] {
        sent.check_refused(sent.send(&server, &narrow).await, "API key", DAYS_30).await;
    }
    codemie.check_accepted(&server, &wide).await;
    let key = format!("/api/admin/keys/{}", made["id"].as_str().expect("an id"));
    let changed = server.administered("PATCH", &key, &json!({ "messageLimit": null })).await;
    assert_eq!((&changed["messageLimit"], &changed["messagesUsed"]), (&Value::Null, &json!(1)));
    codemie.check_accepted(&server, &narrow).await;
    codmir.check_refused(codmir.send(&server, &narrow).await, "account", DAYS_30).await;
    let unchanged = server.administered("PATCH", &key, &json!({})).await;
    assert_eq!((&unchanged["messageLimit"], &unchanged["messagesUsed"]), (&Value::Null, &json!(2)));
    server.stop().await;
}

#[tokio::test]
async fn the_window_moves_by_the_clock() {
    let (server, clock) = start(json!(1)).await;
    let key = server.key("ada").await;
    for sent in in_every_dialect() {
        sent.check_accepted(&server, &key).await;
        clock.advance(Duration::from_secs(DAYS_30 - 1));
        sent.check_refused(sent.send(&server, &key).await, "account", 1).await;
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(standing(&server, "/api/admin/users/ada").await, (json!(1), json!(0)));
    server.stop().await;
}

#[tokio::test]
async fn a_model_that_fails_before_the_first_token_costs_nothing() {
    let (server, _) = start(json!(1)).await;
    let key = server.key("ada").await;
    for sent in in_every_dialect() {
        server.upstream.enqueue(Reply::status(500));
        let failed = sent.send(&server, &key).await.text().await.expect("a whole answer");
        assert!(!failed.contains("Hello."), "{}: {failed}", sent.path);
        assert_eq!(standing(&server, "/api/admin/users/ada").await, (json!(1), json!(0)), "{}", sent.path);
    }
    in_every_dialect()[0].check_accepted(&server, &key).await;
    server.stop().await;
}

#[tokio::test]
async fn deleting_every_conversation_gives_nothing_back() {
    let (server, _) = start(json!(2)).await;
    let key = server.key("ada").await;
    let [_, codemie, ..] = &in_every_dialect()[..] else { panic!("two dialects") };
    codemie.check_accepted(&server, &key).await;
    codemie.check_accepted(&server, &key).await;
    let conversations = format!("{CODEMIE}/conversations");
    let ask = |request: reqwest::RequestBuilder| request.bearer_auth(key.expose_secret()).send();
    let listed: Value = ask(server.get(&conversations)).await.expect("an answer").json().await.expect("JSON");
    for conversation in listed.as_array().expect("a list") {
        let path = format!("{conversations}/{}", conversation["id"].as_str().expect("an id"));
        let deleted = ask(server.client.delete(server.url(&path))).await.expect("an answer");
        assert!(deleted.status().is_success(), "{path}");
    }

    for sent in in_every_dialect() {
        sent.check_refused(sent.send(&server, &key).await, "account", DAYS_30).await;
    }
    assert_eq!(standing(&server, "/api/admin/users/ada").await, (json!(2), json!(2)));
    server.stop().await;
}

#[tokio::test]
async fn administrators_set_limits_and_see_what_is_used() {
    let (server, _) = start(Value::Null).await;
    let key = server.key("ada").await;
    let [codmir, ..] = &in_every_dialect()[..] else { panic!("a dialect") };
    codmir.check_accepted(&server, &key).await;
    assert_eq!(standing(&server, "/api/admin/keys").await, (Value::Null, json!(1)));
    let change = async |limit: Value| {
        let change = json!({ "messageLimit": limit });
        let changed = server.administered("PATCH", "/api/admin/users/ada", &change).await;
        assert_eq!((&changed["messageLimit"], &changed["messagesUsed"]), (&limit, &json!(1)));
    };

    change(json!(1)).await;
    codmir.check_refused(codmir.send(&server, &key).await, "account", DAYS_30).await;
    let named = server.administered("PATCH", "/api/admin/users/ada", &json!({ "name": "Ada" })).await;
    assert_eq!(named["messageLimit"], 1, "what is absent stays");
    change(json!(0)).await;
    codmir.check_refused(codmir.send(&server, &key).await, "account", DAYS_30).await;
    change(Value::Null).await;
    codmir.check_accepted(&server, &key).await;
    server.stop().await;
}

#[tokio::test]
async fn accounts_without_a_limit_of_their_own_have_the_common_one() {
    let server = TestServer::start_with(|config, _| config.limits.messages = Some(1)).await;
    server.upstream.always(openai_stream(&["Hello."]));
    let generous = json!({ "username": "ada", "messageLimit": 2 });
    server.administered("POST", "/api/admin/users", &generous).await;
    let (ada, bob) = (server.key("ada").await, server.key("bob").await);
    let [codmir, codemie, ..] = &in_every_dialect()[..] else { panic!("two dialects") };

    codmir.check_accepted(&server, &bob).await;

    assert_eq!(codemie.send(&server, &bob).await.status(), codemie.status);
    codmir.check_accepted(&server, &ada).await;
    codemie.check_accepted(&server, &ada).await;
    assert_eq!(codmir.send(&server, &ada).await.status(), codmir.status);
    let anonymous =
        async || server.post("/api/chat", &message("Hi")).send().await.expect("an answer").status();
    assert_eq!((anonymous().await.as_u16(), anonymous().await.as_u16()), (200, 429));
    server.stop().await;
}
