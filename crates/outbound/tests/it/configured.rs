//! Clients for addresses of the configuration: they reach that host, wherever it is, and no other.

use outbound::client_builder;
use testkit::upstream::{Reply, Upstream};

use crate::{moved, page};

#[tokio::test]
async fn a_configured_host_is_reached_though_it_is_our_own() {
    let upstream = Upstream::start().await;
    upstream.always(page("Hello"));
    let port = upstream.address().port();
    for place in [upstream.base_url(), format!("http://localhost:{port}")] {
        let client = client_builder(&place.parse().unwrap()).build().unwrap();
        let answer = client.get(format!("{place}/v1")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "Hello", "{place}");
    }
}

#[tokio::test]
async fn another_name_is_not_looked_up() {
    let upstream = Upstream::start().await;
    let client = client_builder(&"https://models.example/v1".parse().unwrap()).build().unwrap();
    let error =
        client.get(format!("http://localhost:{}/", upstream.address().port())).send().await.unwrap_err();
    assert!(error.is_dns(), "{error:?}");
    assert_eq!(upstream.open_connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let upstream = Upstream::start().await;
    upstream.enqueue(moved("/elsewhere"));
    upstream.always(Reply::status(200));
    let client = client_builder(&upstream.base_url().parse().unwrap()).build().unwrap();
    assert_eq!(client.get(upstream.base_url()).send().await.unwrap().status(), 302);
    assert_eq!(upstream.requests().len(), 1);
}
