//! What is refused in ids, headers, paths and queries; and bodies that do not end.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, message, message_in};

const ASKING: [&str; 5] =
    ["/api/chat", "/api/chat/stream", "/api/chat/reason", "/api/ai/chat", "/api/ai/chat/stream"];

async fn check_invalid(request: reqwest::RequestBuilder, field: &str, why: &str) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 400, "{why}");
    let body = check_error(answer, 400, "VALIDATION_ERROR").await;
    assert_eq!(body["details"], json!({ "field": field }), "{why}");
}

/// A body that any of the five routes takes.
fn body_for(path: &str) -> Value {
    if path.starts_with("/api/ai/") { json!({ "message": "Hi" }) } else { message("Hi") }
}

#[tokio::test]
async fn ids_of_a_v2_body_are_well_formed() {
    let server = TestServer::start().await;
    let long = "x".repeat(65);
    let wrong = [
        "",
        " ",
        "with space and more",
        "slash/slash/slash",
        "ünïcödé-ünïcödé",
        "a\nb\nc\nd\ne\nf\ng\nh\ni\n",
        &long,
    ];
    for (field, further) in [("turnId", Some("only-15-letters")), ("messageId", None), ("parentId", None)] {
        for id in wrong.iter().chain(&further) {
            let mut body = message("Hi");
            body[field] = json!(id);
            check_invalid(server.v2_request(&body), field, &format!("{field} {id:?}")).await;
        }
    }
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn a_v2_body_says_which_of_its_ids_is_not_there() {
    let server = TestServer::start().await;
    let mut body = message_in("fresh", "Hi");
    body["parentId"] = json!("msg_nobodys");
    check_invalid(server.v2_request(&body), "parentId", "an unknown parent").await;
    for body in [
        json!({ "messages": [] }),
        json!({ "messages": [{ "role": "user", "content": "Hi" }], "continueMessageId": "x" }),
    ] {
        let answer = server.v2_request(&body).send().await.expect("an answer");
        check_error(answer, 501, "NOT_IMPLEMENTED").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_is_1_to_255_visible_characters() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    let too_long = "k".repeat(256);
    let unreadable = HeaderValue::from_bytes(b"key\xff").expect("a header can carry it");
    for path in ASKING {
        for key in ["", "two words", "a\tb", &too_long] {
            let request = server.post(path, &body_for(path)).header("Idempotency-Key", key);
            check_invalid(request, "Idempotency-Key", &format!("{path} {key:?}")).await;
        }
        let request = server.post(path, &body_for(path)).header("Idempotency-Key", &unreadable);
        check_invalid(request, "Idempotency-Key", path).await;
    }
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    for path in ASKING {
        let request = server.post(path, &body_for(path)).header("Idempotency-Key", "~".repeat(255));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.expect("a whole answer");
    }
    server.stop().await;
}

/// A page can make a browser send these types to another site without asking first.
#[tokio::test]
async fn without_a_key_a_body_is_json_by_its_type() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    let cancel = "/api/chat/turns/turn-that-nobody-knows/cancel";
    let request = |path: &str| {
        let body = if path == cancel { json!({ "reason": "user" }) } else { body_for(path) };
        server.client.post(server.url(path)).body(body.to_string())
    };
    let types = [
        "",
        "text/plain",
        "text/plain;application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ];
    for path in ASKING.iter().copied().chain([cancel]) {
        check_invalid(request(path), "Content-Type", path).await;
        for wrong in types {
            check_invalid(
                request(path).header(CONTENT_TYPE, wrong),
                "Content-Type",
                &format!("{path} {wrong}"),
            )
            .await;
        }
    }
    assert!(server.upstream.requests().is_empty(), "no model was asked");

    let key = server.key("alice").await;
    for path in ASKING.iter().copied().chain([cancel]) {
        for right in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"] {
            let answer = request(path).header(CONTENT_TYPE, right).send().await.expect("an answer");
            assert!(answer.status().is_success(), "{path} {right}");
            answer.bytes().await.expect("a whole answer");
        }
        let bearer = format!("Bearer {}", key.expose_secret());
        let answer = request(path).header(AUTHORIZATION, bearer).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: with a key the type does not matter");
        answer.bytes().await.expect("a whole answer");
    }
    let bare = server.client.post(server.url(cancel)).send().await.expect("an answer");
    assert_eq!(bare.status(), 202, "a cancel needs no body, and so no type");
    server.stop().await;
}

#[tokio::test]
async fn last_event_id_is_the_number_of_a_frame() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    let mut body = message("Hi");
    body["turnId"] = json!("turn-that-is-read");
    server.v2(&body).await;
    let resume = |seen: HeaderValue| {
        server.get("/api/chat/turns/turn-that-is-read/events").header("Last-Event-ID", seen)
    };
    for seen in
        ["abc", "-1", "+1", "1e3", "1.0", "0x1", "1 2", "99999999999999999999", "18446744073709551615"]
    {
        check_invalid(resume(HeaderValue::from_static(seen)), "Last-Event-ID", seen).await;
    }
    let unreadable = HeaderValue::from_bytes(b"1\xff").expect("a header can carry it");
    check_invalid(resume(unreadable), "Last-Event-ID", "not ASCII").await;
    for (seen, status) in [("", 200), ("0", 200), ("001", 200), ("4", 204), ("4000000000000000000", 204)] {
        let answer = resume(HeaderValue::from_static(seen)).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{seen:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_history_is_asked_for_within_bounds() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    let told = server.post("/api/chat", &message_in("pages", "Hi")).send().await.expect("an answer");
    assert_eq!(told.status(), 200);
    let page = |query: &str| server.get(&format!("/api/chat/sessions/pages/messages?{query}"));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=abc", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1&limit=2", "limit"),
        ("before=msg_nobodys", "before"),
        ("before=", "before"),
        ("before=%00", "before"),
        ("before=%ff", "before"),
        ("before=a&before=b", "before"),
    ] {
        check_invalid(page(query), field, query).await;
    }
    for query in ["", "limit=1", "limit=200", "unknown=%ff&more"] {
        let answer = page(query).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn usage_is_asked_for_by_days() {
    let server = TestServer::start().await;
    let usage =
        |query: &str| server.get(&format!("/api/admin/usage?{query}")).bearer_auth(server.admin_token());
    for (query, field) in [
        ("from=", "from"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=20260101", "from"),
        ("from=2026-01-01T00:00:00", "from"),
        ("from=2026-01-01%00", "from"),
        ("from=2026-01-02&to=2026-01-01", "from"),
        ("from=9999-12-31", "from"),
        ("to=9999-12-31", "to"),
        ("to=-009999-01-01", "to"),
        ("to=1e3", "to"),
        ("to=2026-01-01&to=2026-01-02", "to"),
        ("by=hour", "by"),
        ("by=Day", "by"),
        ("by=day,%ff", "by"),
        ("by=day&by=model", "by"),
    ] {
        check_invalid(usage(query), field, query).await;
    }
    for query in ["", "by=", "by=user,,day,user", "from=-009998-01-01&to=2026-01-01", "unknown=%ff&more"] {
        assert_eq!(usage(query).send().await.expect("an answer").status(), 200, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn ids_in_paths_that_name_nothing_are_not_found() {
    let server = TestServer::start().await;
    let long = "x".repeat(5_000);
    for id in
        ["nobodys", "%ff", "%c3%28", "%00", "%2e%2e%2fetc", "a%20b", "%E2%80%AE", "'%20OR%201=1%20--", &long]
    {
        for path in
            ["/api/chat/turns/{}/events", "/api/chat/sessions/{}/events", "/api/chat/sessions/{}/messages"]
        {
            let answer = server.get(&path.replace("{}", id)).send().await.expect("an answer");
            check_error(answer, 404, "NOT_FOUND").await;
        }
        let key = server.url(&format!("/api/admin/keys/{id}"));
        let answer = server.client.delete(key).bearer_auth(server.admin_token()).send().await;
        check_error(answer.expect("an answer"), 404, "NOT_FOUND").await;
    }
    for id in ["%00", "a%20b", "%2e%2e%2fetc", &long] {
        let cancel = server.client.post(server.url(&format!("/api/chat/turns/{id}/cancel")));
        check_invalid(cancel, "turnId", id).await;
    }
    server.stop().await;
}

/// The name of what answers goes into a header, and clients take only so much of one.
#[tokio::test]
async fn a_models_name_is_bounded() {
    let server = TestServer::start_with(|config, _| {
        config.providers.get_mut("openai").expect("it is there").models = Some(vec!["*".to_owned()]);
    })
    .await;
    server.upstream.always(openai_stream(&["Hello."]));
    for path in ASKING {
        let mut body = body_for(path);
        body["model"] = json!("m".repeat(256));
        let answer = server.post(path, &body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.expect("a whole answer");
        body["model"] = json!("m".repeat(257));
        check_invalid(server.post(path, &body), "model", path).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_without_end_is_refused_early() {
    let server = TestServer::start().await;
    for path in ASKING {
        let mut connection = server.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        connection.send(head.as_bytes()).await;
        let chunk =
            [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
        let sent = connection.flood(&chunk, 64).await;
        assert!(sent < 16, "the server stopped reading; {sent} MiB were sent");
        connection.answer().await.check_error(413, "PAYLOAD_TOO_LARGE");
    }
    assert_eq!(server.get("/readyz").send().await.expect("an answer").status(), 200, "it still answers");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = TestServer::start_with(|config, _| config.server.body_timeout_ms = 200).await;
    for path in ASKING {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        );
        server.raw(head.as_bytes()).await.check_error(400, "VALIDATION_ERROR");
    }
    server.stop().await;
}
