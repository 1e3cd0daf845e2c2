//! Answers that rest on documents: what the model reads, what is told and stored of it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat::grounding::{Citation, Evidence, Grounding, Grounds, Passage, Question};
use chat::turn::{TurnEvent, TurnRequest};
use chat::{Error, ErrorKind, TurnStream};

use crate::house::{House, message, read_to_end};

/// Documents that have this for every question.
#[derive(Debug)]
struct Documents {
    grounds: Result<Grounds, Error>,
    asked: Mutex<Vec<Question>>,
}

impl Documents {
    fn with(grounds: Grounds) -> Arc<Self> {
        Arc::new(Self { grounds: Ok(grounds), asked: Mutex::default() })
    }
}

#[async_trait]
impl Grounding for Documents {
    async fn ground(&self, question: Question) -> Result<Grounds, Error> {
        self.asked.lock().unwrap().push(question);
        self.grounds.clone()
    }

    async fn cite(&self, _: &[String], answer: &str, passages: &[Passage]) -> Result<Vec<Citation>, Error> {
        let end = answer.encode_utf16().count();
        let cited = passages.iter().filter(|_| answer.contains("two"));
        Ok(cited
            .map(|passage| Citation { passage: passage.clone(), verified: true, answer: 0..end })
            .collect())
    }
}

fn passage(text: &str) -> Passage {
    Passage {
        id: "p1".to_owned(),
        document: "doc_1".to_owned(),
        path: "docs/warranty.md".to_owned(),
        title: "Warranty".to_owned(),
        page: None,
        span: 10..10 + text.len(),
        text: text.to_owned(),
        score: 0.9,
    }
}

fn passages(text: &str) -> Grounds {
    Grounds::Passages { passages: vec![passage(text)], extract: text.to_owned() }
}

fn about(name: &str, content: &str) -> TurnRequest {
    TurnRequest { projects: vec!["proj_1".to_owned()], ..message(name, content) }
}

/// What is told of citations, with the numbers of the events.
async fn cited(stream: &TurnStream) -> Vec<(usize, Citation)> {
    let mut found = Vec::new();
    for (number, event) in events(stream).await {
        if let Some(citation) = event {
            found.push((number, citation));
        }
    }
    found
}

async fn events(stream: &TurnStream) -> Vec<(usize, Option<Citation>)> {
    let mut reader = stream.log().read_from(0);
    let mut seen = Vec::new();
    while std::future::poll_fn(|ctx| {
        reader.poll_events(ctx, |number, event| {
            seen.push((
                number,
                if let TurnEvent::Cited(citation) = event { Some(citation.clone()) } else { None },
            ));
            std::ops::ControlFlow::Continue(())
        })
    })
    .await
    {}
    seen
}

#[tokio::test]
async fn the_model_reads_the_passages_as_data_and_its_answer_is_cited() {
    let documents = Documents::with(passages("It lasts \u{ab}two\u{bb} years."));
    let house = House::over(documents.clone()).await;

    let stream = house.talk(about("first", "How long is the warranty?"), "It is two years.").await;

    let prompt = &house.prompts()[0];
    assert!(prompt[0].starts_with("system: ") && prompt[0].contains("It lasts \"two\" years."), "{prompt:?}");
    assert!(prompt[0].contains("\u{ab}passage 1 of docs/warranty.md\u{bb}"), "{prompt:?}");
    assert_eq!(prompt[1], "user: How long is the warranty?");
    let citation =
        Citation { passage: passage("It lasts \u{ab}two\u{bb} years."), verified: true, answer: 0..16 };
    assert_eq!(cited(&stream).await, [(2, citation.clone())], "after the text, before the end");
    let evidence = Evidence { refused: false, citations: vec![citation] };
    let stored = house.stored("first").await.unwrap().transcript.evidence;
    assert_eq!(stored.as_ref(), Some(&evidence));
    let again = house.restart().await.log(&house.ada, "first").await.unwrap();
    assert_eq!(events(&again.read_from(0)).await, events(&stream).await, "it is replayed as it was");
    assert_eq!(again.read_from(0).reply().await.evidence, Some(evidence));
}

#[tokio::test]
async fn what_the_documents_do_not_say_no_model_is_asked() {
    let documents = Documents::with(Grounds::Silence("The documents do not say.".to_owned()));
    let house = House::over(documents).await;

    let stream = house.ask(about("first", "Who won?")).await;
    read_to_end(&mut stream.log().read_from(0)).await;

    assert_eq!(house.prompts(), Vec::<Vec<String>>::new());
    let stored = house.stored("first").await.unwrap();
    assert_eq!(stored.transcript.text, "The documents do not say.");
    assert_eq!(stored.transcript.evidence, Some(Evidence { refused: true, citations: Vec::new() }));
}

#[tokio::test]
async fn a_follow_up_is_asked_together_with_what_it_refers_to() {
    let documents = Documents::with(Grounds::None);
    let house = House::over(documents.clone()).await;
    house.talk(about("first", "How long is the warranty?"), "Two years.").await;
    house.talk(about("second", "And for phones?"), "One.").await;
    house.talk(message("third", "Thanks!"), "Welcome.").await;

    let asked = documents.asked.lock().unwrap().clone();
    let short: Vec<_> =
        asked.iter().map(|question| (question.text.as_str(), question.before.as_slice())).collect();
    let first = "How long is the warranty?";
    assert_eq!(
        short,
        [(first, &[][..]), ("And for phones?", &[first.to_owned()][..])],
        "who names no project asks no documents"
    );
    assert_eq!(asked[0].projects, ["proj_1"]);
    assert_eq!(
        house.stored("first").await.unwrap().transcript.evidence,
        None,
        "it was no question of theirs"
    );
}

#[tokio::test]
async fn documents_that_fail_are_told_before_a_turn_is_opened() {
    let failure = Error::new(ErrorKind::Internal, "the index is broken");
    let documents = Arc::new(Documents { grounds: Err(failure), asked: Mutex::default() });
    let house = House::over(documents).await;

    let refused = house.chat.ask(&house.ada, about("first", "Who won?")).await;

    assert_eq!(refused.err().map(|error| error.message), Some("the index is broken".to_owned()));
    assert!(house.stored("first").await.is_none());
    assert_eq!(house.prompts(), Vec::<Vec<String>>::new());
}
