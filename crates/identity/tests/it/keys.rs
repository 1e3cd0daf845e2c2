//! API keys over the embedded store: made, used, listed, revoked.

use std::time::Duration;

use chat::clock::Clock as _;
use chat::{Scope, Scopes, SignIn};
use identity::store::{Allowance, StoredKey, UserChange};
use identity::{KeyRights, Keys, KeysError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::house::House;

fn until(end: jiff::Timestamp) -> KeyRights {
    KeyRights { expires_at: Some(end), ..KeyRights::default() }
}

#[tokio::test]
async fn a_key_is_its_accounts_principal() {
    let house = House::new().await;
    let laptop = house.identity.keys.create("ada", "laptop").await.unwrap();
    let phone = house.identity.keys.create("ada", "phone").await.unwrap();
    let bobs = house.identity.keys.create("bob", "laptop").await.unwrap();
    assert_ne!(laptop.secret.expose_secret(), phone.secret.expose_secret());

    let principal = house.identity.keys.authenticate(&laptop.secret).await.unwrap();
    assert_eq!(principal.key(), Some(laptop.id.as_str()));
    let other = house.identity.keys.authenticate(&phone.secret).await.unwrap();
    assert_eq!((other.account(), other.key()), (principal.account(), Some(phone.id.as_str())));
    let bob = house.identity.keys.authenticate(&bobs.secret).await.unwrap();
    assert_ne!(bob.account(), principal.account());
    assert!(!principal.is_anonymous());
}

#[tokio::test]
async fn what_is_not_a_key_is_refused() {
    let house = House::new().await;
    let key = house.identity.keys.create("ada", "laptop").await.unwrap();
    let secret = key.secret.expose_secret();
    let wrong = [
        String::new(),
        "lat_".to_owned(),
        secret.to_uppercase(),
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}0"),
        format!("lat_{}", "x".repeat(1 << 20)),
        key.id.clone(),
    ];
    for credential in wrong {
        let refused = house.identity.keys.authenticate(&SecretString::from(credential)).await;
        assert!(matches!(refused, Err(KeysError::Unknown)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_still_listed() {
    let house = House::new().await;
    let key = house.identity.keys.create("ada", "laptop").await.unwrap();
    let created_at = house.clock.now();
    house.clock.advance(Duration::from_secs(1));
    assert!(house.identity.keys.revoke(&key.id).await.unwrap());
    assert!(!house.identity.keys.revoke("key_unknown").await.unwrap());

    let refused = house.identity.keys.authenticate(&key.secret).await.unwrap_err();
    assert_eq!(refused.to_string(), "the API key is not valid; make one with `latimer keys create`");
    let listed = StoredKey {
        id: key.id,
        account: "ada".to_owned(),
        label: "laptop".to_owned(),
        scopes: Scopes::EVERYDAY,
        created_at,
        expires_at: None,
        last_used_at: None,
        revoked_at: Some(house.clock.now()),
        allowance: Allowance::default(),
    };
    assert_eq!(house.identity.keys.list().await.unwrap(), [listed]);
}

#[tokio::test]
async fn names_and_labels_are_checked() {
    let house = House::new().await;
    house.identity.keys.create(&"ü".repeat(100), "a label, with: signs").await.unwrap();
    for (account, label) in [("", "x"), ("x", ""), ("a\nb", "x"), ("x", "\u{0}")] {
        let refused = house.identity.keys.create(account, label).await;
        assert!(matches!(refused, Err(KeysError::Name(_))), "{refused:?}");
    }
    let refused = house.identity.keys.create(&"x".repeat(101), "x").await.unwrap_err();
    assert_eq!(refused.to_string(), "account must be 1 to 100 characters, none of them a control character");
}

#[tokio::test]
async fn the_anonymous_caller_is_the_same_after_a_restart() {
    let house = House::new().await;
    let anonymous = house.identity.keys.anonymous();
    assert!(anonymous.is_anonymous());
    assert_eq!(house.identity.keys.command_line().account(), anonymous.account());
    let again = Keys::new(house.store.clone(), std::sync::Arc::new(house.clock.clone())).await.unwrap();
    assert_eq!(again.anonymous(), anonymous);
}

#[tokio::test]
async fn a_key_shows_itself_to_no_log() {
    let house = House::new().await;
    let key = house.identity.keys.create("ada", "laptop").await.unwrap();
    assert!(!format!("{key:?}").contains(key.secret.expose_secret()), "{key:?}");
}

#[tokio::test]
async fn a_key_is_good_for_its_scopes() {
    let house = House::new().await;
    let scopes: Scopes = [Scope::Documents, Scope::Admin].into_iter().collect();
    let key = house
        .identity
        .keys
        .create_scoped("ada", "laptop", KeyRights { scopes, ..KeyRights::default() })
        .await
        .unwrap();
    let principal = house.identity.authenticate(&key.secret).await.unwrap();
    assert_eq!(principal.sign_in(), SignIn::Key);
    let may = Scope::ALL.map(|scope| principal.may(scope));
    assert_eq!(may, [false, true, false, false], "ada is no administrator");
    let for_nothing = house
        .identity
        .keys
        .create_scoped("ada", "x", KeyRights { scopes: Scopes::default(), ..KeyRights::default() })
        .await;
    assert!(matches!(for_nothing, Err(KeysError::Scopeless)), "{for_nothing:?}");
}

#[tokio::test]
async fn an_administrators_key_administers_if_it_was_made_for_that() {
    let house = House::new().await;
    let first = house.identity.first_start(None).await.unwrap().unwrap();
    let admin = house.identity.authenticate(&first.key.secret).await.unwrap();
    assert!(admin.is_admin());
    let everyday = house.identity.keys.create("admin", "laptop").await.unwrap();
    let everyday = house.identity.authenticate(&everyday.secret).await.unwrap();
    assert_eq!((everyday.account(), everyday.is_admin()), (admin.account(), false));
}

#[tokio::test]
async fn a_key_ends_by_itself() {
    let house = House::new().await;
    let end = house.clock.now() + jiff::SignedDuration::from_mins(10);
    let key = house.identity.keys.create_scoped("ada", "laptop", until(end)).await.unwrap();
    let past = house.identity.keys.create_scoped("ada", "x", until(house.clock.now())).await;
    assert!(matches!(past, Err(KeysError::Past)), "{past:?}");
    house.clock.advance(Duration::from_secs(599));
    house.identity.keys.authenticate(&key.secret).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    let refused = house.identity.keys.authenticate(&key.secret).await;
    assert!(matches!(refused, Err(KeysError::Unknown)), "{refused:?}");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_recorded_to_the_minute() {
    let house = House::new().await;
    let key = house.identity.keys.create("ada", "laptop").await.unwrap();
    let last_use = async || {
        // The note is written before anything that is asked for later.
        house.identity.keys.revoke("key_unknown").await.unwrap();
        house.identity.keys.list().await.unwrap()[0].last_used_at
    };
    assert_eq!(last_use().await, None);

    let first = house.clock.now();
    house.identity.keys.authenticate(&key.secret).await.unwrap();
    assert_eq!(last_use().await, Some(first));
    house.clock.advance(Duration::from_secs(59));
    house.identity.keys.authenticate(&key.secret).await.unwrap();
    assert_eq!(last_use().await, Some(first));
    house.clock.advance(Duration::from_secs(1));
    house.identity.keys.authenticate(&key.secret).await.unwrap();
    assert_eq!(last_use().await, Some(house.clock.now()));
}

#[tokio::test]
async fn a_disabled_users_key_is_refused_while_that_lasts() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let key = house.identity.keys.create("ada", "laptop").await.unwrap();
    let set = async |disabled| {
        let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
        house.identity.directory.change_user(ada, change).await.unwrap();
    };
    set(true).await;
    assert!(house.identity.keys.authenticate(&key.secret).await.is_err());
    set(false).await;
    assert_eq!(house.identity.keys.authenticate(&key.secret).await.unwrap().account(), ada);
    house.identity.directory.delete_user(ada).await.unwrap();
    assert!(house.identity.keys.authenticate(&key.secret).await.is_err());
}

#[tokio::test]
async fn a_key_that_ends_by_itself_is_not_revoked() {
    let house = House::new().await;
    let end = house.clock.now() + jiff::SignedDuration::from_secs(60);
    let key = house.identity.keys.create_scoped("ada", "short", until(end)).await.unwrap();
    house.clock.advance(Duration::from_secs(61));
    assert!(house.identity.authenticate(&key.secret).await.is_err());
    assert!(!house.identity.is_revoked(&key.secret).await.unwrap());

    house.identity.keys.revoke(&key.id).await.unwrap();

    assert!(house.identity.is_revoked(&key.secret).await.unwrap());
}
