//! The embedded model with its real weights: what it answers, and what becomes of it when nobody listens.

use std::fs;
use std::time::Duration;

use chat::provider::{
    CompletionError, CompletionEvent, CompletionRequest, FinishReason, PromptMessage, Provider, Role, Usage,
};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use providers::embedded::{CONTEXT_TOKENS, Embedded, FILE, LoadError, MODEL, Settings};
use testkit::model_dir;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::timeout;

/// Far more than a step takes, far less than reading [`long`] does.
const PROMPTLY: Duration = Duration::from_secs(5);

type Answer = BoxStream<'static, Result<CompletionEvent, CompletionError>>;

/// The one model of these tests, to oneself: its queue is what some of them are about.
async fn model() -> MappedMutexGuard<'static, Embedded> {
    static LOADED: Mutex<Option<Embedded>> = Mutex::const_new(None);
    MutexGuard::map(LOADED.lock().await, |model| {
        model.get_or_insert_with(|| Embedded::load(&model_dir()).expect("the model loads"))
    })
}

fn question(content: &str) -> CompletionRequest {
    CompletionRequest {
        model: MODEL.to_owned(),
        messages: vec![PromptMessage { role: Role::User, content: content.to_owned() }],
        temperature: Some(0.0),
        top_p: None,
        max_tokens: Some(16),
        extract: None,
    }
}

/// A question that takes many seconds to read.
fn long() -> CompletionRequest {
    question(&"The quick brown fox jumps over the lazy dog. ".repeat(180))
}

/// The answer, whole.
async fn whole(mut answer: Answer) -> (Vec<String>, FinishReason, Usage) {
    let mut deltas = Vec::new();
    while let Some(event) = answer.next().await {
        match event.expect("the answer does not fail") {
            CompletionEvent::TextDelta(delta) => deltas.push(delta),
            CompletionEvent::ReasoningDelta(_) => panic!("this model does not reason"),
            CompletionEvent::Finished { reason, usage } => {
                assert!(answer.next().await.is_none(), "nothing follows the end");
                return (deltas, reason, usage.expect("the model counts"));
            }
        }
    }
    panic!("the answer has no end")
}

async fn text(model: &Embedded, request: CompletionRequest) -> String {
    whole(model.stream(request)).await.0.concat()
}

#[tokio::test]
async fn a_greedy_answer_is_the_recorded_one() {
    let model = model().await;

    let (deltas, reason, usage) = whole(model.stream(question("Count from 1 to 10."))).await;

    let recorded = ["1", ".", " ", "1", "\n", "2", ".", " ", "2", "\n", "3", ".", " ", "3", "\n", "4"];
    assert_eq!(deltas, recorded, "one delta a token");
    assert_eq!(reason, FinishReason::Length);
    assert_eq!(usage, Usage { prompt_tokens: 39, completion_tokens: 16, ..Usage::default() });
}

#[tokio::test]
async fn an_answer_that_is_whole_says_so() {
    let model = model().await;

    let (deltas, reason, usage) = whole(model.stream(question("What is 2 + 2?"))).await;

    assert_eq!(deltas.concat(), "The answer is 4.");
    assert_eq!(reason, FinishReason::Stop);
    assert_eq!(usage, Usage { prompt_tokens: 38, completion_tokens: 6, ..Usage::default() });
}

#[tokio::test]
async fn characters_of_several_tokens_come_whole() {
    let model = model().await;

    let (deltas, _, usage) = whole(model.stream(question("Reply with the emoji 🎉🎉🎉 only."))).await;

    assert!(deltas.concat().starts_with("🎉🎉🎉"), "{deltas:?}");
    assert!(!deltas.concat().contains('\u{fffd}'), "{deltas:?}");
    assert!(deltas.len() < usage.completion_tokens as usize, "an emoji is several tokens: {deltas:?}");
}

#[tokio::test]
async fn two_callers_get_their_own_answers() {
    let model = model().await;

    let (sum, colors) = tokio::join!(
        text(&model, question("What is 2 + 2?")),
        text(&model, question("Name three primary colors."))
    );

    assert!(sum.contains('4'), "{sum}");
    assert!(colors.contains("Red"), "{colors}");
}

#[tokio::test]
async fn sampling_is_repeatable_with_a_seed() {
    let _others_wait = model().await;
    let model =
        Embedded::load_with(&model_dir(), &Settings { seed: Some(7), ..Settings::default() }).unwrap();
    let request = CompletionRequest { temperature: Some(1.0), ..question("Tell me a story.") };

    let first = text(&model, request.clone()).await;

    assert_eq!(text(&model, request).await, first);
}

#[tokio::test]
async fn a_prompt_that_leaves_no_room_for_an_answer_is_refused() {
    let model = model().await;
    let context = model.context_tokens(MODEL);
    assert_eq!(context, Some(CONTEXT_TOKENS));

    let mut answer = model.stream(question(&"word ".repeat(2_050)));

    assert_eq!(answer.next().await, Some(Err(CompletionError::ContextLength)));
    assert_eq!(answer.next().await, None);
}

#[tokio::test]
async fn a_reader_that_goes_while_the_prompt_is_read_frees_the_model() {
    let model = model().await;
    let mut unread = model.stream(long());
    assert!(
        timeout(Duration::from_millis(300), unread.next()).await.is_err(),
        "the prompt takes longer to read"
    );

    drop(unread);

    let next = timeout(PROMPTLY, text(&model, question("What is 2 + 2?"))).await;
    assert_eq!(next.as_deref(), Ok("The answer is 4."));
}

#[tokio::test]
async fn a_reader_that_goes_in_the_middle_of_an_answer_frees_the_model() {
    let model = model().await;
    let mut half_read =
        model.stream(CompletionRequest { max_tokens: Some(1_000), ..question("Write a long story.") });
    assert!(matches!(half_read.next().await, Some(Ok(CompletionEvent::TextDelta(_)))));

    drop(half_read);

    let next = timeout(PROMPTLY, text(&model, question("What is 2 + 2?"))).await;
    assert_eq!(next.as_deref(), Ok("The answer is 4."));
}

#[tokio::test]
async fn who_finds_the_queue_full_is_told_at_once() {
    let _others_wait = model().await;
    // One that has no earlier answer to wind up, which would count as the one under way.
    let model = Embedded::load(&model_dir()).unwrap();
    let running = model.stream(long());
    let mut waiting: Vec<_> = (0..4).map(|_| model.stream(long())).collect();

    let mut turned_away = model.stream(question("Hello"));

    let Some(Some(Err(CompletionError::Busy { retry_after }))) = turned_away.next().now_or_never() else {
        panic!("busy is known at once");
    };
    assert!(retry_after > Duration::ZERO);
    assert_eq!(turned_away.next().await, None);

    // Whoever gives up makes room.
    waiting.pop();
    let mut admitted = model.stream(question("What is 2 + 2?"));
    assert_eq!(admitted.next().now_or_never(), None);
    drop((running, waiting));
    assert_eq!(whole(admitted).await.0.concat(), "The answer is 4.");
}

#[tokio::test]
async fn an_answer_under_way_fails_when_the_model_goes() {
    let _others_wait = model().await;
    let model = Embedded::load(&model_dir()).unwrap();
    let mut answer =
        model.stream(CompletionRequest { max_tokens: Some(1_000), ..question("Write a long story.") });
    assert!(matches!(answer.next().await, Some(Ok(CompletionEvent::TextDelta(_)))));

    drop(model);

    let rest: Vec<_> = timeout(PROMPTLY, answer.collect()).await.unwrap();
    assert!(matches!(rest.last(), Some(Err(CompletionError::Failed(_)))), "{:?}", rest.last());
}

#[tokio::test]
async fn tokens_are_counted_as_the_model_does() {
    let model = model().await;

    assert_eq!(model.count_tokens("What is the capital of France?"), 7);
    assert_eq!(model.count_tokens("<|im_end|>"), 7, "a special token in a text is text");
}

#[test]
fn a_directory_without_the_model_is_named() {
    let dir = tempfile::tempdir().unwrap();

    let error = Embedded::load(dir.path()).err().unwrap();

    assert!(matches!(error, LoadError::Missing { looked_for } if looked_for == dir.path().join(FILE)));
}

#[test]
fn a_file_that_is_not_the_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), b"GGUF").unwrap();

    let error = Embedded::load(dir.path()).err().unwrap();

    assert!(matches!(error, LoadError::Corrupt { path, .. } if path == dir.path().join(FILE)));
}

#[tokio::test]
async fn the_converted_form_is_made_once_and_again_when_damaged() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(model_dir().join(FILE), dir.path().join(FILE)).unwrap();
    let converted = dir.path().join("SmolLM2-135M-Instruct.Q8_0.gguf");
    drop(Embedded::load(dir.path()).unwrap());
    let made = fs::metadata(&converted).unwrap();
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing else is left: {names:?}");

    fs::File::options().write(true).open(&converted).unwrap().set_len(made.len() / 2).unwrap();
    drop(Embedded::load(dir.path()).unwrap());

    assert_eq!(fs::metadata(&converted).unwrap().len(), made.len());
}

#[tokio::test]
async fn a_directory_that_can_not_keep_the_converted_form_still_serves() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(model_dir().join(FILE), dir.path().join(FILE)).unwrap();
    // Nothing can be renamed over a directory; the tests may run as root, to whom nothing is read-only.
    fs::create_dir(dir.path().join("SmolLM2-135M-Instruct.Q8_0.gguf")).unwrap();

    let model = Embedded::load(dir.path()).unwrap();

    assert_eq!(model.count_tokens("What is the capital of France?"), 7);
}
