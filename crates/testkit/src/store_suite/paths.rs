//! The path from the root to a message, and which of its messages the model does not hear.

use chat::ErrorKind;
use chat::store::{OpenTurn, Place};
use chat::turn::{Failure, Outcome};

use super::{Scene, StoreUnderTest, answer_of, question_of};

fn failed() -> Outcome {
    Outcome::Failed(Failure { kind: ErrorKind::Provider, message: "no".to_owned() })
}

fn anew(scene: &Scene<'_>, name: &str, question: &str) -> OpenTurn {
    OpenTurn { place: Place::AfterId(question.to_owned()), ..scene.anew(name) }
}

/// A path ends where it was asked for and holds only what leads there.
pub async fn a_path_goes_through_its_own_answers(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.talk("one", "a", "b").await;
    let two = scene.talk("two", "c", "d").await;
    let aside = OpenTurn { place: Place::AfterId("one-answer".to_owned()), ..scene.ask("three", "e") };
    let aside = scene.open(aside).await;
    scene.finish(&aside, "f").await;

    assert_eq!(scene.path(Some(question_of(&one))).await, ["user: a"]);
    assert_eq!(scene.path(Some(question_of(&two))).await, ["user: a", "assistant: b", "user: c"]);
    assert_eq!(
        scene.path(Some(answer_of(&two))).await,
        ["user: a", "assistant: b", "user: c", "assistant: d"]
    );
    assert_eq!(
        scene.path(Some(answer_of(&aside))).await,
        ["user: a", "assistant: b", "user: e", "assistant: f"]
    );
}

/// Only the newest messages that fit into the budget are read; one that does not fit ends the path.
pub async fn a_budget_keeps_the_newest(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "1", "22").await;
    let two = scene.talk("two", "333", "44ü").await;
    let from = Some(answer_of(&two));
    assert_eq!(scene.path_within(from, 3).await, Vec::<String>::new(), "ü is two bytes");
    assert_eq!(scene.path_within(from, 4).await, ["assistant: 44ü"]);
    assert_eq!(scene.path_within(from, 8).await, ["user: 333", "assistant: 44ü"]);
    assert_eq!(scene.path_within(from, 9).await, ["assistant: 22", "user: 333", "assistant: 44ü"]);
    assert_eq!(scene.path_within(from, 10).await.len(), 4);
}

/// Both messages of a running turn are left out of other turns' prompts, whatever was saved of it.
pub async fn a_running_turn_is_silent(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.checkpoint(&one, "half").await;
    scene.open(scene.ask("two", "b")).await;
    assert_eq!(scene.path(Some(answer_of(&one))).await, ["[user: a]", "[assistant: half]"]);
}

/// Both messages of a turn that failed without text are left out of prompts.
pub async fn a_failed_turn_without_text_is_silent(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.close(&one, "", failed()).await;
    scene.talk("two", "b", "c").await;
    assert_eq!(scene.selected().await, ["[user: a]", "[assistant: ]", "user: b", "assistant: c"]);
}

/// A turn that failed with text is heard.
pub async fn a_failed_turn_with_text_is_heard(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.close(&one, "half", failed()).await;
    assert_eq!(scene.selected().await, ["user: a", "assistant: half"]);
}

/// Of a turn stopped before its first word the question is heard.
pub async fn a_stopped_turn_without_text_keeps_its_question(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.close(&one, "", Outcome::Stopped).await;
    assert_eq!(scene.selected().await, ["user: a", "[assistant: ]"]);
}

/// A question whose first answer failed is heard once another answer has come.
pub async fn a_question_answered_anew_is_heard(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let one = scene.open(scene.ask("one", "a")).await;
    scene.close(&one, "", failed()).await;
    let again = scene.open(anew(&scene, "two", "one-question")).await;
    scene.finish(&again, "b").await;
    scene.talk("three", "c", "d").await;

    assert_eq!(scene.selected().await, ["user: a", "assistant: b", "user: c", "assistant: d"]);
    assert_eq!(scene.path(Some(answer_of(&one))).await, ["[user: a]", "[assistant: ]"]);
}

/// A question whose new answer is still being written, or failed without text, is left out with it.
pub async fn a_question_answered_anew_by_a_running_turn_is_silent(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.talk("one", "a", "b").await;
    let again = scene.open(anew(&scene, "two", "one-question")).await;
    assert_eq!(scene.path(Some(answer_of(&again))).await, ["[user: a]", "[assistant: ]"]);
    scene.close(&again, "", failed()).await;
    assert_eq!(scene.path(Some(answer_of(&again))).await, ["[user: a]", "[assistant: ]"]);
}
