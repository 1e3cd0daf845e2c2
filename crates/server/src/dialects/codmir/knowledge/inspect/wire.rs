//! What is told of a whole project, field by field.

use serde::Serialize;
use utoipa::ToSchema;

use crate::knowledge::{self, Census, Why};

/// How much there is of a project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::KnowledgeStatus)]
pub(super) struct Status {
    pub(super) documents: usize,
    pub(super) chunks: usize,
    /// Chunks that have a vector.
    pub(super) vectors: usize,
    /// Files that will be documents.
    pub(super) waiting: usize,
    /// Files that could not be read; the list of documents says why.
    pub(super) failed: usize,
    /// What makes the vectors; `null`: nothing does, and search goes by words alone.
    pub(super) embedder: Option<String>,
}

impl Status {
    pub(super) fn of(census: Census, embedder: Option<&str>) -> Self {
        let Census { documents, waiting, failed } = census;
        Self {
            documents: documents.documents,
            chunks: documents.chunks,
            vectors: documents.vectors,
            waiting,
            failed,
            embedder: embedder.map(str::to_owned),
        }
    }
}

/// What was looked at, and what of it is not as it was.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Verification)]
pub(super) struct Verification {
    pub(super) documents: usize,
    pub(super) chunks: usize,
    pub(super) citations: usize,
    pub(super) problems: Vec<Problem>,
}

/// What is not as it was.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Problem)]
pub(super) struct Problem {
    /// `document` or `citation`.
    what: &'static str,
    file_path: String,
    /// Of a citation: bytes of the document's extracted UTF-8 text.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
    /// `damaged`: bytes of a document that nobody has changed are not those that were put in. A citation's document may
    /// also have been `replaced` or `removed` since.
    why: &'static str,
}

impl From<knowledge::Verification> for Verification {
    fn from(found: knowledge::Verification) -> Self {
        let knowledge::Verification { documents, chunks, citations, problems } = found;
        Self { documents, chunks, citations, problems: problems.into_iter().map(Problem::from).collect() }
    }
}

impl From<knowledge::Problem> for Problem {
    fn from(problem: knowledge::Problem) -> Self {
        match problem {
            knowledge::Problem::Damaged { path } => {
                Self { what: "document", file_path: path, start: None, end: None, why: name(Why::Damaged) }
            }
            knowledge::Problem::Cited { path, start, end, why } => {
                Self { what: "citation", file_path: path, start: Some(start), end: Some(end), why: name(why) }
            }
        }
    }
}

fn name(why: Why) -> &'static str {
    match why {
        Why::Damaged => "damaged",
        Why::Replaced => "replaced",
        Why::Removed => "removed",
    }
}
