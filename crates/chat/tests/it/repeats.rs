//! The same request again: the same turn, asked of the model once.

use chat::ErrorKind;
use chat::turn::TurnRequest;
use futures::future::join_all;

use crate::house::{House, keyed, message, read_text, read_to_end, resumable};

#[tokio::test]
async fn a_repeat_attaches_while_the_turn_runs_and_replays_it_afterwards() {
    let house = House::new().await;
    let script = house.model.script();
    let request = keyed(TurnRequest { name: None, ..message("", "hello") });
    let mut first = house.ask(request.clone()).await;
    let mut second = house.ask(request.clone()).await;
    script.text("hi");
    read_text(&mut second, "hi").await;
    script.finish();

    let events = read_to_end(&mut first).await;
    let mut third = house.ask(request).await;
    assert_eq!(read_to_end(&mut third).await, events);
    assert_eq!(house.model.started(), 1);
    assert_eq!(house.history("sess_1").await, ["user: hello", "assistant: hi"]);
}

#[tokio::test]
async fn a_repeat_of_a_stopped_turn_does_not_revive_it() {
    let house = House::new().await;
    let script = house.model.script();
    let request = keyed(message("one", "hello"));
    let mut stream = house.ask(request.clone()).await;
    script.text("half");
    read_text(&mut stream, "half").await;
    drop(stream);
    house.model.until_dropped(1).await;
    let reply = house.ask(request).await.reply().await;
    assert_eq!((reply.text.as_str(), reply.end.outcome), ("half", chat::turn::Outcome::Stopped));
    assert_eq!(house.model.started(), 1);
}

#[tokio::test]
async fn another_body_under_the_same_key_or_name_is_a_conflict() {
    let house = House::new().await;
    house.talk(keyed(message("one", "hello")), "hi").await;
    for request in [keyed(message("two", "other")), message("one", "other")] {
        let refused = house.chat.ask(&house.ada, request).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
    }
    assert_eq!(house.model.started(), 1);
}

#[tokio::test]
async fn a_repeat_that_is_told_before_the_turn_runs_waits_for_it() {
    let house = House::new().await;
    house.model.answer("hi");
    house.store.opened.shut();
    let request = keyed(message("one", "hello"));
    let (first, second) = tokio::join!(house.ask(request.clone()), async {
        house.store.opened.until_arrived(1).await;
        let second = house.ask(request);
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        house.store.opens.until_arrived(2).await;
        let patience = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(patience, &mut second).await.is_err(), "there is nothing to attach to");
        house.store.opened.open();
        second.await
    });
    assert_eq!(first.reply().await, second.reply().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_all_get_the_same_turn() {
    let house = House::new().await;
    for round in 0..20 {
        let script = house.model.script();
        let request = resumable(&format!("turn-{round}"), "hello");
        let asked = join_all((0..20).map(|_| house.chat.ask(&house.ada, request.clone()))).await;
        script.text("hi");
        script.finish();
        let mut answers = Vec::new();
        for stream in asked {
            answers.push(read_to_end(&mut stream.unwrap()).await);
        }
        assert!(answers.iter().all(|events| events == &answers[0]), "round {round}");
    }
    assert_eq!(house.model.started(), 20);
}
