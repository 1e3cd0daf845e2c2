//! The port to what keeps tasks: work on a project that lasts, and goes on after the process has died.

use async_trait::async_trait;
use chat::ids::DocumentId;
use chat::store::StoreError;
use jiff::Timestamp;

use super::DocumentType;

/// Keeps tasks and their files. What a method has answered is durable.
///
/// A task belongs to one project and goes with it. Changes of a task that is not there, or has ended, do nothing.
#[async_trait]
pub trait TaskStore: Send + Sync + std::fmt::Debug {
    /// Keeps a task with its files, in one commit. Tasks that ended more than thirty days before it are forgotten.
    async fn add_task(&self, task: &Task, files: &[TaskFile]) -> Result<(), StoreError>;

    /// The task with this id. Whoever asks must still find out whether the caller may know of its project.
    async fn task(&self, id: &str) -> Result<Option<Task>, StoreError>;

    /// The tasks of a project, the newest first.
    async fn tasks(&self, project: &str, limit: usize) -> Result<Vec<Task>, StoreError>;

    /// All tasks that have not ended, the oldest first.
    async fn unfinished(&self) -> Result<Vec<Task>, StoreError>;

    /// The files of a task in the order of [`TaskFile::number`] and [`TaskFile::entry`].
    async fn files(&self, task: &str) -> Result<Vec<TaskFile>, StoreError>;

    /// A page of the files of a project that are no documents (yet), by [`Unready::place`], after the place named. A file
    /// that failed is left out once its path was read, or failed, again.
    async fn unready(
        &self,
        project: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Unready>, StoreError>;

    /// Changes a task, in one commit.
    async fn change_task(&self, task: &str, change: TaskChange) -> Result<(), StoreError>;
}

/// Work on a project that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its public name.
    pub id: String,
    /// The project.
    pub project: String,
    /// What the project was called when the task was asked for.
    pub project_name: String,
    /// What is done.
    pub kind: TaskKind,
    /// Where the files come from, if they do not come with the task.
    pub repository: Option<Repository>,
    /// Whether files of tests are taken too.
    pub include_tests: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its work began, if it has.
    pub started_at: Option<Timestamp>,
    /// When it ended and how, if it has.
    pub end: Option<(Timestamp, TaskEnd)>,
    /// Its files; counted by the store, and of no account in [`TaskStore::add_task`].
    pub files: Tally,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Files and web pages become documents.
    AddDocuments,
    /// A repository, or what is there, becomes what is searched.
    GenerateKnowledgeBase,
    /// A repository, or what is there, is described.
    AnalyzeProject,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AddDocuments, Self::GenerateKnowledgeBase, Self::AnalyzeProject];

    /// Its name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddDocuments => "add-documents",
            Self::GenerateKnowledgeBase => "generate-knowledge-base",
            Self::AnalyzeProject => "analyze-project",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where the code of a project lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Of its archive.
    pub address: String,
    /// Which of its branches is meant.
    pub branch: String,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// It did what it was to do.
    Completed(Outcome),
    /// It did not, for this reason.
    Failed(String),
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Documents.
    Added,
    /// So many chunks.
    Generated {
        /// Of the documents that it is about.
        chunks: usize,
    },
    /// A description: the JSON of [`crate::work::Analysis`].
    Analyzed(String),
}

/// How many files are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Nobody has looked at them.
    pub waiting: usize,
    /// They are being read.
    pub reading: usize,
    /// They are documents.
    pub ready: usize,
    /// They can't be read.
    pub failed: usize,
}

impl Tally {
    /// All of them.
    pub fn total(&self) -> usize {
        self.waiting + self.reading + self.ready + self.failed
    }

    /// Counts one more.
    pub fn count(&mut self, state: &FileState, files: usize) {
        match state {
            FileState::Waiting => self.waiting += files,
            FileState::Reading => self.reading += files,
            FileState::Ready(_) => self.ready += files,
            FileState::Failed(_) => self.failed += files,
        }
    }
}

/// A file of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFile {
    /// Its place among the files that came.
    pub number: u32,
    /// Its place in the archive that came, counted from 1; 0 for what came itself.
    pub entry: u32,
    /// Its name in the project.
    pub path: String,
    /// What its owner says it is.
    pub kind: Option<DocumentType>,
    /// Words of its owner's.
    pub tags: Vec<String>,
    /// Where its bytes are.
    pub source: Source,
    /// How far it is.
    pub state: FileState,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a file of this name among those that have been received.
    Received(String),
    /// At this address.
    Address(String),
    /// They are not needed, or lie in the archive.
    Gone,
}

/// How far a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Nobody has looked at it.
    Waiting,
    /// It is being read.
    Reading,
    /// It is this document.
    Ready(DocumentId),
    /// It can't be read, for this reason.
    Failed(String),
}

impl FileState {
    /// Its name, as it is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Ready(_) => "ready",
            Self::Failed(_) => "failed",
        }
    }
}

/// A file that is no document, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unready {
    /// Its place in the list, which it keeps.
    pub place: u64,
    /// The file.
    pub file: TaskFile,
}

/// What happens to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// Its work begins; the first time counts.
    Begun(Timestamp),
    /// Something is known of a file.
    File(FileChange),
    /// All entries of the archive with this number are told, and stand for it from now on.
    Unpacked(u32),
    /// It is over; the first end counts.
    Ended(Timestamp, TaskEnd),
}

/// What is known of a file. An entry that was not known before is added, filed as the archive it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// [`TaskFile::number`]
    pub number: u32,
    /// [`TaskFile::entry`]
    pub entry: u32,
    /// Its name in the project.
    pub path: String,
    /// How far it is.
    pub state: FileState,
}
