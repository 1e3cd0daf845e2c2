//! API keys over the embedded store: made, used, listed, revoked.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use chat::clock::Clock as _;
use identity::store::StoredKey;
use identity::{Keys, KeysError};
use secrecy::{ExposeSecret as _, SecretString};
use store::{DataDir, SqliteStore};
use tempfile::TempDir;
use testkit::ManualClock;

struct House {
    keys: Keys,
    store: Arc<SqliteStore>,
    clock: ManualClock,
    _dir: TempDir,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let store = SqliteStore::open(DataDir::lock(dir.path()).unwrap(), &clock).await.unwrap();
        let store = Arc::new(store);
        let keys = Keys::new(store.clone(), Arc::new(clock.clone())).await.unwrap();
        Self { keys, store, clock, _dir: dir }
    }
}

#[tokio::test]
async fn a_key_is_its_accounts_principal() {
    let house = House::new().await;
    let laptop = house.keys.create("ada", "laptop").await.unwrap();
    let phone = house.keys.create("ada", "phone").await.unwrap();
    let bobs = house.keys.create("bob", "laptop").await.unwrap();
    assert_ne!(laptop.secret.expose_secret(), phone.secret.expose_secret());

    let principal = house.keys.authenticate(&laptop.secret).await.unwrap();
    assert_eq!(house.keys.authenticate(&phone.secret).await.unwrap(), principal);
    assert_ne!(house.keys.authenticate(&bobs.secret).await.unwrap(), principal);
    assert!(!principal.is_anonymous());
}

#[tokio::test]
async fn what_is_not_a_key_is_refused() {
    let house = House::new().await;
    let key = house.keys.create("ada", "laptop").await.unwrap();
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
        let refused = house.keys.authenticate(&SecretString::from(credential)).await;
        assert!(matches!(refused, Err(KeysError::Unknown)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_still_listed() {
    let house = House::new().await;
    let key = house.keys.create("ada", "laptop").await.unwrap();
    let created_at = house.clock.now();
    house.clock.advance(Duration::from_secs(1));
    assert!(house.keys.revoke(&key.id).await.unwrap());
    assert!(!house.keys.revoke("key_unknown").await.unwrap());

    let refused = house.keys.authenticate(&key.secret).await.unwrap_err();
    assert_eq!(refused.to_string(), "the API key is not valid; make one with `latimer keys create`");
    let listed = StoredKey {
        id: key.id,
        account: "ada".to_owned(),
        label: "laptop".to_owned(),
        created_at,
        revoked_at: Some(house.clock.now()),
    };
    assert_eq!(house.keys.list().await.unwrap(), [listed]);
}

#[tokio::test]
async fn names_and_labels_are_checked() {
    let house = House::new().await;
    house.keys.create(&"ü".repeat(100), "a label, with: signs").await.unwrap();
    for (account, label) in [("", "x"), ("x", ""), ("a\nb", "x"), ("x", "\u{0}")] {
        let refused = house.keys.create(account, label).await;
        assert!(matches!(refused, Err(KeysError::Name(_))), "{refused:?}");
    }
    let refused = house.keys.create(&"x".repeat(101), "x").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the account's name must be 1 to 100 characters, none of them a control character"
    );
}

#[tokio::test]
async fn the_anonymous_caller_is_the_same_after_a_restart() {
    let house = House::new().await;
    let anonymous = house.keys.anonymous();
    assert!(anonymous.is_anonymous());
    assert_eq!(house.keys.command_line().account(), anonymous.account());
    let again = Keys::new(house.store.clone(), Arc::new(house.clock.clone())).await.unwrap();
    assert_eq!(again.anonymous(), anonymous);
}

#[tokio::test]
async fn a_key_shows_itself_to_no_log() {
    let house = House::new().await;
    let key = house.keys.create("ada", "laptop").await.unwrap();
    assert!(!format!("{key:?}").contains(key.secret.expose_secret()), "{key:?}");
}
