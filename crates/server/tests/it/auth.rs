//! Who may call: keys, the anonymous principal, and pages from elsewhere.

use reqwest::header::{AUTHORIZATION, ORIGIN};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use server::config::Anonymous;
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, message, message_in};

/// A route that needs a caller and changes nothing: the session is nobody's, so a caller gets 404.
const NOBODYS_SESSION: &str = "/api/chat/sessions/nobodys/messages";

fn ask(server: &TestServer) -> reqwest::RequestBuilder {
    server.get(NOBODYS_SESSION)
}

async fn check_let_in(request: reqwest::RequestBuilder) {
    check_error(request.send().await.expect("an answer"), 404, "NOT_FOUND").await;
}

async fn check_refused(request: reqwest::RequestBuilder) {
    let answer = request.send().await.expect("an answer");
    let challenge = answer.headers()["www-authenticate"].to_str().expect("text");
    assert!(challenge.starts_with("Bearer"), "it says how to sign in: {challenge}");
    check_error(answer, 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn on_loopback_nobody_needs_a_key() {
    let server = TestServer::start().await;
    server.upstream.enqueue(openai_stream(&["Hello."]));
    let answer = server.post("/api/chat", &message("Hi")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn who_listens_beyond_loopback_asks_for_a_key() {
    let server = TestServer::start_with(|config, _| {
        config.server.listen = vec!["0.0.0.0:0".parse().expect("an address")];
    })
    .await;
    check_refused(ask(&server)).await;
    let key = server.key("alice").await;
    check_let_in(ask(&server).bearer_auth(key.expose_secret())).await;
    server.stop().await;
}

#[tokio::test]
async fn anonymous_can_be_switched_off_and_on_by_name() {
    let never = TestServer::start_with(|config, _| config.auth.anonymous = Anonymous::Never).await;
    check_refused(ask(&never)).await;
    check_refused(never.post("/api/chat", &message("Hi"))).await;
    let key = never.key("alice").await;
    check_let_in(ask(&never).bearer_auth(key.expose_secret())).await;
    never.stop().await;

    let always = TestServer::start_with(|config, _| {
        config.server.listen = vec!["0.0.0.0:0".parse().expect("an address")];
        config.auth.anonymous = Anonymous::Always;
    })
    .await;
    check_let_in(ask(&always)).await;
    always.stop().await;
}

#[tokio::test]
async fn bad_credentials_are_never_anonymous() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    let key = key.expose_secret();
    let long = format!("Bearer lat_{}", "x".repeat(20_000));
    for credentials in [
        "Bearer lat_0000000000000000000000000000000000000000000",
        &format!("Bearer {}", &key[..key.len() - 1]),
        &format!("Bearer {key}x"),
        &format!("Bearer {key} {key}"),
        &format!("Basic {key}"),
        "Basic dXNlcjpwYXNzd29yZA==",
        &format!("bearer{key}"),
        key,
        "Bearer",
        "Bearer ",
        "",
        &long,
    ] {
        check_refused(ask(&server).header(AUTHORIZATION, credentials)).await;
    }
    let unreadable =
        reqwest::header::HeaderValue::from_bytes(b"Bearer lat_\xff").expect("a header can carry it");
    check_refused(ask(&server).header(AUTHORIZATION, unreadable)).await;
    for (first, second) in [(key, key), (key, "wrong"), ("wrong", key)] {
        check_refused(ask(&server).bearer_auth(first).header(AUTHORIZATION, format!("Bearer {second}")))
            .await;
    }
    check_let_in(ask(&server).header(AUTHORIZATION, format!("bEARER   {key} "))).await;
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_key_is_wrong_from_then_on() {
    let mut server = TestServer::start().await;
    let (key, id) = server.key_and_id("alice").await;
    let other = server.key("alice").await;
    check_let_in(ask(&server).bearer_auth(key.expose_secret())).await;

    let path = format!("/api/admin/keys/{id}");
    for _ in 0..2 {
        let revoke = server.client.delete(server.url(&path)).bearer_auth(server.admin_token());
        assert_eq!(revoke.send().await.expect("an answer").status(), 204);
    }

    check_refused(ask(&server).bearer_auth(key.expose_secret())).await;
    server.restart().await;
    check_refused(ask(&server).bearer_auth(key.expose_secret())).await;
    check_let_in(ask(&server).bearer_auth(other.expose_secret())).await;
    server.stop().await;
}

#[tokio::test]
async fn pages_from_elsewhere_are_never_anonymous() {
    let server = TestServer::start_with(|config, _| {
        config.auth.anonymous_origins = vec!["https://app.example".into()];
    })
    .await;
    let own = format!("http://{}", server.address());
    for origin in
        [&own, "http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173", "https://app.example"]
    {
        check_let_in(ask(&server).header(ORIGIN, origin)).await;
    }
    let key = server.key("alice").await;
    for origin in [
        "https://evil.example",
        "null",
        "",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:8443",
        "localhost evil",
        "file://",
    ] {
        check_refused(ask(&server).header(ORIGIN, origin)).await;
        check_refused(server.post("/api/chat", &message("Hi")).header(ORIGIN, origin)).await;
        check_let_in(ask(&server).header(ORIGIN, origin).bearer_auth(key.expose_secret())).await;
    }
    check_refused(ask(&server).header(ORIGIN, &own).header(ORIGIN, "https://evil.example")).await;
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn a_session_is_seen_by_its_account_only() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Noted."]));
    let (alice, bob) = (server.key("alice").await, server.key("bob").await);
    let alice_too = server.key("alice").await;
    let body = message_in("diary", "The secret is 42.");
    let told = server.post("/api/chat", &body).bearer_auth(alice.expose_secret()).send().await;
    assert_eq!(told.expect("an answer").status(), 200);

    let path = "/api/chat/sessions/diary/messages";
    check_error(server.get(path).send().await.expect("an answer"), 404, "NOT_FOUND").await;
    let of_bob = server.get(path).bearer_auth(bob.expose_secret()).send().await.expect("an answer");
    check_error(of_bob, 404, "NOT_FOUND").await;
    let of_alice = server.get(path).bearer_auth(alice_too.expose_secret()).send().await.expect("an answer");
    let of_alice: Value = of_alice.json().await.expect("JSON");
    assert_eq!(of_alice["data"][0]["content"], "The secret is 42.", "keys of one account see the same");

    // The same id is another session for everybody else.
    let body = message_in("diary", "What is the secret?");
    for request in
        [server.post("/api/chat", &body), server.post("/api/chat", &body).bearer_auth(bob.expose_secret())]
    {
        assert_eq!(request.send().await.expect("an answer").status(), 200);
        let asked = server.upstream.requests().pop().expect("the model was asked").json();
        assert_eq!(asked["messages"], json!([{ "role": "user", "content": "What is the secret?" }]));
    }
    server.stop().await;
}

#[tokio::test]
async fn administration_is_for_the_owner_of_the_data_directory() {
    let server = TestServer::start().await;
    let key = server.key("alice").await;
    let requests = || {
        let body = json!({ "account": "alice", "label": "more" });
        [
            server.get("/api/admin/keys"),
            server.post("/api/admin/keys", &body),
            server.client.delete(server.url("/api/admin/keys/key_unknown")),
        ]
    };
    for request in requests() {
        check_refused(request).await;
    }
    for request in requests() {
        check_refused(request.bearer_auth("lad_0000000000000000000000000000000000000000000")).await;
    }
    for request in requests() {
        let answer = request.bearer_auth(key.expose_secret()).send().await.expect("an answer");
        check_error(answer, 403, "FORBIDDEN").await;
    }
    let keys =
        server.get("/api/admin/keys").bearer_auth(server.admin_token()).send().await.expect("an answer");
    let keys: Value = keys.json().await.expect("JSON");
    assert_eq!(keys.as_array().map(Vec::len), Some(2), "beside the first start's nothing was made: {keys}");
    assert!(!keys.to_string().contains(key.expose_secret()), "a list never shows a key");
    server.stop().await;
}
