//! Cody's API: bots, conversations and messages, by the examples of its documentation and by what its clients rely on.

use reqwest::{Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::upstream::{Reply, openai_stream};

use crate::harness::TestServer;

const BOT: &str = "0595933806de";

/// A server, and a key of Ada's.
pub(crate) struct Cody {
    pub(crate) server: TestServer,
    pub(crate) key: String,
}

impl Cody {
    pub(crate) async fn start() -> Self {
        Self::over(TestServer::start().await).await
    }

    pub(crate) async fn over(server: TestServer) -> Self {
        let key = server.key("ada").await.expose_secret().to_owned();
        Self { server, key }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = self.server.url(&format!("/api/v1{path}"));
        self.server.client.request(method.parse().expect("a method"), url).bearer_auth(&self.key)
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        self.request(method, path).json(body).send().await.expect("an answer")
    }

    /// The JSON of an answer that must be 200.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, body).await;
        let (status, text) = (answer.status(), answer.text().await.expect("a whole body"));
        assert_eq!(status, 200, "{method} {path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }

    async fn refusal(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.send(method, path, body).await;
        (answer.status(), answer.json().await.expect("JSON"))
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// Puts a word in the place of what differs between any two runs, once it is checked to have its form.
#[track_caller]
fn redacted(mut value: Value) -> Value {
    redact(&mut value);
    value
}

#[track_caller]
fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "created_at" => {
                        assert!(value.as_i64().is_some_and(|seconds| seconds > 1_700_000_000), "{value}");
                        *value = json!("seconds");
                    }
                    "id" | "conversation_id" if value != "string" => {
                        let id = value.as_str().expect("an id is text");
                        let is_base62 = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
                        assert!(is_base62, "{id}");
                        if id != BOT {
                            *value = json!("id");
                        }
                    }
                    _ => redact(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pagination(count: u32) -> Value {
    json!({ "pagination": {
        "count": count, "total": count, "per_page": 50, "current_page": 1, "total_pages": 1, "next_page": null,
        "previous_page": null,
    } })
}

#[tokio::test]
async fn a_bot_is_there_from_the_first_start() {
    let cody = Cody::start().await;

    let bots = cody.get("/bots").await;

    let assistant = json!({ "id": BOT, "name": "Assistant", "model": "gpt-5", "created_at": "seconds" });
    assert_eq!(redacted(bots), json!({ "data": [assistant], "meta": pagination(1) }));
    assert_eq!(cody.get("/bots?keyword=SIST").await["meta"], pagination(1));
    assert_eq!(cody.get("/bots?keyword=nobody").await, json!({ "data": [], "meta": pagination(0) }));
    cody.stop().await;
}

#[tokio::test]
async fn conversations_are_made_shown_changed_and_deleted() {
    let cody = Cody::start().await;

    let made = cody
        .ok("POST", "/conversations", &json!({ "name": " Demo ", "bot_id": BOT, "document_ids": [] }))
        .await;

    let id = made["data"]["id"].as_str().expect("an id").to_owned();
    let demo = json!({ "id": "id", "name": "Demo", "bot_id": BOT, "created_at": "seconds" });
    assert_eq!(redacted(made), json!({ "data": demo }));
    let path = format!("/conversations/{id}");
    assert_eq!(redacted(cody.get(&path).await), json!({ "data": demo }));
    let with_documents = cody.get(&format!("{path}?includes=document_ids")).await;
    assert_eq!(with_documents["data"]["document_ids"], json!([]));
    for (verb, name) in [("POST", "One"), ("PUT", "Two"), ("PATCH", "Three")] {
        let changed = cody.ok(verb, &path, &json!({ "name": name, "bot_id": BOT })).await;
        assert_eq!(changed["data"]["name"], name);
    }
    let first =
        json!({ "id": "string", "name": "First conversation", "bot_id": BOT, "created_at": "seconds" });
    let three = json!({ "id": "id", "name": "Three", "bot_id": BOT, "created_at": "seconds" });
    let listed = redacted(cody.get("/conversations").await);
    assert_eq!(listed, json!({ "data": [three, first], "meta": pagination(2) }), "the newest first");
    assert_eq!(cody.get("/conversations?keyword=thr&bot_id=0595933806de").await["meta"], pagination(1));
    assert_eq!(cody.get("/conversations?bot_id=elsewhere").await["meta"], pagination(0));

    let deleted = cody.request("DELETE", &path).send().await.expect("an answer");

    assert_eq!(deleted.status(), 200);
    assert_eq!(deleted.json::<Value>().await.expect("JSON"), json!({ "data": true, "success": true }));
    for verb in ["GET", "DELETE"] {
        let again = cody.request(verb, &path).send().await.expect("an answer");
        assert_eq!(again.status(), 404, "{verb}");
        assert_eq!(again.json::<Value>().await.expect("JSON"), json!({ "message": "Not Found" }));
    }
    let (status, _) = cody.refusal("PUT", &path, &json!({ "name": "Late", "bot_id": BOT })).await;
    assert_eq!(status, 404);
    cody.stop().await;
}

#[tokio::test]
async fn a_message_is_answered_and_both_can_be_read_again() {
    let cody = Cody::start().await;
    cody.server.upstream.enqueue(openai_stream(&["Two", " years."]));
    cody.server.upstream.enqueue(openai_stream(&["Yes."]));

    let question = json!({ "content": " How long is the warranty? ", "conversation_id": "string" });
    let answer = cody.ok("POST", "/messages", &question).await;

    let id = answer["data"]["id"].as_str().expect("an id").to_owned();
    let message = |content: &str, machine: bool| {
        json!({
            "id": "id", "content": content, "conversation_id": "string", "machine": machine,
            "failed_responding": false, "flagged": false, "created_at": "seconds",
        })
    };
    assert_eq!(redacted(answer), json!({ "data": message("Two years.", true) }));
    let mut whole = message("Two years.", true);
    whole["sources"] = json!({ "data": [] });
    whole["usage"] = json!({ "tokens": 11, "credits": 0.0 });
    let read = cody.get(&format!("/messages/{id}?includes=sources,usage")).await;
    assert_eq!(redacted(read), json!({ "data": whole }));
    let listed = redacted(cody.get("/messages?conversation_id=string").await);
    let both = json!([message("Two years.", true), message("How long is the warranty?", false)]);
    assert_eq!(listed, json!({ "data": both, "meta": pagination(2) }));

    cody.ok("POST", "/messages", &json!({ "content": "Is that all?", "conversation_id": "string" })).await;
    let asked = cody.server.upstream.requests()[1].json();
    let said: Vec<&Value> = asked["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .skip(1)
        .map(|message| &message["content"])
        .collect();
    assert_eq!(
        said,
        ["How long is the warranty?", "Two years.", "Is that all?"],
        "the conversation goes before"
    );
    let page = cody.get("/messages?per_page=3&page=2").await;
    assert_eq!(
        (&page["data"][0]["content"], page["data"].as_array().map(Vec::len)),
        (&json!("How long is the warranty?"), Some(1))
    );
    assert_eq!(page["meta"]["pagination"]["previous_page"], 1);
    cody.stop().await;
}

#[tokio::test]
async fn an_answer_that_fails_is_an_error_and_can_be_read() {
    let cody = Cody::start().await;
    let whole = openai_stream(&["Two", " years."]);
    let most = whole.length() * 2 / 3;
    cody.server.upstream.enqueue(whole.cut_after(most));
    cody.server.upstream.always(Reply::status(500).body("{}"));

    for _ in 0..2 {
        let sent = json!({ "content": "How long?", "conversation_id": "string" });
        let (status, body) = cody.refusal("POST", "/messages", &sent).await;
        assert_eq!((status.as_u16(), body), (500, json!({ "message": "Server Error" })));
    }

    let listed = cody.get("/messages").await;
    let told = |at: usize| {
        let message = &listed["data"][at];
        assert_eq!((&message["machine"], &message["failed_responding"]), (&json!(true), &json!(true)));
        message["content"].as_str().expect("text")
    };
    assert!(told(0).len() > 10 && !told(0).starts_with('\n'), "a sentence alone: {}", told(0));
    let (came, sentence) = told(2).split_once("\n\n").expect("a blank line");
    assert!("Two years.".starts_with(came) && !came.is_empty() && sentence.len() > 10, "{came}|{sentence}");
    cody.stop().await;
}

#[tokio::test]
async fn mistakes_are_told_as_laravel_tells_them() {
    let cody = Cody::start().await;
    let long = "🇨🇭".repeat(1_001);
    let content = "The content field is required.";
    let conversation = "The conversation id field is required.";
    let wrong_conversation = "The selected conversation id is invalid.";
    let wrong_bot = "The selected bot id is invalid.";
    let too_long = "The content field must not be greater than 2000 characters.";
    let document = "The selected document_ids.0 is invalid.";
    for (path, body, message, errors) in [
        (
            "/messages",
            json!({}),
            "The content field is required. (and 1 more error)",
            json!({ "content": [content], "conversation_id": [conversation] }),
        ),
        (
            "/messages",
            json!({ "content": long, "conversation_id": "string" }),
            too_long,
            json!({ "content": [too_long] }),
        ),
        (
            "/messages",
            json!({ "content": "Hi", "conversation_id": "elsewhere" }),
            wrong_conversation,
            json!({ "conversation_id": [wrong_conversation] }),
        ),
        (
            "/messages/stream",
            json!({ "content": " ", "conversation_id": "string", "redirect": "maybe" }),
            "The content field is required. (and 1 more error)",
            json!({ "content": [content], "redirect": ["The redirect field must be true or false."] }),
        ),
        (
            "/messages/stream",
            json!({ "content": "Hi", "conversation_id": "elsewhere" }),
            wrong_conversation,
            json!({ "conversation_id": [wrong_conversation] }),
        ),
        (
            "/conversations",
            json!({ "name": "Demo", "bot_id": "elsewhere" }),
            wrong_bot,
            json!({ "bot_id": [wrong_bot] }),
        ),
        (
            "/conversations",
            json!({ "name": "Demo", "bot_id": BOT, "document_ids": ["Jw31Pv6PMmro"] }),
            document,
            json!({ "document_ids.0": [document] }),
        ),
    ] {
        let (status, said) = cody.refusal("POST", path, &body).await;
        assert_eq!((status.as_u16(), said), (422, json!({ "message": message, "errors": errors })), "{path}");
    }
    let broken = cody.request("POST", "/messages").body("{\"content\":").send().await.expect("an answer");
    assert_eq!(broken.status(), 400);
    assert!(broken.json::<Value>().await.expect("JSON")["message"].is_string());
    assert!(cody.server.upstream.requests().is_empty(), "no model was asked");
    cody.stop().await;
}

#[tokio::test]
async fn bodies_are_read_in_every_form_that_clients_send() {
    let cody = Cody::start().await;
    cody.server.upstream.always(openai_stream(&["Yes."]));
    let json = "{\"content\":\"Hi\",\"conversation_id\":\"string\"}";
    for (content_type, body) in [
        ("application/json", json),
        ("text/plain;charset=UTF-8", json),
        ("application/x-www-form-urlencoded", json),
        ("application/x-www-form-urlencoded", "content=Hi&conversation_id=string&category="),
    ] {
        let request = cody.request("POST", "/messages").header("Content-Type", content_type).body(body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{content_type} {body}");
    }
    let form = format!("name=Form&bot_id={BOT}&document_ids[]=a");
    let request =
        cody.request("POST", "/conversations").header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(request.body(form).send().await.expect("an answer").status(), 422, "the list is read");
    cody.stop().await;
}

#[tokio::test]
async fn the_longest_message_is_two_thousand_code_points() {
    let cody = Cody::start().await;
    cody.server.upstream.always(openai_stream(&["Yes."]));
    for pair in ["e\u{301}", "👩🏽", "🇨🇭"] {
        let longest = pair.repeat(1_000);
        let sent = json!({ "content": longest, "conversation_id": "string" });
        cody.ok("POST", "/messages", &sent).await;
        let stored = cody.get("/messages?per_page=2").await;
        assert_eq!(stored["data"][1]["content"], longest);
        let sent = json!({ "content": format!("{longest}x"), "conversation_id": "string" });
        assert_eq!(cody.refusal("POST", "/messages", &sent).await.0, 422);
    }
    cody.stop().await;
}

#[tokio::test]
async fn without_a_key_nothing_is_answered_and_what_is_not_built_says_so() {
    let cody = Cody::start().await;
    for path in ["/bots", "/conversations", "/messages", "/documents", "/folders/x"] {
        let answer = cody.server.get(&format!("/api/v1{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({ "message": "Unauthenticated." }));
    }
    for (verb, path, status) in [
        ("GET", "/documents", 501),
        ("POST", "/uploads/signed-url", 501),
        ("PUT", "/folders/x", 501),
        ("DELETE", "/folders/x", 405),
        ("PUT", "/messages", 405),
        ("GET", "/nothing", 404),
        ("GET", "/messages/elsewhere", 404),
    ] {
        let answer = cody.request(verb, path).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{verb} {path}");
        assert!(answer.json::<Value>().await.expect("JSON")["message"].is_string(), "{verb} {path}");
    }
    cody.stop().await;
}

#[tokio::test]
async fn a_bot_of_ones_own_answers_as_it_was_told_and_its_end_is_a_mistake() {
    let cody = Cody::over(
        TestServer::start_with(|config, _| {
            let openai = config.providers.get_mut("openai").expect("it is there");
            openai.models = Some(vec!["gpt-*".to_owned()]);
            let price = json!({ "openai/gpt-4o": { "prompt": 10.0, "completion": 100.0 } });
            config.prices = serde_json::from_value(price).expect("a price table");
        })
        .await,
    )
    .await;
    cody.server.upstream.always(openai_stream(&["Arr!", " Aye."]));
    let pirate = json!({ "name": "Pirate", "instructions": "Talk like a pirate.", "model": "gpt-4o" });
    let pirate = cody.server.administered("POST", "/api/admin/assistants", &pirate).await;
    let bot = pirate["botId"].as_str().expect("an id");
    let talk = cody.ok("POST", "/conversations", &json!({ "name": "Ship", "bot_id": bot })).await;
    let sent = json!({ "content": "Hi", "conversation_id": talk["data"]["id"] });

    let answer = cody.ok("POST", "/messages?includes=usage", &sent).await;

    assert_eq!(answer["data"]["usage"], json!({ "tokens": 11, "credits": 0.29 }), "9 read and 2 written");
    let asked = cody.server.upstream.requests()[0].json();
    assert_eq!(
        (&asked["model"], &asked["messages"][0]["content"]),
        (&json!("gpt-4o"), &json!("Talk like a pirate."))
    );
    cody.server.administered("DELETE", &format!("/api/admin/assistants/{bot}"), &Value::Null).await;
    let (status, said) = cody.refusal("POST", "/messages", &sent).await;
    assert_eq!(
        (status.as_u16(), &said["errors"]["bot_id"][0]),
        (422, &json!("The selected bot id is invalid."))
    );
    cody.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_told_as_documented() {
    let limit = std::num::NonZeroU32::new(2);
    let clock = std::sync::Arc::new(testkit::ManualClock::at_present());
    let server = TestServer::start_by(clock, |config, _| config.limits.requests_per_minute = limit).await;
    let cody = Cody::over(server).await;
    for left in ["1", "0"] {
        let answer = cody.request("GET", "/bots").send().await.expect("an answer");
        assert_eq!(
            (&answer.headers()["x-ratelimit-limit"], &answer.headers()["x-ratelimit-remaining"]),
            (&"2".parse().expect("a value"), &left.parse().expect("a value"))
        );
    }
    let refused = cody.request("GET", "/bots").send().await.expect("an answer");
    assert_eq!(refused.status(), 429);
    let number =
        |name: &str| refused.headers()[name].to_str().expect("text").parse::<u64>().expect("a number");
    assert!((1..=60).contains(&number("retry-after")) && number("x-ratelimit-reset") > 1_700_000_000);
    assert_eq!(number("x-ratelimit-remaining"), 0);
    assert_eq!(refused.json::<Value>().await.expect("JSON"), json!({ "message": "Too Many Attempts." }));
    cody.stop().await;
}

#[tokio::test]
async fn a_key_that_is_not_good_for_chat_may_do_nothing_here() {
    let mut cody = Cody::start().await;
    let new = json!({ "account": "ada", "label": "documents", "scopes": ["documents"] });
    let made = cody.server.administered("POST", "/api/admin/keys", &new).await;
    cody.key = made["key"].as_str().expect("a key").to_owned();
    for (verb, path) in [
        ("GET", "/bots"),
        ("GET", "/conversations"),
        ("GET", "/messages"),
        ("DELETE", "/conversations/string"),
    ] {
        let refused = cody.request(verb, path).send().await.expect("an answer");
        assert_eq!(refused.status(), 403, "{verb} {path}");
        let said: Value = refused.json().await.expect("JSON");
        assert_eq!(said, json!({ "message": "This action is unauthorized." }), "{verb} {path}");
    }
    cody.stop().await;
}
