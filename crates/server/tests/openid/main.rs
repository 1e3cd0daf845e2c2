//! OpenID clients and a provider that others wrote, and a plain script that follows the published page: run by Node.
//!
//! A binary of its own, run by `cargo xtask test openid`.

use std::sync::Arc;
use std::time::Duration;

use providers::settings::{Kind, ProviderSettings};
use serde_json::{Value, json};
use server::config::TrustedIssuer;
use testkit::ManualClock;
use testkit::upstream::{Reply, Upstream, openai_stream};

use harness::TestServer;
use provider::Provider;

#[expect(dead_code, reason = "these tests look at less of it")]
#[path = "../it/harness.rs"]
mod harness;
mod node;
mod provider;

const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
const PASSWORD: &str = "correct horse & battery";
/// Longer than the least time between two fetches of a key set.
const SOON: Duration = Duration::from_secs(11);

/// Runs a script that signs in at this server: as a person whom it has, and as a service.
async fn run_at(server: &TestServer, script: &str, more: &[(&str, &str)]) {
    server.upstream.always(openai_stream(&["Hello. ", "How can ", "I help?"]));
    let user = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    server.administered("POST", "/api/admin/users", &user).await;
    let client = server.administered("POST", "/api/admin/clients", &json!({ "id": "robot" })).await;
    let secret = client["secret"].as_str().expect("it is shown");
    let url = server.url("");
    let values = [
        ("LATIMER", url.as_str()),
        ("USERNAME", "ada"),
        ("PASSWORD", PASSWORD),
        ("CLIENT_ID", "robot"),
        ("CLIENT_SECRET", secret),
    ];
    node::run(script, &[&values, more].concat()).await;
}

#[tokio::test]
async fn openid_client_and_jose_take_the_built_in_issuer() {
    let server = TestServer::start().await;

    run_at(&server, "client.mjs", &[]).await;

    server.stop().await;
}

#[tokio::test]
async fn the_published_page_can_be_followed() {
    let unwell = Upstream::start().await;
    unwell.always(Reply::status(500).body("{}"));
    let server = TestServer::start_with(|config, _| {
        let well = config.providers.get_mut("openai").expect("the harness configures it");
        well.models = Some(vec!["gpt-*".to_owned()]);
        let settings = ProviderSettings {
            base_url: Some(format!("{}/v1", unwell.base_url())),
            default_model: Some("unwell".to_owned()),
            ..ProviderSettings::new(Kind::OpenAi)
        };
        config.providers.insert("unwell".to_owned(), settings);
    })
    .await;
    let key = json!({ "account": "ada", "label": "documents", "scopes": ["documents"] });
    let key = server.administered("POST", "/api/admin/keys", &key).await;
    let key = key["key"].as_str().expect("it is shown");

    run_at(&server, "published_page.mjs", &[("DOCUMENTS_KEY", key), ("FAILING_MODEL", "unwell")]).await;

    let asked = server.upstream.requests();
    let models: Vec<_> = asked.iter().map(|request| request.json()["model"].clone()).collect();
    let in_one_way = ["gpt-5", "gpt-4o", "gpt-5", "gpt-4o"];
    assert_eq!(models, [in_one_way, in_one_way].concat(), "the model that was asked for");
    server.stop().await;
}

#[tokio::test]
async fn tokens_of_oidc_provider_are_taken_through_a_rotation() {
    let mut provider = Provider::start().await;
    let clock = ManualClock::at_present();
    let server = TestServer::start_by(Arc::new(clock.clone()), |config, _| {
        config.auth.issuers.push(TrustedIssuer::new(provider.issuer.clone()));
    })
    .await;
    server.upstream.always(openai_stream(&["Hello."]));

    let old = provider.sign_in().await;

    let service = user(&server, old.token("service")).await;
    assert_eq!((&service["username"], &service["applications"]), (&json!("robot"), &json!(["robot"])));
    let person = user(&server, old.token("person")).await;
    assert_eq!((&person["username"], &person["applications"]), (&json!("ada"), &json!(["ada", "demo"])));
    assert_eq!(ask(&server, old.token("service")).await, 200);
    assert_eq!(ask(&server, old.token("person")).await, 200);
    assert_eq!(ask(&server, old.token("elsewhere")).await, 401, "it is meant for another server");
    assert_eq!(ask(&server, old.token("id")).await, 401, "an ID token is for the client alone");

    provider.restart().await;
    clock.advance(SOON);
    let new = provider.sign_in().await;

    assert_ne!(header(old.token("service")), header(new.token("service")), "another key signs");
    for name in ["service", "person"] {
        assert_eq!(ask(&server, new.token(name)).await, 200, "{name}");
        assert_eq!(ask(&server, old.token(name)).await, 200, "{name}, of the old key");
    }
    assert_eq!(ask(&server, new.token("id")).await, 401);
    server.stop().await;
}

/// The status of a question's answer.
async fn ask(server: &TestServer, token: &str) -> u16 {
    let request = server.post(ASSISTANT, &json!({ "text": "hi" })).bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

async fn user(server: &TestServer, token: &str) -> Value {
    let request = server.get("/code-assistant-api/v1/user").bearer_auth(token);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

fn header(token: &str) -> &str {
    token.split('.').next().expect("a token has a header")
}
