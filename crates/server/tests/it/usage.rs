//! What turns have cost, as administrators ask for it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use server::config::Price;
use testkit::ManualClock;
use testkit::upstream::{Reply, openai_stream};

use crate::harness::{TestServer, message_in};
use crate::program::run;

const CODEMIE: &str = "/code-assistant-api/v1";
const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A server on the first of January 2026, where a thousand tokens of `gpt-5` cost 10 credits to read and 100 to write.
async fn start() -> (TestServer, ManualClock) {
    let clock = ManualClock::new();
    let server = TestServer::start_by(Arc::new(clock.clone()), |config, _| {
        config.providers.get_mut("openai").expect("it is there").models = Some(vec!["gpt-*".to_owned()]);
        config.prices.insert("openai/*".to_owned(), Price { prompt: 1.0, completion: 1.0 });
        config.prices.insert("openai/gpt-5".to_owned(), Price { prompt: 10.0, completion: 100.0 });
    })
    .await;
    server.upstream.always(openai_stream(&["Hello", "."]));
    (server, clock)
}

/// Asks the model this, with 9 tokens read and 2 written.
async fn ask(server: &TestServer, key: &SecretString, path: &str, body: &Value) {
    let answer = server.post(path, body).bearer_auth(key.expose_secret()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.expect("a whole answer");
}

async fn usage(server: &TestServer, query: &str) -> Value {
    server.administered("GET", &format!("/api/admin/usage?{query}"), &Value::Null).await
}

fn sum(turns: u64, prompt: u64, completion: u64, credits: f64) -> Value {
    json!({ "turns": turns, "promptTokens": prompt, "completionTokens": completion, "credits": credits })
}

/// A sum with what it is by.
fn row(by: &Value, mut sum: Value) -> Value {
    let by = by.as_object().expect("an object").clone();
    sum.as_object_mut().expect("an object").extend(by);
    sum
}

/// Ada asks twice on the first day and once on the second, Bob once on the second, another model.
async fn two_days(server: &TestServer, clock: &ManualClock) -> SecretString {
    let (ada, bob) = (server.key("ada").await, server.key("bob").await);
    ask(server, &ada, "/api/chat", &message_in("s", "Hi")).await;
    ask(server, &ada, ASSISTANT, &json!({ "text": "Hi" })).await;
    clock.advance(DAY);
    ask(server, &ada, ASSISTANT, &json!({ "text": "Between us", "save_history": false })).await;
    let mut other = message_in("s", "Hi");
    other["model"] = json!("gpt-4.1");
    ask(server, &bob, "/api/chat", &other).await;
    ada
}

#[tokio::test]
async fn usage_is_told_by_day_model_and_user() {
    let (server, clock) = start().await;
    two_days(&server, &clock).await;
    let (one, other) = (sum(1, 9, 2, 0.29), sum(1, 9, 2, 0.011));
    let total = sum(4, 36, 8, 0.881);

    let all = usage(&server, "by=day,model,user").await;

    let line = |day: &str, model: &str, user: &str| json!({ "day": day, "model": model, "user": user });
    let rows = json!([
        row(&line("2026-01-01", "openai/gpt-5", "ada"), sum(2, 18, 4, 0.58)),
        row(&line("2026-01-02", "openai/gpt-4.1", "bob"), other.clone()),
        row(&line("2026-01-02", "openai/gpt-5", "ada"), one),
    ]);
    assert_eq!(all, json!({ "from": "2025-12-04", "to": "2026-01-02", "rows": rows, "total": total }));
    let by_user = usage(&server, "by=user").await;
    let rows = [row(&json!({ "user": "ada" }), sum(3, 27, 6, 0.87)), row(&json!({ "user": "bob" }), other)];
    assert_eq!(by_user["rows"], json!(rows));
    let days = usage(&server, "from=2026-01-02&to=2026-01-02").await;
    let second = sum(2, 18, 4, 0.301);
    assert_eq!(days["rows"], json!([row(&json!({ "day": "2026-01-02" }), second.clone())]));
    assert_eq!(
        (&days["from"], &days["to"], &days["total"]),
        (&json!("2026-01-02"), &json!("2026-01-02"), &second)
    );
    let none = usage(&server, "by=&to=2026-01-01").await;
    assert_eq!((&none["rows"], &none["total"]), (&json!([]), &sum(2, 18, 4, 0.58)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_usage_too() {
    let (server, clock) = start().await;
    two_days(&server, &clock).await;
    let home = tempfile::tempdir().expect("a temporary directory");
    let told = |by: &str| {
        let data_dir = server.data_dir().to_str().expect("a path in text");
        run(home.path(), &["usage", "--data-dir", data_dir, "--to", "2026-01-03", "--by", by])
    };

    let (days, users) = (told("day"), told("model,user"));

    assert_eq!(days.stdout, "2026-01-01\t2\t18\t4\t0.58\n2026-01-02\t2\t18\t4\t0.301\n", "{days:?}");
    let total = "2025-12-05 to 2026-01-03: 4 turns, 36 tokens read, 8 written, 0.881 credits\n";
    assert_eq!(days.stderr, total);
    let lines = "openai/gpt-4.1\tbob\t1\t9\t2\t0.011\nopenai/gpt-5\tada\t3\t27\t6\t0.87\n";
    assert_eq!(users.stdout, lines, "{users:?}");
    server.stop().await;
}

#[tokio::test]
async fn usage_outlives_what_was_said() {
    let (server, clock) = start().await;
    let ada = two_days(&server, &clock).await;
    let before = usage(&server, "by=day,model,user").await;
    let conversations = format!("{CODEMIE}/conversations");
    let by_ada = |request: reqwest::RequestBuilder| request.bearer_auth(ada.expose_secret()).send();
    let listed = by_ada(server.get(&conversations)).await.expect("an answer");
    let listed: Value = listed.json().await.expect("JSON");
    for conversation in listed.as_array().expect("a list") {
        let path = format!("{conversations}/{}", conversation["id"].as_str().expect("an id"));
        let deleted = by_ada(server.client.delete(server.url(&path))).await.expect("an answer");
        assert!(deleted.status().is_success(), "{path}");
    }

    assert_eq!(usage(&server, "by=day,model,user").await, before);

    server.upstream.enqueue(Reply::status(500));
    let failed =
        server.post(ASSISTANT, &json!({ "text": "Hi" })).bearer_auth(ada.expose_secret()).send().await;
    failed.expect("an answer").bytes().await.expect("a whole answer");
    assert_eq!(usage(&server, "by=day,model,user").await, before, "what failed at once has cost nothing");
    server.stop().await;
}
