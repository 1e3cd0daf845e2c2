//! Key sets of foreign issuers: how often they are fetched, and what rotation and outages do.

use std::time::Duration;

use chat::ErrorKind;
use identity::{SignInError, TokenError};
use serde_json::json;
use testkit::issuer::Mood;

use crate::elsewhere::{ELSEWHERE, Elsewhere};

#[tokio::test]
async fn two_hundred_bad_tokens_cause_few_fetches() {
    let place = Elsewhere::new().await;
    place.take(&place.token(json!({}))).await.unwrap();
    let claims = place.claims(&json!({}));
    for number in 0..200 {
        let header = json!({"alg": "RS256", "kid": format!("unknown-{number}")});
        let refused = place.take(&place.issuer.sign_with(&header, &claims)).await;
        assert!(matches!(refused, Err(TokenError::UnknownKey)), "{refused:?}");
        place.house.clock.advance(Duration::from_millis(40));
    }
    assert!(place.issuer.fetches() <= 4, "{}", place.issuer.fetches());
}

#[tokio::test]
async fn many_at_once_cause_one_fetch() {
    let place = Elsewhere::new().await;
    let tokens: Vec<_> =
        (0..100).map(|number| place.token(json!({"sub": format!("user-{number}")}))).collect();
    let taken = futures::future::join_all(tokens.iter().map(|token| place.take(token))).await;
    assert!(taken.iter().all(Result::is_ok));
    assert_eq!(place.issuer.fetches(), 2, "discovery and keys");
}

#[tokio::test]
async fn rotation_is_noticed_at_once_and_withdrawal_within_the_minute() {
    let place = Elsewhere::new().await;
    let old = place.token(json!({}));
    place.take(&old).await.unwrap();
    place.house.clock.advance(Duration::from_secs(11));
    place.issuer.rotate();
    place.take(&place.token(json!({"sub": "bob"}))).await.unwrap();
    let old_again =
        place.issuer.sign_with(&json!({"alg": "RS256", "kid": "key-1"}), &place.claims(&json!({})));
    assert!(matches!(place.take(&old_again).await, Err(TokenError::Signature)), "key-2 is not key-1");

    place.issuer.withdraw_old_keys();
    place.house.clock.advance(Duration::from_secs(75));
    // The first use of a set that is a minute old fetches it in the background.
    while place.take(&old).await.is_ok() {
        place.house.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert!(matches!(place.take(&old).await, Err(TokenError::UnknownKey)));
    place.take(&place.token(json!({"sub": "bob"}))).await.unwrap();
}

#[tokio::test]
async fn good_users_do_not_notice_an_outage() {
    let place = Elsewhere::new().await;
    place.take(&place.token(json!({}))).await.unwrap();
    for mood in [Mood::Status(503), Mood::Garbage, Mood::Empty, Mood::Hangs] {
        place.issuer.set_mood(mood);
        for _ in 0..3 {
            place.house.clock.advance(Duration::from_secs(100));
            let taken = place.take(&place.token(json!({}))).await;
            assert!(taken.is_ok(), "{mood:?}: {taken:?}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_named_and_heals() {
    let place = Elsewhere::new().await;
    place.issuer.set_mood(Mood::Status(503));
    place.house.identity.tokens.warm_up().await;
    assert_eq!(place.house.identity.tokens.unreached(), [ELSEWHERE]);
    let refused = place.take(&place.token(json!({}))).await;
    assert!(matches!(refused, Err(TokenError::Unavailable)), "{refused:?}");
    let error = chat::Error::from(SignInError::from(refused.unwrap_err()));
    assert_eq!(error.kind, ErrorKind::Unavailable { retry_after: Duration::from_secs(10) });

    place.issuer.set_mood(Mood::Well);
    place.house.clock.advance(Duration::from_secs(10));
    place.take(&place.token(json!({}))).await.unwrap();
    assert_eq!(place.house.identity.tokens.unreached(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_clock_that_jumps_is_believed() {
    let place = Elsewhere::new().await;
    let token = place.token(json!({}));
    place.take(&token).await.unwrap();
    place.house.clock.advance(Duration::from_secs(40 * 24 * 60 * 60));
    assert!(matches!(place.take(&token).await, Err(TokenError::Expired)));
    place.take(&place.token(json!({}))).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_was_set_back_stops_no_fetch() {
    let place = Elsewhere::new().await;
    let token = place.token(json!({}));
    place.take(&token).await.unwrap();
    place.house.clock.set_back(Duration::from_secs(60 * 60));
    place.issuer.rotate();
    place.take(&place.token(json!({}))).await.unwrap();
    place.take(&place.issuer.sign(&place.claims(&json!({"sub": "bob"})))).await.unwrap();
}
