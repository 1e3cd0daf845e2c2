//! What goes wrong: the text is kept, readers get an end, and no partial text looks whole.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chat::provider::{CompletionError, FinishReason};
use chat::turn::{Outcome, TurnEvent};
use chat::{ErrorKind, Settings};
use testkit::provider::ScriptedProvider;

use crate::house::{House, failed, message, quick, read_text, read_to_end};

#[tokio::test]
async fn a_model_that_does_not_begin_in_time_is_given_up() {
    let model = ScriptedProvider::new().with_first_token_deadline(Duration::from_millis(5));
    let house = House::with(quick(), model).await;
    let _script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    let error = stream.first_delta(Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ProviderTimeout);
    house.model.until_dropped(1).await;
    let end = failed(ErrorKind::ProviderTimeout, "the model did not answer in time");
    assert_eq!(house.stored_end("one").await, (String::new(), Some(end)));
}

#[tokio::test]
async fn the_deadline_is_for_the_first_token_only() {
    let model = ScriptedProvider::new().with_first_token_deadline(Duration::from_millis(5));
    let house = House::with(quick(), model).await;
    let script = house.model.script();
    script.text("a");
    let mut stream = house.ask(message("one", "hello")).await;
    read_text(&mut stream, "a").await;
    // Checkpoints come every twenty milliseconds.
    house.store.saved.subscribe().wait_for(|saved| *saved > 0).await.unwrap();
    script.text("b");
    script.finish();
    assert_eq!(stream.reply().await.end.outcome, Outcome::Finished(FinishReason::Stop));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_failed_with_its_text() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    script.text("half");
    script.cut();
    let reply = stream.reply().await;
    let end = failed(ErrorKind::Provider, "the model's answer was cut off");
    assert_eq!((reply.text.as_str(), &reply.end.outcome), ("half", &end));
    assert_eq!(house.stored_end("one").await, ("half".to_owned(), Some(end)));
}

#[tokio::test]
async fn an_error_in_the_middle_is_failed_with_its_text() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    script.text("half");
    script.fail(CompletionError::Failed("overheated".to_owned()));
    let reply = stream.reply().await;
    let end = failed(ErrorKind::Provider, "the model's provider failed: overheated");
    assert_eq!((reply.text.as_str(), reply.end.outcome), ("half", end));
}

#[tokio::test]
async fn a_panic_is_our_failure_and_the_log_ends() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    script.text("half");
    script.panic();
    let reply = stream.reply().await;
    let end = failed(ErrorKind::Internal, "the server failed while it was answering");
    assert_eq!(reply.end.outcome, end);
    assert_eq!(house.stored_end("one").await.1, Some(end));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_failed_with_its_text() {
    let settings = Settings { max_answer: 10, ..quick() };
    let house = House::with(settings, ScriptedProvider::new()).await;
    let script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    script.reasoning("12345");
    script.text("67890");
    read_text(&mut stream, "67890").await;
    script.text("!");
    let reply = stream.reply().await;
    let end = failed(ErrorKind::Provider, "the answer is longer than this server allows");
    assert_eq!((reply.text.as_str(), reply.end.outcome), ("67890!", end));
    house.model.until_dropped(1).await;
}

#[tokio::test]
async fn no_reader_sees_the_end_before_it_is_committed() {
    let house = House::new().await;
    house.store.closes.shut();
    let script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    script.text("whole");
    script.finish();
    house.store.closes.until_arrived(1).await;

    read_text(&mut stream, "whole").await;
    assert_eq!(stream.log().outcome(), None);
    assert_eq!(house.stored_end("one").await.1, None);
    house.store.closes.open();
    assert_eq!(read_to_end(&mut stream).await.len(), 1);
    assert_eq!(house.stored_end("one").await.1, Some(Outcome::Finished(FinishReason::Stop)));
}

#[tokio::test]
async fn an_end_that_cannot_be_committed_is_a_failure_at_once_and_recorded_later() {
    let house = House::new().await;
    house.store.failing_closes.store(2, Ordering::Relaxed);
    let script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    script.text("whole");
    script.finish();

    let events = read_to_end(&mut stream).await;
    let end = stream.log().outcome().unwrap();
    assert_eq!(end.outcome, failed(ErrorKind::Internal, "the database failed"));
    assert_eq!(events.last(), Some(&format!("2 {:?}", TurnEvent::Ended(&end))));
    house.store.closes.until_arrived(3).await;
    assert!(house.chat.shutdown(Duration::from_secs(10)).await, "the third try holds");
    let stored = house.stored("one").await.unwrap();
    assert_eq!((stored.transcript.text.as_str(), stored.end), ("whole", Some(end)));
}

#[tokio::test]
async fn an_end_is_retried_through_the_whole_grace_of_a_shutdown() {
    let house = House::new().await;
    house.store.failing_closes.store(3, Ordering::Relaxed);
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    let finishing = async {
        house.tasks.closing().cancelled().await;
        script.text("whole");
        script.finish();
    };
    let (all_ended, ()) = tokio::join!(house.chat.shutdown(Duration::from_secs(10)), finishing);
    assert!(all_ended);
    let end = stream.reply().await.end;
    let stored = house.stored("one").await.unwrap();
    assert_eq!((stored.transcript.text.as_str(), stored.end), ("whole", Some(end)));
}

#[tokio::test]
async fn a_message_that_came_to_nothing_is_given_back() {
    let house = House::new().await;
    let given_back = async |name: &str| {
        let turn = house.stored(name).await.unwrap().head.turn;
        house.store.refunds.lock().unwrap().contains(&turn)
    };

    house.model.script().fail(CompletionError::Timeout);
    house.ask(message("failed", "a")).await.reply().await;
    assert!(given_back("failed").await);

    let script = house.model.script();
    script.text("half");
    script.fail(CompletionError::Timeout);
    house.ask(message("half", "b")).await.reply().await;
    assert!(!given_back("half").await);

    house.model.script().finish();
    house.ask(message("empty", "c")).await.reply().await;
    assert!(!given_back("empty").await, "the model had nothing to say");

    house.store.failing_closes.store(1, Ordering::Relaxed);
    house.model.script().finish();
    house.ask(message("unrecorded", "d")).await.reply().await;
    assert!(house.chat.shutdown(Duration::from_secs(10)).await);
    assert!(given_back("unrecorded").await);
}
