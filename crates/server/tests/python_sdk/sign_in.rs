//! Each of the SDK's ways to sign in.

use serde_json::json;
use server::config::TrustedIssuer;

use crate::{Desk, PASSWORD};

#[tokio::test]
async fn a_person_signs_in_by_user_name_or_email() {
    let desk = Desk::open().await;
    for username in ["ada", "Ada@Example.com"] {
        let mut client = desk.signed_in(json!({ "username": username, "password": PASSWORD })).await;

        let me = client.call("about_me", json!({})).await;

        let told = [&me["username"], &me["name"], &me["email"], &me["is_admin"], &me["applications"]];
        let ada =
            [json!("ada"), json!("Ada Lovelace"), json!("ada@example.com"), json!(false), json!(["ada"])];
        assert_eq!(told, ada.each_ref());
    }
    desk.close().await;
}

#[tokio::test]
async fn a_service_signs_in_by_its_secret() {
    let desk = Desk::open().await;
    let secret = desk.service("robot", json!({})).await;
    let mut client = desk.signed_in(json!({ "auth_client_id": "robot", "auth_client_secret": secret })).await;

    let me = client.call("about_me", json!({})).await;

    assert_eq!(me["username"], "service-account-robot");
    desk.close().await;
}

#[tokio::test]
async fn a_token_of_another_issuer_is_exchanged() {
    let elsewhere = Desk::open().await;
    let issuer = elsewhere.server.url("/auth/realms/codemie-prod");
    let desk = Desk::open_with(|config, _| {
        config.auth.issuers.push(TrustedIssuer::new(issuer.clone()));
    })
    .await;
    let secret = desk.service("gateway", json!({ "tokenExchange": true })).await;
    let token = elsewhere.ada().await.call("token", json!({})).await;
    let exchange = |issuer: &str| {
        desk.client(json!({
            "auth_client_id": "gateway", "auth_client_secret": secret, "external_token": token,
            "external_idp": issuer,
        }))
    };

    let mut client = exchange(&issuer).await.ok().expect("the token is exchanged");
    let refused = exchange("https://nobody.example").await.err().expect("the issuer is unknown");

    let me = client.call("about_me", json!({})).await;
    assert_eq!((&me["name"], &me["email"]), (&json!("Ada Lovelace"), &json!("ada@example.com")));
    let here = desk.ada().await.call("about_me", json!({})).await;
    assert_ne!(me["user_id"], here["user_id"], "who comes from elsewhere is nobody of here");
    assert_eq!((&refused["status"], &refused["body"]["error"]), (&json!(400), &json!("invalid_issuer")));
    desk.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_service_that_may_impersonate_signs_in_for_a_user() {
    let desk = Desk::open().await;
    let ada = json!({ "email": "ada@example.com" });
    let mut clients = Vec::new();
    for (id, may_impersonate) in [("courier", true), ("robot", false)] {
        let secret = desk.service(id, json!({ "mayImpersonate": may_impersonate })).await;
        clients.push(desk.signed_in(json!({ "auth_client_id": id, "auth_client_secret": secret })).await);
    }
    let [courier, robot] = &mut clients[..] else { panic!("there are two") };

    let token = courier.call("token_for_user", ada.clone()).await;
    let refused = robot.raised("token_for_user", ada).await;

    let me = courier.call("about_me_with", json!({ "domain": desk.api_domain(), "token": token })).await;
    assert_eq!(me["username"], "ada");
    assert_eq!((&refused["status"], &refused["body"]["error"]), (&json!(403), &json!("HTTP 403 Forbidden")));
    desk.close().await;
}

#[tokio::test]
async fn on_the_same_machine_the_local_way_is_taken() {
    let desk = Desk::open().await;
    let [_elsewhere, here] = desk.api_domains();
    let ada = json!({ "username": "ada@example.com", "password": PASSWORD });
    let nobody = json!({});

    let mut ada = desk.client_at(&here, ada).await.ok().expect("she signs in");
    let mut nobody = desk.client_at(&here, nobody).await.ok().expect("this asks for no token");

    assert_eq!(ada.call("about_me", json!({})).await["username"], "ada");
    let raised = nobody.raised("about_me", json!({})).await;
    assert_eq!((&raised["raised"], &raised["status"]), (&json!("HTTPError"), &json!(401)));
    desk.close().await;
}

#[tokio::test]
async fn an_api_key_stands_in_for_a_token() {
    let desk = Desk::open().await;
    let key = json!({ "account": "ada", "label": "sdk" });
    let key = desk.server.administered("POST", "/api/admin/keys", &key).await;
    let mut client = desk.ada().await;

    let me = client.call("about_me_with", json!({ "domain": desk.api_domain(), "token": key["key"] })).await;

    assert_eq!(me["username"], "ada");
    desk.close().await;
}

#[tokio::test]
async fn wrong_credentials_are_refused_while_the_client_is_made() {
    let desk = Desk::open().await;
    desk.service("robot", json!({})).await;
    let [elsewhere, here] = desk.api_domains();
    let password = json!({ "username": "ada", "password": "guess" });
    let secret = json!({ "auth_client_id": "robot", "auth_client_secret": "guess" });
    for (domain, credentials, place, told) in [
        (&elsewhere, &password, "/error_description", "Invalid user credentials"),
        (&elsewhere, &secret, "/error_description", "Invalid client or Invalid client credentials"),
        (&here, &password, "/error/message", "Invalid email or password"),
    ] {
        let raised = desk.client_at(domain, credentials.clone()).await.err().expect("it raises");

        assert_eq!((&raised["raised"], &raised["status"]), (&json!("HTTPError"), &json!(401)), "{raised}");
        assert_eq!(raised["body"].pointer(place), Some(&json!(told)), "{raised}");
    }
    desk.close().await;
}
