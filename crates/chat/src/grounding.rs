//! What answers rest on: the port to the documents of projects, and what is kept of it with an answer.

use std::ops::Range;

use async_trait::async_trait;

use crate::error::Error;

/// A question of a turn that names projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The ids of the projects whose documents may be read; the caller has been found to be allowed to.
    pub projects: Vec<String>,
    /// What is asked.
    pub text: String,
    /// What was asked before, the oldest first: the question may refer to it.
    pub before: Vec<String>,
    /// At most so many tokens of passages, estimated.
    pub budget: u32,
}

/// What the documents have for a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Grounds {
    /// There are no documents, or it is no question of theirs: the model answers alone.
    None,
    /// They may hold the answer.
    Passages {
        /// The best first.
        passages: Vec<Passage>,
        /// The sentences of theirs that answer best, word for word: what a model says that has no words of its own.
        extract: String,
    },
    /// The documents do not say; this sentence tells it.
    Silence(String),
}

/// A piece of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Its id.
    pub id: String,
    /// The document's id.
    pub document: String,
    /// Where the document comes from, such as `docs/setup.md`.
    pub path: String,
    /// What the document is called.
    pub title: String,
    /// The page, from 1, where there are pages.
    pub page: Option<u32>,
    /// Bytes of the document's extracted text.
    pub span: Range<usize>,
    /// Exactly these bytes.
    pub text: String,
    /// 0 to 1.
    pub score: f32,
}

/// A place in an answer and the piece of a document that it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// The piece; its text is the quote.
    pub passage: Passage,
    /// Whether the quote was compared with the stored document.
    pub verified: bool,
    /// UTF-16 units of the answer, as browsers count.
    pub answer: Range<usize>,
}

/// What an answer to a question of the documents rests on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The documents do not say.
    pub refused: bool,
    /// In the order of the answer.
    pub citations: Vec<Citation>,
}

/// The documents.
#[async_trait]
pub trait Grounding: std::fmt::Debug + Send + Sync + 'static {
    /// What the documents have for a question, nothing stale and nothing of other projects.
    async fn ground(&self, question: Question) -> Result<Grounds, Error>;

    /// Which of the passages that were given to the model, all from these projects, the sentences of its answer rest on.
    /// The model has no say in it.
    async fn cite(
        &self,
        projects: &[String],
        answer: &str,
        passages: &[Passage],
    ) -> Result<Vec<Citation>, Error>;
}
