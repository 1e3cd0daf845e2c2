//! Requests in a minute: what every answer tells, and what is refused.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Response;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use server::config::Anonymous;
use testkit::ManualClock;
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, message};
use crate::ownership::routes;

const USER: &str = "/code-assistant-api/v1/user";
/// The first second of 2026.
const NEW_YEAR: u64 = 1_767_225_600;

/// At the first second of 2026.
async fn start(limit: u32) -> (TestServer, ManualClock) {
    let clock = ManualClock::new();
    let server = TestServer::start_by(Arc::new(clock.clone()), |config, _| {
        config.limits.requests_per_minute = NonZeroU32::new(limit);
    })
    .await;
    server.upstream.always(openai_stream(&["Hello."]));
    (server, clock)
}

async fn get(server: &TestServer, path: &str, key: &SecretString) -> Response {
    server.get(path).bearer_auth(key.expose_secret()).send().await.expect("an answer")
}

/// Limit, remaining, reset and the wait, as far as they are told.
fn told(headers: &HeaderMap) -> [Option<u64>; 4] {
    let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"].map(number)
}

#[tokio::test]
async fn what_is_beyond_the_limit_is_refused_until_the_minute_is_over() {
    let (server, clock) = start(3).await;
    let (key, other) = (server.key("ada").await, server.key("ada").await);
    clock.advance(Duration::from_millis(20_500));
    let asked = server.post("/api/chat", &message("Hi")).bearer_auth(key.expose_secret()).send().await;
    let asked = asked.expect("an answer");
    assert_eq!((asked.status().as_u16(), told(asked.headers())), (200, [Some(3), Some(2), None, None]));
    assert_eq!(told(get(&server, USER, &other).await.headers()), [Some(3), Some(1), None, None]);
    let absent = get(&server, "/api/chat/sessions/none/messages", &key).await;
    assert_eq!((absent.status().as_u16(), told(absent.headers())), (404, [Some(3), Some(0), None, None]));

    let codmir = get(&server, "/api/chat/sessions/none/messages", &key).await;
    let codemie = get(&server, USER, &other).await;

    let refusal = [Some(3), Some(0), Some(NEW_YEAR + 60), Some(40)];
    assert_eq!((told(codmir.headers()), told(codemie.headers())), (refusal, refusal));
    let said = "this account may make 3 requests a minute; wait 40 s";
    assert_eq!(check_error(codmir, 429, "RATE_LIMITED").await["message"], said);
    assert_eq!(codemie.status(), 429);
    let body: Value = codemie.json().await.expect("JSON");
    assert_eq!(body["error"]["message"], said);
    assert_eq!(server.upstream.requests().len(), 1);
    let bob = server.key("bob").await;
    assert_eq!(told(get(&server, USER, &bob).await.headers()), [Some(3), Some(2), None, None]);
    clock.advance(Duration::from_millis(39_499));
    assert_eq!(told(get(&server, USER, &key).await.headers())[3], Some(1));
    clock.advance(Duration::from_millis(1));
    assert_eq!(told(get(&server, USER, &key).await.headers()), [Some(3), Some(2), None, None]);
    server.stop().await;
}

#[tokio::test]
async fn exactly_the_limit_is_served_at_once() {
    let (server, _) = start(7).await;
    let key = server.key("ada").await;
    let statuses = join_all((0..20).map(async |_| get(&server, USER, &key).await.status().as_u16())).await;
    let served = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((served, refused), (7, 13));
    server.stop().await;
}

#[tokio::test]
async fn those_without_credentials_share_a_limit_and_administration_has_none() {
    let (server, _) = start(1).await;
    let ask = async || server.post("/api/chat", &message("Hi")).send().await.expect("an answer");
    assert_eq!(told(ask().await.headers()), [Some(1), Some(0), None, None]);
    check_error(ask().await, 429, "RATE_LIMITED").await;
    for path in ["/api/admin/keys", "/api/chat/sessions/none/messages"] {
        let request = server.get(path).bearer_auth(server.admin_token());
        let answer = request.send().await.expect("an answer");
        assert_eq!(told(answer.headers()), [None; 4], "{path}: this machine administers");
    }
    let wrong = server.get(USER).bearer_auth("lat_wrong").send().await.expect("an answer");
    assert_eq!((wrong.status().as_u16(), told(wrong.headers())), (401, [None; 4]));
    server.stop().await;
}

/// Every route that needs credentials counts once; those of administration and those that need none do not.
#[tokio::test]
async fn every_route_counts_once() {
    let server = TestServer::start_with(|config, _| {
        config.auth.anonymous = Anonymous::Never;
        config.limits.requests_per_minute = NonZeroU32::new(u32::MAX);
    })
    .await;
    server.upstream.always(openai_stream(&["Hello."]));
    for (number, route) in routes().enumerate() {
        let (method, path) = route.split_once(' ').expect("method and path");
        let path = path.replace(['{', '}'], "").replace("/realm/", "/codemie-prod/");
        let request = || {
            let request = server.client.request(method.parse().expect("a method"), server.url(&path));
            if method == "GET" { request } else { request.json(&json!({})) }
        };
        let key = server.key(&format!("newcomer {number}")).await;

        let answer = request().bearer_auth(key.expose_secret()).send().await.expect("an answer");

        let needs_credentials = request().send().await.expect("an answer").status() == 401;
        let counts = needs_credentials && !path.starts_with("/api/admin/");
        // A minute may have ended between, but nobody else asks for this account.
        let first = [Some(u64::from(u32::MAX)), Some(u64::from(u32::MAX) - 1), None, None];
        assert_eq!(told(answer.headers()), if counts { first } else { [None; 4] }, "{route}");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_limit_nothing_is_told() {
    let server = TestServer::start().await;
    let key = server.key("ada").await;
    for _ in 0..100 {
        let answer = get(&server, USER, &key).await;
        assert_eq!((answer.status().as_u16(), told(answer.headers())), (200, [None; 4]));
    }
    server.stop().await;
}
