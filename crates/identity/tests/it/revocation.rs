//! Which tokens count as revoked: those whose owner may not go on, not those whose time is over.

use std::time::Duration;

use chat::ids::AccountId;
use identity::store::UserChange;
use secrecy::SecretString;
use serde_json::json;

use crate::elsewhere::Elsewhere;
use crate::house::{House, PASSWORD};

fn disabled() -> UserChange {
    UserChange { disabled: Some(true), ..UserChange::default() }
}

/// A token whose time is over, and so is that of the sign-in it came from.
async fn ended_token(house: &House) -> (AccountId, SecretString) {
    let ada = house.user("ada").await;
    let token = house.sign_in("ada", PASSWORD).await.unwrap().access_token;
    house.identity.authenticate(&token).await.unwrap();
    house.clock.advance(Duration::from_secs(10 * 60 * 60));
    // Whoever signs in next sweeps up what has ended.
    house.sign_in("ada", PASSWORD).await.unwrap();
    assert!(house.identity.authenticate(&token).await.is_err());
    (ada, token)
}

#[tokio::test]
async fn a_token_that_ends_by_itself_is_not_revoked() {
    let house = House::new().await;
    let (_, token) = ended_token(&house).await;
    assert!(!house.identity.is_revoked(&token).await.unwrap());
}

#[tokio::test]
async fn disabling_deleting_and_a_new_password_revoke() {
    let house = House::new().await;
    let (ada, token) = ended_token(&house).await;
    house.identity.directory.change_user(ada, disabled()).await.unwrap();
    assert!(house.identity.is_revoked(&token).await.unwrap());

    let house = House::new().await;
    let (ada, token) = ended_token(&house).await;
    house.identity.directory.delete_user(ada).await.unwrap();
    assert!(house.identity.is_revoked(&token).await.unwrap());

    let house = House::new().await;
    let (ada, token) = ended_token(&house).await;
    house.identity.directory.set_password(ada, &"battery staple".into()).await.unwrap();
    assert!(house.identity.is_revoked(&token).await.unwrap());
}

#[tokio::test]
async fn disabling_revokes_a_foreign_token() {
    let place = Elsewhere::new().await;
    let identity = &place.house.identity;
    let token = place.token(json!({}));
    let ada = place.take(&token).await.unwrap();

    assert!(!identity.is_revoked(&token).await.unwrap());

    identity.directory.change_user(ada.account(), disabled()).await.unwrap();

    assert!(identity.is_revoked(&token).await.unwrap());
}
