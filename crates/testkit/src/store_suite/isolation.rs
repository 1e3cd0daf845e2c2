//! Accounts and conversations are apart: no lookup reaches across.

use chat::store::{HistoryPage, OpenError, OpenTurn, Place};
use chat::turn::Dialect;

use super::{Scene, StoreUnderTest, answer_of};

/// The same session id, turn name and message id in two accounts are different things.
pub async fn accounts_may_use_the_same_names(store: &dyn StoreUnderTest) {
    let (ada, bob) = (Scene::new(store).await, Scene::of(store, "bob").await);
    ada.talk("one", "from ada", "to ada").await;
    bob.talk("one", "from bob", "to bob").await;
    bob.talk("two", "again", "yes").await;

    assert_eq!(ada.selected().await, ["user: from ada", "assistant: to ada"]);
    assert_eq!(
        bob.selected().await,
        ["user: from bob", "assistant: to bob", "user: again", "assistant: yes"]
    );
    let text = |turn: chat::store::StoredTurn| turn.transcript.text;
    assert_eq!(ada.turn("one").await.map(text), Some("to ada".to_owned()));
    assert_eq!(bob.turn("one").await.map(text), Some("to bob".to_owned()));
}

/// What is another account's reads like what is not there.
pub async fn accounts_see_nothing_of_each_other(store: &dyn StoreUnderTest) {
    let (ada, bob) = (Scene::new(store).await, Scene::of(store, "bob").await);
    let one = ada.talk("one", "a", "b").await;

    assert_eq!((bob.turn("one").await, bob.conversation().await), (None, None));
    assert_eq!(bob.path(Some(answer_of(&one))).await, Vec::<String>::new());
    let read = async |before| store.turns().history(bob.account, one.head.conversation, before, 10).await;
    let nothing = HistoryPage { messages: Vec::new(), next_before: None };
    assert_eq!(read(None).await.expect("it can be read"), Some(nothing));
    assert_eq!(read(Some("one-answer")).await.expect("it can be read"), None);
    let found = store.turns().conversation(ada.account, Dialect::Codmir, "sess_1").await;
    assert!(found.expect("it can be read").is_some(), "its owner sees it");
}

/// A message of another account can't be followed, by id or by place.
pub async fn a_parent_of_another_account_is_unknown(store: &dyn StoreUnderTest) {
    let (ada, bob) = (Scene::new(store).await, Scene::of(store, "bob").await);
    let one = ada.talk("one", "a", "b").await;
    bob.talk("two", "c", "d").await;
    for place in [Place::AfterId("one-answer".to_owned()), Place::After(answer_of(&one))] {
        let refused = bob.refused(OpenTurn { place, ..bob.ask("three", "e") }).await;
        assert!(matches!(refused, OpenError::ParentNotFound), "{refused:?}");
    }
}

/// A message of another conversation of the same account can't be followed either.
pub async fn a_parent_of_another_conversation_is_unknown(store: &dyn StoreUnderTest) {
    let here = Scene::new(store).await;
    let there = Scene { session: "sess_2", ..Scene::new(store).await };
    let one = there.talk("one", "a", "b").await;
    here.talk("two", "c", "d").await;
    for place in [Place::AfterId("one-answer".to_owned()), Place::After(answer_of(&one))] {
        let refused = here.refused(OpenTurn { place, ..here.ask("three", "e") }).await;
        assert!(matches!(refused, OpenError::ParentNotFound), "{refused:?}");
    }
}
