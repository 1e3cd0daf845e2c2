//! Shutdown: running turns may finish; after the grace they end with their text, and nothing of ours is left.

use std::time::Duration;

use chat::provider::FinishReason;
use chat::turn::{Failure, Outcome};
use chat::{ErrorKind, Settings};
use testkit::provider::ScriptedProvider;

use crate::house::{House, message, quick, read_text, resumable};

#[tokio::test]
async fn running_turns_finish_within_the_grace() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    let finishing = async {
        house.tasks.closing().cancelled().await;
        let refused = house.chat.ask(&house.ada, message("two", "hello")).await.unwrap_err();
        assert!(matches!(refused.kind, ErrorKind::Unavailable { .. }), "{refused:?}");
        script.text("whole");
        script.finish();
    };
    let (all_ended, ()) = tokio::join!(house.chat.shutdown(Duration::from_secs(10)), finishing);
    assert!(all_ended);
    assert_eq!(house.tasks.running(), 0);
    let reply = stream.reply().await;
    assert_eq!((reply.text.as_str(), reply.end.outcome), ("whole", Outcome::Finished(FinishReason::Stop)));
}

#[tokio::test]
async fn after_the_grace_turns_end_as_interrupted_with_their_text() {
    let house = House::new().await;
    let script = house.model.script();
    let mut stream = house.ask(resumable("one", "hello")).await;
    script.text("half");
    read_text(&mut stream, "half").await;

    assert!(house.chat.shutdown(Duration::from_millis(1)).await);
    assert_eq!(house.tasks.running(), 0);
    house.model.until_dropped(1).await;
    let interrupted = Outcome::Failed(Failure::interrupted());
    assert_eq!(stream.reply().await.end.outcome, interrupted);
    assert_eq!(house.stored_end("one").await, ("half".to_owned(), Some(interrupted)));
}

#[tokio::test]
async fn a_turn_that_opens_after_the_grace_ends_too() {
    let house = House::new().await;
    let _script = house.model.script();
    house.store.opens.shut();
    let asking = house.ask(message("one", "hello"));
    let shutting_down = async {
        house.store.opens.until_arrived(1).await;
        let shutdown = house.chat.shutdown(Duration::from_millis(1));
        tokio::pin!(shutdown);
        let grace = Duration::from_millis(50);
        assert!(tokio::time::timeout(grace, &mut shutdown).await.is_err(), "a turn is being opened");
        house.store.opens.open();
        shutdown.await
    };
    let (stream, all_ended) = tokio::join!(asking, shutting_down);
    assert!(all_ended);
    assert_eq!(stream.reply().await.end.outcome, Outcome::Failed(Failure::interrupted()));
}

#[tokio::test]
async fn stopping_waits_for_no_checkpoint() {
    let rarely = Settings { checkpoint_interval: Duration::from_secs(600), ..quick() };
    let house = House::with(rarely, ScriptedProvider::new()).await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    script.text("whole");
    script.finish();
    stream.reply().await;

    assert!(house.chat.shutdown(Duration::from_secs(5)).await, "a task waits for the next checkpoint");
}
