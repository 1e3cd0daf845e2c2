//! Conversations as a whole: listed, read in full, changed, deleted.

use std::time::Duration;

use chat::conversations::{Change, Filter, Order, Page, Record, RecordedQuestion, Summary};
use chat::store::{OpenTurn, Place};
use chat::turn::{Dialect, Outcome};

use super::{Scene, StoreUnderTest, answer_of};

const ALL: Page = Page { offset: 0, limit: 100 };

impl Scene<'_> {
    async fn listed(&self, page: Page) -> Vec<Summary> {
        let (store, filter) = (self.store.conversations(), Filter::default());
        let found = store.conversations(self.account, Dialect::Codmir, filter, Order::Changed, page).await;
        found.expect("conversations can be listed").items
    }

    async fn record(&self) -> Option<Record> {
        let found = self.store.conversations().record(self.account, Dialect::Codmir, self.session).await;
        found.expect("a conversation can be read")
    }

    async fn change(&self, change: Change) -> bool {
        let now = chat::clock::Clock::now(&self.clock);
        let store = self.store.conversations();
        let changed =
            store.change_conversation(self.account, Dialect::Codmir, self.session, change, now).await;
        changed.expect("a conversation can be changed")
    }

    async fn delete(&self) -> bool {
        let store = self.store.conversations();
        let deleted = store.delete_conversation(self.account, Dialect::Codmir, self.session).await;
        deleted.expect("a conversation can be deleted")
    }
}

/// The last changed comes first; a page is a part of the list.
pub async fn conversations_are_listed_by_their_last_change(store: &dyn StoreUnderTest) {
    let mut scene = Scene::new(store).await;
    for session in ["sess_1", "sess_2", "sess_3"] {
        scene.session = session;
        scene.talk(&format!("turn-in-{session}"), "Hi", "Hello.").await;
        scene.clock.advance(Duration::from_secs(1));
    }
    scene.session = "sess_1";
    scene.change(Change { pinned: Some(true), ..Change::default() }).await;
    let names = |list: Vec<Summary>| list.into_iter().map(|summary| summary.name).collect::<Vec<_>>();
    assert_eq!(names(scene.listed(ALL).await), ["sess_1", "sess_3", "sess_2"]);
    assert_eq!(names(scene.listed(Page { offset: 1, limit: 1 }).await), ["sess_3"]);
}

/// Every turn is in it, beside the selected path too, with all that was asked and answered.
pub async fn a_record_has_every_turn_as_it_was_stored(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    assert_eq!(scene.record().await, None);
    let first = scene
        .open(OpenTurn {
            markup: Some("<p>One</p>".to_owned()),
            assistant: Some("assistant-1".to_owned()),
            ..scene.ask("first", "One")
        })
        .await;
    scene.finish(&first, "One.").await;
    let asked_again = OpenTurn { place: Place::Root, ..scene.ask("again", "One") };
    let again = scene.open(OpenTurn { assistant: Some("assistant-2".to_owned()), ..asked_again }).await;
    scene.finish(&again, "One more.").await;
    scene.open(scene.ask("running", "Two")).await;

    let record = scene.record().await.expect("it is there");
    assert_eq!(record.summary.title, "A title");
    assert_eq!(record.summary.assistants, ["assistant-1", "assistant-2"]);
    assert_eq!(record.numbers(), [0, 0, 1]);
    let said: Vec<_> =
        record.turns.iter().map(|turn| turn.answer.as_ref().map(|answer| answer.text.as_str())).collect();
    assert_eq!(said, [Some("One."), Some("One more."), Some("")]);
    let asked = RecordedQuestion { text: "One".to_owned(), markup: Some("<p>One</p>".to_owned()) };
    assert_eq!(record.turns[0].question, Some(asked));
    assert_eq!(record.turns[2].parent, Some(answer_of(&again)));
    let outcomes =
        record.turns.iter().map(|turn| turn.answer.as_ref().and_then(|answer| answer.outcome.as_ref()));
    let ended: Vec<bool> = outcomes.map(|outcome| matches!(outcome, Some(Outcome::Finished(_)))).collect();
    assert_eq!(ended, [true, true, false]);
}

/// What is not named stays; what is not there is not changed.
pub async fn a_change_leaves_the_rest_of_a_conversation(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    assert!(!scene.change(Change { pinned: Some(true), ..Change::default() }).await);
    scene.talk("turn", "Hi", "Hello.").await;
    assert!(scene.change(Change { pinned: Some(true), ..Change::default() }).await);
    assert!(scene.change(Change { title: Some("Greetings".to_owned()), ..Change::default() }).await);
    let summary = scene.record().await.expect("it is there").summary;
    assert_eq!((summary.title.as_str(), summary.pinned), ("Greetings", true));
}

/// Its turns go with it; what they cost stays counted; the name is free.
pub async fn a_conversation_is_deleted_with_all_in_it(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    assert!(!scene.delete().await);
    scene.talk("turn", "Hi", "Hello.").await;
    assert!(scene.delete().await);
    assert_eq!((scene.record().await, scene.turn("turn").await), (None, None));
    scene.limit(Some(1)).await;
    scene.refused(scene.ask("later", "Hi")).await;
    scene.limit(None).await;
    let new = scene.talk("turn", "Hi", "Hello again.").await;
    assert_eq!(new.follows, None, "it is a new conversation");
}

/// Nobody else lists, reads, changes or deletes it.
pub async fn a_conversation_is_its_owners_alone(store: &dyn StoreUnderTest) {
    let (ada, bob) = (Scene::new(store).await, Scene::of(store, "bob").await);
    ada.talk("turn", "Hi", "Hello.").await;
    let before = ada.record().await;
    assert_eq!((bob.listed(ALL).await, bob.record().await), (Vec::new(), None));
    assert!(!bob.change(Change { pinned: Some(true), ..Change::default() }).await);
    assert!(!bob.delete().await);
    assert_eq!(ada.record().await, before);
}

/// It follows the conversation, and all that stays of it is that it counts; given back, not even that.
pub async fn a_turn_that_is_not_kept_leaves_its_cost_alone(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let first = scene.talk("first", "Hi", "Hello.").await;
    let before = scene.record().await;
    scene.limit(Some(2)).await;
    let unkept = scene.open(OpenTurn { keep: false, ..scene.ask("unkept", "Between us") }).await;
    assert_eq!(unkept.follows, Some(answer_of(&first)));
    scene.refused(scene.ask("third", "Hi")).await;
    scene.close(&unkept, "", Outcome::Stopped).await;
    assert_eq!((scene.record().await, scene.turn("unkept").await), (before, None));
    scene.open(scene.ask("third", "Hi")).await;
}
