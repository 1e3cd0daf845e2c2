//! The port to what keeps documents, their chunks and vectors; and an implementation in memory, for use without a server.

mod memory;
mod tasks;

use std::ops::Range;

use async_trait::async_trait;
use chat::ids::DocumentId;
use chat::store::StoreError;

pub use memory::MemoryStore;
pub use tasks::{
    FileChange, FileState, Outcome, Repository, Source, Tally, Task, TaskChange, TaskEnd, TaskFile, TaskKind,
    TaskStore, Unready,
};

use crate::chunk::Chunk;
use crate::search::{Packed, Terms};

/// Keeps what the library knows. What a method has answered is durable.
///
/// Each change of a project's documents raises its version by one; that is how an index learns that it is behind.
/// A document belongs to one project, and every method finds it there only.
#[async_trait]
pub trait KnowledgeStore: Send + Sync + std::fmt::Debug {
    /// How many changes a project has seen; zero for one without documents.
    async fn version(&self, project: &str) -> Result<u64, StoreError>;

    /// Keeps a document, in the place of the one with its path, in one commit; gives the new version. Vectors stay as
    /// long as a chunk of the project has their key. Files of that path that failed are settled ([`TaskStore::unready`]).
    async fn put(&self, project: &str, document: StoredDocument) -> Result<u64, StoreError>;

    /// Removes a document with its chunks, in one commit; gives the new version, or nothing if there was none.
    async fn remove(&self, project: &str, document: DocumentId) -> Result<Option<u64>, StoreError>;

    /// The document with a path.
    async fn find(&self, project: &str, path: &str) -> Result<Option<Summary>, StoreError>;

    /// The project that a document belongs to. Whoever asks must still find out whether the caller may know of it.
    async fn project_of(&self, document: DocumentId) -> Result<Option<String>, StoreError>;

    /// A page of a project's documents by id, after the one named, as they are listed.
    async fn documents(
        &self,
        project: &str,
        model: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Bytes of a document's text, as many of them as there are; nothing without the document, or if they do not begin
    /// and end on borders of characters.
    async fn text(
        &self,
        project: &str,
        document: DocumentId,
        span: Range<usize>,
    ) -> Result<Option<String>, StoreError>;

    /// A page of a project's documents by id, after the one named, with what the index needs of each chunk.
    async fn page(
        &self,
        project: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<(DocumentId, Vec<Entry>)>, StoreError>;

    /// All chunks of a document, in order.
    async fn chunks(&self, project: &str, document: DocumentId) -> Result<Vec<StoredPassage>, StoreError>;

    /// Chunks with their text, in the order asked for; what is not there is left out. Several in a row are one passage:
    /// the first of them with a span, and a text, that reaches to the end of the last.
    async fn passages(
        &self,
        project: &str,
        wanted: &[(DocumentId, Range<usize>)],
    ) -> Result<Vec<StoredPassage>, StoreError>;

    /// Some documents that have chunks without a vector of a model, of any project, the oldest first.
    async fn lacking(&self, model: &str, limit: usize) -> Result<Vec<(String, DocumentId)>, StoreError>;

    /// The vectors of a model that are there, by key.
    async fn vectors(
        &self,
        project: &str,
        model: &str,
        keys: &[Key],
    ) -> Result<Vec<(Key, Packed)>, StoreError>;

    /// Keeps vectors of a model; those that no chunk of the project has a use for may be left out.
    async fn save_vectors(
        &self,
        project: &str,
        model: &str,
        vectors: Vec<(Key, Packed)>,
    ) -> Result<(), StoreError>;

    /// How much there is, and how many chunks have a vector of a model.
    async fn status(&self, project: &str, model: &str) -> Result<Status, StoreError>;
}

/// The SHA-256 of a text.
pub type Key = [u8; 32];

/// What a document is filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its name in the project.
    pub path: String,
    /// What its owner says it is.
    pub kind: DocumentType,
    /// Words of its owner's.
    pub tags: Vec<String>,
}

impl From<&str> for Label {
    fn from(path: &str) -> Self {
        Self { path: path.to_owned(), kind: DocumentType::Doc, tags: Vec::new() }
    }
}

/// What the owner of a document says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentType {
    /// Source code.
    Code,
    /// Anything that is written to be read.
    Doc,
    /// How things are built.
    Architecture,
    /// A note.
    Remark,
    /// What other documents say, in short.
    Summary,
}

impl DocumentType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Code, Self::Doc, Self::Architecture, Self::Remark, Self::Summary];

    /// Its name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Doc => "doc",
            Self::Architecture => "architecture",
            Self::Remark => "remark",
            Self::Summary => "summary",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A document as it is kept.
#[derive(Debug, Clone)]
pub struct StoredDocument {
    /// Stays when its content is replaced.
    pub id: DocumentId,
    /// What it is filed under.
    pub label: Label,
    /// What it calls itself.
    pub title: Option<String>,
    /// Of all that its chunks were made from.
    pub key: Key,
    /// What spans count in.
    pub text: String,
    /// In order.
    pub chunks: Vec<StoredChunk>,
}

/// A chunk as it is kept.
#[derive(Debug, Clone)]
pub struct StoredChunk {
    /// Where it stands.
    pub chunk: Chunk,
    /// The words that lead to it, which are indexed and embedded before its own.
    pub context: String,
    /// What the index reads of it.
    pub entry: Entry,
}

/// What the index reads of a chunk.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its words.
    pub terms: Terms,
    /// Of its context and text, which its vector is made from: chunks that say the same share one.
    pub key: Key,
}

/// What a document is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The document.
    pub id: DocumentId,
    /// Of its content.
    pub key: Key,
}

/// A document as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The document.
    pub id: DocumentId,
    /// What it is filed under.
    pub label: Label,
    /// What it calls itself.
    pub title: Option<String>,
    /// Bytes of its text.
    pub bytes: usize,
    /// How many chunks it has.
    pub chunks: usize,
    /// How many of them have a vector.
    pub vectors: usize,
}

/// A chunk with its text.
#[derive(Debug, Clone)]
pub struct StoredPassage {
    /// Its document.
    pub document: DocumentId,
    /// The document's name in the project.
    pub path: String,
    /// What the document's owner says it is.
    pub kind: DocumentType,
    /// What the document calls itself.
    pub title: Option<String>,
    /// The chunk's place in the document.
    pub number: usize,
    /// Where it stands.
    pub chunk: Chunk,
    /// Its text, exactly.
    pub text: String,
    /// The words that lead to it.
    pub context: String,
    /// What its vector is kept under.
    pub key: Key,
}

/// How much there is of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Documents.
    pub documents: usize,
    /// Their chunks.
    pub chunks: usize,
    /// Chunks that have a vector.
    pub vectors: usize,
}
