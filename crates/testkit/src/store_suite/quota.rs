//! The message limit and its ledger.

use std::time::Duration;

use chat::ids::AccountId;
use chat::provider::FinishReason;
use chat::store::{OpenError, OpenTurn, Opened, Place};
use chat::turn::{Failure, Outcome};

use super::{Scene, StoreUnderTest};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The message beyond the limit is refused, says when to come back, and leaves nothing behind.
pub async fn a_limit_is_kept(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    store.set_message_limit(scene.account, Some(2)).await;
    scene.talk("one", "a", "b").await;
    scene.clock.advance(DAY);
    scene.talk("two", "c", "d").await;

    let refused = scene.refused(scene.ask("three", "e")).await;
    let month_less_a_day = 29 * 24 * 60 * 60;
    assert!(
        matches!(refused, OpenError::QuotaExceeded { retry_after } if retry_after == month_less_a_day),
        "{refused:?}"
    );
    assert_eq!(scene.turn("three").await, None);
    assert_eq!(scene.selected().await, ["user: a", "assistant: b", "user: c", "assistant: d"]);

    store.set_message_limit(scene.account, None).await;
    scene.open(scene.ask("three", "e")).await;
}

/// Thirty days after it was sent, a message counts no longer.
pub async fn messages_leave_the_window(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    store.set_message_limit(scene.account, Some(1)).await;
    scene.talk("one", "a", "b").await;
    scene.clock.advance(DAY * 30 - Duration::from_millis(1));
    scene.refused(scene.ask("two", "c")).await;
    scene.clock.advance(Duration::from_millis(1));
    scene.open(scene.ask("two", "c")).await;
}

/// A turn that ends with a refund frees its message; one that ends without keeps it.
pub async fn a_message_given_back_is_free(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    store.set_message_limit(scene.account, Some(1)).await;
    let failed = scene.open(scene.ask("one", "a")).await;
    scene.close(&failed, "", Outcome::Failed(Failure::interrupted())).await;

    let failed_with_text = scene.open(scene.ask("two", "b")).await;
    scene.close(&failed_with_text, "some", Outcome::Failed(Failure::interrupted())).await;
    let refused = scene.refused(scene.ask("three", "c")).await;
    assert!(matches!(refused, OpenError::QuotaExceeded { .. }), "{refused:?}");
}

/// The end of a turn that has ended changes nothing, its ledger entry neither.
pub async fn a_second_end_gives_nothing_back(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    store.set_message_limit(scene.account, Some(1)).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.close(&one, "b", Outcome::Finished(FinishReason::Stop)).await;
    scene.close(&one, "", Outcome::Failed(Failure::interrupted())).await;
    let refused = scene.refused(scene.ask("two", "c")).await;
    assert!(matches!(refused, OpenError::QuotaExceeded { .. }), "{refused:?}");
}

/// A repeat is answered at the limit too, and does not count.
pub async fn a_repeat_costs_nothing(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    store.set_message_limit(scene.account, Some(2)).await;
    let open = scene.ask("one", "a");
    scene.open(open.clone()).await;
    for _ in 0..3 {
        let again = scene.try_open(open.clone()).await.expect("a repeat");
        assert_eq!(again, Opened::Repeat { name: "one".to_owned() });
    }
    let place = Place::AfterId("nobody".to_owned());
    scene.refused(OpenTurn { place, ..scene.ask("refused", "b") }).await;
    scene.open(scene.ask("two", "b")).await;
}

/// An account that is not there is a failure of the store's caller, not a limit to wait for.
pub async fn an_unknown_account_is_no_question_of_quota(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let open = OpenTurn { account: AccountId::new(&scene.clock), ..scene.ask("one", "a") };
    let refused = scene.refused(open).await;
    assert!(matches!(refused, OpenError::Store(_)), "{refused:?}");
}
