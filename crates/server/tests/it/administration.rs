//! Administration over HTTP, by what becomes of it: who can sign in, what a secret and a key are good for, who is where.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::ManualClock;
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error};
use crate::sign_in::{access_token, sign_in_as, sign_in_client};

const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
const USER: &str = "/code-assistant-api/v1/user";

fn text<'value>(value: &'value Value, field: &str) -> &'value str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is text: {value}"))
}

/// Adds a user by this name; gives its id and the password that was made.
async fn add_user(server: &TestServer, username: &str) -> (String, String) {
    let added = server.administered("POST", "/api/admin/users", &json!({ "username": username })).await;
    (text(&added["user"], "id").to_owned(), text(&added, "password").to_owned())
}

async fn sign_in_status(server: &TestServer, username: &str, password: &str) -> u16 {
    sign_in_as(server, username, password).await.status().as_u16()
}

/// Who the server says that the owner of these credentials is.
async fn whoami(server: &TestServer, credentials: &str) -> (u16, Value) {
    let answer = server.get(USER).bearer_auth(credentials).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_user_who_was_added_signs_in() {
    let server = TestServer::start().await;
    let new = json!({
        "username": "Ada", "name": "Ada Lovelace", "email": "ada@example.com",
        "roles": ["admin", "developer"], "external": true, "password": "correct horse",
    });

    let added = server.administer("POST", "/api/admin/users", &new).await;

    assert_eq!(added.status(), 201);
    let added: Value = added.json().await.expect("JSON");
    let id = text(&added["user"], "id");
    let user = json!({
        "id": id, "username": "ada", "name": "Ada Lovelace", "email": "ada@example.com", "kind": "person",
        "issuer": null, "roles": ["admin", "developer"], "external": true, "disabledAt": null,
        "messageLimit": null, "messagesUsed": 0,
    });
    assert_eq!(added, json!({ "user": user, "password": null }), "a password that was given is not told");
    for name in ["ada", "ADA", id] {
        assert_eq!(server.administered("GET", &format!("/api/admin/users/{name}"), &Value::Null).await, user);
    }
    let listed = server.administered("GET", "/api/admin/users", &Value::Null).await;
    let names: Vec<&str> =
        listed.as_array().expect("a list").iter().map(|user| text(user, "username")).collect();
    assert_eq!(names, ["ada", "admin"]);
    let token = access_token(sign_in_as(&server, "ada@example.com", "correct horse").await).await;
    let (status, me) = whoami(&server, &token).await;
    assert_eq!((status, &me["is_admin"], &me["user_type"]), (200, &json!(true), &json!("external")));
    let keys = server.get("/api/admin/keys").bearer_auth(token).send().await.expect("an answer");
    assert_eq!(keys.status(), 200, "the role admin administers");
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_user_is_shut_out_until_enabled() {
    let server = TestServer::start().await;
    let (id, password) = add_user(&server, "ada").await;
    let key =
        server.administered("POST", "/api/admin/keys", &json!({ "account": "ada", "label": "x" })).await;
    assert_eq!(sign_in_status(&server, "ada", &password).await, 200);

    let disabled = server.administered("PATCH", "/api/admin/users/ada", &json!({ "disabled": true })).await;

    assert!(text(&disabled, "disabledAt").ends_with('Z'));
    assert!((400..=401).contains(&sign_in_status(&server, "ada", &password).await));
    assert_eq!(whoami(&server, text(&key, "key")).await.0, 401, "keys rest");
    let change = json!({ "disabled": false, "name": "Ada", "roles": [] });
    let enabled = server.administered("PATCH", &format!("/api/admin/users/{id}"), &change).await;
    assert_eq!((&enabled["disabledAt"], &enabled["name"]), (&Value::Null, &json!("Ada")));
    assert_eq!(enabled["roles"], json!([]), "the list replaces the one there was");
    assert_eq!(sign_in_status(&server, "ada", &password).await, 200);
    assert_eq!(whoami(&server, text(&key, "key")).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one() {
    let server = TestServer::start().await;
    let (_, old) = add_user(&server, "ada").await;
    let path = "/api/admin/users/ada/password";

    let told = server.administered("PUT", path, &json!({ "password": "correct horse" })).await;

    assert_eq!(told, json!({ "password": null }));
    assert_eq!(sign_in_status(&server, "ada", &old).await, 401);
    assert_eq!(sign_in_status(&server, "ada", "correct horse").await, 200);
    let told = server.administered("PUT", path, &json!({})).await;
    assert_eq!(sign_in_status(&server, "ada", "correct horse").await, 401);
    assert_eq!(sign_in_status(&server, "ada", text(&told, "password")).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_the_name_is_free() {
    let server = TestServer::start().await;
    let (id, password) = add_user(&server, "ada").await;
    let key =
        server.administered("POST", "/api/admin/keys", &json!({ "account": "ada", "label": "x" })).await;
    let taken = server.administer("POST", "/api/admin/users", &json!({ "username": "ADA" })).await;
    check_error(taken, 409, "CONFLICT").await;

    server.administered("DELETE", "/api/admin/users/ada", &Value::Null).await;

    assert_eq!(sign_in_status(&server, "ada", &password).await, 401);
    assert_eq!(whoami(&server, text(&key, "key")).await.0, 401);
    let (other, _) = add_user(&server, "ada").await;
    assert_ne!(other, id, "somebody else");
    server.stop().await;
}

#[tokio::test]
async fn whoever_is_not_there_is_404() {
    let server = TestServer::start().await;
    let project = server.administered("POST", "/api/admin/projects", &json!({ "name": "demo" })).await;
    let members = format!("/api/admin/projects/{}/members", text(&project, "id"));
    let nobody = "0194f3c2-7d5e-7000-8000-000000000000";
    for (method, path) in [
        ("GET", "/api/admin/users/nobody"),
        ("GET", &format!("/api/admin/users/{nobody}")),
        ("PATCH", "/api/admin/users/nobody"),
        ("DELETE", "/api/admin/users/%2e%2e%2fadmin"),
        ("PUT", "/api/admin/users/nobody/password"),
        ("PATCH", "/api/admin/clients/nobody"),
        ("DELETE", "/api/admin/clients/nobody"),
        ("POST", "/api/admin/clients/nobody/secret"),
        // The public client has none.
        ("POST", "/api/admin/clients/codemie-sdk/secret"),
        ("GET", "/api/admin/projects/nothing/members"),
        ("PUT", "/api/admin/projects/nothing/members/admin"),
        ("PUT", &format!("{members}/nobody")),
        ("DELETE", &format!("{members}/admin")),
        ("DELETE", "/api/admin/keys/key_nobodys"),
        ("GET", "/api/admin/users/%ff"),
    ] {
        check_error(server.administer(method, path, &json!({})).await, 404, "NOT_FOUND").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_signs_in_by_its_secret_alone() {
    let server = TestServer::start().await;
    let made = server.administer("POST", "/api/admin/clients", &json!({ "id": "robot" })).await;
    assert_eq!(made.status(), 201);
    let first: Value = made.json().await.expect("JSON");
    let status =
        async |secret: &Value| sign_in_client(&server, "robot", text(secret, "secret")).await.status();
    assert_eq!(status(&first).await, 200);
    let taken = server.administer("POST", "/api/admin/clients", &json!({ "id": "robot" })).await;
    check_error(taken, 409, "CONFLICT").await;

    let second = server.administered("POST", "/api/admin/clients/robot/secret", &Value::Null).await;

    assert_eq!(status(&first).await, 401, "the old one ended at once");
    let token = access_token(sign_in_client(&server, "robot", text(&second, "secret")).await).await;
    assert_eq!(whoami(&server, &token).await.1["username"], "service-account-robot");
    let users = server.administered("GET", "/api/admin/users/service-account-robot", &Value::Null).await;
    assert_eq!(users["kind"], "service");
    let refused = server.administer("DELETE", "/api/admin/users/service-account-robot", &Value::Null).await;
    check_error(refused, 400, "VALIDATION_ERROR").await;
    let listed = server.administered("GET", "/api/admin/clients", &Value::Null).await;
    assert!(!listed.to_string().contains(text(&second, "secret")), "a list shows no secret");
    server.administered("PATCH", "/api/admin/clients/robot", &json!({ "disabled": true })).await;
    assert_ne!(status(&second).await, 200);
    server.administered("PATCH", "/api/admin/clients/robot", &json!({ "disabled": false })).await;
    assert_eq!(status(&second).await, 200);
    server.administered("DELETE", "/api/admin/clients/robot", &Value::Null).await;
    assert_eq!(status(&second).await, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_clients_rights_change_one_by_one() {
    let server = TestServer::start().await;
    let made = json!({ "id": "robot", "tokenExchange": true });
    let secret = server.administered("POST", "/api/admin/clients", &made).await;
    let secret = text(&secret, "secret");

    let change = json!({ "serviceAccount": false, "mayImpersonate": true });
    let changed = server.administered("PATCH", "/api/admin/clients/robot", &change).await;

    let right = |name: &str| changed[name].as_bool().expect("a right");
    let rights = ["serviceAccount", "passwordGrant", "tokenExchange", "mayImpersonate"].map(right);
    assert_eq!(rights, [false, false, true, true]);
    let refused = sign_in_client(&server, "robot", secret).await;
    assert!(refused.status().is_client_error(), "without a service account it is nobody");
    server.stop().await;
}

#[tokio::test]
async fn members_see_their_project() {
    let server = TestServer::start().await;
    let (id, password) = add_user(&server, "ada").await;
    let (_, other) = add_user(&server, "bob").await;
    let projects = async |password: &str, name: &str| {
        let token = access_token(sign_in_as(&server, name, password).await).await;
        let me = whoami(&server, &token).await.1;
        (me["applications"].clone(), me["applications_admin"].clone())
    };
    let project = server.administered("POST", "/api/admin/projects", &json!({ "name": "demo" })).await;
    let again = server.administered("POST", "/api/admin/projects", &json!({ "name": "demo" })).await;
    assert_eq!(again, project, "there is one of a name");
    let members = format!("/api/admin/projects/{}/members", text(&project, "id"));
    let ada = format!("{members}/{id}");

    server.administered("PUT", &ada, &json!({})).await;
    assert_eq!(projects(&password, "ada").await, (json!(["ada", "demo"]), json!(["ada"])));
    server.administered("PUT", "/api/admin/projects/demo/members/ada", &json!({ "admin": true })).await;
    assert_eq!(projects(&password, "ada").await, (json!(["ada", "demo"]), json!(["ada", "demo"])));
    assert_eq!(projects(&other, "bob").await.0, json!(["bob"]), "others don't");
    let listed = server.administered("GET", &members, &Value::Null).await;
    assert_eq!(listed, json!([{ "id": id, "name": "ada", "admin": true, "byClaim": false }]));
    server.administered("DELETE", &ada, &Value::Null).await;
    assert_eq!(projects(&password, "ada").await.0, json!(["ada"]));
    assert_eq!(server.administered("GET", &members, &Value::Null).await, json!([]));
    assert_eq!(server.administered("GET", "/api/admin/projects", &Value::Null).await, json!([project]));
    server.stop().await;
}

#[tokio::test]
async fn an_assistant_that_was_made_is_everyones_in_every_api() {
    let server = TestServer::start().await;
    let key = server.key("ada").await;
    let get = async |path: &str| -> Value {
        let request = server.get(path).bearer_auth(secrecy::ExposeSecret::expose_secret(&key));
        request.send().await.expect("an answer").json().await.expect("JSON")
    };
    let new = json!({ "name": "Pirate", "instructions": "Talk like a pirate.", "model": "gpt-4o", "temperature": 0.5 });

    let made = server.administer("POST", "/api/admin/assistants", &new).await;

    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.expect("JSON");
    let (id, bot) = (text(&made, "id"), text(&made, "botId"));
    let told = json!({
        "id": id, "botId": bot, "name": "Pirate", "description": "", "instructions": "Talk like a pirate.",
        "model": "gpt-4o", "temperature": 0.5, "global": true, "knowledge": [], "createdAt": made["createdAt"],
        "updatedAt": made["updatedAt"],
    });
    assert_eq!(made, told);
    for name in [id, bot] {
        assert_eq!(
            server.administered("GET", &format!("/api/admin/assistants/{name}"), &Value::Null).await,
            made
        );
    }
    let bots = get("/api/v1/bots?keyword=pirate").await;
    assert_eq!((&bots["data"][0]["id"], &bots["data"][0]["model"]), (&json!(bot), &json!("gpt-4o")));
    let assistant = get(&format!("/code-assistant-api/v1/assistants/id/{id}")).await;
    assert_eq!(assistant["name"], "Pirate");
    let path = format!("/api/admin/assistants/{bot}");
    let change = json!({ "name": "Captain", "model": "", "global": false });
    let changed = server.administered("PATCH", &path, &change).await;
    assert_eq!(
        (&changed["name"], &changed["model"], &changed["instructions"]),
        (&json!("Captain"), &Value::Null, &told["instructions"])
    );
    assert_eq!(get("/api/v1/bots").await["meta"]["pagination"]["total"], 1, "it is no longer everyone's");
    let listed = server.administered("GET", "/api/admin/assistants?name=capt", &Value::Null).await;
    assert_eq!(listed, json!([changed]));
    server.administered("DELETE", &path, &Value::Null).await;
    check_error(server.administer("GET", &path, &Value::Null).await, 404, "NOT_FOUND").await;
    server.stop().await;
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes_until_it_ends() {
    let clock = ManualClock::new();
    let server = TestServer::start_by(Arc::new(clock.clone()), |_, _| ()).await;
    server.upstream.always(openai_stream(&["Hello."]));
    let key = async |rest: Value| {
        let mut new = json!({ "account": "ada", "label": "laptop" });
        new.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        server.administered("POST", "/api/admin/keys", &new).await
    };
    let documents = key(json!({ "scopes": ["documents"] })).await;
    let brief = key(json!({ "expiresAt": "2026-01-01T00:10:00Z" })).await;
    let ask = async |key: &Value| {
        let request = server.post(ASSISTANT, &json!({ "text": "hi" })).bearer_auth(text(key, "key"));
        request.send().await.expect("an answer").status()
    };

    assert_eq!(ask(&documents).await, 403);
    for path in
        ["assistants", "assistants?scope=templates", "conversations", "conversations/c-1", "tasks/task_1"]
    {
        let request = server.get(&format!("/code-assistant-api/v1/{path}"));
        let answer = request.bearer_auth(text(&documents, "key")).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{path}");
    }
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    clock.advance(Duration::from_secs(599));
    assert_eq!(ask(&brief).await, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&brief).await, 401);

    let listed = server.administered("GET", "/api/admin/keys", &Value::Null).await;
    let listed = |key: &Value| {
        let mut keys = listed.as_array().expect("a list").iter();
        let found = keys.find(|listed| listed["id"] == key["id"]).expect("it is listed");
        (found["scopes"].clone(), found["expiresAt"].clone())
    };
    assert_eq!(listed(&documents), (json!(["documents"]), Value::Null));
    let everyday = json!(["chat", "documents", "assistants"]);
    assert_eq!(listed(&brief), (everyday, json!("2026-01-01T00:10:00Z")));
    let past = json!({ "account": "ada", "label": "x", "expiresAt": "2026-01-01T00:10:00Z" });
    let refused =
        check_error(server.administer("POST", "/api/admin/keys", &past).await, 400, "VALIDATION_ERROR");
    assert_eq!(refused.await["details"]["field"], "expiresAt");
    server.stop().await;
}

#[tokio::test]
async fn a_key_administers_if_it_is_made_for_that_and_its_owner_may() {
    let server = TestServer::start().await;
    add_user(&server, "ada").await;
    let key = async |scopes: Value| {
        let new = json!({ "account": "ada", "label": "laptop", "scopes": scopes });
        text(&server.administered("POST", "/api/admin/keys", &new).await, "key").to_owned()
    };
    let (everyday, admins) = (key(json!(["chat", "documents"])).await, key(json!(["admin"])).await);
    let status = async |key: &str| {
        server.get("/api/admin/users").bearer_auth(key).send().await.expect("an answer").status()
    };
    assert_eq!(status(&everyday).await, 403);
    assert_eq!(status(&admins).await, 403, "ada is no administrator yet");

    server.administered("PATCH", "/api/admin/users/ada", &json!({ "roles": ["admin"] })).await;

    assert_eq!(status(&everyday).await, 403);
    assert_eq!(status(&admins).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn the_list_of_keys_tells_when_each_was_last_used() {
    let server = TestServer::start_by(Arc::new(ManualClock::new()), |_, _| ()).await;
    let new = json!({ "account": "ada", "label": "laptop" });
    let key = server.administered("POST", "/api/admin/keys", &new).await;
    let last_used = async || {
        let keys = server.administered("GET", "/api/admin/keys", &Value::Null).await;
        let mut keys = keys.as_array().expect("a list").clone().into_iter();
        keys.find(|listed| listed["id"] == key["id"]).expect("it is listed")["lastUsedAt"].clone()
    };
    assert_eq!(last_used().await, Value::Null);

    assert_eq!(whoami(&server, text(&key, "key")).await.0, 200);

    // It is written down soon after the answer; each look is a commit later.
    let mut looks = 0;
    while last_used().await.is_null() {
        server.administered("POST", "/api/admin/keys", &new).await;
        looks += 1;
        assert!(looks < 100, "it is never written down");
    }
    assert_eq!(last_used().await, "2026-01-01T00:00:00Z");
    server.stop().await;
}
