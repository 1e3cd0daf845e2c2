//! The built-in issuer's clients, sign-ins and keys.

use std::time::Duration;

use chat::clock::Clock as _;
use chat::ids::AccountId;
use identity::store::{Kind, NewSignIn, NewSigningKey, ServiceClient, StoredClient, StoredSignIn};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use super::StoreUnderTest;
use crate::clock::ManualClock;

fn client(clock: &ManualClock, id: &str) -> StoredClient {
    StoredClient {
        id: id.to_owned(),
        account: Some(AccountId::new(clock)),
        secret_hash: Some([1; 32]),
        rights: ServiceClient { service_account: true, ..ServiceClient::default() },
        created_at: clock.now(),
        disabled_at: None,
    }
}

async fn add(store: &dyn StoreUnderTest, client: StoredClient) -> bool {
    store.issuer().add_client(client).await.expect("it is answered")
}

async fn read(store: &dyn StoreUnderTest, id: &str) -> Option<StoredClient> {
    store.issuer().client(id).await.expect("clients can be read")
}

/// Clients are read back, one with a secret has an account, and no id is given twice.
pub async fn clients_are_read_back(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let robot = client(&clock, "robot");
    let public = StoredClient { account: None, secret_hash: None, ..client(&clock, "public") };
    assert!(add(store, robot.clone()).await);
    assert!(add(store, public.clone()).await);
    assert!(!add(store, client(&clock, "robot")).await);
    assert_eq!(read(store, "robot").await, Some(robot.clone()));
    assert_eq!(read(store, "Robot").await, None);
    let service = robot.account.expect("it has an account");
    assert_eq!(store.issuer().clients().await.expect("clients can be read"), [public, robot]);
    let profile = store.accounts().profile(service).await.expect("it can be read").expect("it is there");
    assert_eq!((profile.kind, profile.username.as_str()), (Kind::Service, "service-account-robot"));
    assert!(profile.roles.developer && !profile.roles.admin);
}

/// Secret, rights and whether it is shut out change each by itself, and of the right client.
pub async fn a_client_is_changed_by_itself(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (robot, other) = (client(&clock, "robot"), client(&clock, "other"));
    add(store, robot.clone()).await;
    add(store, other.clone()).await;
    let public = StoredClient { account: None, secret_hash: None, ..client(&clock, "public") };
    add(store, public).await;
    let issuer = store.issuer();

    assert!(issuer.set_client_secret("robot", [2; 32]).await.expect("it is set"));
    assert!(!issuer.set_client_secret("public", [2; 32]).await.expect("it is answered"));
    let rights = ServiceClient {
        password_grant: true,
        service_account: false,
        token_exchange: true,
        may_impersonate: true,
    };
    assert!(issuer.set_client_rights("robot", rights).await.expect("it is set"));
    assert!(issuer.disable_client("robot", Some(clock.now())).await.expect("it is set"));
    let changed =
        StoredClient { secret_hash: Some([2; 32]), rights, disabled_at: Some(clock.now()), ..robot };
    assert_eq!(read(store, "robot").await, Some(changed));
    assert!(issuer.disable_client("robot", None).await.expect("it is set"));
    assert_eq!(read(store, "robot").await.and_then(|client| client.disabled_at), None);
    assert_eq!(read(store, "other").await, Some(other));
    assert!(!issuer.set_client_rights("nobody", rights).await.expect("it is answered"));
    assert!(!issuer.disable_client("nobody", None).await.expect("it is answered"));
}

/// A deleted client is gone with its account; its id is free.
pub async fn a_deleted_client_is_gone_with_its_account(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let robot = client(&clock, "robot");
    add(store, robot.clone()).await;
    assert!(store.issuer().delete_client("robot", clock.now()).await.expect("it is deleted"));
    assert!(!store.issuer().delete_client("robot", clock.now()).await.expect("it is answered"));
    assert_eq!(read(store, "robot").await, None);
    let service = robot.account.expect("it has an account");
    assert_eq!(store.accounts().profile(service).await.expect("it can be read"), None);
    let again = client(&clock, "robot");
    assert!(add(store, again.clone()).await);
    assert_eq!(read(store, "robot").await, Some(again));
}

/// A sign-in is there until it ends, by itself or before.
pub async fn a_sign_in_ends(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let account = store.keys().ensure_account(AccountId::new(&clock), "ada", clock.now()).await;
    let account = account.expect("an account is made");
    let expires_at = clock.now() + SignedDuration::from_secs(10);
    let add = async |id: &str| {
        let new =
            NewSignIn { id: id.to_owned(), account, client: "sdk".to_owned(), expires_at, now: clock.now() };
        store.issuer().add_sign_in(new).await.expect("it is stored");
    };
    let read = async |id: &str| store.issuer().sign_in(id, clock.now()).await.expect("it can be read");
    add("one").await;
    add("two").await;
    let stored = StoredSignIn { account, client: "sdk".to_owned(), expires_at };
    assert_eq!(read("one").await, Some(stored.clone()));
    assert_eq!(read("three").await, None);
    store.issuer().end_sign_in("one", clock.now()).await.expect("it is ended");
    store.issuer().end_sign_in("one", clock.now()).await.expect("it is ended");
    store.issuer().end_sign_in("three", clock.now()).await.expect("there is nothing to end");
    assert_eq!((read("one").await, read("two").await), (None, Some(stored)));
    clock.advance(Duration::from_secs(10));
    assert_eq!(read("two").await, None);
}

/// The newest key signs; the others are there until they are out of publication, and gone with the next one.
pub async fn signing_keys_take_turns(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let add = async |id: &str, others_published_for: i64| {
        let key = NewSigningKey {
            id: id.to_owned(),
            private_key: id.as_bytes().to_vec().into(),
            created_at: clock.now(),
            others_published_until: clock.now() + SignedDuration::from_secs(others_published_for),
        };
        store.issuer().add_signing_key(key).await.expect("it is stored");
    };
    let keys = async || {
        let keys = store.issuer().signing_keys().await.expect("keys can be read");
        keys.into_iter()
            .map(|key| {
                let private_key = String::from_utf8_lossy(key.private_key.expose_secret()).into_owned();
                assert_eq!(private_key, key.id);
                (key.id, key.published_until)
            })
            .collect::<Vec<_>>()
    };
    add("one", 100).await;
    assert_eq!(keys().await, [("one".to_owned(), None)]);
    let until = Some(clock.now() + SignedDuration::from_secs(100));
    add("two", 100).await;
    assert_eq!(keys().await, [("two".to_owned(), None), ("one".to_owned(), until)]);
    clock.advance(Duration::from_secs(100));
    add("three", 50).await;
    let until = Some(clock.now() + SignedDuration::from_secs(50));
    assert_eq!(keys().await, [("three".to_owned(), None), ("two".to_owned(), until)]);
}
