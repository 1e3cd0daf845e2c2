//! Where a new turn stands: conversations, places, messages brought along, questions answered anew.

use chat::provider::Role;
use chat::store::{NewMessage, OpenError, OpenTurn, Place, StoredConversation};
use chat::turn::{MessageRef, Side, TurnHead};

use super::{Scene, StoreUnderTest, answer_of, question_of};

/// The first message under an unknown session id makes the conversation.
pub async fn a_first_message_opens_a_conversation(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    assert_eq!(scene.conversation().await, None);

    let open = scene.ask("one", "hello");
    let new = scene.open(open.clone()).await;

    let head = TurnHead {
        turn: open.turn,
        account: scene.account,
        name: "one".to_owned(),
        conversation: open.conversation,
        conversation_name: "sess_1".to_owned(),
        question_id: Some("one-question".to_owned()),
        answer_id: "one-answer".to_owned(),
        parent_id: None,
        asked: open.asked,
        answered_by: open.answered_by,
        opened_at: open.opened_at,
    };
    assert_eq!((new.head.clone(), new.follows), (head, None));
    let conversation = StoredConversation {
        id: open.conversation,
        tip: Some(answer_of(&new)),
        active_turn: Some("one".to_owned()),
    };
    assert_eq!(scene.conversation().await, Some(conversation));
}

/// A message without a place follows the newest answer, running or not.
pub async fn a_message_follows_the_tip(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    let two = scene.open(scene.ask("two", "c")).await;
    let three = scene.open(scene.ask("three", "d")).await;

    assert_eq!(two.head.conversation, one.head.conversation);
    assert_eq!((two.follows, two.head.parent_id.as_deref()), (Some(answer_of(&one)), Some("one-answer")));
    assert_eq!((three.follows, three.head.parent_id.as_deref()), (Some(answer_of(&two)), Some("two-answer")));
    assert_eq!(
        scene.selected().await,
        ["user: a", "assistant: b", "[user: c]", "[assistant: ]", "[user: d]", "[assistant: ]"]
    );
}

/// Any message of the conversation can be followed by its id, a question as well as an answer.
pub async fn a_message_follows_a_named_message(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    scene.talk("two", "c", "d").await;

    let after = |id: &str| Place::AfterId(id.to_owned());
    let answer = scene.open(OpenTurn { place: after("one-answer"), ..scene.ask("three", "e") }).await;
    let question = scene.open(OpenTurn { place: after("one-question"), ..scene.ask("four", "f") }).await;

    assert_eq!(
        (answer.follows, answer.head.parent_id.as_deref()),
        (Some(answer_of(&one)), Some("one-answer"))
    );
    let parent = (question.follows, question.head.parent_id.as_deref());
    assert_eq!(parent, (Some(question_of(&one)), Some("one-question")));
}

/// A place that the core has read from the path is followed, whatever stands at the tip.
pub async fn a_message_follows_a_place(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    scene.talk("two", "c", "d").await;

    let three = OpenTurn { place: Place::After(answer_of(&one)), ..scene.ask("three", "e") };
    let three = scene.open(three).await;
    scene.finish(&three, "f").await;

    assert_eq!(three.head.parent_id, Some("one-answer".to_owned()));
    assert_eq!(scene.selected().await, ["user: a", "assistant: b", "user: e", "assistant: f"]);
}

/// The root begins a branch that knows nothing of the others.
pub async fn a_message_at_the_root_is_a_branch(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    let two = scene.open(OpenTurn { place: Place::Root, ..scene.ask("two", "c") }).await;
    scene.finish(&two, "d").await;

    assert_eq!((two.follows, two.head.parent_id), (None, None));
    assert_eq!(two.head.conversation, one.head.conversation);
    assert_eq!(scene.selected().await, ["user: c", "assistant: d"]);
}

/// Messages of both roles that the client brought along stand between the place and the question.
pub async fn brought_messages_come_first(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let imports = vec![
        scene.brought("i1", Role::User, "a"),
        scene.brought("i2", Role::Assistant, "b"),
        scene.brought("i3", Role::User, "c"),
        scene.brought("i4", Role::User, "d"),
        scene.brought("i5", Role::Assistant, "e"),
    ];
    let last = MessageRef { turn: imports[4].turn, side: Side::Answer };

    let one = scene.open(OpenTurn { place: Place::Root, imports, ..scene.ask("one", "f") }).await;
    scene.finish(&one, "g").await;

    assert_eq!((one.follows, one.head.parent_id.as_deref()), (Some(last), Some("i5")));
    assert_eq!(
        scene.selected().await,
        ["user: a", "assistant: b", "user: c", "user: d", "assistant: e", "user: f", "assistant: g"]
    );
}

/// Without a question, the user's message at the place is answered once more.
pub async fn a_question_is_answered_anew(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;

    let place = Place::AfterId("one-question".to_owned());
    let anew = scene.open(OpenTurn { place, ..scene.anew("two") }).await;
    scene.finish(&anew, "c").await;

    assert_eq!(anew.follows, Some(question_of(&one)));
    assert_eq!((anew.head.question_id.clone(), anew.head.user_message_id()), (None, Some("one-question")));
    assert_eq!(scene.selected().await, ["user: a", "assistant: c"]);
    assert_eq!(scene.path(Some(answer_of(&one))).await, ["user: a", "assistant: b"]);
}

/// A message id that the conversation knows with the same text is that message: its answer gets a sibling.
pub async fn a_question_sent_again_is_answered_anew(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    scene.talk("two", "c", "d").await;

    let again = OpenTurn { question: scene.ask("one", "a").question, ..scene.anew("three") };
    let again = scene.open(again).await;
    scene.finish(&again, "e").await;

    assert_eq!(again.follows, Some(question_of(&one)));
    assert_eq!((again.head.question_id.clone(), again.head.user_message_id()), (None, Some("one-question")));
    assert_eq!(scene.selected().await, ["user: a", "assistant: e"]);
}

/// A message id is taken by another text, another role and another conversation, but not by another account.
pub async fn a_taken_message_id_is_a_conflict(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let with_id = |id: &str, content: &str| {
        let question = NewMessage { id: id.to_owned(), content: content.to_owned() };
        OpenTurn { question: Some(question), ..scene.anew("two") }
    };

    let other_text = scene.refused(with_id("one-question", "other")).await;
    assert!(matches!(other_text, OpenError::Conflict(_)), "{other_text:?}");
    let other_role = scene.refused(with_id("one-answer", "b")).await;
    assert!(matches!(other_role, OpenError::Conflict(_)), "{other_role:?}");
    let elsewhere = OpenTurn { conversation_name: "sess_2".to_owned(), ..with_id("one-question", "a") };
    let elsewhere = scene.refused(elsewhere).await;
    assert!(matches!(elsewhere, OpenError::Conflict(_)), "{elsewhere:?}");
    assert_eq!(scene.selected().await, ["user: a", "assistant: b"]);

    let stranger = Scene::of(store, "bob").await;
    stranger.open(OpenTurn { account: stranger.account, ..with_id("one-question", "other") }).await;
}

/// A parent that is not there refuses the turn, and no conversation is left behind.
pub async fn an_unknown_parent_is_refused(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let open = OpenTurn { place: Place::AfterId("nobody".to_owned()), ..scene.ask("one", "a") };
    let refused = scene.refused(open).await;
    assert!(matches!(refused, OpenError::ParentNotFound), "{refused:?}");
    assert_eq!((scene.conversation().await, scene.turn("one").await), (None, None));
}

/// Of several running turns the one opened last is the active one; then none.
pub async fn the_active_turn_is_the_latest_opened(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    let two = scene.open(scene.ask("two", "b")).await;
    let active = async || scene.conversation().await.and_then(|conversation| conversation.active_turn);

    assert_eq!(active().await, Some("two".to_owned()));
    scene.finish(&two, "c").await;
    assert_eq!(active().await, Some("one".to_owned()));
    scene.finish(&one, "d").await;
    assert_eq!(active().await, None);
}
