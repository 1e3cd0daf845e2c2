//! Messages by themselves, and conversations that are made before anything is said.

use std::time::Duration;

use chat::assistants::DEFAULT_SHORT_ID;
use chat::clock::Clock as _;
use chat::conversations::{Change, Filter, Listed, Message, NewConversation, Order, Page, Summary};
use chat::ids::ConversationId;
use chat::store::{OpenError, OpenTurn};
use chat::turn::{Dialect, Failure, Outcome};

use super::{Scene, StoreUnderTest};

const ALL: Page = Page { offset: 0, limit: 100 };

impl Scene<'_> {
    async fn make(&self, name: &str, title: &str, bot: &str) {
        let new = NewConversation {
            id: ConversationId::new(&self.clock),
            account: self.account,
            dialect: Dialect::Cody,
            name: name.to_owned(),
            title: title.to_owned(),
            bot: bot.to_owned(),
            created_at: self.clock.now(),
        };
        self.store.conversations().add_conversation(new).await.expect("a conversation is made");
        self.clock.advance(Duration::from_secs(1));
    }

    /// The public ids of those that are found, the last opened first, and how many there are in all.
    async fn found(&self, filter: Filter, page: Page) -> (Vec<String>, u64) {
        let store = self.store.conversations();
        let found = store.conversations(self.account, Dialect::Cody, filter, Order::Opened, page).await;
        let Listed { items, total } = found.expect("conversations can be listed");
        (items.into_iter().map(|summary: Summary| summary.name).collect(), total)
    }

    async fn messages(&self, conversation: Option<&str>, page: Page) -> Listed<Message> {
        let store = self.store.conversations();
        let found = store.messages(self.account, Dialect::Codmir, conversation, page).await;
        found.expect("messages can be listed")
    }

    async fn message(&self, id: &str) -> Option<Message> {
        let found = self.store.conversations().message(self.account, Dialect::Codmir, id).await;
        found.expect("messages can be read")
    }
}

fn texts(listed: &Listed<Message>) -> Vec<&str> {
    listed.items.iter().map(|message| message.text.as_str()).collect()
}

/// An account has one to begin with, and those that it made; they are found by all that is asked for at once.
pub async fn conversations_are_found_by_name_bot_and_keyword(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.clock.advance(Duration::from_secs(1));
    scene.make("c-1", "Größe und Gewicht", "bot-1").await;
    scene.make("c-2", "Weights", "bot-2").await;
    scene.make("c-3", "größer", "bot-1").await;

    let all = scene.found(Filter::default(), ALL).await;
    assert_eq!(all, (["c-3", "c-2", "c-1", "string"].map(str::to_owned).to_vec(), 4));
    let bot = |bot: &str| Filter { bot: Some(bot.to_owned()), ..Filter::default() };
    assert_eq!(scene.found(bot(DEFAULT_SHORT_ID), ALL).await, (vec!["string".to_owned()], 1));
    let keyword = |keyword: &str, filter: Filter| Filter { keyword: Some(keyword.to_owned()), ..filter };
    let big = scene.found(keyword("GRÖSSE", Filter::default()), ALL).await;
    assert_eq!(big, (Vec::new(), 0), "letters are compared, not sounds");
    let big = scene.found(keyword("GRÖßE", bot("bot-1")), Page { offset: 1, limit: 1 }).await;
    assert_eq!(big, (vec!["c-1".to_owned()], 2));
    let named = Filter { name: Some("c-2".to_owned()), ..Filter::default() };
    assert_eq!(scene.found(named, ALL).await, (vec!["c-2".to_owned()], 1));
    let bob = Scene::of(store, "bob").await;
    assert_eq!(bob.found(Filter::default(), ALL).await, (vec!["string".to_owned()], 1));
}

/// A change of the title changes what it is found by; the assistant may change.
pub async fn a_conversation_may_get_another_title_and_assistant(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.make("c-1", "Before", "bot-1").await;
    let change = Change { title: Some("After".to_owned()), bot: Some("bot-2".to_owned()), pinned: None };
    let now = scene.clock.now();
    let changed =
        store.conversations().change_conversation(scene.account, Dialect::Cody, "c-1", change, now).await;
    assert!(changed.expect("it is changed"));
    let filter = Filter { keyword: Some("after".to_owned()), bot: Some("bot-2".to_owned()), name: None };
    assert_eq!(scene.found(filter, ALL).await.1, 1);
}

/// Where a conversation must be there, none is opened.
pub async fn a_conversation_that_must_exist_is_not_opened(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let asked = OpenTurn { must_exist: true, ..scene.ask("turn", "Hi") };
    let refused = scene.refused(asked).await;
    assert!(matches!(refused, OpenError::ConversationNotFound), "{refused}");
    assert_eq!((scene.conversation().await, scene.turn("turn").await), (None, None));
    scene.talk("first", "Hi", "Hello.").await;
    scene.open(OpenTurn { must_exist: true, ..scene.ask("turn", "Hi") }).await;
}

/// The last stored comes first, an answer before its question; an answer is listed once it has ended.
pub async fn messages_are_listed_newest_first(store: &dyn StoreUnderTest) {
    let mut scene = Scene::new(store).await;
    scene.talk("one", "One?", "One.").await;
    scene.session = "sess_2";
    let failed = scene.open(scene.ask("two", "Two?")).await;
    let failure = Failure { kind: chat::ErrorKind::Provider, message: "It broke.".to_owned() };
    scene.close(&failed, "Tw", Outcome::Failed(failure.clone())).await;
    scene.open(scene.ask("three", "Three?")).await;

    let all = scene.messages(None, ALL).await;
    assert_eq!((texts(&all), all.total), (vec!["Three?", "Tw", "Two?", "One.", "One?"], 5));
    let page = scene.messages(None, Page { offset: 1, limit: 2 }).await;
    assert_eq!((texts(&page), page.total), (vec!["Tw", "Two?"], 5));
    let one = scene.messages(Some("sess_1"), ALL).await;
    assert_eq!((texts(&one), one.total), (vec!["One.", "One?"], 2));
    assert_eq!(scene.messages(Some("sess_9"), ALL).await.total, 0);
    let answer = scene.message("two-answer").await.expect("it is there");
    assert_eq!((answer.conversation.as_str(), answer.text.as_str()), ("sess_2", "Tw"));
    assert_eq!(answer.answer.expect("it is an answer").outcome, Outcome::Failed(failure));
    assert_eq!(scene.message("two-question").await.expect("it is there").answer, None);
    assert_eq!(scene.message("three-answer").await, None, "it is still written");
}

/// Nobody else lists or reads them, and no other dialect.
pub async fn messages_are_their_owners_alone(store: &dyn StoreUnderTest) {
    let (ada, bob) = (Scene::new(store).await, Scene::of(store, "bob").await);
    ada.talk("turn", "Hi", "Hello.").await;
    assert_eq!((bob.messages(None, ALL).await.total, bob.message("turn-answer").await), (0, None));
    assert_eq!(bob.messages(Some("sess_1"), ALL).await.total, 0);
    let elsewhere = store.conversations().messages(ada.account, Dialect::Cody, None, ALL).await;
    assert_eq!(elsewhere.expect("messages can be listed").total, 0);
}
