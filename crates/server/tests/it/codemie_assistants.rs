//! Assistants that people make: who sees, asks, changes and deletes them, and what reaches the model.

use std::collections::BTreeMap;

use chat::clock::{Clock as _, SystemClock};
use chat::ids::AccountId;
use identity::store::{AccountStore as _, KeyStore as _};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use store::{DataDir, SqliteStore};
use testkit::upstream::openai_stream;

use crate::harness::TestServer;

const ASSISTANTS: &str = "/code-assistant-api/v1/assistants";
const DEFAULT: &str = "05959338-06de-477d-9cc3-08369f858057";

/// A server with a project `demo`: `lead` administers it, `ada` and `bob` are in it, `eve` is not. `admin` administers the
/// server.
struct House {
    server: TestServer,
    credentials: BTreeMap<&'static str, SecretString>,
}

type Answer = (u16, Value);

impl House {
    async fn new() -> Self {
        let mut server = TestServer::start_with(|config, _| {
            let openai = config.providers.get_mut("openai").expect("it is there");
            openai.models = Some(vec!["gpt-*".to_owned()]);
        })
        .await;
        let first = server.running().first_start().expect("it is the first start");
        let password = first.password.clone().expect("a random one");
        server
            .while_stopped(async |data_dir| {
                let data_dir = DataDir::lock(data_dir).expect("nobody has it");
                let store = SqliteStore::open(data_dir, &SystemClock).await.expect("the store opens");
                let now = SystemClock.now();
                store.ensure_project("proj_demo", "demo", now).await.expect("a project");
                for (name, is_admin) in [("lead", true), ("ada", false), ("bob", false)] {
                    let account = store.ensure_account(AccountId::new(&SystemClock), name, now).await;
                    let account = account.expect("an account");
                    assert!(store.set_member("proj_demo", account, is_admin).await.expect("a member"));
                }
                store.close().await;
            })
            .await;
        let mut credentials = BTreeMap::new();
        for name in ["lead", "ada", "bob", "eve"] {
            credentials.insert(name, server.key(name).await);
        }
        let login = json!({ "email": "admin", "password": password.expose_secret() });
        let signed_in = server.post("/code-assistant-api/v1/local-auth/login", &login).send().await;
        let signed_in: Value = signed_in.expect("an answer").json().await.expect("JSON");
        let token = signed_in["access_token"].as_str().expect("a token").to_owned();
        credentials.insert("admin", token.into());
        Self { server, credentials }
    }

    async fn send(&self, who: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.server.client.request(method, self.server.url(path));
        let request = request.bearer_auth(self.credentials[who].expose_secret());
        // The vendor's SDK names the type also where it sends no body.
        let request = request.header("content-type", "application/json");
        let request = if let Some(body) = body { request.body(body.to_string()) } else { request };
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(who, Method::GET, path, None).await
    }

    async fn create(&self, who: &str, body: &Value) -> Answer {
        self.send(who, Method::POST, ASSISTANTS, Some(body)).await
    }

    /// A new assistant's id.
    async fn made(&self, who: &str, body: &Value) -> String {
        let (status, made) = self.create(who, body).await;
        assert_eq!(status, 200, "{made}");
        assert_eq!(
            (&made["message"], &made["validation"]),
            (&json!("Specified assistant saved"), &Value::Null)
        );
        made["assistantId"].as_str().expect("an id").to_owned()
    }

    async fn read(&self, who: &str, id: &str) -> Answer {
        self.get(who, &format!("{ASSISTANTS}/id/{id}")).await
    }

    async fn update(&self, who: &str, id: &str, body: &Value) -> Answer {
        self.send(who, Method::PUT, &format!("{ASSISTANTS}/{id}"), Some(body)).await
    }

    async fn delete(&self, who: &str, id: &str) -> Answer {
        self.send(who, Method::DELETE, &format!("{ASSISTANTS}/{id}"), None).await
    }

    /// Names on a page, and its pagination.
    async fn list(&self, who: &str, query: &str) -> (Vec<String>, Value) {
        let (status, page) = self.get(who, &format!("{ASSISTANTS}?{query}")).await;
        assert_eq!(status, 200, "{page}");
        let names = page["data"].as_array().expect("a list").iter();
        let names = names.map(|assistant| assistant["name"].as_str().expect("a name").to_owned()).collect();
        (names, page["pagination"].clone())
    }

    async fn stop(self) {
        self.server.stop().await;
    }
}

fn named(name: &str) -> Value {
    json!({ "name": name, "description": "", "system_prompt": "Be kind.", "llm_model_type": "gpt-4o" })
}

fn with(mut body: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

#[track_caller]
fn check_absent((status, body): Answer, id: &str) {
    let error = json!({
        "message": "Assistant not found",
        "details": format!("No assistant found with the id '{id}'."),
        "help": "Please check the assistant id and ensure it is correct.",
    });
    assert_eq!((status, &body["error"]), (404, &error));
}

#[track_caller]
fn check_denied((status, body): Answer) {
    assert_eq!((status, &body["error"]["message"]), (403, &json!("Access denied")), "{body}");
}

/// What the vendor's SDK sends for a plain assistant: every list empty, no value that is none.
fn as_the_sdk_sends_it() -> Value {
    json!({
        "name": "Code Reviewer", "description": "Reads code.", "system_prompt": "Review.", "project": "demo",
        "context": [], "llm_model_type": "gpt-4o", "toolkits": [], "conversation_starters": ["Hi,\nthere"],
        "shared": false, "is_react": true, "is_global": false, "categories": ["qa"], "mcp_servers": [],
        "assistant_ids": [], "prompt_variables": [], "skip_integration_validation": false,
        "tool_permissions": { "tool_call_policy": "auto_approve", "allow_override": true },
        "temperature": 0.7, "top_p": 0.5, "icon_url": "https://example.com/a.png",
    })
}

#[tokio::test]
async fn an_assistant_is_made_and_read_as_the_sdk_does() {
    let house = House::new().await;
    let id = house.made("ada", &as_the_sdk_sends_it()).await;

    let (status, assistant) = house.read("ada", &id).await;
    assert_eq!(status, 200);
    for (field, expected) in as_the_sdk_sends_it().as_object().expect("an object") {
        if !["tool_permissions", "skip_integration_validation"].contains(&field.as_str()) {
            assert_eq!(&assistant[field], expected, "{field}");
        }
    }
    let (_, user) = house.get("ada", "/code-assistant-api/v1/user").await;
    assert_eq!(assistant["created_by"]["id"], user["user_id"]);
    assert_eq!(assistant["created_by"]["username"], "ada");
    assert_eq!((&assistant["slug"], &assistant["creator"]), (&json!("code-reviewer"), &json!("ada")));
    assert_eq!(assistant["user_abilities"], json!(["read", "write", "delete"]));
    assert_eq!(assistant["created_date"], assistant["updated_date"]);
    assert!(assistant.get("data").is_none(), "the SDK would take it for the whole");
    let by_slug = house.get("ada", &format!("{ASSISTANTS}/slug/code-reviewer")).await;
    assert_eq!(by_slug, (200, assistant));

    let at_home = house.made("eve", &named("Mine")).await;
    assert_eq!(house.read("eve", &at_home).await.1["project"], "personal", "a key's account has its own");
    house.stop().await;
}

#[tokio::test]
async fn what_one_may_not_see_is_not_there_neither_to_read_nor_to_ask() {
    let house = House::new().await;
    let own = house.made("ada", &with(named("Own"), &json!({ "project": "demo" }))).await;
    let shared =
        house.made("ada", &with(named("Shared"), &json!({ "project": "demo", "shared": true }))).await;
    let global = house.made("admin", &with(named("Global"), &json!({ "is_global": true }))).await;
    house.server.upstream.always(openai_stream(&["Hello."]));

    for (who, sees) in [
        ("ada", &[&own, &shared, &global][..]),
        ("lead", &[&own, &shared, &global]),
        ("bob", &[&shared, &global]),
        ("eve", &[&global]),
        ("admin", &[&own, &shared, &global]),
    ] {
        for (id, slug) in [(&own, "own"), (&shared, "shared"), (&global, "global")] {
            let by_slug = format!("slug/{slug}");
            for (name, shown, path) in [
                (id.as_str(), house.read(who, id).await, id.as_str()),
                (slug, house.get(who, &format!("{ASSISTANTS}/{by_slug}")).await, by_slug.as_str()),
            ] {
                let path = format!("{ASSISTANTS}/{path}/model");
                let asked = house.send(who, Method::POST, &path, Some(&json!({ "text": "hi" }))).await;
                if sees.contains(&id) {
                    assert_eq!((shown.0, asked.0), (200, 200), "{slug} for {who}");
                } else {
                    check_absent(shown, name);
                    check_absent(asked, name);
                }
            }
        }
        let (listed, _) = house.list(who, "sort_by=name&sort_order=asc").await;
        assert_eq!(listed.len(), sees.len() + 1, "and the default one: {listed:?} for {who}");
    }
    house.stop().await;
}

#[tokio::test]
async fn creators_and_administrators_change_and_delete() {
    let house = House::new().await;
    let body = with(named("Shared"), &json!({ "project": "demo", "shared": true, "temperature": 0.5 }));
    let id = house.made("ada", &body).await;

    check_denied(house.update("bob", &id, &json!({ "name": "Bob's" })).await);
    check_denied(house.delete("bob", &id).await);
    check_absent(house.update("eve", &id, &json!({ "name": "Eve's" })).await, &id);
    check_absent(house.delete("eve", &id).await, &id);
    check_denied(house.update("eve", DEFAULT, &json!({ "name": "Eve's" })).await);
    assert_eq!(house.read("bob", &id).await.1["user_abilities"], json!(["read"]));

    for who in ["ada", "lead", "admin"] {
        let (status, answer) = house.update(who, &id, &json!({ "description": who })).await;
        let updated = json!({ "message": "Specified assistant updated", "validation": null });
        assert_eq!((status, answer), (200, updated), "{who}");
    }
    let (_, assistant) = house.read("ada", &id).await;
    assert_eq!(
        (&assistant["name"], &assistant["description"], &assistant["temperature"]),
        (&json!("Shared"), &json!("admin"), &json!(0.5)),
        "what is left out stays"
    );
    let (status, _) = house.send("ada", Method::PUT, &format!("{ASSISTANTS}/{id}"), None).await;
    assert_eq!(status, 200, "no body changes nothing");
    house.update("ada", &id, &json!({ "temperature": null, "name": null })).await;
    let (_, assistant) = house.read("ada", &id).await;
    assert_eq!((&assistant["name"], &assistant["temperature"]), (&json!("Shared"), &Value::Null));
    // An administrator may send it back whole, in a project of somebody else.
    let at_home = house.made("ada", &named("Home")).await;
    let (_, whole) = house.read("admin", &at_home).await;
    assert_eq!(house.update("admin", &at_home, &with(whole, &json!({ "name": "Kept" }))).await.0, 200);
    assert_eq!(house.read("ada", &at_home).await.1["project"], "personal");

    let (status, answer) = house.delete("lead", &id).await;
    assert_eq!((status, answer), (200, json!({ "message": "Specified assistant removed" })));
    check_absent(house.read("ada", &id).await, &id);
    check_absent(house.delete("ada", &id).await, &id);
    house.stop().await;
}

#[tokio::test]
async fn projects_and_everyone_are_not_for_everybody_to_give() {
    let house = House::new().await;
    for project in ["demo", "no-such-project"] {
        let body = with(named("Eve's"), &json!({ "project": project }));
        let (status, refused) = house.create("eve", &body).await;
        let error =
            json!({ "message": "Access denied", "details": "you are not in this project", "help": null });
        assert_eq!((status, with(json!({ "help": null }), &refused["error"])), (403, error), "{project}");
    }
    let id = house.made("eve", &named("Eve's")).await;
    check_denied(house.update("eve", &id, &json!({ "project": "demo" })).await);
    check_denied(house.update("eve", &id, &json!({ "is_global": true })).await);
    check_denied(house.create("lead", &with(named("L"), &json!({ "is_global": true }))).await);
    assert_eq!(house.update("admin", &id, &json!({ "project": "demo", "is_global": true })).await.0, 200);
    let (_, seen) = house.read("bob", &id).await;
    assert_eq!((&seen["project"], &seen["is_global"]), (&json!("demo"), &json!(true)));
    assert_eq!(house.update("eve", &id, &json!({ "is_global": true, "name": "N" })).await.0, 200);
    check_denied(house.update("eve", &id, &json!({ "is_global": false })).await);
    house.stop().await;
}

#[tokio::test]
async fn slugs_are_unique_and_made_from_names() {
    let house = House::new().await;
    for expected in ["helper", "helper-2", "helper-3"] {
        let id = house.made("ada", &named("Helper!")).await;
        assert_eq!(house.read("ada", &id).await.1["slug"], expected);
    }
    let taken = with(named("X"), &json!({ "slug": "helper" }));
    let (status, refused) = house.create("eve", &taken).await;
    let error = json!({ "message": "an assistant with this slug exists already", "details": null });
    assert_eq!((status, &refused["error"]), (400, &error));
    let id = house.made("eve", &with(named("X"), &json!({ "slug": "eves-own" }))).await;
    assert_eq!(house.update("eve", &id, &json!({ "slug": "helper" })).await.0, 400);
    assert_eq!(house.update("eve", &id, &json!({ "slug": "eves-own" })).await.0, 200);
    house.stop().await;
}

#[tokio::test]
async fn wrong_fields_are_422_and_what_is_not_built_is_501() {
    let house = House::new().await;
    let id = house.made("ada", &named("Mine")).await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(7)),
        ("name", json!("a\nb")),
        ("name", json!("x".repeat(201))),
        ("slug", json!("Not Plain")),
        ("system_prompt", json!("a\u{0}b")),
        ("system_prompt", json!("x".repeat(50_001))),
        ("llm_model_type", json!("")),
        ("llm_model_type", json!("a\tb")),
        ("temperature", json!(2.1)),
        ("temperature", json!("warm")),
        ("top_p", json!(-0.1)),
        ("categories", json!(["a", "b", "c", "d"])),
        ("conversation_starters", json!("Hi")),
        ("icon_url", json!("javascript:alert(1)")),
        ("shared", json!("yes")),
    ] {
        let body = with(named("New"), &json!({ field: value }));
        for (status, refused) in
            [house.create("ada", &body).await, house.update("ada", &id, &json!({ field: value })).await]
        {
            assert_eq!(status, 422, "{field}: {refused}");
            assert_eq!(refused["error"]["details"][0]["loc"], json!(["body", field]), "{refused}");
        }
    }
    let (status, refused) = house.create("ada", &json!({ "description": "x" })).await;
    assert_eq!((status, &refused["error"]["message"]), (422, &json!("name: Field required")));
    let (status, _) = house.send("ada", Method::POST, ASSISTANTS, None).await;
    assert_eq!(status, 422, "no body is no name");
    for (field, value) in [
        ("toolkits", json!([{ "toolkit": "git", "tools": [] }])),
        ("mcp_servers", json!([{ "name": "x" }])),
        ("assistant_ids", json!([DEFAULT])),
        ("enabled_builtin_subagents", json!(["general"])),
        ("skill_ids", json!(["x"])),
        ("prompt_variables", json!([{ "key": "x" }])),
        ("smart_tool_selection_enabled", json!(true)),
        ("agent_mode", json!("plan_execute")),
        ("tool_permissions", json!({ "tool_call_policy": "ask_for_approval" })),
        ("tool_permissions", json!({ "allow_override": false })),
    ] {
        let message = json!(format!("{field} is not supported by this server"));
        for (status, refused) in [
            house.create("ada", &with(named("New"), &json!({ field: value }))).await,
            house.update("ada", &id, &json!({ field: value })).await,
        ] {
            assert_eq!((status, &refused["error"]["message"]), (501, &message));
        }
        assert_eq!(
            house.update("ada", &id, &json!({ field: null })).await.0,
            200,
            "{field}: null is nothing"
        );
    }
    assert_eq!(house.list("ada", "scope=created_by_user").await.0, ["Mine"], "nothing else was made");
    house.stop().await;
}

#[tokio::test]
async fn what_an_assistant_says_of_the_model_reaches_it() {
    let house = House::new().await;
    house.server.upstream.always(openai_stream(&["Hello."]));
    let fields = json!({ "temperature": 0.25, "top_p": 0.5, "llm_model_type": "gpt-4o" });
    let id = house.made("ada", &with(named("Mine"), &fields)).await;
    let path = format!("{ASSISTANTS}/{id}/model");
    let ask = json!({ "text": "hi", "conversation_id": "c-1" });

    assert_eq!(house.send("ada", Method::POST, &path, Some(&ask)).await.0, 200);
    let asked = house.server.upstream.requests()[0].json();
    assert_eq!((&asked["temperature"], &asked["top_p"]), (&json!(0.25), &json!(0.5)));
    assert_eq!(asked["model"], "gpt-4o");
    assert_eq!(asked["messages"][0], json!({ "role": "system", "content": "Be kind." }));

    house.update("ada", &id, &json!({ "system_prompt": "Be brief.", "top_p": null })).await;
    assert_eq!(house.send("ada", Method::POST, &path, Some(&ask)).await.0, 200);
    let asked = house.server.upstream.requests()[1].json();
    assert_eq!((&asked["messages"][0]["content"], asked.get("top_p")), (&json!("Be brief."), None));

    assert_eq!(house.delete("ada", &id).await.0, 200);
    check_absent(house.send("ada", Method::POST, &path, Some(&ask)).await, &id);
    let path = format!("{ASSISTANTS}/{DEFAULT}/model");
    assert_eq!(house.send("ada", Method::POST, &path, Some(&ask)).await.0, 200);
    let asked = house.server.upstream.requests()[2].json();
    let said: Vec<&Value> =
        asked["messages"].as_array().expect("messages").iter().map(|message| &message["content"]).collect();
    assert_eq!(said[1..], ["hi", "Hello.", "hi", "Hello.", "hi"], "the conversation outlives the assistant");
    house.stop().await;
}

#[tokio::test]
async fn lists_have_scopes_filters_orders_and_pages() {
    let house = House::new().await;
    for (name, fields) in [
        ("beta", json!({ "project": "demo", "shared": true, "categories": ["qa"] })),
        ("[Alpha]", json!({ "description": "Finds bugs" })),
        ("2nd", json!({})),
    ] {
        house.made("ada", &with(named(name), &fields)).await;
    }
    let sorted = "sort_by=name&sort_order=asc";
    for (query, names) in [
        ("", &["2nd", "[Alpha]", "beta", "Assistant"][..]),
        ("sort_by=name&sort_order=asc", &["2nd", "[Alpha]", "Assistant", "beta"]),
        ("sort_by=name", &["beta", "Assistant", "[Alpha]", "2nd"]),
        (&format!("{sorted}&scope=created_by_user"), &["2nd", "[Alpha]", "beta"]),
        (&format!("{sorted}&scope=marketplace"), &["Assistant"]),
        (&format!("{sorted}&scope=project_with_marketplace"), &["2nd", "[Alpha]", "Assistant", "beta"]),
        (&format!("{sorted}&scope=all&per_page=2&page=1"), &["Assistant", "beta"]),
        ("scope=templates", &[]),
        ("filters={\"search\":\"BUGS\"}", &["[Alpha]"]),
        ("filters={\"name\":\"ET\",\"shared\":true,\"is_global\":null}", &["beta"]),
        ("filters={\"project\":\"demo\"}", &["beta"]),
        ("filters={\"project\":[\"demo\",\"x\"],\"categories\":\"qa\"}", &["beta"]),
        ("filters={\"is_global\":\"True\",\"toolkits\":[]}", &["Assistant"]),
        ("filters={\"created_by\":\"eve\"}", &[]),
        ("filters={\"slug\":\"alpha\"}", &["[Alpha]"]),
        ("minimal_response=False&page=9", &[]),
    ] {
        assert_eq!(house.list("ada", query).await.0, names, "{query}");
    }
    let (_, pagination) = house.list("ada", "per_page=3&page=1").await;
    assert_eq!(pagination, json!({ "page": 1, "per_page": 3, "total": 4, "pages": 2 }));

    let (_, brief) = house.get("ada", &format!("{ASSISTANTS}?minimal_response=True&per_page=1")).await;
    let keys: Vec<&String> = brief["data"][0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["created_by", "description", "icon_url", "id", "name"]);
    for yes in ["minimal_response=False", "minimal_response=0"] {
        let (_, full) = house.get("ada", &format!("{ASSISTANTS}?{yes}&per_page=1")).await;
        assert_eq!(full["data"][0]["system_prompt"], "Be kind.");
    }
    for (query, status, name) in [
        ("scope=mine", 422, "scope"),
        ("page=-1", 422, "page"),
        ("per_page=0", 422, "per_page"),
        ("per_page=1001", 422, "per_page"),
        ("minimal_response=maybe", 422, "minimal_response"),
        ("sort_by=created_date", 422, "sort_by"),
        ("sort_by=name&sort_order=up", 422, "sort_order"),
        ("filters=[]", 422, "filters"),
        ("filters={\"shared\":\"maybe\"}", 422, "filters"),
        ("filters={\"unknown\":1}", 422, "filters"),
        ("sort_by=likes", 501, "sort_by=likes"),
    ] {
        let (got, refused) = house.get("ada", &format!("{ASSISTANTS}?{query}")).await;
        assert_eq!(got, status, "{query}: {refused}");
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(message.starts_with(name), "{query}: {message}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_small_reads_say_what_is_there() {
    let house = House::new().await;
    let get = async |path: &str| house.get("ada", &format!("/code-assistant-api/v1{path}")).await;
    let (_, models) = get("/llm_models?include_all=true").await;
    assert_eq!(models[0]["default"], true);
    assert_eq!(get("/embeddings_models").await, (200, json!([])));
    assert_eq!(get("/default_models").await, (200, json!({ "global": models[0]["base_name"] })));
    let (_, data) = get("/user/data").await;
    assert_eq!(data["user_id"], get("/user").await.1["user_id"]);
    assert!(data["date"].is_string() && data["update_date"].is_string(), "{data}");
    for (path, key) in [("/v1/config", "/0/settings/enabled"), ("/v1/info", "/version")] {
        let answer = house.server.get(&format!("/code-assistant-api{path}")).send().await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        assert!(body.pointer(key).is_some(), "{body}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_dialect_describes_itself_and_nothing_else() {
    let server = TestServer::start().await;
    let get = async |path: &str| server.get(path).send().await.expect("an answer");
    let description: Value = get("/code-assistant-api/openapi.json").await.json().await.expect("JSON");
    assert_eq!(
        description["info"]["title"].as_str().zip(description["info"]["description"].as_str()),
        Some(("Codemie", "Smart AI assistant 'CodeMie'"))
    );
    let paths: Vec<&String> = description["paths"].as_object().expect("paths").keys().collect();
    assert!(paths.iter().all(|path| path.starts_with("/code-assistant-api/")), "{paths:?}");
    let page = get("/code-assistant-api/docs").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.expect("a page");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
    for path in paths {
        assert!(page.contains(path.as_str()), "{path}");
    }
    server.stop().await;
}

/// The list in the docs is the server's own table; a test there compares them.
#[tokio::test]
async fn every_route_that_is_not_built_says_so() {
    let house = House::new().await;
    let docs = include_str!("../../../../docs/dialects/codemie.md");
    let (_, list) = docs.split_once("## What is not built").expect("the docs have a list");
    let mut walked = 0;
    for line in list.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`')) {
        let (methods, pattern) = line.split_once(" /").expect("methods and a path");
        let path = format!("/code-assistant-api/{}", pattern.replace(['{', '}', '*'], "x"));
        for method in methods.split(", ") {
            walked += 1;
            let method: Method = method.parse().expect("a method");
            let (status, body) = house.send("ada", method.clone(), &path, None).await;
            let message = body["error"]["message"].as_str().unwrap_or_default();
            assert!(
                status == 501 && message.ends_with("is not supported by this server"),
                "{line}: {status} {body}"
            );
            let request = house.server.client.request(method, house.server.url(&path));
            assert_eq!(request.send().await.expect("an answer").status(), 401, "{line}");
        }
    }
    assert!(walked > 150, "{walked}");
    for (method, path, status, detail) in [
        (Method::GET, "/code-assistant-api/v1/nothing", 404, "Not Found"),
        (Method::PATCH, "/code-assistant-api/v1/feedback", 405, "Method Not Allowed"),
        (Method::PATCH, "/code-assistant-api/v1/assistants", 405, "Method Not Allowed"),
    ] {
        assert_eq!(
            house.send("ada", method, path, None).await,
            (status, json!({ "detail": detail })),
            "{path}"
        );
    }
    house.stop().await;
}
