//! What the port to tasks promises, of this store and of the one in memory.

use std::sync::Arc;
use std::time::Duration;

use chat::clock::Clock as _;
use chat::ids::DocumentId;
use knowledge::store::{
    DocumentType, FileChange, FileState, MemoryStore, Outcome, Repository, Source, Tally, Task, TaskChange,
    TaskEnd, TaskFile, TaskKind, TaskStore,
};

use crate::place::DataPlace;

struct Given {
    place: DataPlace,
    store: Arc<dyn TaskStore>,
}

impl Given {
    /// Both stores, with the projects `ours` and `theirs`.
    async fn each() -> [Self; 2] {
        let place = DataPlace::new();
        let store = place.open_with_projects().await;
        let in_memory: Arc<dyn TaskStore> = Arc::new(MemoryStore::default());
        [Self { place, store: Arc::new(store) }, Self { place: DataPlace::new(), store: in_memory }]
    }

    fn task(&self, id: &str, project: &str) -> Task {
        Task {
            id: id.to_owned(),
            project: project.to_owned(),
            project_name: format!("the name of {project}"),
            kind: TaskKind::GenerateKnowledgeBase,
            repository: Some(Repository {
                address: "https://a.example/b.zip".to_owned(),
                branch: "c".to_owned(),
            }),
            include_tests: false,
            created_at: self.place.clock.now(),
            started_at: None,
            end: None,
            files: Tally::default(),
        }
    }

    async fn tell(&self, task: &str, number: u32, entry: u32, path: &str, state: FileState) {
        let change = FileChange { number, entry, path: path.to_owned(), state };
        self.store.change_task(task, TaskChange::File(change)).await.unwrap();
    }

    async fn listed(&self, project: &str) -> Vec<String> {
        let unready = self.store.unready(project, None, 99).await.unwrap();
        unready
            .into_iter()
            .map(|unready| format!("{} {}", unready.file.path, unready.file.state.name()))
            .collect()
    }

    fn document(&self) -> FileState {
        FileState::Ready(DocumentId::new(&self.place.clock))
    }
}

fn file(number: u32, path: &str) -> TaskFile {
    TaskFile {
        number,
        entry: 0,
        path: path.to_owned(),
        kind: Some(DocumentType::Code),
        tags: vec!["a".to_owned()],
        source: Source::Received(format!("received-{number}")),
        state: FileState::Waiting,
    }
}

fn failed(reason: &str) -> FileState {
    FileState::Failed(reason.to_owned())
}

#[tokio::test]
async fn a_task_is_kept_with_its_files_until_its_end() {
    for given in Given::each().await {
        let (store, task) = (&given.store, given.task("one", "ours"));
        let files = [
            file(0, "a.md"),
            TaskFile { source: Source::Address("https://a.example".to_owned()), ..file(1, "b") },
        ];
        store.add_task(&task, &files).await.unwrap();
        let kept = Task { files: Tally { waiting: 2, ..Tally::default() }, ..task };
        assert_eq!(store.task("one").await.unwrap().as_ref(), Some(&kept));
        assert_eq!(store.unfinished().await.unwrap(), [kept]);
        assert_eq!(store.files("one").await.unwrap(), files);
        assert_eq!(store.task("another").await.unwrap(), None);
        assert!(store.tasks("theirs", 9).await.unwrap().is_empty());

        let begun = given.place.clock.now();
        store.change_task("one", TaskChange::Begun(begun)).await.unwrap();
        given.place.clock.advance(Duration::from_secs(1));
        store.change_task("one", TaskChange::Begun(given.place.clock.now())).await.unwrap();
        given.tell("one", 0, 0, "a.md", given.document()).await;
        given.tell("one", 1, 0, "b", failed("it is gone")).await;
        let end = TaskEnd::Completed(Outcome::Generated { chunks: 7 });
        let ended = given.place.clock.now();
        store.change_task("one", TaskChange::Ended(ended, end.clone())).await.unwrap();
        store.change_task("one", TaskChange::Ended(ended, TaskEnd::Failed("late".to_owned()))).await.unwrap();
        given.tell("one", 0, 0, "a.md", FileState::Reading).await;

        let kept = store.task("one").await.unwrap().unwrap();
        assert_eq!((kept.started_at, kept.end), (Some(begun), Some((ended, end))));
        assert_eq!(kept.files, Tally { ready: 1, failed: 1, ..Tally::default() });
        assert!(store.unfinished().await.unwrap().is_empty());
        assert_eq!(store.files("one").await.unwrap()[0].source, Source::Gone);
    }
}

#[tokio::test]
async fn the_entries_of_an_archive_stand_for_it_once_all_are_told() {
    for given in Given::each().await {
        given.store.add_task(&given.task("one", "ours"), &[file(0, "all.zip")]).await.unwrap();
        given.tell("one", 0, 0, "all.zip", FileState::Reading).await;
        // As after a crash, the first is told twice.
        for _ in 0..2 {
            given.tell("one", 0, 1, "a.md", given.document()).await;
        }
        given.tell("one", 0, 2, "b.md", failed("it is locked")).await;
        assert_eq!(given.listed("ours").await, ["all.zip reading", "b.md failed"]);
        given.store.change_task("one", TaskChange::Unpacked(0)).await.unwrap();

        let files = given.store.files("one").await.unwrap();
        let told: Vec<_> =
            files.iter().map(|file| (file.entry, file.path.as_str(), file.state.name(), file.kind)).collect();
        let code = Some(DocumentType::Code);
        assert_eq!(told, [(1, "a.md", "ready", code), (2, "b.md", "failed", code)]);
        assert_eq!((&files[0].source, &files[0].tags), (&Source::Gone, &vec!["a".to_owned()]));
    }
}

#[tokio::test]
async fn a_failure_is_listed_until_its_path_is_told_of_again() {
    for given in Given::each().await {
        let store = &given.store;
        for (id, project) in [("one", "ours"), ("foreign", "theirs")] {
            store.add_task(&given.task(id, project), &[file(0, "a.md"), file(1, "b.md")]).await.unwrap();
            given.tell(id, 0, 0, "a.md", failed("it is locked")).await;
        }
        assert_eq!(given.listed("ours").await, ["a.md failed", "b.md waiting"]);
        let first = store.unready("ours", None, 1).await.unwrap().remove(0);
        let rest = store.unready("ours", Some(first.place), 9).await.unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].file.path, "b.md");

        store.add_task(&given.task("two", "ours"), &[file(0, "a.md")]).await.unwrap();
        assert_eq!(given.listed("ours").await, ["b.md waiting", "a.md waiting"]);
        given.tell("two", 0, 0, "a.md", given.document()).await;
        assert_eq!(given.listed("ours").await, ["b.md waiting"]);
        assert_eq!(given.listed("theirs").await, ["a.md failed", "b.md waiting"]);
        assert_eq!(store.task("one").await.unwrap().unwrap().files.failed, 1, "the task knows it still");
        let tasks = store.tasks("ours", 9).await.unwrap();
        let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids, ["two", "one"], "the newest first");
    }
}

#[tokio::test]
async fn a_task_is_forgotten_thirty_days_after_its_end() {
    for given in Given::each().await {
        let clock = &given.place.clock;
        for id in ["old", "running", "recent"] {
            given.store.add_task(&given.task(id, "ours"), &[file(0, id)]).await.unwrap();
        }
        let end = |at| TaskChange::Ended(at, TaskEnd::Failed("it is gone".to_owned()));
        given.store.change_task("old", end(clock.now())).await.unwrap();
        clock.advance(Duration::from_secs(29 * 24 * 60 * 60));
        given.store.change_task("recent", end(clock.now())).await.unwrap();
        clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
        given.store.add_task(&given.task("new", "ours"), &[]).await.unwrap();

        let tasks = given.store.tasks("ours", 9).await.unwrap();
        let mut ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["new", "recent", "running"]);
        assert!(given.store.files("old").await.unwrap().is_empty());
    }
}
