//! What an assistant is asked through the SDK, and how it answers.

use serde_json::{Value, json};
use testkit::upstream::{Reply, openai_stream};

use crate::{ASSISTANT, Desk};

/// Text that breaks readers who cut at `}{` or inside a character.
const PIECES: [&str; 5] = ["fn main() {", "}{ ", "\"quoted\\\"", " wörld 🦀", "\n\ndata: }"];

#[tokio::test]
async fn a_question_is_answered() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    desk.model_says(&["Hello."]);

    let answer = client.call("chat", json!({ "assistant": ASSISTANT, "text": "hi" })).await;

    let told = [&answer["generated"], &answer["success"], &answer["tokens_used"], &answer["agent_error"]];
    assert_eq!(told, [&json!("Hello."), &json!(true), &json!(10), &Value::Null]);
    assert!(answer["time_elapsed"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{answer}");
    assert_eq!(answer["thoughts"][0]["message"], "Hello.");
    assert_eq!(desk.read(0).1, ["hi"]);
    desk.close().await;
}

#[tokio::test]
async fn a_streamed_answer_is_read_while_it_is_written() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    let (reply, gate) = openai_stream(&PIECES).paced();
    // The role, and the first piece.
    gate.release(2);
    desk.server.upstream.enqueue(reply);

    let content_type = client.call("begin_stream", json!({ "assistant": ASSISTANT, "text": "hi" })).await;
    let mut objects = vec![client.call("next_object", json!({})).await];
    assert_eq!(chunks(&objects), PIECES[0], "the model has written no more");
    gate.open();
    while !objects.last().expect("there are objects").is_null() {
        objects.push(client.call("next_object", json!({})).await);
    }
    objects.pop();

    assert_eq!(content_type, "application/x-ndjson");
    assert_eq!(chunks(&objects), PIECES.concat());
    let (last, before) = objects.split_last().expect("there are objects");
    assert!(before.iter().all(|object| object["last"] == json!(false)), "one object is the last");
    assert_eq!((&last["last"], &last["generated"]), (&json!(true), &json!(PIECES.concat())));
    desk.close().await;
}

fn chunks(objects: &[Value]) -> String {
    objects.iter().filter_map(|object| object["generated_chunk"].as_str()).collect()
}

#[tokio::test]
async fn a_conversation_remembers() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    desk.model_says(&["Noted.", "Ada."]);

    for text in ["My name is Ada.", "Who am I?"] {
        let question = json!({ "assistant": ASSISTANT, "text": text, "conversation_id": "c-1" });
        client.call("chat", question).await;
    }

    assert_eq!(desk.read(1).1, ["My name is Ada.", "Noted.", "Who am I?"]);
    desk.close().await;
}

#[tokio::test]
async fn a_history_that_is_passed_along_is_read() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    desk.model_says(&["Ada."]);
    let history = json!([
        { "role": "User", "message": "My name is Ada." }, { "role": "Assistant", "message": "Noted." },
    ]);

    client.call("chat", json!({ "assistant": ASSISTANT, "text": "Who am I?", "history": history })).await;

    assert_eq!(desk.read(0).1, ["My name is Ada.", "Noted.", "Who am I?"]);
    desk.close().await;
}

#[tokio::test]
async fn an_answer_in_a_class_of_the_callers_takes_one_call_or_two() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    let question = json!({ "assistant": ASSISTANT, "text": "Which city?" });
    let rome = "{\"city\": \"Rome\", \"rivers\": [\"Tiber\", \"Aniene\"]}";
    let city = json!({ "class": "City", "city": "Rome", "rivers": ["Tiber", "Aniene"] });

    desk.model_says(&[rome]);
    assert_eq!(client.call("chat_about_a_city", question.clone()).await, city);
    assert_eq!(desk.models_calls(), 1, "valid at once");
    let (instructions, _) = desk.read(0);
    assert!(instructions.contains("JSON schema"), "{instructions}");
    assert!(instructions.contains("\"rivers\""), "the class is described: {instructions}");

    desk.model_says(&["Rome, on the Tiber.", rome]);
    assert_eq!(client.call("chat_about_a_city", question).await, city);
    assert_eq!(desk.models_calls(), 3, "invalid, then valid");
    assert_eq!(desk.read(2).1[..2], ["Which city?", "Rome, on the Tiber."]);
    desk.close().await;
}

#[tokio::test]
async fn an_answer_that_is_twice_not_in_the_class_is_a_failure() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    let question = json!({ "assistant": ASSISTANT, "text": "Which city?" });

    desk.model_says(&["Rome.", "{\"city\": \"Rome\"}"]);
    let raised = client.raised("chat_about_a_city", question.clone()).await;
    assert_eq!((&raised["raised"], &raised["about"]), (&json!("ValidationError"), &json!("City")));
    assert_eq!(desk.models_calls(), 2);

    desk.model_says(&["Rome.", "7"]);
    let mut question = question;
    question["output_schema"] = json!({ "type": "object" });
    let answer = client.call("chat", question).await;
    assert_eq!(
        (&answer["success"], &answer["agent_error"]["error_code"]),
        (&json!(false), &json!("validation_output"))
    );
    assert_eq!(desk.models_calls(), 4);
    desk.close().await;
}

#[tokio::test]
async fn a_background_task_is_asked_after() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    let (reply, gate) = openai_stream(&["Done."]).paced();
    desk.server.upstream.enqueue(reply);

    let question = json!({ "assistant": ASSISTANT, "text": "Count", "background_task": true });
    let answer = client.call("chat", question).await;
    let task = json!({ "task": answer["task_id"] });
    let running = client.call("task", task.clone()).await;
    gate.open();
    let ended = client.call("ended_task", task).await;

    assert_eq!(answer["generated"], "Task is running in the background");
    assert_eq!((&running["status"], &running["task"]), (&json!("STARTED"), &json!("Count")));
    assert_eq!(running["user"]["username"], "ada");
    assert_eq!((&ended["status"], &ended["final_output"]), (&json!("COMPLETED"), &json!("Done.")));
    let raised = client.raised("task", json!({ "task": "nothing" })).await;
    assert_eq!((&raised["raised"], &raised["status"]), (&json!("HTTPError"), &json!(404)));
    desk.close().await;
}

#[tokio::test]
async fn failures_are_told_in_the_sdks_own_terms() {
    let desk = Desk::open().await;
    let mut client = desk.ada().await;
    desk.server.upstream.always(Reply::status(500).body("{}"));

    let absent = client.raised("chat", json!({ "assistant": "no-such-assistant", "text": "hi" })).await;
    assert_eq!((&absent["raised"], &absent["status"]), (&json!("HTTPError"), &json!(404)));
    assert_eq!(absent["body"]["error"]["message"], "Assistant not found");
    assert_eq!(desk.models_calls(), 0);

    let question = json!({ "assistant": ASSISTANT, "text": "hi" });
    let failed = client.call("chat", question.clone()).await;
    assert_eq!(
        (&failed["success"], &failed["agent_error"]["error_code"]),
        (&json!(false), &json!("agent_network_error"))
    );
    let raised = client.raised("begin_stream", question).await;
    assert_eq!((&raised["raised"], &raised["status"]), (&json!("HTTPError"), &json!(500)));
    desk.close().await;
}
