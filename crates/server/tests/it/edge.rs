//! What every request passes before a route sees it, in raw bytes: heads, hosts, methods, connections.

use std::time::Duration;

use server::config::Config;
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, message, message_in};

async fn with_short_header_timeout() -> TestServer {
    TestServer::start_with(|config, _| config.server.header_timeout_ms = 200).await
}

#[tokio::test]
async fn half_a_head_is_cut() {
    let server = with_short_header_timeout().await;
    for half in ["", "GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let mut connection = server.connect().await;
        connection.send(half.as_bytes()).await;
        connection.closed().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = with_short_header_timeout().await;
    let mut connection = server.connect().await;
    for _ in 0..2 {
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(connection.answer().await.status(), 200, "the connection is kept");
    }
    assert_eq!(connection.closed().await, "");
    server.stop().await;
}

/// The time-out is for heads, not for answers.
#[tokio::test]
async fn a_long_answer_outlives_the_header_timeout() {
    let server = TestServer::start_with(|config, _| {
        config.server.header_timeout_ms = 50;
        config.server.heartbeat_interval_ms = 50;
    })
    .await;
    let (reply, gate) = openai_stream(&["Slow", "."]).paced();
    server.upstream.enqueue(reply);
    gate.release(2);
    let mut answer = server.post("/api/chat/stream", &message("Hi")).send().await.expect("an answer");
    let mut pings = 0;
    while pings < 4 {
        let chunk = answer.chunk().await.expect("the stream goes on").expect("there is more");
        pings += usize::from(chunk.starts_with(b": ping"));
    }
    gate.open();
    assert!(answer.text().await.expect("a whole stream").contains("\"done\":true"));
    server.stop().await;
}

#[test]
fn by_default_a_head_may_take_no_longer_than_half_a_minute() {
    let allowed = 1..=30_000;
    assert!(allowed.contains(&Config::default().server.header_timeout_ms));
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = TestServer::start().await;
    let missing = server.raw(b"GET /healthz HTTP/1.1\r\n\r\n").await;
    missing.check_error(400, "VALIDATION_ERROR");
    let double = server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n").await;
    double.check_error(400, "VALIDATION_ERROR");
    let unreadable = server.raw(b"GET /healthz HTTP/1.1\r\nHost: local\xffhost\r\n\r\n").await;
    unreadable.check_error(400, "VALIDATION_ERROR");
    let older = server.raw(b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(older.status(), 200, "HTTP/1.0 has no Host header");
    server.stop().await;
}

#[tokio::test]
async fn only_hosts_of_ours_are_served() {
    let server =
        TestServer::start_with(|config, _| config.server.allowed_hosts = vec!["chat.example".into()]).await;
    let own = server.address().to_owned();
    for host in [
        &own,
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8080",
        "chat.example",
        "Chat.Example:443",
    ] {
        let answer = server.raw(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
        assert_eq!(answer.status(), 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "chat.example.evil.example",
        "192.0.2.1",
        "[2001:db8::1]:80",
        "localhost:80:80",
        "",
    ] {
        let answer = server.raw(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
        answer.check_error(403, "FORBIDDEN");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_route_is_an_error_of_the_dialect() {
    let server = TestServer::start().await;
    for path in
        ["/", "/api", "/api/chat/nothing", "/api//chat", "/API/CHAT", "/api/chat/turns//events", "/%ff"]
    {
        let answer = server.get(path).send().await.expect("an answer");
        check_error(answer, 404, "NOT_FOUND").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = TestServer::start().await;
    for (method, path, allowed) in [
        ("GET", "/api/chat", "POST"),
        ("OPTIONS", "/api/chat", "POST"),
        ("PUT", "/api/chat/stream/", "POST"),
        ("DELETE", "/healthz", "GET,HEAD"),
        ("PATCH", "/api/admin/keys", "GET,HEAD,POST"),
        ("TRACE", "/openapi.json", "GET,HEAD"),
    ] {
        let method = method.parse().expect("a method");
        let answer = server.client.request(method, server.url(path)).send().await.expect("an answer");
        assert_eq!(answer.headers()["allow"], allowed, "{path}");
        check_error(answer, 405, "METHOD_NOT_ALLOWED").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_head_is_the_answer_without_its_body() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/openapi.json", "/api/chat/sessions/none/messages"] {
        let whole = server.get(path).send().await.expect("an answer");
        let head = server.client.head(server.url(path)).send().await.expect("an answer");
        let status = whole.status();
        let length = whole.headers().get("content-length").cloned();
        assert_eq!(
            (head.status(), head.headers().get("content-length").cloned()),
            (status, length),
            "{path}"
        );
        assert_eq!(head.text().await.expect("no body"), "");
    }
    let wrong = server.client.head(server.url("/api/chat")).send().await.expect("an answer");
    assert_eq!(
        (wrong.status().as_u16(), &wrong.headers()["allow"]),
        (405, &"POST".parse().expect("a value"))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_route() {
    let server = TestServer::start().await;
    server.upstream.enqueue(openai_stream(&["Yes."]));
    for path in ["/healthz/", "/readyz/", "/openapi.json/"] {
        assert_eq!(server.get(path).send().await.expect("an answer").status(), 200, "{path}");
    }
    let answer = server.post("/api/chat/", &message_in("slash", "Hi")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let history = server.get("/api/chat/sessions/slash/messages/?limit=1").send().await.expect("an answer");
    assert_eq!(history.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let server = TestServer::start().await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        ("PUT /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET /healthz HTTP/1.1\r\nHost: elsewhere\r\n\r\n", 403),
        (
            "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\n\r\n",
            401,
        ),
        ("POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 400),
        (
            "POST /api/chat/turns/nothing-of-that-name/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
            202,
        ),
    ] {
        let answer = server.raw(request.as_bytes()).await;
        assert_eq!(answer.status(), status, "{request}");
        assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_callers_request_id_is_taken_over_where_it_can_do_no_harm() {
    let server = TestServer::start().await;
    let answer = async |path: &str, lines: &str| {
        server.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes()).await
    };
    let longest = "x".repeat(128);
    for id in ["theirs", "0194f3c2-7d5e-7000-8000-000000000000", "a:b/c=;d", longest.as_str()] {
        let line = format!("X-Request-ID: {id}\r\n");
        for path in ["/healthz", "/nothing", "/code-assistant-api/v1/user", "/auth/nothing"] {
            assert_eq!(answer(path, &line).await.header("x-request-id"), Some(id), "{path}");
        }
        // The error's body names it too.
        answer("/nothing", &line).await.check_error(404, "NOT_FOUND");
    }
    let too_long = format!("X-Request-ID: {longest}x\r\n");
    for lines in [
        too_long.as_str(),
        "X-Request-ID:\r\n",
        "X-Request-ID: a b\r\n",
        "X-Request-ID: a\tb\r\n",
        "X-Request-ID: a\"b\r\n",
        "X-Request-ID: a\\nb\r\n",
        "X-Request-ID: ä\r\n",
        "X-Request-ID: a\r\nX-Request-ID: a\r\n",
    ] {
        let answer = answer("/healthz", lines).await;
        assert!(
            answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")),
            "{lines}: {answer:?}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_one_to_close() {
    let server = TestServer::start_with(|config, _| config.server.max_connections = 2).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for connection in [&mut first, &mut second] {
        connection.send(request).await;
        assert_eq!(connection.answer().await.status(), 200);
    }

    let mut third = server.connect().await;
    third.send(request).await;
    let early = tokio::time::timeout(Duration::from_millis(200), third.answer()).await;
    assert!(early.is_err(), "both places are taken");
    drop(first);

    assert_eq!(third.answer().await.status(), 200);
    second.send(request).await;
    assert_eq!(second.answer().await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn each_operation_and_each_schema_of_the_description_has_a_name_of_its_own() {
    let server = TestServer::start().await;
    let description = server.description().await;
    let operations = description["paths"].as_object().expect("paths").values();
    let operations = operations.flat_map(|methods| methods.as_object().expect("methods").values());
    let mut ids: Vec<&str> =
        operations.map(|operation| operation["operationId"].as_str().expect("an id")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    let error_of = |path: &str, method: &str| {
        let schema =
            &description["paths"][path][method]["responses"]["4XX"]["content"]["application/json"]["schema"];
        let schema = schema["$ref"].as_str().expect("a schema").trim_start_matches('#');
        let fields = description.pointer(schema).expect("it is described")["properties"].as_object();
        fields.expect("an object").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        error_of("/api/chat", "post"),
        ["code", "details", "error", "message", "requestId", "success"]
    );
    assert_eq!(error_of("/code-assistant-api/v1/assistants/{assistantId}/model", "post"), ["error"]);
    assert_eq!(error_of("/api/v1/messages", "post"), ["errors", "message"]);
    server.stop().await;
}
