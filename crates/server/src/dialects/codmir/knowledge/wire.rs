//! Documents and passages as JSON, field by field.

use knowledge::library::Passage;
use knowledge::search::Rank;
use knowledge::store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::knowledge::{Entry, document_id};

/// A text for a project.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::NewDocument)]
pub(super) struct NewDocument {
    /// The project; one that is not there is made.
    pub(super) project_id: String,
    /// `code`, `doc`, `architecture`, `remark` or `summary`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The text.
    pub(super) content: String,
    /// Its name in the project; the document that has it is replaced.
    #[serde(default)]
    pub(super) file_path: Option<String>,
    /// Any words.
    #[serde(default)]
    pub(super) tags: Option<Vec<String>>,
}

/// A document that was put in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Document)]
pub(super) struct Document<'a> {
    pub(super) id: String,
    pub(super) project_id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) content: &'a str,
    pub(super) file_path: &'a str,
    pub(super) tags: &'a [String],
    pub(super) created_at: String,
}

/// What is searched for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Search)]
pub(super) struct Search {
    /// Not empty.
    pub(super) query: String,
    /// 1 to 100, by default 10.
    #[serde(default)]
    pub(super) top_k: Option<usize>,
    /// Documents of these types only.
    #[serde(default)]
    pub(super) types: Option<Vec<String>>,
    /// Whether each hit says why it stands where it stands.
    #[serde(default)]
    pub(super) explain: Option<bool>,
}

/// A passage that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Hit)]
pub(super) struct Hit {
    /// The document's id.
    id: String,
    /// 0 to 1.
    score: f32,
    document: HitDocument,
    /// Only if `explain` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<HitRank>,
}

/// Why a passage stands where it stands: `score` is `weight` parts of `words` and the rest of `meaning`, and less for each
/// better passage of the same document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::HitRank)]
struct HitRank {
    /// How much it has of the question's words, its document's counted in; the best hit has 1.
    words: f32,
    /// How near it is to the question's meaning, the best hit having 1; without it, it has no vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<f32>,
    /// How much its whole document has of the question's words.
    parent: f32,
    /// How much words count for this question, from 0 to 1.
    weight: f32,
    /// The part of the question's words, by their rarity, that it has.
    coverage: f32,
    /// How near it is to the question as the model sees it, from -1 to 1.
    nearness: f32,
}

impl From<Rank> for HitRank {
    fn from(Rank { words, meaning, parent, weight, coverage, nearness, .. }: Rank) -> Self {
        Self { words, meaning, parent, weight, coverage, nearness }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::HitDocument)]
struct HitDocument {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The passage.
    content: String,
    metadata: Metadata,
}

/// Where a passage stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Metadata)]
struct Metadata {
    file_path: String,
    /// By the ending of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<usize>,
    /// From 1.
    line: usize,
    /// Bytes of the document's extracted UTF-8 text.
    start: usize,
    end: usize,
}

impl Hit {
    pub(super) fn of(Passage { stored, rank }: Passage, is_explained: bool) -> Self {
        let metadata = Metadata {
            language: language(&stored.path),
            file_path: stored.path,
            title: stored.title,
            page: stored.chunk.page,
            line: stored.chunk.line,
            start: stored.chunk.span.start,
            end: stored.chunk.span.end,
        };
        let document = HitDocument { kind: stored.kind.name(), content: stored.text, metadata };
        Self {
            id: document_id(stored.document),
            score: rank.score.clamp(0.0, 1.0),
            document,
            rank: is_explained.then(|| rank.into()),
        }
    }
}

/// What a context is made for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = codmir::ContextRequest)]
pub(super) struct ContextRequest {
    /// Not empty.
    pub(super) query: String,
}

/// Passages as one text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Context)]
pub(super) struct Context {
    pub(super) context: String,
}

/// A page of documents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Documents)]
pub(super) struct Documents {
    pub(super) data: Vec<ListedDocument>,
    /// Goes on with the next page, if there may be one.
    pub(super) next_after: Option<String>,
}

/// A document as it is listed, or a file that is none (yet).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::ListedDocument)]
pub(super) struct ListedDocument {
    /// Of a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    file_path: String,
    title: Option<String>,
    tags: Vec<String>,
    /// `waiting`, `reading`, `ready` or `failed`.
    state: &'static str,
    /// Why it failed and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Bytes of the extracted text.
    bytes: usize,
    chunks: usize,
    /// How many of the chunks have a vector.
    vectors: usize,
}

impl From<Entry> for ListedDocument {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Document(document) => document.into(),
            Entry::File(unready) => unready.file.into(),
        }
    }
}

impl From<store::Listed> for ListedDocument {
    fn from(store::Listed { id, label, title, bytes, chunks, vectors }: store::Listed) -> Self {
        Self {
            id: Some(document_id(id)),
            kind: Some(label.kind.name()),
            file_path: label.path,
            title,
            tags: label.tags,
            state: "ready",
            error: None,
            bytes,
            chunks,
            vectors,
        }
    }
}

impl From<store::TaskFile> for ListedDocument {
    fn from(file: store::TaskFile) -> Self {
        Self {
            id: None,
            kind: file.kind.map(store::DocumentType::name),
            file_path: file.path,
            title: None,
            tags: file.tags,
            state: file.state.name(),
            error: if let store::FileState::Failed(reason) = file.state { Some(reason) } else { None },
            bytes: 0,
            chunks: 0,
            vectors: 0,
        }
    }
}

/// The language of a source file by the ending of its name.
fn language(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "rs" => "rust",
        "py" => "python",
        "js" | "mjs" | "cjs" | "jsx" => "javascript",
        "ts" | "mts" | "cts" | "tsx" => "typescript",
        "java" => "java",
        "kt" | "kts" => "kotlin",
        "go" => "go",
        "c" | "h" => "c",
        "cc" | "cpp" | "cxx" | "hpp" => "cpp",
        "cs" => "csharp",
        "rb" => "ruby",
        "php" => "php",
        "swift" => "swift",
        "sh" | "bash" => "shell",
        "sql" => "sql",
        "prisma" => "prisma",
        "html" | "htm" => "html",
        "css" => "css",
        "json" => "json",
        "yaml" | "yml" => "yaml",
        "toml" => "toml",
        "md" | "markdown" => "markdown",
        _ => return None,
    })
}
