//! The message limit and its ledger.

use std::time::Duration;

use chat::Scopes;
use chat::clock::Clock as _;
use chat::ids::AccountId;
use chat::provider::FinishReason;
use chat::store::{Limited, OpenError, OpenTurn, Opened, Place};
use chat::turn::{Failure, Outcome};

use identity::store::{Allowance, NewKey};

use super::{Scene, StoreUnderTest};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Scene<'_> {
    /// Adds a key of the account's with this limit; gives its id.
    pub(super) async fn key(&self, number: u8, message_limit: Option<u32>) -> String {
        let id = format!("key_{number}");
        let key = NewKey {
            id: id.clone(),
            account: self.account,
            label: String::new(),
            scopes: Scopes::EVERYDAY,
            hash: [number; 32],
            created_at: self.clock.now(),
            expires_at: None,
            message_limit,
        };
        self.store.keys().add_key(key).await.expect("the key is stored");
        id
    }

    /// As [`Scene::ask`], signed in by this key.
    pub(super) fn ask_by(&self, key: &str, name: &str) -> OpenTurn {
        OpenTurn { key: Some(key.to_owned()), ..self.ask(name, "a") }
    }

    async fn account_allowance(&self) -> Allowance {
        let all = self.store.accounts().allowances(None, self.clock.now()).await.expect("they can be read");
        let one = self.store.accounts().allowances(Some(self.account), self.clock.now()).await;
        let one = one.expect("it can be read");
        assert_eq!(one.len(), 1, "of this account alone");
        assert_eq!(all[&self.account], one[&self.account]);
        one[&self.account]
    }

    async fn key_allowance(&self, id: &str) -> Allowance {
        let keys = self.store.keys().keys(self.clock.now()).await.expect("keys can be read");
        keys.into_iter().find(|key| key.id == id).expect("it is listed").allowance
    }

    /// Whose limit refuses this, and for how long.
    async fn limited(&self, open: OpenTurn) -> (Limited, Duration) {
        match self.refused(open).await {
            OpenError::QuotaExceeded { of, retry_after } => (of, Duration::from_secs(retry_after)),
            refused @ (OpenError::Conflict(_)
            | OpenError::ConversationNotFound
            | OpenError::ParentNotFound
            | OpenError::Store(_)) => {
                panic!("{refused}")
            }
        }
    }
}

/// A key's messages count on the key and on the account; each limit is kept by itself.
pub async fn a_key_has_a_limit_of_its_own(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let (narrow, wide) = (scene.key(1, Some(1)).await, scene.key(2, None).await);
    scene.open(scene.ask_by(&narrow, "one")).await;
    assert_eq!(scene.limited(scene.ask_by(&narrow, "two")).await, (Limited::Key, DAY * 30));
    scene.open(scene.ask_by(&wide, "two")).await;
    scene.open(scene.ask("three", "a")).await;

    scene.limit(Some(3)).await;
    for open in [scene.ask_by(&wide, "four"), scene.ask("four", "a"), scene.ask_by(&narrow, "four")] {
        assert_eq!(scene.limited(open).await, (Limited::Account, DAY * 30));
    }
    scene.limit(None).await;
    assert!(store.keys().limit_key(&narrow, Some(2)).await.expect("it is limited"));
    scene.open(scene.ask_by(&narrow, "four")).await;
    assert_eq!(scene.limited(scene.ask_by(&narrow, "five")).await, (Limited::Key, DAY * 30));
    assert!(store.keys().limit_key(&narrow, None).await.expect("it is freed"));
    scene.open(scene.ask_by(&narrow, "five")).await;
    assert!(!store.keys().limit_key("key_9", Some(1)).await.expect("it is answered"));
}

/// The limit that the turn brings is for accounts without one.
pub async fn an_account_without_a_limit_has_the_common_one(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let ask = |name: &str| OpenTurn { message_limit: Some(1), ..scene.ask(name, "a") };
    scene.open(ask("one")).await;
    assert_eq!(scene.limited(ask("two")).await, (Limited::Account, DAY * 30));
    scene.limit(Some(2)).await;
    scene.open(ask("two")).await;
    assert_eq!(scene.limited(ask("three")).await, (Limited::Account, DAY * 30));
}

/// The wait is until enough messages have left the window, also where the limit is lower than what is used.
pub async fn the_wait_is_until_a_message_is_free(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    for name in ["one", "two", "three"] {
        scene.open(scene.ask(name, "a")).await;
        scene.clock.advance(DAY);
    }
    scene.limit(Some(2)).await;
    let (_, wait) = scene.limited(scene.ask("four", "a")).await;
    assert_eq!(wait, DAY * 28, "two have to leave");
    scene.clock.advance(wait);
    scene.open(scene.ask("four", "a")).await;
    scene.limit(Some(0)).await;
    assert_eq!(scene.limited(scene.ask("five", "a")).await, (Limited::Account, DAY * 30));
}

/// What is allowed and what is used are told, of the account and of the key; what leaves the window is not.
pub async fn what_is_used_is_told(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let key = scene.key(1, Some(7)).await;
    scene.limit(Some(9)).await;
    scene.talk("one", "a", "b").await;
    scene.clock.advance(DAY);
    scene.open(scene.ask_by(&key, "two")).await;
    let failed = scene.open(scene.ask_by(&key, "three")).await;
    scene.close(&failed, "", Outcome::Failed(Failure::interrupted())).await;
    assert_eq!(scene.account_allowance().await, Allowance { limit: Some(9), used: 2 });
    assert_eq!(scene.key_allowance(&key).await, Allowance { limit: Some(7), used: 1 });

    scene.clock.advance(DAY * 29);
    scene.limit(None).await;
    assert_eq!(scene.account_allowance().await, Allowance { limit: None, used: 1 });
    scene.clock.advance(DAY);
    assert_eq!(scene.account_allowance().await, Allowance::default());
    assert_eq!(scene.key_allowance(&key).await, Allowance { limit: Some(7), used: 0 });
    let nobody = AccountId::new(&scene.clock);
    assert!(!store.accounts().limit_account(nobody, Some(1)).await.expect("it is answered"));
}

/// The message beyond the limit is refused, says when to come back, and leaves nothing behind.
pub async fn a_limit_is_kept(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(2)).await;
    scene.talk("one", "a", "b").await;
    scene.clock.advance(DAY);
    scene.talk("two", "c", "d").await;

    let refused = scene.refused(scene.ask("three", "e")).await;
    let month_less_a_day = 29 * 24 * 60 * 60;
    assert!(
        matches!(refused, OpenError::QuotaExceeded { of: Limited::Account, retry_after } if retry_after == month_less_a_day),
        "{refused:?}"
    );
    assert_eq!(scene.turn("three").await, None);
    assert_eq!(scene.selected().await, ["user: a", "assistant: b", "user: c", "assistant: d"]);

    scene.limit(None).await;
    scene.open(scene.ask("three", "e")).await;
}

/// Thirty days after it was sent, a message counts no longer.
pub async fn messages_leave_the_window(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(1)).await;
    scene.talk("one", "a", "b").await;
    scene.clock.advance(DAY * 30 - Duration::from_millis(1));
    scene.refused(scene.ask("two", "c")).await;
    scene.clock.advance(Duration::from_millis(1));
    scene.open(scene.ask("two", "c")).await;
}

/// A turn that ends with a refund frees its message; one that ends without keeps it.
pub async fn a_message_given_back_is_free(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(1)).await;
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
    scene.limit(Some(1)).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.close(&one, "b", Outcome::Finished(FinishReason::Stop)).await;
    scene.close(&one, "", Outcome::Failed(Failure::interrupted())).await;
    let refused = scene.refused(scene.ask("two", "c")).await;
    assert!(matches!(refused, OpenError::QuotaExceeded { .. }), "{refused:?}");
}

/// A repeat is answered at the limit too, and does not count.
pub async fn a_repeat_costs_nothing(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(2)).await;
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
