//! What the model is given to read: the selected path, without what is not settled, and nobody else's.

use chat::provider::CompletionError;
use chat::turn::{Input, TurnRequest};
use testkit::provider::ScriptedProvider;

use crate::house::{House, message, quick, read_text};

fn with_id(request: TurnRequest, id: &str) -> TurnRequest {
    let Input::Message { content, follows, .. } = request.input else { panic!("one message") };
    TurnRequest { input: Input::Message { id: Some(id.to_owned()), content, follows }, ..request }
}

#[tokio::test]
async fn a_turn_that_still_runs_is_left_out() {
    let house = House::new().await;
    house.talk(message("one", "a"), "b").await;
    let script = house.model.script();
    let mut running = house.ask(message("two", "c")).await;
    script.text("half");
    read_text(&mut running, "half").await;
    house.talk(message("three", "d"), "e").await;
    assert_eq!(house.prompts()[2], ["user: a", "assistant: b", "user: d"]);
}

#[tokio::test]
async fn a_turn_that_failed_without_text_is_left_out_and_one_with_text_is_not() {
    let house = House::new().await;
    for (name, question, text) in [("one", "a", ""), ("two", "b", "half")] {
        let script = house.model.script();
        let stream = house.ask(message(name, question)).await;
        if !text.is_empty() {
            script.text(text);
        }
        script.fail(CompletionError::Timeout);
        stream.reply().await;
    }
    house.talk(message("three", "c"), "d").await;
    assert_eq!(house.prompts()[2], ["user: b", "assistant: half", "user: c"]);
}

#[tokio::test]
async fn a_question_that_is_sent_again_after_a_failure_is_heard_from_then_on() {
    let house = House::new().await;
    let script = house.model.script();
    let stream = house.ask(with_id(message("one", "a"), "m1")).await;
    script.fail(CompletionError::Timeout);
    stream.reply().await;
    house.talk(with_id(message("two", "a"), "m1"), "b").await;
    house.talk(message("three", "c"), "d").await;
    assert_eq!(
        house.prompts(),
        [vec!["user: a"], vec!["user: a"], vec!["user: a", "assistant: b", "user: c"]]
    );
}

#[tokio::test]
async fn instructions_lead_and_the_newest_that_fits_follows() {
    let house = House::with(quick(), ScriptedProvider::new().with_context_tokens(64)).await;
    house.talk(message("one", &"a".repeat(200)), "b").await;
    house.talk(message("two", "c"), "d").await;
    let request = TurnRequest { instructions: Some("be kind".to_owned()), ..message("three", "e") };
    house.talk(request, "f").await;
    assert_eq!(house.prompts()[2], ["system: be kind", "user: c", "assistant: d", "user: e"]);
}

#[tokio::test]
async fn conversations_and_accounts_know_nothing_of_each_other() {
    let house = House::new().await;
    house.talk(message("one", "a"), "b").await;
    let elsewhere = TurnRequest { conversation: Some("sess_2".to_owned()), ..message("two", "c") };
    house.talk(elsewhere, "d").await;
    house.model.answer("e");
    let of_bob = house.chat.ask(&house.bob, message("one", "from bob")).await.unwrap().reply().await;
    assert_eq!(of_bob.text, "e");
    assert_eq!(house.prompts(), [["user: a"], ["user: c"], ["user: from bob"]]);
    assert_eq!(house.history("sess_1").await, ["user: a", "assistant: b"]);
}
