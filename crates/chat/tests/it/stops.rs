//! Stopping, and what a vanished reader means.

use std::time::Duration;

use chat::provider::FinishReason;
use chat::turn::Outcome;
use chat::{Cancelled, Settings};
use futures::FutureExt as _;
use testkit::provider::ScriptedProvider;

use crate::house::{House, message, quick, read_text, read_to_end, resumable};

#[track_caller]
fn ended(cancelled: Cancelled) -> (String, Outcome) {
    match cancelled {
        Cancelled::Ended(reply) => (reply.text, reply.end.outcome),
        Cancelled::Marked => panic!("no such turn"),
    }
}

#[tokio::test]
async fn a_stop_before_the_first_token_leaves_an_empty_answer() {
    let house = House::new().await;
    let _script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    house.model.until_started(1).await;

    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), (String::new(), Outcome::Stopped));
    house.model.until_dropped(1).await;
    assert_eq!(read_to_end(&mut stream).await.len(), 2);
    assert_eq!(house.stored_end("one").await, (String::new(), Some(Outcome::Stopped)));
}

#[tokio::test]
async fn a_stop_in_the_middle_keeps_the_text_so_far() {
    let house = House::new().await;
    let script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    script.text("half an ");
    read_text(&mut stream, "half an ").await;

    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), ("half an ".to_owned(), Outcome::Stopped));
    house.model.until_dropped(1).await;
    assert_eq!(house.stored_end("one").await, ("half an ".to_owned(), Some(Outcome::Stopped)));
    let again = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(again), ("half an ".to_owned(), Outcome::Stopped));
}

#[tokio::test]
async fn a_stop_after_the_end_changes_nothing() {
    let house = House::new().await;
    house.talk(message("one", "hello"), "whole").await;
    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), ("whole".to_owned(), Outcome::Finished(FinishReason::Stop)));
}

#[tokio::test]
async fn a_stop_while_the_conversation_is_read_calls_no_model() {
    let house = House::new().await;
    house.talk(message("one", "a"), "b").await;
    house.store.paths.shut();
    let _stream = house.ask(message("two", "c")).await;
    house.store.paths.until_arrived(1).await;
    let cancelled = house.chat.cancel(&house.ada, "two").await.unwrap();
    assert_eq!(ended(cancelled), (String::new(), Outcome::Stopped));
    assert_eq!(house.model.started(), 1);
}

#[tokio::test]
async fn a_stop_that_overtakes_its_own_send_wins() {
    let house = House::new().await;
    assert_eq!(house.chat.cancel(&house.ada, "one").await.unwrap(), Cancelled::Marked);
    let reply = house.ask(message("one", "hello")).await.reply().await;
    assert_eq!((reply.text.as_str(), reply.end.outcome), ("", Outcome::Stopped));
    assert_eq!(house.model.started(), 0, "the model is not asked");
    assert_eq!(house.history("sess_1").await, ["user: hello", "assistant: "]);

    let reply = house.talk(message("two", "again"), "hi").await.reply().await;
    assert_eq!(reply.text, "hi", "a mark counts for its turn only");
}

#[tokio::test]
async fn a_stop_while_the_turn_is_opened_is_not_lost() {
    let house = House::new().await;
    house.store.opens.shut();
    let asking = house.ask(message("one", "hello"));
    let stopping = async {
        house.store.opens.until_arrived(1).await;
        let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
        house.store.opens.open();
        cancelled
    };
    let (stream, cancelled) = tokio::join!(asking, stopping);
    assert_eq!(cancelled, Cancelled::Marked);
    assert_eq!(stream.reply().await.end.outcome, Outcome::Stopped);

    house.store.opened.shut();
    let asking = house.ask(message("two", "hello"));
    let stopping = async {
        house.store.opened.until_arrived(2).await;
        let cancelled = house.chat.cancel(&house.ada, "two").await.unwrap();
        house.store.opened.open();
        cancelled
    };
    let (stream, cancelled) = tokio::join!(asking, stopping);
    assert_eq!(cancelled, Cancelled::Marked);
    assert_eq!(stream.reply().await.end.outcome, Outcome::Stopped);
    assert_eq!(house.model.started(), 0);
}

#[tokio::test]
async fn of_a_hundred_and_one_early_stops_the_oldest_is_forgotten() {
    let house = House::new().await;
    for number in 0..=100 {
        let cancelled = house.chat.cancel(&house.ada, &format!("turn-{number}")).await.unwrap();
        assert_eq!(cancelled, Cancelled::Marked);
    }
    let reply = house.talk(message("turn-0", "hello"), "hi").await.reply().await;
    assert_eq!(reply.text, "hi");
    for name in ["turn-1", "turn-100"] {
        let reply = house.ask(message(name, name)).await.reply().await;
        assert_eq!(reply.end.outcome, Outcome::Stopped);
    }
}

#[tokio::test]
async fn a_stop_of_another_account_stops_nothing() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    assert_eq!(house.chat.cancel(&house.bob, "one").await.unwrap(), Cancelled::Marked);
    script.text("whole");
    script.finish();
    let reply = stream.reply().await;
    assert_eq!((reply.text.as_str(), reply.end.outcome), ("whole", Outcome::Finished(FinishReason::Stop)));
}

#[tokio::test]
async fn the_last_reader_of_a_client_that_cannot_resume_stops_the_turn() {
    let house = House::new().await;
    let script = house.model.script();
    let mut first = house.ask(message("one", "hello")).await;
    let mut second = house.chat.log(&house.ada, "one").await.unwrap().read_from(0);
    script.text("half ");
    read_text(&mut second, "half ").await;

    drop(second);
    script.text("more");
    read_text(&mut first, "half more").await;
    drop(first);

    house.model.until_dropped(1).await;
    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), ("half more".to_owned(), Outcome::Stopped));
}

#[tokio::test]
async fn a_caller_that_leaves_while_it_waits_for_the_head_stops_the_turn() {
    let house = House::new().await;
    let _script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    house.model.until_started(1).await;
    let waiting = async move { stream.first_delta(Duration::from_secs(10)).await };
    assert!(waiting.now_or_never().is_none(), "nothing has come");

    house.model.until_dropped(1).await;
    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), (String::new(), Outcome::Stopped));
}

#[tokio::test]
async fn a_caller_that_leaves_while_its_turn_is_opened_stops_it() {
    let house = House::new().await;
    house.store.opens.shut();
    let mut asking = Box::pin(house.ask(message("one", "hello")));
    tokio::select! {
        biased;
        _ = &mut asking => panic!("the gate is shut"),
        () = house.store.opens.until_arrived(1) => {}
    }
    drop(asking);
    house.store.closes.shut();
    house.store.opens.open();
    house.store.closes.until_arrived(1).await;
    house.store.closes.open();

    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), (String::new(), Outcome::Stopped));
    assert_eq!(house.model.started(), 0);
}

#[tokio::test]
async fn a_turn_of_a_client_that_can_resume_goes_on_unread() {
    let house = House::new().await;
    let script = house.model.script();
    let mut stream = house.ask(resumable("one", "hello")).await;
    script.text("half ");
    read_text(&mut stream, "half ").await;
    drop(stream);
    script.text("and whole");
    script.finish();
    house.model.until_dropped(1).await;
    let cancelled = house.chat.cancel(&house.ada, "one").await.unwrap();
    assert_eq!(ended(cancelled), ("half and whole".to_owned(), Outcome::Finished(FinishReason::Stop)));
}

#[tokio::test]
async fn a_turn_that_nobody_reads_for_too_long_is_stopped() {
    let settings = Settings { max_duration: Duration::from_millis(5), ..quick() };
    let house = House::with(settings, ScriptedProvider::new()).await;
    let (read, unread) = (house.model.script(), house.model.script());
    let mut stream = house.ask(resumable("read", "hello")).await;
    house.model.until_started(1).await;
    drop(house.ask(resumable("unread", "hello")).await);

    house.model.until_dropped(1).await;
    let cancelled = house.chat.cancel(&house.ada, "unread").await.unwrap();
    assert_eq!(ended(cancelled), (String::new(), Outcome::Stopped));
    drop(unread);
    read.text("still here");
    read_text(&mut stream, "still here").await;
}
