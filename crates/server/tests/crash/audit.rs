//! What a server that came back from a kill must know, compared with what a client saw before.

use std::iter::Sum;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::{Asked, Client, Way};
use crate::harness::{Frame, frames, text_of};
use crate::program::Program;

/// The kill, as far as it matters to what may be lost.
pub(crate) struct Kill {
    pub(crate) at: Instant,
    /// Text that was seen longer than this before the kill must be stored.
    pub(crate) may_be_lost: Duration,
}

/// What a test must have met to mean anything.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) questions: usize,
    /// Answers that had begun, and broke off.
    pub(crate) cut: usize,
    /// Questions to which no answer had begun, that were stored, and that were not.
    pub(crate) unknown_stored: usize,
    pub(crate) unknown_absent: usize,
    /// Words of cut answers that had to be stored, that were stored, and that were seen and lost.
    pub(crate) words_due: usize,
    pub(crate) words_kept: usize,
    pub(crate) words_lost: usize,
    /// How long before the kill the oldest lost word was seen.
    pub(crate) oldest_loss: Duration,
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |one, other| Self {
            questions: one.questions + other.questions,
            cut: one.cut + other.cut,
            unknown_stored: one.unknown_stored + other.unknown_stored,
            unknown_absent: one.unknown_absent + other.unknown_absent,
            words_due: one.words_due + other.words_due,
            words_kept: one.words_kept + other.words_kept,
            words_lost: one.words_lost + other.words_lost,
            oldest_loss: one.oldest_loss.max(other.oldest_loss),
        })
    }
}

/// A question and its answer in a session's history.
struct StoredTurn<'history> {
    question: &'history Value,
    answer: &'history Value,
}

impl StoredTurn<'_> {
    fn text(&self) -> &str {
        self.answer["content"].as_str().expect("an answer has text")
    }

    fn is_complete(&self) -> bool {
        match self.answer["status"].as_str() {
            Some("complete") => true,
            Some("failed") => false,
            status => panic!("no turn runs and nobody stopped one, but this is {status:?}"),
        }
    }
}

/// How many words of the upstream's this text is; fails if it is anything but the first of them in order.
#[track_caller]
fn words_in(text: &str) -> usize {
    let words = text.split_inclusive(' ');
    words.enumerate().map(|(at, word)| assert_eq!(word, crate::word(at), "{text:?}")).count()
}

/// Compares the client's session with what the client saw, lets it come back, and asks once more.
pub(crate) async fn check_client(
    program: &Program,
    http: &reqwest::Client,
    client: &Client,
    kill: &Kill,
) -> Tally {
    let mut tally = Tally { questions: client.asked.len(), ..Tally::default() };
    let history = program.history(http, &client.session).await;
    let stored = history.as_ref().map(turns_of).unwrap_or_default();
    check_questions(client, &stored);
    for (asked, stored) in client.asked.iter().zip(&stored) {
        check_answer(asked, stored);
    }
    let cut = client.cut();
    let stored_cut = stored.get(client.asked.len() - 1);
    check_loss(cut, stored_cut, kill, &mut tally);
    match cut.way {
        Way::Resumable => check_resume(program, http, cut, stored_cut).await,
        Way::Published => {}
        Way::Whole => check_repeat(program, http, cut, stored_cut).await,
    }
    check_goes_on(program, http, client).await;
    tally
}

fn turns_of(history: &Value) -> Vec<StoredTurn<'_>> {
    assert_eq!(history["activeTurnId"], Value::Null, "no turn is left running");
    assert_eq!(history["nextBefore"], Value::Null, "the page is the whole session");
    let (pairs, rest) = history["data"].as_array().expect("messages").as_chunks::<2>();
    assert!(rest.is_empty(), "each question has its answer: {history}");
    pairs.iter().map(|[question, answer]| StoredTurn { question, answer }).collect()
}

/// Every acknowledged question is there exactly once and in order; the last one, if it is unknown, once or not.
fn check_questions(client: &Client, stored: &[StoredTurn<'_>]) {
    let stored: Vec<_> = stored.iter().map(|turn| turn.question["content"].as_str()).collect();
    let mut asked: Vec<_> = client.asked.iter().map(|asked| Some(asked.question.as_str())).collect();
    if !client.cut().acknowledged && stored.len() < asked.len() {
        asked.pop();
    }
    assert_eq!(stored, asked, "the questions of {}", client.session);
}

fn check_answer(asked: &Asked, stored: &StoredTurn<'_>) {
    if asked.way == Way::Resumable {
        assert_eq!(stored.question["id"], json!(asked.message()));
        assert_eq!(stored.answer["turnId"], json!(asked.turn()));
    }
    words_in(stored.text());
    if asked.ended {
        assert!(stored.is_complete(), "{} was answered whole", asked.question);
        assert_eq!(stored.text(), asked.text(), "the answer to {}", asked.question);
    }
    if stored.is_complete() {
        let words = words_in(stored.text());
        assert!(crate::LENGTHS.contains(&words), "{} has an answer of {words} words", asked.question);
    }
}

/// Of a cut answer at most the last moments are gone.
fn check_loss(cut: &Asked, stored: Option<&StoredTurn<'_>>, kill: &Kill, tally: &mut Tally) {
    let seen = words_in(&cut.text());
    tally.cut += usize::from(seen > 0);
    match stored {
        Some(_) if !cut.acknowledged => tally.unknown_stored += 1,
        Some(_) => {}
        None => tally.unknown_absent += 1,
    }
    let age = |at: Instant| kill.at.saturating_duration_since(at);
    let due = cut.seen.iter().filter(|(at, _)| age(*at) > kill.may_be_lost).count();
    let kept = stored.map_or(0, |stored| words_in(stored.text()));
    assert!(kept >= due, "{} words were due of the answer to {}, {kept} are stored", due, cut.question);
    tally.words_due += due;
    tally.words_kept += kept;
    tally.words_lost += seen.saturating_sub(kept);
    tally.oldest_loss = cut.seen.get(kept).map_or(Duration::ZERO, |(at, _)| age(*at));
}

/// The reader comes back with the last number it knows: it gets what is stored beyond, and one end.
async fn check_resume(
    program: &Program,
    http: &reqwest::Client,
    cut: &Asked,
    stored: Option<&StoredTurn<'_>>,
) {
    let url = program.url(&format!("/api/chat/turns/{}/events", cut.turn()));
    let answer = http.get(url).header("Last-Event-ID", cut.last_id).send().await.expect("an answer");
    let Some(stored) = stored else { return assert_eq!(answer.status(), 404, "{}", cut.question) };
    assert_eq!(answer.status(), 200, "{}", cut.question);
    let rest = frames(&answer.text().await.expect("a whole stream"));

    let numbers: Vec<u64> = rest.iter().map(|frame| frame.id).collect();
    let follow: Vec<u64> = (cut.last_id + 1..).take(rest.len()).collect();
    assert_eq!(numbers, follow, "no number is missing or used twice: {}", cut.question);
    assert_eq!(types_of(&rest), types_after(cut.last_id, stored), "{}", cut.question);
    let (seen, kept) = (cut.text(), stored.text());
    let longer = if seen.len() > kept.len() { seen.as_str() } else { kept };
    assert_eq!(format!("{seen}{}", text_of(&rest)), longer, "no word is missing or twice: {}", cut.question);
    if let Some(error) = rest.iter().find(|frame| frame.data["type"] == "error") {
        assert_eq!(error.data["code"], "INTERRUPTED");
    }
}

fn types_of(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.data["type"].as_str().expect("a frame has a type")).collect()
}

/// The frames that follow number `seen`. An interrupted answer gets its end even where more was seen than stored.
fn types_after(seen: u64, stored: &StoredTurn<'_>) -> Vec<&'static str> {
    let words = words_in(stored.text());
    let end = if stored.is_complete() { ["usage", "done"] } else { ["error", "done"] };
    let all = std::iter::once("turn").chain(std::iter::repeat_n("delta", words)).chain(end);
    let seen = usize::try_from(seen).expect("a small number");
    all.skip(if stored.is_complete() { seen } else { seen.min(words + 1) }).collect()
}

/// The same request under the same key gives the first outcome, or is the first.
async fn check_repeat(
    program: &Program,
    http: &reqwest::Client,
    cut: &Asked,
    stored: Option<&StoredTurn<'_>>,
) {
    let answer = cut.request(http, &program.url("")).send().await.expect("an answer");
    let status = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    match stored {
        Some(stored) if stored.is_complete() => assert_eq!(body["content"], json!(stored.text())),
        Some(_) => assert_eq!((status.as_u16(), &body["code"]), (503, &json!("INTERRUPTED"))),
        None => assert_eq!(status, 200, "{body}"),
    }
}

/// A session whose answer was cut is answered again, and has every question once.
async fn check_goes_on(program: &Program, http: &reqwest::Client, client: &Client) {
    let mut again = Asked::new(Way::Resumable, &client.session, format!("{}-question-again", client.session));
    again.ask(http, &program.url(""), &watch::Sender::new(0)).await;
    assert!(again.ended, "{} is answered", again.question);
    let history = program.history(http, &client.session).await.expect("the session is there");
    let stored = turns_of(&history);
    let mut questions: Vec<_> = stored.iter().filter_map(|turn| turn.question["content"].as_str()).collect();
    assert_eq!(questions.last(), Some(&again.question.as_str()));
    questions.sort_unstable();
    assert!(questions.is_sorted_by(|one, next| one < next), "each question is there once: {questions:?}");
    check_answer(&again, stored.last().expect("it was just asked"));
}
