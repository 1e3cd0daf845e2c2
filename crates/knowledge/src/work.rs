//! Work on projects that lasts: files, web pages and repositories come in, projects are described.
//!
//! What was taken on is kept in the store before anybody is told so, and it goes on after the process has died, where it
//! was. Nothing is doubled by that: a document replaces the one with its path. The files that come are received into a
//! folder of their own and lie there until they are read.

mod analysis;
mod names;
mod queue;
mod reading;
mod spool;
mod watch;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chat::Tasks;
use chat::clock::Clock;
use chat::ids::public_id;
use chat::store::StoreError;
use outbound::{Address, Outbound};
use tokio_util::sync::CancellationToken;

use crate::extract::{Extractor, checked_path, shown_path};
use crate::library::Library;
use crate::store::{
    DocumentType, FileState, Outcome, Repository, Source, Tally, Task, TaskChange, TaskEnd, TaskFile,
    TaskKind, TaskStore, Unready,
};
pub use analysis::Analysis;
use queue::{Job, Queue};
use spool::Spool;
pub use spool::{ReceiveError, Received, Receiving};
use watch::Watched;
pub use watch::{Progress, Watch};

/// What public ids of tasks begin with.
const TASK_PREFIX: &str = "ai_task_";
/// How many files are read at the same time at least and at most, whatever cores there are.
const AT_ONCE: (usize, usize) = (2, 8);
/// How long to wait after the store has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// All work that lasts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Work {
    shared: Arc<Shared>,
}

/// What work needs.
#[derive(Debug)]
pub struct Parts {
    /// What keeps tasks; the same that keeps the library's documents.
    pub store: Arc<dyn TaskStore>,
    /// Where documents go.
    pub library: Library,
    /// What reads files.
    pub extractor: Extractor,
    /// What fetches pages and archives.
    pub outbound: Outbound,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where files that were received wait. Nothing else may be in it.
    pub folder: PathBuf,
    /// How many bytes a received file may have.
    pub largest_file: u64,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn TaskStore>,
    library: Library,
    extractor: Extractor,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    spool: Spool,
    queue: Queue,
    watched: Watched,
    closing: CancellationToken,
}

/// A task to take on.
#[derive(Debug)]
pub struct NewTask {
    /// The project.
    pub project: String,
    /// What the caller calls it.
    pub project_name: String,
    /// What to do.
    pub kind: TaskKind,
    /// Where the files come from, if they do not come with it.
    pub repository: Option<Repository>,
    /// Whether files of tests are taken too.
    pub include_tests: bool,
    /// The files that come with it.
    pub files: Vec<NewFile>,
}

/// A file that is to become a document, or several if it is an archive.
#[derive(Debug)]
pub struct NewFile {
    /// Its name in the project.
    pub path: String,
    /// What its owner says it is; by its text if nothing is said.
    pub kind: Option<DocumentType>,
    /// Words of its owner's.
    pub tags: Vec<String>,
    /// What it is made of.
    pub from: Origin,
}

/// What a document is made of.
#[derive(Debug)]
pub enum Origin {
    /// A file that was received.
    Received(Received),
    /// What is at this address.
    Address(String),
}

/// Why work can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for received files.
    #[error("the folder for received files can't be used: {0}")]
    Folder(#[from] std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Work {
    /// Goes on with what a process before this one left, and with all that comes, in `tasks`.
    pub async fn start(parts: Parts, tasks: &Tasks) -> Result<Self, StartError> {
        let Parts { store, library, extractor, outbound, clock, folder, largest_file } = parts;
        let spool = Spool::open(folder, largest_file).await?;
        let closing = tasks.closing().clone();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = cores.clamp(AT_ONCE.0, AT_ONCE.1);
        let (queue, watched) = (Queue::new(workers), Watched::default());
        let shared = Shared { store, library, extractor, outbound, clock, spool, queue, watched, closing };
        let work = Self { shared: Arc::new(shared) };
        work.take_up().await?;
        for _ in 0..workers {
            tasks.spawn(follow(Arc::clone(&work.shared)));
        }
        Ok(work)
    }

    /// Queues what has not ended, and sweeps received files that nobody waits for.
    async fn take_up(&self) -> Result<(), StartError> {
        let mut needed = HashSet::new();
        for task in self.shared.store.unfinished().await? {
            let mut files = self.shared.store.files(&task.id).await?;
            files.retain(|file| {
                file.entry == 0 && matches!(file.state, FileState::Waiting | FileState::Reading)
            });
            needed.extend(files.iter().filter_map(|file| match &file.source {
                Source::Received(name) => Some(name.clone()),
                Source::Address(_) | Source::Gone => None,
            }));
            self.shared.queue.add(task, files);
        }
        Ok(self.shared.spool.sweep(&needed).await?)
    }

    /// Begins to receive a file.
    pub async fn receive(&self) -> Result<Receiving, ReceiveError> {
        self.shared.spool.receive().await
    }

    /// Takes a task on: once this returns, it will be done. A file whose path is none, or that of another file of the
    /// task, has failed at once.
    pub async fn add(&self, new: NewTask) -> Result<Task, StoreError> {
        let NewTask { project, project_name, kind, repository, include_tests, files } = new;
        let mut task = Task {
            id: public_id(TASK_PREFIX),
            project,
            project_name,
            kind,
            repository,
            include_tests,
            created_at: self.shared.clock.now(),
            started_at: None,
            end: None,
            files: Tally::default(),
        };
        let mut received = Vec::new();
        let mut files = prepared(files, &mut received);
        files.extend(task.repository.as_ref().map(|repository| archive_of(&repository.address)));
        self.shared.store.add_task(&task, &files).await?;
        received.into_iter().for_each(Received::keep);
        files.iter().for_each(|file| task.files.count(&file.state, 1));
        files.retain(|file| file.state == FileState::Waiting);
        self.shared.queue.add(task.clone(), files);
        Ok(task)
    }

    /// The task with this id. Whoever asks must still find out whether the caller may know of its project.
    pub async fn task(&self, id: &str) -> Result<Option<Task>, StoreError> {
        self.shared.store.task(id).await
    }

    /// The tasks of a project, the newest first.
    pub async fn tasks(&self, project: &str, limit: usize) -> Result<Vec<Task>, StoreError> {
        self.shared.store.tasks(project, limit).await
    }

    /// The files of a task.
    pub async fn files(&self, task: &str) -> Result<Vec<TaskFile>, StoreError> {
        self.shared.store.files(task).await
    }

    /// A page of the files of a project that are no documents (yet).
    pub async fn unready(
        &self,
        project: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Unready>, StoreError> {
        self.shared.store.unready(project, after, limit).await
    }

    /// Follows a task from where it is.
    pub fn watch(&self, task: &str) -> Watch {
        Watch::new(Arc::clone(&self.shared), task)
    }

    /// Returns when a task has ended, or the process is about to.
    pub async fn ended(&self, task: &str) -> Result<(), StoreError> {
        let mut changes = self.shared.watched.follow(task);
        let ended = async {
            let known = self.shared.store.task(task).await?;
            let is_going_on = known.is_some_and(|task| task.end.is_none());
            // The sender goes with the end.
            while is_going_on && changes.changed().await.is_ok() {}
            Ok(())
        };
        self.shared.closing.run_until_cancelled(ended).await.unwrap_or(Ok(()))
    }
}

/// Files as they are kept. Those that were received are put aside, to be kept once the task is.
fn prepared(files: Vec<NewFile>, received: &mut Vec<Received>) -> Vec<TaskFile> {
    let mut paths = HashSet::new();
    let prepare = |(number, file): (u32, NewFile)| {
        let checked = match &file.from {
            Origin::Received(_) => checked_path(&file.path).map_err(|error| error.to_string()),
            Origin::Address(address) => checked_address(address),
        };
        let path = checked.as_ref().map_or_else(|_| shown_path(&file.path), Clone::clone);
        let is_first = paths.insert(path.clone());
        let same = || "another file of this upload has the same path; rename one".to_owned();
        let (source, state) = match (checked, file.from) {
            (Err(reason), _) => (Source::Gone, FileState::Failed(reason)),
            (Ok(_), _) if !is_first => (Source::Gone, FileState::Failed(same())),
            (Ok(address), Origin::Address(_)) => (Source::Address(address), FileState::Waiting),
            (Ok(_), Origin::Received(file)) => {
                let source = Source::Received(file.name().to_owned());
                received.push(file);
                (source, FileState::Waiting)
            }
        };
        TaskFile { number, entry: 0, path, kind: file.kind, tags: file.tags, source, state }
    };
    (0..).zip(files).map(prepare).collect()
}

/// An address as it names a document: in one spelling, and not longer than other names.
fn checked_address(address: &str) -> Result<String, String> {
    let address = Address::parse(address.trim()).map_err(|error| error.to_string())?;
    let mut url = address.as_url().clone();
    url.set_fragment(None);
    match url.as_str() {
        long if long.len() > names::LONGEST => Err("the address is too long to name a document".to_owned()),
        url => Ok(url.to_owned()),
    }
}

/// The archive of a repository, as the one file of a task.
fn archive_of(address: &str) -> TaskFile {
    let source = Source::Address(address.to_owned());
    let path = shown_path(address);
    TaskFile { number: 0, entry: 0, path, kind: None, tags: Vec::new(), source, state: FileState::Waiting }
}

/// Works until the process stops.
async fn follow(shared: Arc<Shared>) {
    let closing = shared.closing.clone();
    while let Some(job) = closing.run_until_cancelled(shared.queue.next()).await {
        match job {
            Job::Read(task, file) => {
                shared.change(&task, TaskChange::Begun(shared.clock.now())).await;
                let read = closing.run_until_cancelled(reading::read(&shared, &task, &file)).await;
                if read.is_none() || closing.is_cancelled() {
                    return;
                }
                shared.queue.read(&task);
            }
            Job::Finish(task) => {
                shared.change(&task, TaskChange::Begun(shared.clock.now())).await;
                let end = shared.end(&task).await;
                let ended = TaskChange::Ended(shared.clock.now(), end);
                if !shared.change(&task, ended).await {
                    return;
                }
                shared.queue.finished(&task);
                shared.watched.forget(&task.id);
            }
        }
    }
}

impl Shared {
    /// Keeps a change, however long the store is busy; false if the process stops before.
    async fn change(&self, task: &Task, change: TaskChange) -> bool {
        let keep = async {
            while let Err(error) = self.store.change_task(&task.id, change.clone()).await {
                tracing::warn!(task.id = task.id, %error, "a task's progress can't be stored, and will be tried again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        };
        let is_kept = self.closing.run_until_cancelled(keep).await.is_some();
        self.watched.tell(&task.id);
        is_kept
    }

    /// How a task ends whose files are all read.
    async fn end(&self, task: &Task) -> TaskEnd {
        match self.outcome(task).await {
            Ok(end) => end,
            Err(error) => {
                tracing::warn!(task.id = task.id, %error, "a task could not be ended well");
                TaskEnd::Failed("the database failed; try again later".to_owned())
            }
        }
    }

    async fn outcome(&self, task: &Task) -> Result<TaskEnd, StoreError> {
        let files = self.store.files(&task.id).await?;
        let is_ready = |file: &&TaskFile| matches!(file.state, FileState::Ready(_));
        if !files.is_empty() && !files.iter().any(|file| is_ready(&file)) {
            return Ok(TaskEnd::Failed(reason(task, &files)));
        }
        Ok(TaskEnd::Completed(match task.kind {
            TaskKind::AddDocuments => Outcome::Added,
            TaskKind::GenerateKnowledgeBase => {
                Outcome::Generated { chunks: self.chunks(task, &files).await? }
            }
            TaskKind::AnalyzeProject => {
                let analysis = analysis::of(&self.library, &task.project, task.include_tests).await?;
                Outcome::Analyzed(analysis.to_json())
            }
        }))
    }

    /// How many chunks the documents have that a task is about: its own, or all if it brought none.
    async fn chunks(&self, task: &Task, files: &[TaskFile]) -> Result<usize, StoreError> {
        let of_file = |file: &TaskFile| match file.state {
            FileState::Ready(document) => Some(document),
            FileState::Waiting | FileState::Reading | FileState::Failed(_) => None,
        };
        let own: HashSet<_> = files.iter().filter_map(of_file).collect();
        let documents = analysis::documents(&self.library, &task.project).await?;
        let is_counted = |document: &&crate::store::Listed| {
            let is_meant = if task.repository.is_some() { own.contains(&document.id) } else { true };
            is_meant && (task.include_tests || !names::is_test(&document.label.path))
        };
        Ok(documents.iter().filter(is_counted).map(|document| document.chunks).sum())
    }
}

/// Why a task has no document to show for itself.
fn reason(task: &Task, files: &[TaskFile]) -> String {
    let of_file = |file: &TaskFile| match &file.state {
        FileState::Failed(reason) => Some(reason.clone()),
        FileState::Waiting | FileState::Reading | FileState::Ready(_) => None,
    };
    let mut reasons = files.iter().filter_map(of_file);
    match (reasons.next(), reasons.next()) {
        (Some(only), None) => only,
        (Some(first), Some(_)) if task.repository.is_none() => {
            format!("none of the files could be read; the first one: {first}")
        }
        _ => "none of the files could be read".to_owned(),
    }
}
