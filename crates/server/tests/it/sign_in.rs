//! Signing in at the built-in issuer, in Keycloak's shapes, and what its tokens are good for.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::TestServer;

const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
pub(crate) const REALM: &str = "/auth/realms/codemie-prod";

/// The password of the user that the first start made.
fn password(server: &TestServer) -> SecretString {
    let first = server.running().first_start().expect("it is the first start");
    first.password.clone().expect("a random one")
}

/// What the token endpoint answers to a form.
pub(crate) async fn token(server: &TestServer, form: &[(&str, &str)]) -> reqwest::Response {
    let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = server.client.post(server.url(&format!("{REALM}/protocol/openid-connect/token")));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
    request.send().await.expect("an answer")
}

/// What the token endpoint answers to a password.
pub(crate) async fn sign_in_as(server: &TestServer, username: &str, password: &str) -> reqwest::Response {
    let form = [
        ("grant_type", "password"),
        ("client_id", "codemie-sdk"),
        ("username", username),
        ("password", password),
    ];
    token(server, &form).await
}

/// What the token endpoint answers to a client's secret.
pub(crate) async fn sign_in_client(server: &TestServer, id: &str, secret: &str) -> reqwest::Response {
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    token(server, &form).await
}

/// The access token of an answer that must have one.
pub(crate) async fn access_token(answer: reqwest::Response) -> String {
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

async fn sign_in(server: &TestServer) -> String {
    let answer = sign_in_as(server, "admin", password(server).expose_secret()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!((&body["token_type"], &body["not-before-policy"]), (&json!("Bearer"), &json!(0)));
    body["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_password_gives_a_token_and_the_token_calls_the_assistant() {
    let server = TestServer::start().await;
    server.upstream.enqueue(openai_stream(&["Hello."]));
    let token = sign_in(&server).await;

    let answer =
        server.post(ASSISTANT, &json!({ "text": "hi" })).bearer_auth(&token).send().await.expect("an answer");

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["generated"], "Hello.");
    let user = server.get("/code-assistant-api/v1/user").bearer_auth(&token).send().await.expect("an answer");
    let user: Value = user.json().await.expect("JSON");
    assert_eq!((&user["username"], &user["is_admin"]), (&json!("admin"), &json!(true)));
    let keys = server.get("/api/admin/keys").bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(keys.status(), 200, "an administrator administers");
    server.stop().await;
}

#[tokio::test]
async fn the_local_sign_in_gives_a_token_too() {
    let server = TestServer::start().await;
    let path = "/code-assistant-api/v1/local-auth/login";
    let right = json!({ "email": "admin", "password": password(&server).expose_secret() });
    let wrong = json!({ "email": "admin", "password": "guess" });

    let signed_in: Value =
        server.post(path, &right).send().await.expect("an answer").json().await.expect("JSON");
    let refused = server.post(path, &wrong).send().await.expect("an answer");

    assert!(
        signed_in["access_token"].as_str().is_some_and(|token| token.split('.').count() == 3),
        "{signed_in}"
    );
    assert_eq!(refused.status(), 401);
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["error"]["message"], "Invalid email or password");
    server.stop().await;
}

#[tokio::test]
async fn mistakes_are_answered_in_keycloaks_words() {
    let server = TestServer::start().await;
    let wrong_password =
        [("grant_type", "password"), ("client_id", "codemie-sdk"), ("username", "admin"), ("password", "x")];
    for (form, status, error, description) in [
        (&wrong_password[..], 401, "invalid_grant", "Invalid user credentials"),
        (&[][..], 400, "invalid_request", "Missing form parameter: grant_type"),
        (
            &[("grant_type", "password"), ("client_id", "nobody")],
            401,
            "invalid_client",
            "Invalid client or Invalid client credentials",
        ),
        (
            &[("grant_type", "telepathy"), ("client_id", "codemie-sdk")],
            400,
            "unsupported_grant_type",
            "Unsupported grant_type",
        ),
    ] {
        let answer = token(&server, form).await;
        assert_eq!(answer.status().as_u16(), status, "{form:?}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body, json!({ "error": error, "error_description": description }));
    }
    for (path, status, error) in [
        ("/auth/realms/other/protocol/openid-connect/certs", 404, "Realm does not exist"),
        ("/auth/nothing", 404, "HTTP 404 Not Found"),
        ("/auth/realms/codemie-prod/protocol/openid-connect/token", 405, "HTTP 405 Method Not Allowed"),
        ("/auth/admin/realms/codemie-prod/users?email=a", 401, "HTTP 401 Unauthorized"),
    ] {
        let answer = server.get(path).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.json::<Value>().await.expect("JSON"), json!({ "error": error }));
    }
    server.stop().await;
}

#[tokio::test]
async fn the_issuer_describes_itself_and_publishes_its_key() {
    let server = TestServer::start().await;
    let get = async |path: &str| -> Value {
        server.get(path).send().await.expect("an answer").json().await.expect("JSON")
    };

    let discovery = get(&format!("{REALM}/.well-known/openid-configuration")).await;
    let certs = get(&format!("{REALM}/protocol/openid-connect/certs")).await;

    assert_eq!(discovery["issuer"], server.url(REALM));
    assert_eq!(discovery["jwks_uri"], server.url(&format!("{REALM}/protocol/openid-connect/certs")));
    assert_eq!((&certs["keys"][0]["use"], &certs["keys"][0]["alg"]), (&json!("sig"), &json!("RS256")));
    assert!(certs["keys"][0].get("d").is_none(), "the private half stays here");
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_nobodys() {
    let server = TestServer::start().await;
    let token = sign_in(&server).await;
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    let unsigned = format!("{signed}.");
    let forged = format!("{signed}.{flipped}{}", &signature[1..]);

    for token in [unsigned.as_str(), forged.as_str(), "no.jwt.atall"] {
        let answer = server
            .post(ASSISTANT, &json!({ "text": "hi" }))
            .bearer_auth(token)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 401, "{token}");
        let challenge = answer.headers()["www-authenticate"].to_str().expect("text");
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
    }
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn administrators_and_services_that_may_become_others_look_users_up() {
    let server = TestServer::start().await;
    let user = json!({ "username": "ada", "email": "ada@example.com" });
    let ada = server.administered("POST", "/api/admin/users", &user).await;
    let mut tokens = vec![(sign_in(&server).await, 200)];
    for (id, may_impersonate, status) in [("courier", true, 200), ("robot", false, 403)] {
        let client = json!({ "id": id, "mayImpersonate": may_impersonate });
        let made = server.administered("POST", "/api/admin/clients", &client).await;
        let secret = made["secret"].as_str().expect("it is shown");
        tokens.push((access_token(sign_in_client(&server, id, secret).await).await, status));
    }
    let password = ada["password"].as_str().expect("it is shown");
    tokens.push((access_token(sign_in_as(&server, "ada", password).await).await, 403));

    for (token, status) in tokens {
        let request = server.get("/auth/admin/realms/codemie-prod/users?email=ada@example.com");
        let answer = request.bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
        let found: Value = answer.json().await.expect("JSON");
        match status {
            200 => assert_eq!(found[0]["id"], ada["user"]["id"]),
            _ => assert_eq!(found, json!({ "error": "HTTP 403 Forbidden" })),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn readiness_names_the_issuers_that_were_never_reached() {
    let elsewhere = TestServer::start().await;
    let nobody = "http://127.0.0.1:1/realms/nobody";
    let issuers = [elsewhere.url(REALM), nobody.to_owned()];
    let server = TestServer::start_with(|config, _| {
        let issuer = |issuer| serde_json::from_value(json!({ "issuer": issuer })).expect("a setting");
        config.auth.issuers = issuers.into_iter().map(issuer).collect();
    })
    .await;
    // Whoever presents a token of an issuer waits until that was asked.
    let call = server.get("/code-assistant-api/v1/user").bearer_auth(sign_in(&elsewhere).await);
    assert_eq!(call.send().await.expect("an answer").status(), 200, "the token is taken");

    let ready = server.get("/readyz").send().await.expect("an answer");

    assert_eq!(ready.status(), 200, "all others are served");
    let ready: Value = ready.json().await.expect("JSON");
    assert_eq!(ready, json!({ "status": "ok", "llm": "openai/gpt-5", "unreachedIssuers": [nobody] }));
    server.stop().await;
    elsewhere.stop().await;
}
