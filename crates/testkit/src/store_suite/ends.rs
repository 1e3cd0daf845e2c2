//! How turns are saved on the way and ended: once, by whoever runs them, with the text they had.

use chat::ErrorKind;
use chat::clock::Clock as _;
use chat::provider::{CompletionEvent, FinishReason, Usage};
use chat::store::{Checkpoint, NewTurn, OpenTurn, StoredTurn};
use chat::turn::{Dialect, Failure, Outcome, TurnEnd, WhenUnread};
use chat::{Transcript, TurnLog};
use futures::future::join_all;

use super::{Scene, StoreUnderTest, some_usage, transcript};

fn interrupted() -> Outcome {
    Outcome::Failed(Failure::interrupted())
}

/// What was told of a turn is what is read of it later.
pub async fn a_whole_record_is_read_back(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let new = scene.open(scene.ask("two", "grüße 🦀")).await;
    let running = stored(&new, "grüße 🦀", Transcript::default(), None);
    assert_eq!(scene.turn("two").await, Some(running));

    let log = TurnLog::new(WhenUnread::Continue);
    log.append([
        CompletionEvent::ReasoningDelta("hm, \0".to_owned()),
        CompletionEvent::TextDelta("schöne ".to_owned()),
        CompletionEvent::TextDelta("Grüße 🦀".to_owned()),
    ]);
    let mut close = scene.end(&new, "", Outcome::Finished(FinishReason::Stop));
    close.transcript = log.transcript();
    store.turns().close_turn(close.clone()).await.expect("the end is recorded");

    let ended = stored(&new, "grüße 🦀", close.transcript, Some(close.end));
    assert_eq!(scene.turn("two").await, Some(ended));
}

/// Every way a turn can end is told again as it was.
pub async fn an_end_of_each_kind_is_read_back(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let failed = |kind| Outcome::Failed(Failure { kind, message: format!("{kind:?}") });
    let outcomes = [
        Outcome::Finished(FinishReason::Stop),
        Outcome::Finished(FinishReason::Length),
        Outcome::Finished(FinishReason::ContentFilter),
        Outcome::Finished(FinishReason::ToolCalls),
        Outcome::Stopped,
        failed(ErrorKind::Invalid { field: Some("messages") }),
        failed(ErrorKind::Provider),
        failed(ErrorKind::ProviderTimeout),
        failed(ErrorKind::StorageFull),
        failed(ErrorKind::Interrupted),
        failed(ErrorKind::Internal),
    ];
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let name = format!("turn-{number}");
        let new = scene.open(scene.ask(&name, "a")).await;
        scene.close(&new, "b", outcome.clone()).await;
        let end = TurnEnd { outcome, usage: some_usage(), ended_at: scene.clock.now() };
        assert_eq!(scene.turn(&name).await.and_then(|turn| turn.end), Some(end));
    }
}

/// A running turn is read with the text of its last checkpoint.
pub async fn a_checkpoint_is_read_back(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let new = scene.open(scene.ask("one", "a")).await;
    scene.checkpoint(&new, "half an ").await;
    scene.checkpoint(&new, "half an answer").await;
    let stored = stored(&new, "a", transcript("half an answer"), None);
    assert_eq!(scene.turn("one").await, Some(stored));
}

/// A checkpoint that was collected before the end and comes after it changes nothing.
pub async fn a_checkpoint_after_the_end_is_ignored(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let new = scene.talk("one", "a", "the whole answer").await;
    let ended = scene.turn("one").await;
    scene.checkpoint(&new, "the whole").await;
    assert_eq!(scene.turn("one").await, ended);
}

/// A turn is recorded once: a second end changes nothing, alone or in the same moment.
pub async fn a_second_end_is_ignored(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let new = scene.open(scene.ask("one", "a")).await;
    scene.finish(&new, "whole").await;
    let ended = scene.turn("one").await;
    scene.close(&new, "", interrupted()).await;
    assert_eq!(scene.turn("one").await, ended);

    let new = scene.open(scene.ask("two", "b")).await;
    let first = scene.end(&new, "first", Outcome::Finished(FinishReason::Stop));
    let second = scene.end(&new, "second", Outcome::Stopped);
    let (first_done, second_done) =
        tokio::join!(store.turns().close_turn(first), store.turns().close_turn(second));
    assert!(first_done.is_ok() && second_done.is_ok(), "both are told that it has ended");
    let text = scene.turn("two").await.map(|turn| turn.transcript.text);
    assert_eq!(text.as_deref(), Some("first"), "the first that came");
}

/// More turns than any statement takes are saved and ended together, each with its own text.
pub async fn many_checkpoints_and_ends_at_once(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let mut turns = Vec::new();
    for number in 0..130 {
        turns.push(scene.open(scene.ask(&format!("turn-{number}"), "a")).await);
    }
    let text = |name: &str| format!("the answer of {name}");
    let checkpoints = turns
        .iter()
        .map(|new| Checkpoint { turn: new.head.turn, transcript: transcript(&text(&new.head.name)) })
        .collect();
    store.turns().checkpoint(checkpoints).await.expect("they are saved");
    for new in &turns {
        let stored = scene.turn(&new.head.name).await.expect("it is there");
        assert_eq!((stored.transcript.text, stored.end), (text(&new.head.name), None));
    }

    let ends = turns
        .iter()
        .map(|new| store.turns().close_turn(scene.end(new, &text(&new.head.name), Outcome::Stopped)));
    assert!(join_all(ends).await.iter().all(Result::is_ok));
    for new in &turns {
        let stored = scene.turn(&new.head.name).await.expect("it is there");
        assert_eq!(
            (stored.transcript.text, stored.end.map(|end| end.outcome)),
            (text(&new.head.name), Some(Outcome::Stopped))
        );
    }
}

/// A node closes what it left open itself; another node's turns go on.
pub async fn only_the_owner_closes_interrupted_turns(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("ended", "a", "b").await;
    scene.open(scene.ask("mine", "c")).await;
    let others = OpenTurn { owner: "node-2".to_owned(), ..scene.ask("others", "d") };
    scene.open(others).await;
    scene.clock.advance(std::time::Duration::from_secs(1));

    let close = async || store.turns().close_interrupted("node-1", scene.clock.now()).await;
    assert_eq!(close().await.expect("they are closed"), 1);
    assert_eq!(close().await.expect("nothing is left"), 0);

    let end = async |name: &str| scene.turn(name).await.expect("it is there").end;
    let ended_at = scene.clock.now();
    let mine = TurnEnd { outcome: interrupted(), usage: Usage::default(), ended_at };
    assert_eq!(end("mine").await, Some(mine));
    assert_eq!(end("others").await, None);
    assert_eq!(end("ended").await.map(|end| end.outcome), Some(Outcome::Finished(FinishReason::Stop)));
}

/// What was saved of an interrupted turn stays, and stays paid for.
pub async fn interrupted_turns_keep_the_text_of_their_checkpoint(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(1)).await;
    let new = scene.open(scene.ask("one", "a")).await;
    scene.checkpoint(&new, "half an ").await;
    store.turns().close_interrupted("node-1", scene.clock.now()).await.expect("it is closed");

    let stored = scene.turn("one").await.expect("it is there");
    assert_eq!(stored.transcript, transcript("half an "));
    assert_eq!(scene.selected().await, ["user: a", "assistant: half an "]);
    scene.refused(scene.ask("two", "b")).await;
}

/// An interrupted turn of which nothing was saved is given back, once.
pub async fn interrupted_turns_without_text_cost_nothing(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(1)).await;
    scene.open(scene.ask("one", "a")).await;
    store.turns().close_interrupted("node-1", scene.clock.now()).await.expect("it is closed");
    assert_eq!(scene.selected().await, ["[user: a]", "[assistant: ]"]);
    scene.open(scene.ask("two", "b")).await;
    scene.refused(scene.ask("three", "c")).await;
}

fn stored(new: &NewTurn, question: &str, transcript: Transcript, end: Option<TurnEnd>) -> StoredTurn {
    let question = Some(question.to_owned());
    StoredTurn { dialect: Dialect::Codmir, head: new.head.clone(), question, transcript, end }
}
