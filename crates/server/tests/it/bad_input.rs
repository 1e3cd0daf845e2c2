//! What every route that takes a body refuses, and how: 4xx in the documented form, with the field to blame.
//!
//! The routes come from the server's own description. One without a case fails, as does a case without a route.

use std::collections::BTreeSet;

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error};

/// The most bytes of a body.
const LIMIT: usize = 2 << 20;
/// A field of a body, and values that are wrong there.
type WrongValues = (&'static str, &'static [&'static str]);

/// A route, a body that it takes, its required fields, and what is wrong in each.
struct Case {
    route: &'static str,
    body: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    wrong: &'static [WrongValues],
}

const CHAT_BODY: &str = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;
const CHAT_OPTIONAL: &[&str] = &[
    "projectId",
    "provider",
    "model",
    "temperature",
    "maxTokens",
    "systemPrompt",
    "sessionId",
    "stream",
    "turnId",
    "messageId",
    "parentId",
    "continueMessageId",
];
const NO_TEXT: &[&str] = &["7", "true", "[]", "{}", r#""a\u0000b""#];
const CHAT_WRONG: &[WrongValues] = &[
    ("messages", &["null", "7", "\"Hi\"", "{}", "[]"]),
    ("messages", &[r#"[{"role":"assistant","content":"Hi"}]"#, r#"[{"role":"system","content":"Hi"}]"#]),
    ("messages", &[r#"[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]"#]),
    ("messages[0]", &["[null]", "[7]", r#"["Hi"]"#, "[[]]", r#"[["user","Hi"]]"#, "[{}]"]),
    ("messages[0]", &[r#"[{"role":"user"}]"#, r#"[{"content":"Hi"}]"#]),
    ("messages[0].role", &[r#"[{"role":"tool","content":"Hi"}]"#, r#"[{"role":"User","content":"Hi"}]"#]),
    ("messages[0].role", &[r#"[{"role":null,"content":"Hi"}]"#, r#"[{"role":1,"content":"Hi"}]"#]),
    ("messages[0].content", &[r#"[{"role":"user","content":""}]"#, r#"[{"role":"user","content":null}]"#]),
    ("messages[0].content", &[r#"[{"role":"user","content":7}]"#, r#"[{"role":"user","content":["Hi"]}]"#]),
    ("messages[0].content", &[r#"[{"role":"user","content":"a\u0000b"}]"#]),
    ("messages[0].id", &[r#"[{"role":"user","content":"Hi","id":7}]"#]),
    ("messages[0].id", &[r#"[{"role":"user","content":"Hi","id":"\u0000"}]"#]),
    ("messages[1].content", &[r#"[{"role":"user","content":"Hi"},{"role":"user","content":""}]"#]),
    ("provider", &["\"azure\"", "\"OpenAI\"", "\"\"", "\"local\""]),
    ("provider", NO_TEXT_BUT_NUL),
    ("model", NO_TEXT),
    ("temperature", &["-0.1", "2.1", "\"0.5\"", "1e400", "-1e400", "true", "[]", "{}"]),
    ("maxTokens", &["0", "-1", "1.5", "\"10\"", "1e3", "99999999999999999999", "true", "[]"]),
    ("systemPrompt", NO_TEXT),
    ("projectId", NO_TEXT),
    ("sessionId", NO_TEXT),
    ("stream", &["\"true\"", "1", "[]"]),
    ("turnId", NO_TEXT),
    ("messageId", NO_TEXT),
    ("parentId", NO_TEXT),
    ("continueMessageId", NO_TEXT),
];
const NO_TEXT_BUT_NUL: &[&str] = &["7", "true", "[]", "{}"];
const SDK_BODY: &str = r#"{"message":"Hi"}"#;
const SDK_OPTIONAL: &[&str] = &["projectId", "context", "model"];
const SDK_WRONG: &[WrongValues] = &[
    ("message", NO_TEXT),
    ("message", &["null", "\"\"", "\" \\n\""]),
    ("projectId", NO_TEXT),
    ("model", NO_TEXT),
    ("context", &[r#""a\u0000b""#]),
];

const QUERY_BODY: &str = r#"{"query":"Hi"}"#;
const NO_QUERY: &[&str] = &["\"\"", "\" \\n\""];

const CASES: &[Case] = &[
    chat("POST /api/chat"),
    chat("POST /api/chat/stream"),
    chat("POST /api/chat/reason"),
    sdk("POST /api/ai/chat"),
    sdk("POST /api/ai/chat/stream"),
    Case {
        route: "POST /api/knowledge/documents",
        body: r#"{"projectId":"p","type":"doc","content":"Hi"}"#,
        required: &["projectId", "type", "content"],
        optional: &["filePath", "tags"],
        wrong: &[
            ("projectId", NO_TEXT),
            ("projectId", &["\"\"", "\" \""]),
            ("type", &["7", "\"\"", "\"Doc\"", "\"note\"", "[]"]),
            ("content", NO_TEXT),
            ("content", &["\"\"", "\" \\n\""]),
            ("filePath", NO_TEXT),
            ("filePath", &["\"\"", "\"../a.md\"", "\"/etc/passwd\"", "\"a\\nb\""]),
            ("tags", &["7", "\"a\"", "{}", r#"["a\u0000b"]"#]),
            ("tags[0]", &["[7]", "[null]"]),
        ],
    },
    Case {
        route: "POST /api/knowledge/projects/{projectId}/documents",
        body: r#"{"urls":["http://localhost/"]}"#,
        required: &["urls"],
        optional: &["type", "tags"],
        wrong: &[
            ("urls", &["7", "\"https://docs.example\"", "[]", "{}", r#"["a\u0000b"]"#]),
            ("urls[0]", &["[7]", "[null]"]),
            ("type", &["7", "\"\"", "\"note\""]),
            ("tags", &["7", "\"a\"", "{}", r#"["a\u0000b"]"#]),
        ],
    },
    Case {
        route: "POST /api/tasks",
        body: r#"{"projectId":"p","type":"analyze-project"}"#,
        required: &["projectId", "type"],
        optional: &["repoUrl", "branch", "config"],
        wrong: &[
            ("projectId", NO_TEXT),
            ("projectId", &["\"\"", "\" \""]),
            ("type", &["7", "\"\"", "\"add-documents\"", "[]"]),
            ("repoUrl", NO_TEXT),
            ("branch", NO_TEXT),
            ("config", &["7", "\"\"", "[]"]),
            ("config.includeTests", &[r#"{"includeTests":1}"#, r#"{"includeTests":"no"}"#]),
        ],
    },
    Case {
        route: "POST /api/knowledge/projects/{projectId}/search",
        body: QUERY_BODY,
        required: &["query"],
        optional: &["topK", "types"],
        wrong: &[
            ("query", NO_TEXT),
            ("query", NO_QUERY),
            ("topK", &["0", "101", "-1", "1.5", "\"10\""]),
            ("types", &["7", "\"doc\"", "[\"note\"]", "[\"\"]"]),
            ("types[0]", &["[7]", "[null]"]),
        ],
    },
    Case {
        route: "POST /api/knowledge/projects/{projectId}/context",
        body: QUERY_BODY,
        required: &["query"],
        optional: &[],
        wrong: &[("query", NO_TEXT), ("query", NO_QUERY)],
    },
    Case {
        route: "POST /api/chat/turns/{turnId}/cancel",
        body: r#"{"reason":"user"}"#,
        required: &[],
        optional: &["reason"],
        wrong: &[("reason", &["\"tired\"", "7", "[]"])],
    },
    Case {
        route: "POST /api/admin/keys",
        body: r#"{"account":"alice","label":"laptop"}"#,
        required: &["account", "label"],
        optional: &["scopes", "expiresAt", "messageLimit"],
        wrong: &[
            ("messageLimit", NO_LIMIT),
            ("account", NO_TEXT),
            ("label", NO_TEXT),
            ("account", &["null", "\"\"", "\"a\\nb\""]),
            ("label", &["null", "\"\"", "\"\\u007f\""]),
            ("scopes", &["7", "\"chat\"", "{}", "[]"]),
            ("scopes[0]", &["[7]", "[null]", "[\"root\"]", "[\"Chat\"]", "[\"\"]"]),
            ("scopes[1]", &["[\"chat\",\"\"]"]),
            ("expiresAt", &["7", "true", "[]", "\"\"", "\"tomorrow\"", "\"2026-13-01T00:00:00Z\""]),
            ("expiresAt", &["\"2020-01-01T00:00:00Z\"", "\"2027-01-01\"", "\"99999-01-01T00:00:00Z\""]),
        ],
    },
    Case {
        route: "PATCH /api/admin/keys/{keyId}",
        body: r#"{"messageLimit":7}"#,
        required: &[],
        optional: &["messageLimit"],
        wrong: &[("messageLimit", NO_LIMIT)],
    },
    Case {
        route: "POST /api/admin/users",
        body: r#"{"username":"alice"}"#,
        required: &["username"],
        optional: &["name", "email", "roles", "external", "password", "messageLimit"],
        wrong: &[
            ("messageLimit", NO_LIMIT),
            ("username", NO_TEXT),
            ("username", &["null", "\"\"", "\"a b\"", "\"a|b\"", "\"LOCAL\"", "\"service-account-x\""]),
            ("password", NO_TEXT),
            ("password", &["\"\"", "\"short\""]),
            ("name", NO_TEXT),
            ("email", NO_TEXT),
            ("email", &["\"alice\"", "\"@example.com\"", "\"a b@example.com\""]),
            ("roles", &["\"admin\"", "7", "{}"]),
            ("roles[0]", &["[\"root\"]", "[7]", "[null]", "[\"Admin\"]"]),
            ("external", &["\"yes\"", "1", "[]"]),
        ],
    },
    Case {
        route: "PATCH /api/admin/users/{userId}",
        body: r#"{"name":"Alice"}"#,
        required: &[],
        optional: &["name", "email", "roles", "external", "disabled", "messageLimit"],
        wrong: &[
            ("messageLimit", NO_LIMIT),
            ("name", NO_TEXT),
            ("email", NO_TEXT),
            ("email", &["\"alice\""]),
            ("roles", &["\"admin\"", "7"]),
            ("roles[0]", &["[\"root\"]"]),
            ("external", &["\"yes\"", "1"]),
            ("disabled", &["\"yes\"", "1", "[]"]),
        ],
    },
    Case {
        route: "PUT /api/admin/users/{userId}/password",
        body: r#"{"password":"correct horse"}"#,
        required: &[],
        optional: &["password"],
        wrong: &[("password", NO_TEXT), ("password", &["\"\"", "\"short\""])],
    },
    Case {
        route: "POST /api/admin/clients",
        body: r#"{"id":"robot"}"#,
        required: &["id"],
        optional: RIGHTS,
        wrong: &[
            ("id", NO_TEXT),
            ("id", &["null", "\"\"", "\"a b\"", "\"a/b\"", "\"ä\""]),
            ("serviceAccount", NO_FLAG),
            ("passwordGrant", NO_FLAG),
            ("tokenExchange", NO_FLAG),
            ("mayImpersonate", NO_FLAG),
        ],
    },
    Case {
        route: "PATCH /api/admin/clients/{clientId}",
        body: r#"{"tokenExchange":false}"#,
        required: &[],
        optional: RIGHTS,
        wrong: &[("serviceAccount", NO_FLAG), ("mayImpersonate", NO_FLAG), ("disabled", NO_FLAG)],
    },
    Case {
        route: "POST /api/admin/projects",
        body: r#"{"name":"demo"}"#,
        required: &["name"],
        optional: &[],
        wrong: &[("name", NO_TEXT), ("name", &["null", "\"\"", "\" a\"", "\"a,b\"", "\"a\\nb\""])],
    },
    Case {
        route: "POST /api/admin/assistants",
        body: r#"{"name":"Helper"}"#,
        required: &["name"],
        optional: &["description", "instructions", "model", "temperature", "global"],
        wrong: &[
            ("name", NO_TEXT),
            ("name", &["null", "\"\"", "\"a\\nb\""]),
            ("instructions", NO_TEXT),
            ("model", NO_TEXT),
            ("temperature", &["-1", "2.1", "\"1\""]),
            ("global", NO_FLAG),
        ],
    },
    Case {
        route: "PATCH /api/admin/assistants/{assistantId}",
        body: r#"{"description":"Helps."}"#,
        required: &[],
        optional: &["name", "description", "instructions", "model", "temperature", "global"],
        wrong: &[
            ("name", NO_TEXT),
            ("name", &["\"\"", "\"a\\nb\""]),
            ("instructions", NO_TEXT),
            ("temperature", &["-1", "2.1", "\"1\""]),
            ("global", NO_FLAG),
        ],
    },
    Case {
        route: "PUT /api/admin/projects/{projectId}/members/{userId}",
        body: r#"{"admin":true}"#,
        required: &[],
        optional: &["admin"],
        wrong: &[("admin", NO_FLAG)],
    },
];
const RIGHTS: &[&str] = &["serviceAccount", "passwordGrant", "tokenExchange", "mayImpersonate"];
const NO_LIMIT: &[&str] = &["-1", "1.5", "4294967296", "\"7\"", "true", "[]"];
const NO_FLAG: &[&str] = &["\"true\"", "1", "[]", "{}"];

const fn chat(route: &'static str) -> Case {
    Case { route, body: CHAT_BODY, required: &["messages"], optional: CHAT_OPTIONAL, wrong: CHAT_WRONG }
}

const fn sdk(route: &'static str) -> Case {
    Case { route, body: SDK_BODY, required: &["message"], optional: SDK_OPTIONAL, wrong: SDK_WRONG }
}

impl Case {
    fn path(&self) -> String {
        let (_, path) = self.route.split_once(' ').expect("method and path");
        let ids = [
            ("{turnId}", "turn-that-nobody-knows"),
            ("{userId}", "admin"),
            ("{assistantId}", "0595933806de"),
            ("{keyId}", "key_unknown"),
            ("{clientId}", "codemie-sdk"),
            ("{projectId}", "project-of-the-test"),
        ];
        ids.iter().fold(path.to_owned(), |path, (place, id)| path.replace(place, id))
    }

    fn is_administration(&self) -> bool {
        self.route.contains("/admin/")
    }

    /// The request with this body; from the administrator where nobody else is let in.
    fn request(&self, server: &TestServer, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let (method, _) = self.route.split_once(' ').expect("method and path");
        let request = server.client.request(method.parse().expect("a method"), server.url(&self.path()));
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        if self.is_administration() { request.bearer_auth(server.admin_token()) } else { request }
    }

    async fn check_accepted(&self, server: &TestServer, body: impl Into<reqwest::Body>) {
        let answer = self.request(server, body).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a whole answer");
        // A body that is taken is good: what it asks for is only there already, or what it is about is not.
        let taken = self.is_administration() && [404, 409].contains(&status.as_u16());
        assert!(status.is_success() || taken, "{}: {status} {text}", self.route);
    }

    async fn check_refused(&self, server: &TestServer, body: impl Into<reqwest::Body>, fields: &[&str]) {
        check_invalid(self.request(server, body), fields, self.route).await;
    }

    /// The body with `field` set to this JSON, which need not be valid.
    fn with(&self, field: &str, json: &str) -> String {
        let mut body: Value = serde_json::from_str(self.body).expect("the case's body is JSON");
        let body = body.as_object_mut().expect("an object");
        body.remove(field);
        let rest = Value::from(body.clone()).to_string();
        let comma = if body.is_empty() { "" } else { "," };
        format!("{{\"{field}\":{json}{comma}{}", &rest[1..])
    }

    fn without(&self, field: &str) -> String {
        let mut body: Value = serde_json::from_str(self.body).expect("the case's body is JSON");
        body.as_object_mut().expect("an object").remove(field);
        body.to_string()
    }
}

/// Fails unless the request is invalid and one of `fields` is to blame.
async fn check_invalid(request: reqwest::RequestBuilder, fields: &[&str], why: &str) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 400, "{why}: expected {fields:?} to be refused");
    let body = check_error(answer, 400, "VALIDATION_ERROR").await;
    let field = body["details"]["field"].as_str().unwrap_or_default();
    assert!(fields.contains(&field), "{why}: {fields:?} is to blame, not {body}");
    assert!(body["message"].as_str().is_some_and(|message| message.len() < 400), "{why}: {body}");
}

async fn check_too_large(request: reqwest::RequestBuilder) {
    let body = check_error(request.send().await.expect("an answer"), 413, "PAYLOAD_TOO_LARGE").await;
    assert_eq!(body["details"], json!({ "field": "body" }));
}

/// A server whose model always answers; at the end nothing of what was refused reached it.
async fn start() -> TestServer {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&["Hello."]));
    server.administered("POST", "/api/admin/projects", &json!({ "name": "project-of-the-test" })).await;
    server
}

async fn stop_unasked(server: TestServer) {
    assert_eq!(server.get("/readyz").send().await.expect("an answer").status(), 200, "it still answers");
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn every_route_with_a_body_has_a_case() {
    let server = start().await;
    let description = server.description().await;
    let paths = description["paths"].as_object().expect("paths").iter();
    let described: BTreeSet<String> = paths
        .flat_map(|(path, methods)| {
            methods.as_object().expect("methods").keys().map(move |method| (method, path))
        })
        .filter(|(method, _)| !["get", "delete"].contains(&method.as_str()))
        // These have refusals of their own, in `codemie.rs`, `sign_in.rs` and `cody.rs`.
        .filter(|(_, path)| {
            !["/code-assistant-api", "/auth", "/api/v1/", "/stream/"].iter().any(|own| path.starts_with(own))
        })
        // It takes no body.
        .filter(|(_, path)| !path.ends_with("/secret"))
        .map(|(method, path)| format!("{} {path}", method.to_uppercase()))
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|case| case.route.to_owned()).collect();
    assert_eq!(cases, described, "left: the cases of this file; right: the routes there are");
    stop_unasked(server).await;
}

#[tokio::test]
async fn every_case_is_accepted_but_for_what_is_wrong_in_it() {
    let server = start().await;
    for case in CASES {
        case.check_accepted(&server, case.body).await;
        case.check_accepted(&server, format!(" \r\n\t{}\n ", case.body)).await;
        case.check_accepted(&server, case.with("unknown", r#"{"a":[1e400,"\u0000",null]}"#)).await;
        for field in case.optional {
            case.check_accepted(&server, case.with(field, "null")).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_is_one_json_object() {
    let server = start().await;
    for case in CASES {
        for body in ["{", "nonsense", "{\"a\"}", "{'a':1}", "{\"a\":1,}", "\u{feff}{}", " ", "{\"a\":NaN}"] {
            case.check_refused(&server, body, &["body", "a"]).await;
        }
        let in_array = format!("[{}]", case.body);
        for body in ["[]", "[[]]", "\"text\"", "7", "true", "null", &in_array] {
            case.check_refused(&server, body.to_owned(), &["body"]).await;
        }
        for trailing in ["x", "{}", "]", ",", "\0"] {
            case.check_refused(&server, format!("{}{trailing}", case.body), &["body"]).await;
        }
        let cut = &case.body[..case.body.len() - 1];
        case.check_refused(&server, cut, &["body"]).await;
        if !case.required.is_empty() {
            case.check_refused(&server, "", &["body"]).await;
            case.check_refused(&server, "{}", &["body"]).await;
        }
        for field in case.required {
            case.check_refused(&server, case.without(field), &["body"]).await;
        }
    }
    // The positions of a struct's fields are no names.
    for (route, body) in [
        ("/api/chat", r#"[[{"role":"user","content":"Hi"}]]"#),
        ("/api/ai/chat", r#"["Hi"]"#),
        ("/api/chat/turns/turn-that-nobody-knows/cancel", r#"["user"]"#),
    ] {
        let body: Value = serde_json::from_str(body).expect("JSON");
        check_invalid(server.post(route, &body), &["body"], route).await;
    }
    stop_unasked(server).await;
}

#[tokio::test]
async fn every_field_says_what_is_wrong_with_it() {
    let server = start().await;
    for case in CASES {
        for (field, values) in case.wrong {
            let name = field.split(['[', '.']).next().expect("a name");
            for value in *values {
                case.check_refused(&server, case.with(name, value), &[field]).await;
            }
        }
    }
    stop_unasked(server).await;
}

#[tokio::test]
async fn text_is_unicode() {
    let server = start().await;
    for case in CASES {
        let name = case.required.first().or(case.optional.first()).expect("a field");
        let text = |inside: &[u8]| match *name {
            "messages" => [br#"{"messages":[{"role":"user","content":""#, inside, br#""}]}"#].concat(),
            name => {
                let body = case.with(name, "\"HERE\"");
                let (before, after) = body.split_once("HERE").expect("it is there");
                [before.as_bytes(), inside, after.as_bytes()].concat()
            }
        };
        let field = if *name == "messages" { "messages[0].content" } else { name };
        let wrong: [&[u8]; 7] =
            [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\\udc00\\ud800", b"\\u12", b"line\nbreak"];
        for inside in wrong {
            case.check_refused(&server, text(inside), &[field]).await;
        }
    }
    stop_unasked(server).await;
}

#[tokio::test]
async fn a_field_is_given_once() {
    let server = start().await;
    for case in CASES {
        for field in case.required {
            let value = serde_json::from_str::<Value>(case.body).expect("JSON")[*field].to_string();
            let doubled = case.with(field, &value).replacen('{', &format!("{{\"{field}\":{value},"), 1);
            case.check_refused(&server, doubled, &[field, "body"]).await;
        }
    }
    stop_unasked(server).await;
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test]
async fn depth_is_bounded_everywhere() {
    let server = start().await;
    for case in CASES {
        // The body itself is a level.
        case.check_accepted(&server, case.with("unknown", &nested(63))).await;
        for deep in [nested(64), nested(100), nested(100_000), "[".repeat(100_000), "{\"a\":".repeat(100_000)]
        {
            case.check_refused(&server, case.with("unknown", &deep), &["body"]).await;
            case.check_refused(&server, deep, &["body"]).await;
        }
        for field in case.required.iter().chain(case.optional) {
            case.check_refused(&server, case.with(field, &nested(100)), &["body"]).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn two_mebibytes_fit_and_not_one_byte_more() {
    let server = start().await;
    for case in CASES {
        let padded = |length: usize| format!("{}{}", case.body, " ".repeat(length - case.body.len()));
        case.check_accepted(&server, padded(LIMIT)).await;
        check_too_large(case.request(&server, padded(LIMIT + 1))).await;
        check_too_large(case.request(&server, chunked(&padded(LIMIT + 1)))).await;
        case.check_accepted(&server, chunked(&padded(LIMIT))).await;
    }
    let content = "x".repeat(LIMIT - CHAT_BODY.len() + 2);
    CASES[0].check_accepted(&server, CHAT_BODY.replace("Hi", &content)).await;
    server.stop().await;
}

/// A body whose length is not announced.
fn chunked(body: &str) -> reqwest::Body {
    let chunks: Vec<_> =
        body.as_bytes().chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    reqwest::Body::wrap_stream(futures::stream::iter(chunks))
}

#[tokio::test]
async fn a_list_of_messages_is_bounded() {
    let server = start().await;
    for case in &CASES[..3] {
        let messages = |count: usize| vec![json!({ "role": "user", "content": "x" }); count];
        let body = json!({ "messages": messages(10_001) }).to_string();
        case.check_refused(&server, body, &["messages"]).await;
    }
    let many = json!({ "messages": vec![json!({ "role": "user", "content": "x" }); 2_000] });
    CASES[0].check_accepted(&server, many.to_string()).await;
    server.stop().await;
}

#[tokio::test]
async fn numbers_may_lie_on_their_bounds() {
    let server = start().await;
    for case in &CASES[..3] {
        for (field, value) in [
            ("temperature", "0"),
            ("temperature", "-0.0"),
            ("temperature", "2"),
            ("temperature", "2.0"),
            ("maxTokens", "1"),
            ("maxTokens", "9223372036854775807"),
            ("messages", r#"[{"role":"user","content":"x"}]"#),
            ("messages", r#"[{"role":"user","content":"Hi","more":[1]}]"#),
            ("messages", r#"[{"role":"user","content":"Hi","id":null}]"#),
            ("messages", r#"[{"role":"user","content":"Hi"},{"role":"system","content":"Be brief."}]"#),
            ("sessionId", "\"not an id: replaced\""),
            ("sessionId", "\"\""),
        ] {
            case.check_accepted(&server, case.with(field, value)).await;
        }
    }
    server.stop().await;
}
