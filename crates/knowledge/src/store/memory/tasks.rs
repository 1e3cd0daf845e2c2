//! Tasks kept in memory.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chat::store::StoreError;

use super::MemoryStore;
use crate::store::{FileChange, FileState, Source, Tally, Task, TaskChange, TaskFile, TaskStore, Unready};

/// How long tasks are known after their end.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// All tasks, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: Vec<Task>,
    files: Vec<Kept>,
    places: u64,
}

#[derive(Debug)]
struct Kept {
    place: u64,
    task: String,
    project: String,
    file: TaskFile,
    is_settled: bool,
}

impl Tasks {
    /// Takes the failures of a path, but for those of this task, off the list: it was told of again.
    pub(super) fn settle(&mut self, project: &str, path: &str, but: Option<&str>) {
        let is_of_path = |kept: &&mut Kept| kept.project == project && kept.file.path == path;
        for kept in self.files.iter_mut().filter(is_of_path) {
            let has_failed = matches!(kept.file.state, FileState::Failed(_));
            kept.is_settled |= has_failed && but != Some(kept.task.as_str());
        }
    }

    fn keep(&mut self, task: &str, project: &str, file: TaskFile) {
        self.places += 1;
        let (task, project) = (task.to_owned(), project.to_owned());
        self.files.push(Kept { place: self.places, task, project, file, is_settled: false });
    }

    fn of<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a TaskFile> {
        self.files.iter().filter(move |kept| kept.task == task).map(|kept| &kept.file)
    }

    fn counted(&self, task: &Task) -> Task {
        let mut files = Tally::default();
        self.of(&task.id).for_each(|file| files.count(&file.state, 1));
        Task { files, ..task.clone() }
    }

    fn change_file(&mut self, task: &Task, change: FileChange) {
        let FileChange { number, entry, path, state } = change;
        let Some(whole) = self.of(&task.id).find(|file| file.number == number && file.entry == 0) else {
            return;
        };
        let new = TaskFile {
            entry,
            path: path.clone(),
            source: Source::Gone,
            state: state.clone(),
            ..whole.clone()
        };
        let is_told = matches!(state, FileState::Ready(_) | FileState::Failed(_));
        let is_it =
            |kept: &&mut Kept| kept.task == task.id && kept.file.number == number && kept.file.entry == entry;
        match self.files.iter_mut().find(is_it) {
            Some(known) => (known.file.path, known.file.state) = (path.clone(), state),
            None => self.keep(&task.id, &task.project, new),
        }
        if is_told {
            self.settle(&task.project, &path, Some(&task.id));
        }
    }
}

impl MemoryStore {
    pub(super) fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TaskStore for MemoryStore {
    async fn add_task(&self, task: &Task, files: &[TaskFile]) -> Result<(), StoreError> {
        let mut tasks = self.tasks();
        let is_recent = |other: &Task| {
            other.end.as_ref().is_none_or(|(ended, _)| {
                task.created_at.duration_since(*ended) <= KEPT.try_into().unwrap_or_default()
            })
        };
        tasks.tasks.retain(is_recent);
        let Tasks { tasks: left, files: kept, .. } = &mut *tasks;
        kept.retain(|kept| left.iter().any(|task| task.id == kept.task));
        tasks.tasks.push(task.clone());
        for file in files {
            tasks.keep(&task.id, &task.project, file.clone());
            tasks.settle(&task.project, &file.path, Some(&task.id));
        }
        Ok(())
    }

    async fn task(&self, id: &str) -> Result<Option<Task>, StoreError> {
        let tasks = self.tasks();
        Ok(tasks.tasks.iter().find(|task| task.id == id).map(|task| tasks.counted(task)))
    }

    async fn tasks(&self, project: &str, limit: usize) -> Result<Vec<Task>, StoreError> {
        let tasks = self.tasks();
        let newest = tasks.tasks.iter().rev().filter(|task| task.project == project).take(limit);
        Ok(newest.map(|task| tasks.counted(task)).collect())
    }

    async fn unfinished(&self) -> Result<Vec<Task>, StoreError> {
        let tasks = self.tasks();
        let unfinished = tasks.tasks.iter().filter(|task| task.end.is_none());
        Ok(unfinished.map(|task| tasks.counted(task)).collect())
    }

    async fn files(&self, task: &str) -> Result<Vec<TaskFile>, StoreError> {
        let mut files: Vec<TaskFile> = self.tasks().of(task).cloned().collect();
        files.sort_by_key(|file| (file.number, file.entry));
        Ok(files)
    }

    async fn unready(
        &self,
        project: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Unready>, StoreError> {
        let tasks = self.tasks();
        let is_listed = |kept: &&Kept| {
            let is_ready = matches!(kept.file.state, FileState::Ready(_));
            kept.project == project
                && !is_ready
                && !kept.is_settled
                && after.is_none_or(|after| kept.place > after)
        };
        let listed = tasks.files.iter().filter(is_listed).take(limit);
        Ok(listed.map(|kept| Unready { place: kept.place, file: kept.file.clone() }).collect())
    }

    async fn change_task(&self, task: &str, change: TaskChange) -> Result<(), StoreError> {
        let mut tasks = self.tasks();
        let Some(place) = tasks.tasks.iter().position(|other| other.id == task && other.end.is_none()) else {
            return Ok(());
        };
        match change {
            TaskChange::Begun(now) => {
                tasks.tasks[place].started_at.get_or_insert(now);
            }
            TaskChange::File(change) => {
                let task = tasks.tasks[place].clone();
                tasks.change_file(&task, change);
            }
            TaskChange::Unpacked(number) => {
                tasks
                    .files
                    .retain(|kept| kept.task != task || kept.file.number != number || kept.file.entry != 0);
            }
            TaskChange::Ended(now, end) => {
                tasks.tasks[place].end = Some((now, end));
                let of_task = tasks.files.iter_mut().filter(|kept| kept.task == task);
                let received = of_task.filter(|kept| matches!(kept.file.source, Source::Received(_)));
                received.for_each(|kept| kept.file.source = Source::Gone);
            }
        }
        Ok(())
    }
}
