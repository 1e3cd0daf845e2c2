//! The writer: what shares a commit, and what waits for a lock.

use std::time::{Duration, Instant};

use chat::Scopes;
use chat::clock::Clock as _;
use chat::ids::AccountId;
use chat::store::{OpenError, OpenTurn, Opened, StoreError, TurnStore};
use futures::future::{join, join_all};
use identity::store::{KeyStore, NewKey};
use sqlx::Executor;

use crate::place::DataPlace;

#[tokio::test]
async fn an_operation_that_fails_does_not_take_others_with_it() {
    let place = DataPlace::new();
    let store = place.open().await;
    let account = place.account(&store).await;
    let key = |number: u8, account| NewKey {
        id: format!("key_{number}"),
        account,
        label: "laptop".to_owned(),
        scopes: Scopes::EVERYDAY,
        hash: [number; 32],
        created_at: place.clock.now(),
        expires_at: None,
        message_limit: None,
    };
    let nobody = AccountId::new(&place.clock);

    let opens =
        join_all((0..20).map(|number| store.open_turn(place.ask(account, &format!("turn-{number}")))));
    let keys = join_all([key(1, account), key(2, nobody), key(3, account)].map(|key| store.add_key(key)));
    let (opens, keys) = join(opens, keys).await;

    assert!(opens.iter().all(|opened| matches!(opened, Ok(Opened::New(_)))), "{opens:?}");
    let stored: Vec<_> = keys.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, false, true]);
}

#[tokio::test]
async fn a_database_locked_from_outside_is_busy_for_all_at_once() {
    let place = DataPlace::new();
    let patience = Duration::from_millis(100);
    let store = place.open_with_patience(patience).await;
    let account = place.account(&store).await;
    let mut outside = place.outside().await;
    outside.execute("BEGIN IMMEDIATE").await.unwrap();

    let started = Instant::now();
    let opens = (0..40).map(|number| {
        let conversation_name = format!("sess_{number}");
        store.open_turn(OpenTurn { conversation_name, ..place.ask(account, &format!("turn-{number}")) })
    });
    let refused = join_all(opens).await;
    let waited = started.elapsed();

    let busy = |refused: &Result<_, OpenError>| matches!(refused, Err(OpenError::Store(StoreError::Busy)));
    assert!(refused.iter().all(busy), "{refused:?}");
    // One round for the operation that came first, one for those that came meanwhile; not one for each.
    assert!(waited < patience * 20, "waited for {waited:?}");
    assert_eq!(store.turn(account, "turn-1").await.unwrap(), None, "reads go on");

    outside.execute("ROLLBACK").await.unwrap();
    let opened = store.open_turn(place.ask(account, "turn-1")).await.unwrap();
    assert!(matches!(opened, Opened::New(_)), "{opened:?}");
}
