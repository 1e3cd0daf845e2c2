//! What was acknowledged is there when the file is opened again.

use chat::provider::{FinishReason, Usage};
use chat::store::{CloseTurn, OpenTurn, Opened, TurnStore};
use chat::turn::{Outcome, TurnEnd};
use chat::{Transcript, clock::Clock as _};
use futures::future::join_all;

use crate::place::DataPlace;

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let place = DataPlace::new();
    let store = place.open().await;
    let account = place.account(&store).await;
    let open = place.ask(account, "one");
    let Opened::New(new) = store.open_turn(open).await.unwrap() else { panic!("a new turn") };
    let transcript = Transcript { text: "hi".to_owned(), pieces: vec![4], ..Transcript::default() };
    let outcome = Outcome::Finished(FinishReason::Stop);
    let end = TurnEnd { outcome, usage: Usage::default(), ended_at: place.clock.now() };
    let close = CloseTurn { turn: new.head.turn, transcript, end, refund: false };
    store.close_turn(close).await.unwrap();
    let before = store.turn(account, "one").await.unwrap();
    drop(store);

    let store = place.open().await;
    assert_eq!(store.turn(account, "one").await.unwrap(), before);
    assert_eq!(place.account(&store).await, account);
}

#[tokio::test]
async fn closing_commits_what_was_handed_over() {
    let place = DataPlace::new();
    let store = place.open().await;
    let account = place.account(&store).await;
    let opens = (0..100).map(|number| {
        let conversation_name = format!("sess_{number}");
        store.open_turn(OpenTurn { conversation_name, ..place.ask(account, &format!("turn-{number}")) })
    });
    let (opened, ()) = tokio::join!(biased; join_all(opens), store.close());
    assert!(opened.iter().all(Result::is_ok));
    drop(store);

    let store = place.open().await;
    assert!(store.turn(account, "turn-99").await.unwrap().is_some());
    let whole: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut place.outside().await).await.unwrap();
    assert_eq!(whole, "ok");
}

#[tokio::test]
async fn a_closed_store_fails_and_does_not_hang() {
    let place = DataPlace::new();
    let store = place.open().await;
    let account = place.account(&store).await;
    store.close().await;
    let refused = store.open_turn(place.ask(account, "one")).await.unwrap_err();
    assert_eq!(refused.to_string(), "the database failed: the store is closed");
}
