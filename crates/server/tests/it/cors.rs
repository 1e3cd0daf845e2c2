//! Pages of other origins, as far as headers tell: what a browser lets them ask and read. A real one is in `tests/browser`.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HOST, ORIGIN, VARY,
};
use http::{HeaderMap, Method};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, message};
use crate::ownership::routes;

const ELSEWHERE: &str = "https://page.example";
const EXPOSED: &str = "X-Request-ID, X-Turn-Id, X-Session-Id, X-Chat-Stream, X-Latimer-Model, Retry-After, \
                       X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Location";

#[track_caller]
fn check_open(headers: &HeaderMap, what: &str) {
    assert_eq!(headers.get_all(ACCESS_CONTROL_ALLOW_ORIGIN).iter().collect::<Vec<_>>(), ["*"], "{what}");
    assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], EXPOSED, "{what}");
    assert!(headers.get_all(VARY).iter().any(|name| name == "Origin"), "{what}: {headers:?}");
    assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), "{what}");
}

fn preflight(server: &TestServer, path: &str, method: &str) -> RequestBuilder {
    let request = server.client.request(Method::OPTIONS, server.url(path));
    request.header(ORIGIN, ELSEWHERE).header(ACCESS_CONTROL_REQUEST_METHOD, method)
}

#[tokio::test]
async fn whatever_is_answered_can_be_read_by_any_page() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    let key = server.key("ada").await;
    let keyed = |path: &str, body: &'static str| {
        server.client.post(server.url(path)).bearer_auth(key.expose_secret()).body(body)
    };
    let whole = r#"{ "messages": [{ "role": "user", "content": "Hi" }] }"#;
    for (status, request) in [
        (200, server.get("/healthz")),
        (200, server.get("/code-assistant-api/docs")),
        (200, keyed("/api/chat", whole)),
        (200, keyed("/api/chat/stream", whole)),
        (400, keyed("/api/chat", "{")),
        (400, keyed("/code-assistant-api/v1/local-auth/login", "{")),
        (401, server.get("/code-assistant-api/v1/user")),
        (401, server.get("/api/admin/keys")),
        (403, keyed("/api/admin/keys", "{}")),
        (403, server.get("/healthz").header(HOST, "elsewhere.example")),
        (404, server.get("/nothing")),
        (404, server.get("/auth/realms/nothing")),
        (405, server.client.delete(server.url("/healthz"))),
    ] {
        for origin in [None, Some(ELSEWHERE), Some("null")] {
            let mut request = request.try_clone().expect("no body is a stream");
            if let Some(origin) = origin {
                request = request.header(ORIGIN, origin);
            }
            let answer = request.send().await.expect("an answer");
            let what = format!("{} for {origin:?}", answer.url());
            assert_eq!(answer.status(), status, "{what}");
            check_open(answer.headers(), &what);
            answer.text().await.expect("a whole answer");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn every_route_lets_pages_ask_with_the_headers_that_they_name() {
    let server = TestServer::start().await;
    let named = "authorization, content-type, credentials, x-chat-stream";
    for route in routes().chain(["POST /nothing"]) {
        let (method, path) = route.split_once(' ').expect("method and path");
        let request = preflight(&server, path, method).header(ACCESS_CONTROL_REQUEST_HEADERS, named);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 204, "{route}");
        check_open(answer.headers(), route);
        let headers = answer.headers();
        assert_eq!(
            headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, POST, PUT, PATCH, DELETE, OPTIONS",
            "{route}"
        );
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], named, "{route}");
        assert!(headers.contains_key("x-request-id"), "{route}");
    }
    let answer = preflight(&server, "/api/chat", "POST").send().await.expect("an answer");
    assert_eq!(answer.status(), 204);
    assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_HEADERS), "none was named");
    server.stop().await;
}

#[tokio::test]
async fn a_preflight_by_a_foreign_host_is_refused() {
    let server = TestServer::start().await;
    let request = preflight(&server, "/api/chat", "POST").header(HOST, "elsewhere.example");
    check_error(request.send().await.expect("an answer"), 403, "FORBIDDEN").await;
    server.stop().await;
}

#[tokio::test]
async fn options_that_is_no_preflight_is_a_wrong_method() {
    let server = TestServer::start().await;
    let options = || server.client.request(Method::OPTIONS, server.url("/api/chat"));
    for request in [
        options(),
        options().header(ORIGIN, ELSEWHERE),
        options().header(ACCESS_CONTROL_REQUEST_METHOD, "POST"),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()[ALLOW], "POST");
        check_error(answer, 405, "METHOD_NOT_ALLOWED").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_was_let_ask_still_needs_a_key() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    let key = server.key("ada").await;
    let allowed = preflight(&server, "/api/chat", "POST").send().await.expect("an answer");
    assert_eq!(allowed.status(), 204);
    let ask = || server.post("/api/chat", &message("Hi")).header(ORIGIN, ELSEWHERE);

    check_error(ask().send().await.expect("an answer"), 401, "UNAUTHORIZED").await;
    let answer = ask().bearer_auth(key.expose_secret()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    server.stop().await;
}
