//! Readers: every one gets the same events, live or later, from wherever it begins.

use std::future::poll_fn;
use std::ops::ControlFlow;

use chat::provider::{CompletionEvent, FinishReason, Usage};
use chat::turn::{Outcome, TurnEvent, WhenUnread};
use chat::{Transcript, TurnLog, TurnStream};
use futures::future::join_all;
use proptest::prelude::*;
use testkit::provider::Script;

use crate::house::{House, message, read, read_text, read_to_end, resumable};

#[tokio::test]
async fn the_whole_answer_is_the_fold_of_the_stream() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    let reader = stream.log().read_from(0);
    script.reasoning("hm");
    script.text("Grü");
    script.text("ße 🦀");
    let usage = Usage { prompt_tokens: 3, completion_tokens: 4, ..Usage::default() };
    script.finish_with(Some(usage));

    let reply = stream.reply().await;
    assert_eq!(reply.text, "Grüße 🦀");
    assert_eq!((reply.end.outcome.clone(), reply.end.usage), (Outcome::Finished(FinishReason::Stop), usage));
    let mut reader = reader;
    let events = read_to_end(&mut reader).await;
    assert_eq!(
        events,
        [
            format!("0 {:?}", TurnEvent::Started(&reply.head)),
            "1 ReasoningDelta(\"hm\")".to_owned(),
            "2 TextDelta(\"Grü\")".to_owned(),
            "3 TextDelta(\"ße 🦀\")".to_owned(),
            format!("4 {:?}", TurnEvent::Ended(&reply.end)),
        ]
    );
}

#[tokio::test]
async fn tokens_are_estimated_where_the_model_counts_none() {
    let house = House::new().await;
    let reply = house.talk(message("one", "four of them.."), "two.....").await.reply().await;
    let usage = Usage { prompt_tokens: 4, completion_tokens: 2, estimated: true, ..Usage::default() };
    assert_eq!(reply.end.usage, usage);
}

#[tokio::test]
async fn live_and_replayed_are_the_same_from_every_position() {
    let house = House::new().await;
    let script = house.model.script();
    let mut live = house.ask(resumable("one", "hello")).await;
    script.text("a");
    script.reasoning("ü");
    let mut events = read(&mut live, 3).await;
    // Some begin while it runs, and read together with the first.
    let log = house.chat.log(&house.ada, "one").await.unwrap();
    let mut during: Vec<_> = (0..=4).map(|position| log.read_from(position)).collect();
    script.text("🦀");
    script.text("d");
    script.finish();
    events.extend(read_to_end(&mut live).await);
    assert_eq!(events.len(), 6);

    for (position, reader) in during.iter_mut().enumerate() {
        let from = position.min(3);
        assert_eq!(read_to_end(reader).await, events[from..], "during, from {position}");
    }
    for position in 0..=8 {
        let from = position.min(6);
        let mut memory = log.read_from(position);
        assert_eq!(read_to_end(&mut memory).await, events[from..], "from memory, from {position}");
        let stored = house.chat.log(&house.ada, "one").await.unwrap();
        let mut stored = stored.read_from(position);
        assert_eq!(read_to_end(&mut stored).await, events[from..], "from the store, from {position}");
    }
}

#[tokio::test]
async fn a_reader_that_takes_one_event_at_a_time_gets_each_once() {
    let house = House::new().await;
    let mut stream = house.talk(message("one", "hello"), "hi").await;
    let mut numbers = Vec::new();
    let mut take = |number: usize, _: TurnEvent<'_>| {
        numbers.push(number);
        ControlFlow::Break(())
    };
    while poll_fn(|ctx| stream.poll_events(ctx, &mut take)).await {}
    assert!(!poll_fn(|ctx| stream.poll_events(ctx, &mut take)).await, "the end is behind");
    assert_eq!(numbers, [0, 1, 2]);
}

#[tokio::test]
async fn a_reader_is_told_of_a_failure_before_the_first_delta_only() {
    let house = House::new().await;
    let patience = std::time::Duration::from_secs(10);
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    script.fail(chat::provider::CompletionError::Timeout);
    let error = stream.first_delta(patience).await.unwrap_err();
    assert_eq!(error.kind, chat::ErrorKind::ProviderTimeout);

    let script = house.model.script();
    let mut stream = house.ask(message("two", "hello")).await;
    script.text("a");
    stream.first_delta(patience).await.unwrap();
    script.fail(chat::provider::CompletionError::Timeout);
    read_to_end(&mut stream).await;
    stream.first_delta(patience).await.unwrap();
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_a_stream() {
    let house = House::new().await;
    let script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    stream.first_delta(std::time::Duration::from_millis(1)).await.unwrap();
    script.text("late");
    read_text(&mut stream, "late").await;
}

#[tokio::test]
async fn events_are_kept_for_their_retention_and_text_for_ever() {
    let house = House::new().await;
    house.talk(message("one", "hello"), "hi").await;
    let retention = house.chat.settings().retention;
    house.clock.advance(retention);
    house.chat.resume(&house.ada, "one").await.unwrap();
    house.clock.advance(std::time::Duration::from_millis(1));
    let gone = house.chat.resume(&house.ada, "one").await.unwrap_err();
    assert_eq!(gone.kind, chat::ErrorKind::Gone);
    assert_eq!(house.history("sess_1").await, ["user: hello", "assistant: hi"]);
}

#[tokio::test]
async fn a_turn_of_another_account_is_not_found() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(message("one", "hello")).await;
    let running = house.chat.log(&house.bob, "one").await.unwrap_err();
    script.finish();
    stream.reply().await;
    let ended = house.chat.resume(&house.bob, "one").await.unwrap_err();
    let unknown = house.chat.log(&house.bob, "two").await.unwrap_err();
    assert_eq!([running.to_string(), ended.to_string(), unknown.to_string()], ["turn not found"; 3]);
    assert_eq!(unknown.kind, chat::ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_turns_side_by_side_keep_to_themselves() {
    let house = House::new().await;
    let names: Vec<_> = (0..100).map(|number| format!("turn-{number}")).collect();
    let scripts: Vec<_> = names.iter().map(|_| house.model.script()).collect();
    let streams = join_all(names.iter().map(|name| house.ask(message(name, name)))).await;
    let whole = |number: usize| (0..30).map(|piece| format!("{number}ü{piece} ")).collect::<String>();
    for piece in 0..30 {
        for (number, script) in scripts.iter().enumerate() {
            script.text(&format!("{number}ü{piece} "));
        }
        tokio::task::yield_now().await;
    }
    scripts.into_iter().for_each(Script::finish);

    let replies = join_all(streams.into_iter().map(TurnStream::reply)).await;
    let mut told: Vec<_> = replies.iter().map(|reply| reply.text.clone()).collect();
    for (name, reply) in names.iter().zip(&replies) {
        let stored = house.stored(name).await.unwrap();
        assert_eq!((&stored.transcript.text, &stored.end), (&reply.text, &Some(reply.end.clone())));
    }
    told.sort_unstable();
    let mut scripted: Vec<_> = (0..100).map(whole).collect();
    scripted.sort_unstable();
    assert_eq!(told, scripted);
}

fn deltas() -> impl Strategy<Value = Vec<CompletionEvent>> {
    let delta = ("[a-zß🦀\u{0}]{1,200}", any::<bool>()).prop_map(|(text, is_reasoning)| {
        if is_reasoning { CompletionEvent::ReasoningDelta(text) } else { CompletionEvent::TextDelta(text) }
    });
    prop::collection::vec(delta, 0..40)
}

/// The numbers and texts of the deltas that are there now.
fn deltas_from(log: &std::sync::Arc<TurnLog>, position: usize) -> Vec<(usize, CompletionEvent)> {
    let mut found = Vec::new();
    let mut stream = log.read_from(position);
    let ctx = std::task::Context::from_waker(std::task::Waker::noop());
    let _all = stream.poll_events(&ctx, |number, event| {
        match event {
            TurnEvent::TextDelta(text) => found.push((number, CompletionEvent::TextDelta(text.to_owned()))),
            TurnEvent::ReasoningDelta(text) => {
                found.push((number, CompletionEvent::ReasoningDelta(text.to_owned())));
            }
            TurnEvent::Started(_) | TurnEvent::Cited(_) | TurnEvent::Ended(_) => {}
        }
        ControlFlow::Continue(())
    });
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_deltas_read_the_same_written_and_stored(deltas in deltas(), cut in 0_usize..40) {
        let (head, end) = some_head_and_end();
        let live = TurnLog::new(WhenUnread::Continue);
        live.open(head.clone());
        let cut = cut.min(deltas.len());
        live.append(deltas[..cut].iter().cloned());
        // One that asks for more than there is begins with what comes next.
        let mut early = live.read_from(usize::MAX);
        live.append(deltas[cut..].iter().cloned());
        let numbered: Vec<_> = (1..).zip(deltas.iter().cloned()).collect();
        let stored: Transcript = live.transcript();
        let replayed = TurnLog::ended(head, stored, end);

        for position in 0..=deltas.len() + 2 {
            let expected: Vec<_> =
                numbered.iter().filter(|(number, _)| *number >= position).cloned().collect();
            prop_assert_eq!(&deltas_from(&live, position), &expected);
            prop_assert_eq!(&deltas_from(&replayed, position), &expected);
        }
        let ctx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut numbers = Vec::new();
        let _all = early.poll_events(&ctx, |number, _| { numbers.push(number); ControlFlow::Continue(()) });
        prop_assert_eq!(numbers, (cut + 1..=deltas.len()).collect::<Vec<_>>());
    }
}

fn some_head_and_end() -> (chat::turn::TurnHead, chat::turn::TurnEnd) {
    use chat::clock::Clock as _;
    let clock = testkit::ManualClock::new();
    let model = chat::turn::ModelName { provider: "p".to_owned(), model: "m".to_owned() };
    let head = chat::turn::TurnHead {
        turn: chat::ids::TurnId::new(&clock),
        account: chat::ids::AccountId::new(&clock),
        name: "one".to_owned(),
        conversation: chat::ids::ConversationId::new(&clock),
        conversation_name: "sess_1".to_owned(),
        question_id: None,
        answer_id: "answer".to_owned(),
        parent_id: None,
        asked: model.clone(),
        answered_by: model,
        opened_at: clock.now(),
    };
    let end =
        chat::turn::TurnEnd { outcome: Outcome::Stopped, usage: Usage::default(), ended_at: clock.now() };
    (head, end)
}
