//! Accounts and their API keys.

use std::time::Duration;

use chat::clock::Clock as _;
use chat::ids::AccountId;
use chat::{Scope, Scopes};
use identity::store::{Allowance, KeyOwner, NewKey, StoredKey};
use jiff::SignedDuration;

use super::StoreUnderTest;
use crate::clock::ManualClock;

async fn account(store: &dyn StoreUnderTest, clock: &ManualClock, name: &str) -> AccountId {
    let made = store.keys().ensure_account(AccountId::new(clock), name, clock.now()).await;
    made.expect("an account is made")
}

async fn add(store: &dyn StoreUnderTest, clock: &ManualClock, account: AccountId, number: u8) {
    let key = NewKey {
        id: format!("key_{number}"),
        account,
        label: format!("label {number}"),
        scopes: Scopes::EVERYDAY,
        hash: [number; 32],
        created_at: clock.now(),
        expires_at: None,
        message_limit: None,
    };
    store.keys().add_key(key).await.expect("the key is stored");
}

async fn key_owner(store: &dyn StoreUnderTest, number: u8) -> Option<KeyOwner> {
    store.keys().key_owner([number; 32]).await.expect("keys can be read")
}

async fn owner(store: &dyn StoreUnderTest, number: u8) -> Option<AccountId> {
    key_owner(store, number).await.map(|owner| owner.account)
}

/// Asking for an account a second time gives the first.
pub async fn an_account_is_made_once(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = account(store, &clock, "ada").await;
    assert_eq!(account(store, &clock, "ada").await, ada);
    assert_ne!(account(store, &clock, "Ada").await, ada);
}

/// A key leads to its account until it is revoked, and no other key does.
pub async fn a_key_finds_its_owner_until_it_is_revoked(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (ada, bob) = (account(store, &clock, "ada").await, account(store, &clock, "bob").await);
    add(store, &clock, ada, 1).await;
    add(store, &clock, ada, 2).await;
    add(store, &clock, bob, 3).await;

    assert!(store.keys().revoke_key("key_1", clock.now()).await.expect("it is revoked"));
    let owners = [owner(store, 1).await, owner(store, 2).await, owner(store, 3).await, owner(store, 4).await];
    assert_eq!(owners, [None, Some(ada), Some(bob), None]);
    assert!(!store.keys().revoke_key("key_9", clock.now()).await.expect("nothing to revoke"));
}

/// The list has everything but the keys themselves, revoked ones too.
pub async fn keys_are_listed_oldest_first(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (ada, bob) = (account(store, &clock, "ada").await, account(store, &clock, "bob").await);
    let first = clock.now();
    add(store, &clock, bob, 2).await;
    clock.advance(Duration::from_secs(1));
    add(store, &clock, ada, 1).await;
    store.keys().revoke_key("key_2", clock.now()).await.expect("it is revoked");

    let key = |number: u8, account: &str, created_at, revoked_at| StoredKey {
        id: format!("key_{number}"),
        account: account.to_owned(),
        label: format!("label {number}"),
        scopes: Scopes::EVERYDAY,
        created_at,
        expires_at: None,
        last_used_at: None,
        revoked_at,
        allowance: Allowance::default(),
    };
    let expected = [key(2, "bob", first, Some(clock.now())), key(1, "ada", clock.now(), None)];
    assert_eq!(store.keys().keys(clock.now()).await.expect("keys can be read"), expected);
}

/// A key that is revoked stays as it is.
pub async fn revoking_twice_keeps_the_first_time(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = account(store, &clock, "ada").await;
    add(store, &clock, ada, 1).await;
    let revoked_at = clock.now();
    assert!(store.keys().revoke_key("key_1", clock.now()).await.expect("it is revoked"));
    clock.advance(Duration::from_secs(1));
    assert!(store.keys().revoke_key("key_1", clock.now()).await.expect("it is there"));
    let times: Vec<_> = store
        .keys()
        .keys(clock.now())
        .await
        .expect("keys can be read")
        .into_iter()
        .map(|key| key.revoked_at)
        .collect();
    assert_eq!(times, [Some(revoked_at)]);
}

/// What a key is good for, and until when, is told to whoever presents it.
pub async fn a_key_keeps_its_scopes_and_its_end(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = account(store, &clock, "ada").await;
    let scopes: Scopes = [Scope::Admin, Scope::Chat].into_iter().collect();
    let expires_at = Some(clock.now() + SignedDuration::from_hours(1));
    let key = NewKey {
        id: "key_1".to_owned(),
        account: ada,
        label: String::new(),
        scopes,
        hash: [1; 32],
        created_at: clock.now(),
        expires_at,
        message_limit: None,
    };
    store.keys().add_key(key).await.expect("the key is stored");
    let expected = KeyOwner {
        key: "key_1".to_owned(),
        account: ada,
        scopes,
        is_admin: false,
        expires_at,
        last_used_at: None,
    };
    assert_eq!(key_owner(store, 1).await, Some(expected));
    let listed = store.keys().keys(clock.now()).await.expect("keys can be read");
    assert_eq!(
        listed.iter().map(|key| (key.scopes, key.expires_at)).collect::<Vec<_>>(),
        [(scopes, expires_at)]
    );
}

/// A use is noted unless the last note is younger than a minute.
pub async fn uses_are_noted_to_the_minute(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = account(store, &clock, "ada").await;
    add(store, &clock, ada, 1).await;
    add(store, &clock, ada, 2).await;
    let first = clock.now();
    let note = async || {
        store.keys().note_key_use("key_1", clock.now());
        // What is asked for later is written later.
        account(store, &clock, "ada").await;
        key_owner(store, 1).await.and_then(|owner| owner.last_used_at)
    };
    assert_eq!(note().await, Some(first));
    clock.advance(Duration::from_secs(59));
    assert_eq!(note().await, Some(first));
    clock.advance(Duration::from_secs(1));
    assert_eq!(note().await, Some(clock.now()));
    assert_eq!(key_owner(store, 2).await.and_then(|owner| owner.last_used_at), None);
}
