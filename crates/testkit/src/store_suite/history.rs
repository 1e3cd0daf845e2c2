//! The history: pages of the selected path, with siblings, parents and states.

use chat::ErrorKind;
use chat::clock::Clock as _;
use chat::provider::{FinishReason, Role};
use chat::store::{HistoryMessage, HistoryPage, MessageState, OpenTurn, Place};
use chat::turn::{Failure, Outcome};

use super::{Scene, StoreUnderTest, some_usage};

fn ids(page: &HistoryPage) -> Vec<&str> {
    page.messages.iter().map(|message| message.id.as_str()).collect()
}

fn siblings(messages: &[HistoryMessage]) -> Vec<Vec<&str>> {
    messages.iter().map(|message| message.sibling_ids.iter().map(String::as_str).collect()).collect()
}

fn parents(messages: &[HistoryMessage]) -> Vec<Option<&str>> {
    messages.iter().map(|message| message.parent_id.as_deref()).collect()
}

/// Each message tells whose it is, how it stands, and what answered.
pub async fn states_of_messages(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    let asked_at = scene.clock.now();
    scene.clock.advance(std::time::Duration::from_secs(1));
    let two = scene.open(scene.ask("two", "c")).await;
    scene.checkpoint(&two, "half").await;

    let question = |turn: &str, content: &str, parent: Option<&str>| HistoryMessage {
        id: format!("{turn}-question"),
        role: Role::User,
        content: content.to_owned(),
        created_at: asked_at,
        parent_id: parent.map(str::to_owned),
        sibling_ids: vec![format!("{turn}-question")],
        state: MessageState::Given,
        turn: Some(turn.to_owned()),
        answered_by: None,
        usage: None,
        evidence: None,
    };
    let answer = |turn: &str, content: &str, state| HistoryMessage {
        id: format!("{turn}-answer"),
        role: Role::Assistant,
        parent_id: Some(format!("{turn}-question")),
        sibling_ids: vec![format!("{turn}-answer")],
        state,
        answered_by: Some(one.head.answered_by.clone()),
        ..question(turn, content, None)
    };
    let ended = MessageState::Ended(Outcome::Finished(FinishReason::Stop));
    let now = scene.clock.now();
    let expected = [
        question("one", "a", None),
        HistoryMessage { usage: Some(some_usage()), ..answer("one", "b", ended) },
        HistoryMessage { created_at: now, ..question("two", "c", Some("one-answer")) },
        HistoryMessage { created_at: now, ..answer("two", "half", MessageState::Running) },
    ];
    assert_eq!(scene.history().await, expected);

    let failed = Outcome::Failed(Failure { kind: ErrorKind::Provider, message: "no".to_owned() });
    scene.close(&two, "half", failed.clone()).await;
    let state = scene.history().await.pop().map(|message| message.state);
    assert_eq!(state, Some(MessageState::Ended(failed)));
}

/// Pages go back to the root, each message on one of them.
pub async fn pages_end_at_the_root(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    scene.talk("two", "c", "d").await;
    let page = async |before: Option<&str>, limit| scene.page(before, limit).await.expect("a page");

    let newest = page(None, 3).await;
    assert_eq!(ids(&newest), ["one-answer", "two-question", "two-answer"]);
    assert_eq!(newest.next_before.as_deref(), Some("one-answer"));
    let oldest = page(Some("one-answer"), 3).await;
    assert_eq!((ids(&oldest), oldest.next_before.as_deref()), (vec!["one-question"], None));
    let exact = page(Some("two-question"), 2).await;
    assert_eq!((ids(&exact), exact.next_before.as_deref()), (vec!["one-question", "one-answer"], None));
    let beyond = page(Some("one-question"), 2).await;
    assert_eq!((ids(&beyond), beyond.next_before.as_deref()), (vec![], None));
}

/// Paging before a message that is unknown, or on another branch, is an error.
pub async fn before_must_be_on_the_selected_path(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let two = scene.open(OpenTurn { place: Place::Root, ..scene.ask("two", "c") }).await;
    scene.finish(&two, "d").await;
    assert_eq!(scene.page(Some("nobody"), 10).await, None);
    assert_eq!(scene.page(Some("one-answer"), 10).await, None);
}

/// Answers to one question are siblings, in order of birth.
pub async fn answers_are_siblings(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    for name in ["two", "three"] {
        let place = Place::AfterId("one-question".to_owned());
        let anew = scene.open(OpenTurn { place, ..scene.anew(name) }).await;
        scene.finish(&anew, name).await;
    }

    let messages = scene.history().await;
    assert_eq!(siblings(&messages), [vec!["one-question"], vec!["one-answer", "two-answer", "three-answer"]]);
    assert_eq!(parents(&messages), [None, Some("one-question")]);
    assert_eq!(messages[1].turn.as_deref(), Some("three"));
}

/// Questions that follow the same message are siblings; so are those at the root.
pub async fn branches_of_questions_are_siblings(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let root = scene.open(OpenTurn { place: Place::Root, ..scene.ask("two", "c") }).await;
    scene.finish(&root, "d").await;
    scene.talk("three", "e", "f").await;
    let place = Place::AfterId("two-answer".to_owned());
    let edited = scene.open(OpenTurn { place, ..scene.ask("four", "g") }).await;
    scene.finish(&edited, "h").await;

    let messages = scene.history().await;
    assert_eq!(
        siblings(&messages),
        [
            vec!["one-question", "two-question"],
            vec!["two-answer"],
            vec!["three-question", "four-question"],
            vec!["four-answer"],
        ]
    );
    assert_eq!(parents(&messages), [None, Some("two-question"), Some("two-answer"), Some("four-question")]);
}

/// Messages brought along are given, belong to no turn, and have no model.
pub async fn brought_messages_are_given(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let imports = vec![scene.brought("i1", Role::User, "a"), scene.brought("i2", Role::Assistant, "b")];
    scene.open(OpenTurn { imports, ..scene.ask("one", "c") }).await;

    let brought = |id: &str, role, content: &str, parent: Option<&str>| HistoryMessage {
        id: id.to_owned(),
        role,
        content: content.to_owned(),
        created_at: scene.clock.now(),
        parent_id: parent.map(str::to_owned),
        sibling_ids: vec![id.to_owned()],
        state: MessageState::Given,
        turn: None,
        answered_by: None,
        usage: None,
        evidence: None,
    };
    let messages = scene.history().await;
    assert_eq!(
        messages[..2],
        [brought("i1", Role::User, "a", None), brought("i2", Role::Assistant, "b", Some("i1"))]
    );
    assert_eq!(parents(&messages[2..]), [Some("i2"), Some("one-question")]);
}

/// A turn selects the branch it is on when it opens, not when it ends.
pub async fn the_newest_turn_selects_the_path(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    let two = scene.open(OpenTurn { place: Place::Root, ..scene.ask("two", "b") }).await;
    scene.finish(&two, "c").await;
    scene.finish(&one, "d").await;
    assert_eq!(scene.selected().await, ["user: b", "assistant: c"]);
}
