//! Clients that send the whole conversation each time: what is stored of it, and what the model reads.

use crate::house::{House, list, message};

#[tokio::test]
async fn a_list_that_grows_is_one_conversation() {
    let house = House::new().await;
    house.talk(list("one", &["user: a"]), "b").await;
    house.talk(list("two", &["user: a", "assistant: b", "user: c"]), "d").await;
    assert_eq!(house.history("sess_1").await, ["user: a", "assistant: b", "user: c", "assistant: d"]);
    assert_eq!(house.prompts(), [vec!["user: a"], vec!["user: a", "assistant: b", "user: c"]]);
}

#[tokio::test]
async fn the_end_of_the_conversation_attaches_where_it_matches() {
    let house = House::new().await;
    house.talk(message("one", "a"), "b").await;
    house.talk(message("two", "c"), "d").await;
    house.talk(list("three", &["user: c", "assistant: d", "user: e"]), "f").await;
    let expected = ["user: a", "assistant: b", "user: c", "assistant: d", "user: e", "assistant: f"];
    assert_eq!(house.history("sess_1").await, expected);
    let read = house.prompts().pop().unwrap();
    assert_eq!(read, ["user: c", "assistant: d", "user: e"], "the model reads the list alone");
}

#[tokio::test]
async fn the_first_difference_begins_a_branch_and_removes_nothing() {
    let house = House::new().await;
    house.talk(list("one", &["user: a"]), "b").await;
    house.talk(list("two", &["user: a", "assistant: b", "user: c"]), "d").await;
    house.talk(list("three", &["user: a", "assistant: edited", "user: e"]), "f").await;
    assert_eq!(house.history("sess_1").await, ["user: a", "assistant: edited", "user: e", "assistant: f"]);
    assert_eq!(house.stored_end("two").await.0, "d");
}

#[tokio::test]
async fn a_list_that_is_wholly_stored_answers_its_last_question_again() {
    let house = House::new().await;
    house.talk(list("one", &["user: a"]), "b").await;
    let again = house.talk(list("two", &["user: a"]), "c").await;
    assert_eq!(again.head().question_id, None);
    assert_eq!(
        again.head().user_message_id(),
        house.stored("one").await.unwrap().head.question_id.as_deref()
    );
    assert_eq!(house.history("sess_1").await, ["user: a", "assistant: c"]);
    assert_eq!(house.prompts(), [["user: a"], ["user: a"]]);
}

#[tokio::test]
async fn a_list_brings_its_messages_along() {
    let house = House::new().await;
    let sent = ["user: a", "assistant: b", "user: c"];
    house.talk(list("one", &sent), "d").await;
    house.talk(message("two", "e"), "f").await;
    let expected = ["user: a", "assistant: b", "user: c", "assistant: d", "user: e", "assistant: f"];
    assert_eq!(house.history("sess_1").await, expected);
    assert_eq!(house.prompts()[1], expected[..5]);
}
