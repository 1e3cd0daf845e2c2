//! The same request again: by the turn's name and by the idempotency key.

use std::time::Duration;

use chat::store::{OpenError, OpenTurn, Opened, Place};
use chat::turn::IdempotencyKey;

use super::{Scene, StoreUnderTest};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn keyed(open: OpenTurn, route: &'static str) -> OpenTurn {
    OpenTurn { idempotency: Some(IdempotencyKey { route, key: "k".to_owned() }), ..open }
}

fn repeat_of(name: &str) -> Opened {
    Opened::Repeat { name: name.to_owned() }
}

/// A turn's name with the same body is the turn that has it.
pub async fn the_same_name_is_a_repeat(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let open = scene.ask("one", "a");
    scene.open(open.clone()).await;

    let again = OpenTurn { request_hash: open.request_hash, ..scene.ask("one", "a") };
    assert_eq!(scene.try_open(again).await.expect("a repeat"), repeat_of("one"));
    assert_eq!(scene.history().await.len(), 2);
}

/// A turn's name belongs to its body for ever.
pub async fn a_name_with_another_body_is_a_conflict(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let refused = scene.refused(OpenTurn { question: None, ..scene.ask("one", "a") }).await;
    assert!(matches!(refused, OpenError::Conflict(_)), "{refused:?}");
}

/// A key with the same body is the turn that was opened with it, whatever the second is called.
pub async fn the_same_key_is_a_repeat(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let open = keyed(scene.ask("one", "a"), "/chat");
    scene.open(open.clone()).await;

    let again = keyed(scene.ask("two", "a"), "/chat");
    let again = OpenTurn { request_hash: open.request_hash, ..again };
    assert_eq!(scene.try_open(again).await.expect("a repeat"), repeat_of("one"));
    assert_eq!(scene.turn("two").await, None);
}

/// A key with another body is refused.
pub async fn a_key_with_another_body_is_a_conflict(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.open(keyed(scene.ask("one", "a"), "/chat")).await;
    let refused = scene.refused(keyed(scene.ask("two", "b"), "/chat")).await;
    assert!(matches!(refused, OpenError::Conflict(_)), "{refused:?}");
    assert_eq!(scene.turn("two").await, None);
}

/// The same key on another route is another key.
pub async fn a_key_counts_for_its_route(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.open(keyed(scene.ask("one", "a"), "/chat")).await;
    scene.open(keyed(scene.ask("two", "b"), "/chat/stream")).await;
}

/// The same key of another account is another key.
pub async fn a_key_counts_for_its_account(store: &dyn StoreUnderTest) {
    let (ada, bob) = (Scene::new(store).await, Scene::of(store, "bob").await);
    ada.open(keyed(ada.ask("one", "a"), "/chat")).await;
    bob.open(keyed(bob.ask("one", "b"), "/chat")).await;
}

/// A key is forgotten after 24 hours, and counts again from then on.
pub async fn a_key_counts_for_a_day(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let first = keyed(scene.ask("one", "a"), "/chat");
    scene.open(first.clone()).await;

    scene.clock.advance(DAY - Duration::from_millis(1));
    let again = OpenTurn { request_hash: first.request_hash, ..keyed(scene.ask("two", "a"), "/chat") };
    assert_eq!(scene.try_open(again).await.expect("a repeat"), repeat_of("one"));

    scene.clock.advance(Duration::from_millis(1));
    let second = keyed(scene.ask("two", "b"), "/chat");
    scene.open(second.clone()).await;
    let again = OpenTurn { request_hash: second.request_hash, ..keyed(scene.ask("three", "b"), "/chat") };
    assert_eq!(scene.try_open(again).await.expect("a repeat"), repeat_of("two"));
}

/// Neither the key nor the name of a refused request is taken.
pub async fn a_refused_request_leaves_nothing(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let place = Place::AfterId("nobody".to_owned());
    scene.refused(OpenTurn { place, ..keyed(scene.ask("one", "a"), "/chat") }).await;
    scene.open(keyed(scene.ask("one", "b"), "/chat")).await;
}
