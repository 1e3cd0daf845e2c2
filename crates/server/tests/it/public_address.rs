//! The address that answers tell, as the documents of the built-in issuer show it.

use http::header::{FORWARDED, HOST};
use reqwest::RequestBuilder;
use serde_json::Value;
use server::Server;
use server::config::Config;
use tempfile::TempDir;

use crate::harness::TestServer;
use crate::sign_in::REALM;

const KEYS: &str = "/protocol/openid-connect/certs";

async fn behind(proxies: &[&str]) -> TestServer {
    let proxies = proxies.iter().map(ToString::to_string).collect();
    TestServer::start_with(|config, _| {
        config.server.trusted_proxies = proxies;
        config.server.allowed_hosts = vec!["chat.example".to_owned()];
    })
    .await
}

fn discovery(server: &TestServer) -> RequestBuilder {
    server.get(&format!("{REALM}/.well-known/openid-configuration"))
}

/// The address that is told for a request.
async fn told(request: RequestBuilder) -> String {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let document: Value = answer.json().await.expect("JSON");
    let keys = document["jwks_uri"].as_str().expect("a URL");
    keys.strip_suffix(&format!("{REALM}{KEYS}")).expect("it ends with its path").to_owned()
}

fn forwarded(request: RequestBuilder) -> RequestBuilder {
    request.header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "public.example")
}

#[tokio::test]
async fn a_trusted_proxy_says_what_its_client_asked_for() {
    let server = behind(&["192.0.2.0/24", "127.0.0.1"]).await;
    assert_eq!(told(forwarded(discovery(&server))).await, "https://public.example");
    let other_form = discovery(&server).header(FORWARDED, "for=\"[2001:db8::1]\";proto=https;host=a.example");
    assert_eq!(told(other_form).await, "https://a.example");
    let by_its_own_name =
        discovery(&server).header(HOST, "chat.example").header("X-Forwarded-Proto", "https");
    assert_eq!(told(by_its_own_name).await, "https://chat.example");
    server.stop().await;
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let server = behind(&["192.0.2.0/24"]).await;
    assert_eq!(told(forwarded(discovery(&server))).await, server.url(""));
    assert_eq!(told(discovery(&server).header(FORWARDED, "host=evil.example")).await, server.url(""));
    assert_eq!(told(discovery(&server).header(HOST, "chat.example:81")).await, "http://chat.example:81");
    let answer =
        server.raw(b"GET /auth/realms/codemie-prod/.well-known/openid-configuration HTTP/1.0\r\n\r\n");
    assert!(answer.await.body.contains(&server.url(REALM).to_lowercase()), "where it listens");
    server.stop().await;
}

/// What a proxy sends on as `Host` must be a name of ours, whatever it says besides.
#[tokio::test]
async fn a_trusted_proxy_does_not_open_the_door_to_other_hosts() {
    let server = behind(&["127.0.0.1"]).await;
    let request = discovery(&server).header(HOST, "evil.example").header("X-Forwarded-Host", "chat.example");
    assert_eq!(request.send().await.expect("an answer").status(), 403);
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_is_no_network_is_told_at_the_start() {
    let data = TempDir::new().expect("a temporary directory");
    let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() };
    config.server.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    config.server.trusted_proxies = vec!["proxy.example".to_owned()];

    let error = Server::start(config).await.err().expect("it does not start");

    let said =
        "server.trusted_proxies: \"proxy.example\" is neither an address nor a network such as 10.0.0.0/8";
    assert_eq!(error.to_string(), said);
}
