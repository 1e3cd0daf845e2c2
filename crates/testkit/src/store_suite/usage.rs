//! What turns have cost.

use std::time::Duration;

use chat::clock::Clock as _;
use chat::provider::FinishReason;
use chat::store::OpenTurn;
use chat::turn::{Dialect, Failure, ModelName, Outcome};
use chat::usage::DayUsage;
use jiff::SignedDuration;
use jiff::civil::date;

use super::{Scene, StoreUnderTest, some_usage};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Scene<'_> {
    /// The usage of this day and the one before, in short form: day, model, account, turns, tokens.
    async fn usage(&self) -> Vec<String> {
        let now = self.clock.now();
        let found = self
            .store
            .usage()
            .usage(now - SignedDuration::from_hours(47), now + SignedDuration::from_hours(1));
        let said = |usage: DayUsage| {
            let model = usage.model.map_or_else(|| "-".to_owned(), |ModelName { model, .. }| model);
            let DayUsage { day, account, turns, prompt_tokens, completion_tokens, .. } = usage;
            format!("{day} {model} {account} {turns} {prompt_tokens} {completion_tokens}")
        };
        found.await.expect("usage can be read").into_iter().map(said).collect()
    }

    async fn forget(&self) {
        let store = self.store.conversations();
        let deleted = store.delete_conversation(self.account, Dialect::Codmir, self.session).await;
        assert!(deleted.expect("it is deleted"), "it was there");
    }
}

/// One line for each day, model and account; what a turn has cost counts on the day it was opened.
pub async fn usage_is_summed_by_day_model_and_account(store: &dyn StoreUnderTest) {
    let mut ada = Scene::new(store).await;
    let mut bob = Scene::of(store, "bob").await;
    bob.clock = ada.clock.clone();
    ada.clock.advance(DAY - Duration::from_millis(1));
    ada.talk("one", "a", "b").await;
    let late = ada.open(ada.ask("two", "c")).await;
    ada.clock.advance(Duration::from_millis(1));
    ada.finish(&late, "d").await;
    bob.session = "sess_2";
    let other = ModelName { provider: "other".to_owned(), model: "n".to_owned() };
    let turn = bob.open(OpenTurn { answered_by: other.clone(), ..bob.ask("three", "a") }).await;
    bob.finish(&turn, "b").await;
    ada.session = "sess_3";
    ada.open(ada.ask("four", "still running")).await;
    assert_eq!(
        ada.usage().await,
        ["2026-01-01 m ada 2 22 44", "2026-01-02 m ada 1 0 0", "2026-01-02 n bob 1 11 22",]
    );

    let (from, until) = (ada.clock.now(), ada.clock.now() + SignedDuration::from_millis(1));
    let day = store.usage().usage(from, until).await.expect("usage can be read");
    assert_eq!(day.iter().map(|usage| usage.day).collect::<Vec<_>>(), [date(2026, 1, 2); 2]);
    assert_eq!(day[1].model, Some(other));
    assert_eq!(
        store.usage().usage(until, until + SignedDuration::from_hours(1)).await.expect("it can be read"),
        []
    );
}

/// A deleted conversation has cost what it has cost, also what was still being written.
pub async fn usage_outlives_its_conversation(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let running = scene.open(scene.ask("two", "c")).await;
    let in_vain = scene.open(scene.ask("three", "d")).await;
    scene.forget().await;
    assert_eq!(scene.usage().await, ["2026-01-01 m ada 3 11 22"]);

    scene.finish(&running, "e").await;
    scene.close(&in_vain, "", Outcome::Failed(Failure::interrupted())).await;
    assert_eq!(scene.usage().await, ["2026-01-01 m ada 2 22 44"]);
    scene.talk("four", "a", "b").await;
    assert_eq!(scene.usage().await, ["2026-01-01 m ada 3 33 66"], "in a new conversation of the name");
}

/// Neither a second end nor a refund changes what a turn has cost whose conversation was deleted.
pub async fn what_is_settled_stays(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let new = scene.talk("one", "a", "b").await;
    scene.forget().await;
    scene.close(&new, "", Outcome::Failed(Failure::interrupted())).await;
    let mut more = scene.end(&new, "c", Outcome::Finished(FinishReason::Stop));
    more.end.usage.prompt_tokens = 1_000;
    store.turns().close_turn(more).await.expect("it is answered");
    assert_eq!(scene.usage().await, ["2026-01-01 m ada 1 11 22"]);
    scene.limit(Some(1)).await;
    scene.refused(scene.ask("two", "a")).await;
}

/// Of a turn that is not kept, what it has cost is; of what is given back, nothing.
pub async fn a_turn_that_is_not_kept_has_a_cost(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let unkept = |name: &str| OpenTurn { keep: false, ..scene.ask(name, "Between us") };
    let (first, kept) = (scene.open(unkept("first")).await, scene.open(scene.ask("kept", "a")).await);
    let in_vain = scene.open(unkept("in vain")).await;
    assert_eq!(scene.usage().await, ["2026-01-01 m ada 3 0 0"]);
    scene.finish(&first, "b").await;
    scene.close(&in_vain, "", Outcome::Stopped).await;
    scene.finish(&kept, "b").await;
    assert_eq!(scene.usage().await, ["2026-01-01 m ada 2 22 44"]);
    assert_eq!(scene.turn("kept").await.and_then(|turn| turn.end).map(|end| end.usage), Some(some_usage()));
}
