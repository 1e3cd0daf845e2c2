//! Key sets over HTTP: what is fetched, and what a bad server can do.

use std::time::{Duration, Instant};

use identity::tokens::{FetchError, HttpKeySets, KeySetSource as _};
use serde_json::json;
use testkit::upstream::{Reply, Upstream};

async fn get(reply: Reply) -> Result<Vec<u8>, FetchError> {
    let upstream = Upstream::start().await;
    upstream.enqueue(reply);
    HttpKeySets::new(Duration::from_millis(500)).unwrap().get(&format!("{}/certs", upstream.base_url())).await
}

#[tokio::test]
async fn a_document_is_fetched() {
    let body = get(Reply::json(200, &json!({"keys": []}))).await.unwrap();
    assert_eq!(body, br#"{"keys":[]}"#);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Upstream::start().await;
    let refused = get(Reply::status(302).header("location", &elsewhere.base_url())).await;
    assert!(matches!(refused, Err(FetchError::Status(302))), "{refused:?}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_document_of_forty_megabytes_is_left_at_one() {
    let refused = get(Reply::huge_event(40 << 20)).await;
    assert!(matches!(refused, Err(FetchError::TooLarge)), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_hangs_or_trickles_or_breaks_off_is_given_up() {
    let body = json!({"keys": ["a long list of keys that never seems to end"]});
    let trickle = Reply::status(200).body("slow\n\n".repeat(100)).every(Duration::from_millis(100));
    let stall = Reply::json(200, &body).stall_after(5);
    let cut = Reply::json(200, &body).cut_after(5);
    for reply in [Reply::hang(), trickle, stall, cut] {
        let started = Instant::now();
        let refused = get(reply.clone()).await;
        assert!(matches!(refused, Err(FetchError::Unreachable(_))), "{reply:?}: {refused:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn nobody_there() {
    let address = Upstream::start().await.base_url();
    let refused = HttpKeySets::new(Duration::from_secs(5)).unwrap().get(&address).await;
    assert!(matches!(refused, Err(FetchError::Unreachable(_))), "{refused:?}");
}
