//! What is to be done, in a fair order: projects take turns, none takes all places, and within one the tasks go one after
//! the other, so that of two files with one path the later one stays.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::store::{Task, TaskFile};

/// The next thing to do.
pub(super) enum Job {
    Read(Arc<Task>, TaskFile),
    /// All files of the task are read.
    Finish(Arc<Task>),
}

#[derive(Debug)]
pub(super) struct Queue {
    /// How many files of one project are read at the same time.
    most_of_one: usize,
    projects: Mutex<VecDeque<VecDeque<Lot>>>,
    changed: Notify,
}

/// A task with the files that are still to be read.
#[derive(Debug)]
struct Lot {
    task: Arc<Task>,
    files: VecDeque<TaskFile>,
    /// Files that are being read.
    running: usize,
    is_finishing: bool,
}

impl Queue {
    /// For so many who work; one of them is always there for other projects.
    pub(super) fn new(workers: usize) -> Self {
        let most_of_one = workers.saturating_sub(1).max(1);
        Self { most_of_one, projects: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn add(&self, task: Task, files: Vec<TaskFile>) {
        let lot = Lot { task: Arc::new(task), files: files.into(), running: 0, is_finishing: false };
        let mut projects = self.projects();
        match projects.iter_mut().find(|lots| lots[0].task.project == lot.task.project) {
            Some(lots) => lots.push_back(lot),
            None => projects.push_back(VecDeque::from([lot])),
        }
        self.changed.notify_waiters();
    }

    /// Waits for something to do. The file or task counts as being worked on until [`Queue::read`] or
    /// [`Queue::finished`].
    pub(super) async fn next(&self) -> Job {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(job) = self.take() {
                return job;
            }
            changed.await;
        }
    }

    /// A file of the task was read.
    pub(super) fn read(&self, task: &Task) {
        if let Some(lot) =
            self.projects().iter_mut().map(|lots| &mut lots[0]).find(|lot| lot.task.id == task.id)
        {
            lot.running -= 1;
        }
        self.changed.notify_waiters();
    }

    /// The task has ended.
    pub(super) fn finished(&self, task: &Task) {
        let mut projects = self.projects();
        if let Some(place) = projects.iter().position(|lots| lots[0].task.id == task.id) {
            projects[place].pop_front();
            if projects[place].is_empty() {
                projects.remove(place);
            }
        }
        self.changed.notify_waiters();
    }

    /// From the first project that has something to do, which goes to the end.
    fn take(&self) -> Option<Job> {
        let mut projects = self.projects();
        let (place, job) = projects
            .iter_mut()
            .enumerate()
            .find_map(|(place, lots)| Some((place, lots[0].take(self.most_of_one)?)))?;
        if let Some(served) = projects.remove(place) {
            projects.push_back(served);
        }
        Some(job)
    }

    fn projects(&self) -> MutexGuard<'_, VecDeque<VecDeque<Lot>>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lot {
    fn take(&mut self, most: usize) -> Option<Job> {
        if self.running == most {
            return None;
        }
        if let Some(file) = self.files.pop_front() {
            self.running += 1;
            return Some(Job::Read(Arc::clone(&self.task), file));
        }
        if self.running > 0 || self.is_finishing {
            return None;
        }
        self.is_finishing = true;
        Some(Job::Finish(Arc::clone(&self.task)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{FileState, Source, Tally, TaskKind};

    fn task(id: &str, project: &str) -> Task {
        Task {
            id: id.to_owned(),
            project: project.to_owned(),
            project_name: project.to_owned(),
            kind: TaskKind::AddDocuments,
            repository: None,
            include_tests: true,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            started_at: None,
            end: None,
            files: Tally::default(),
        }
    }

    fn files(count: u32) -> Vec<TaskFile> {
        let file = |number| TaskFile {
            number,
            entry: 0,
            path: String::new(),
            kind: None,
            tags: Vec::new(),
            source: Source::Gone,
            state: FileState::Waiting,
        };
        (0..count).map(file).collect()
    }

    fn told(job: Option<Job>) -> String {
        match job {
            Some(Job::Read(task, file)) => format!("{} {}", task.id, file.number),
            Some(Job::Finish(task)) => format!("{} ends", task.id),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn projects_take_turns_and_tasks_of_one_go_one_after_the_other() {
        let queue = Queue::new(3);
        let (first, second, other) = (task("first", "a"), task("second", "a"), task("other", "b"));
        queue.add(first.clone(), files(3));
        queue.add(second, files(1));
        queue.add(other, files(1));
        let mut order: Vec<String> = (0..4).map(|_| told(queue.take())).collect();
        assert_eq!(order, ["first 0", "other 0", "first 1", "nothing"], "one place is left for others");

        queue.read(&first);
        assert_eq!(told(queue.take()), "first 2");
        queue.read(&first);
        assert_eq!(told(queue.take()), "nothing", "another file of it is still being read");
        queue.read(&first);
        order = vec![told(queue.take()), told(queue.take())];
        assert_eq!(order, ["first ends", "nothing"]);
        queue.finished(&first);
        assert_eq!(told(queue.take()), "second 0");
    }
}
