//! How true answers are that only quote: right, supported by what is cited, refused where the documents do not say.

use std::collections::HashSet;

use knowledge::answer::Answer;
use knowledge::cite::cite;
use knowledge::library::Library;

use crate::collection::{Collection, Question};

/// What is read of an answer.
const WORDS: usize = 80;
/// As many bytes of passages as a model would be given.
const BUDGET: usize = 48_000;

/// Sums over the questions of a collection.
#[derive(Default)]
pub(crate) struct Answers {
    answerable: usize,
    supported: usize,
    wrongly_refused: usize,
    unanswerable: usize,
    refused: usize,
    citations: usize,
    true_citations: usize,
    from_memory: usize,
}

impl Answers {
    /// Asks all questions of a collection, whose documents are in.
    pub(crate) async fn of(library: &Library, collection: &Collection) -> anyhow::Result<Self> {
        let mut sums = Self::default();
        for question in &collection.questions {
            let projects = [collection.name.clone()];
            let answer = library.answer(&projects, &question.text, &[], BUDGET).await?;
            sums.add(question, &answer);
        }
        Ok(sums)
    }

    fn add(&mut self, question: &Question, answer: &Answer) {
        let Answer::Found { passages, extract } = answer else {
            self.answerable += usize::from(question.answerable);
            self.wrongly_refused += usize::from(question.answerable);
            self.unanswerable += usize::from(!question.answerable);
            self.refused += usize::from(!question.answerable && matches!(answer, Answer::Silence));
            return;
        };
        if !question.answerable {
            self.unanswerable += 1;
            return;
        }
        self.answerable += 1;
        let texts: Vec<&str> = passages.iter().map(|passage| passage.stored.text.as_str()).collect();
        let cited = cite(extract, &texts);
        let holds = |citation: &knowledge::cite::Support| {
            contains(&texts[citation.passage][citation.quote.clone()], &question.answers)
        };
        let is_true = |citation: &&knowledge::cite::Support| {
            holds(citation) || question.relevant.contains(&passages[citation.passage].stored.path)
        };
        let read: Vec<&str> = extract.split_whitespace().take(WORDS).collect();
        let is_right = contains(&read.join(" "), &question.answers);
        self.supported += usize::from(is_right && cited.iter().any(holds));
        self.from_memory += usize::from(!is_right && contains(&read.join(" "), &question.original));
        self.citations += cited.len();
        self.true_citations += cited.iter().filter(is_true).count();
    }

    pub(crate) fn print(&self) {
        let part = |some: usize, all: usize| some as f64 / all.max(1) as f64;
        let supported = part(self.supported, self.answerable);
        let refused = part(self.refused, self.unanswerable);
        let trust = match self.unanswerable {
            0 => supported,
            _ => 2.0 * supported * refused / (supported + refused).max(f64::MIN_POSITIVE),
        };
        println!(
            "answers: trust {trust:.4}, supported {supported:.4}, refused {refused:.4}, wrongly refused {:.4}, \
             true citations {:.4}, against the documents {:.4}",
            part(self.wrongly_refused, self.answerable),
            part(self.true_citations, self.citations),
            part(self.from_memory, self.answerable),
        );
    }
}

/// Whether one of the answers stands in the text, as question answering compares them: by words, without articles.
fn contains(text: &str, answers: &[String]) -> bool {
    let plain = |text: &str| {
        let text: String =
            text.to_lowercase().chars().filter(|character| !character.is_ascii_punctuation()).collect();
        let articles = HashSet::from(["a", "an", "the"]);
        let words: Vec<&str> = text.split_whitespace().filter(|word| !articles.contains(word)).collect();
        format!(" {} ", words.join(" "))
    };
    let text = plain(text);
    answers
        .iter()
        .map(|answer| plain(answer))
        .any(|answer| !answer.trim().is_empty() && text.contains(&answer))
}
