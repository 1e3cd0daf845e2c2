//! Tasks and their files in rows.

use ::knowledge::store::{
    DocumentType, FileChange, FileState, Outcome, Repository, Source, Tally, Task, TaskChange, TaskEnd,
    TaskFile, TaskKind, TaskStore, Unready,
};
use async_trait::async_trait;
use chat::ids::DocumentId;
use chat::store::StoreError;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::writer::Operation;
use super::{SqliteStore, store_error};

/// How long tasks are known after their end.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// One write, whole.
pub(super) enum Write {
    Add(Task, Vec<TaskFile>),
    Change(String, TaskChange),
}

pub(super) async fn apply(db: &mut SqliteConnection, write: &Write) -> sqlx::Result<()> {
    match write {
        Write::Add(task, files) => add(db, task, files).await,
        Write::Change(task, TaskChange::Begun(now)) => {
            let begun = "UPDATE tasks SET started_at = ? WHERE id = ? AND started_at IS NULL";
            sqlx::query(begun).bind(now.as_millisecond()).bind(task).execute(db).await.map(drop)
        }
        Write::Change(task, TaskChange::File(file)) => change_file(db, task, file).await,
        Write::Change(task, TaskChange::Unpacked(number)) => {
            let unpacked = "DELETE FROM task_files WHERE task = ? AND number = ? AND entry = 0";
            sqlx::query(unpacked).bind(task).bind(number).execute(db).await.map(drop)
        }
        Write::Change(task, TaskChange::Ended(now, end)) => self::end(db, task, *now, end).await,
    }
}

async fn add(db: &mut SqliteConnection, task: &Task, files: &[TaskFile]) -> sqlx::Result<()> {
    let created_at = task.created_at.as_millisecond();
    sqlx::query("DELETE FROM tasks WHERE ended_at < ?").bind(created_at - KEPT_MS).execute(&mut *db).await?;
    sqlx::query(
        "INSERT INTO tasks (id, project, project_name, type, repository, branch, include_tests, created_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&task.id)
    .bind(&task.project)
    .bind(&task.project_name)
    .bind(task.kind.name())
    .bind(task.repository.as_ref().map(|repository| repository.address.as_str()))
    .bind(task.repository.as_ref().map(|repository| repository.branch.as_str()))
    .bind(task.include_tests)
    .bind(created_at)
    .execute(&mut *db)
    .await?;
    for file in files {
        let (received, address) = match &file.source {
            Source::Received(name) => (Some(name.as_str()), None),
            Source::Address(address) => (None, Some(address.as_str())),
            Source::Gone => (None, None),
        };
        let (state, document, error) = state_columns(&file.state);
        sqlx::query(
            "INSERT INTO task_files (task, number, entry, project, path, type, tags, received, address, state, \
             document, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&task.id)
        .bind(file.number)
        .bind(file.entry)
        .bind(&task.project)
        .bind(&file.path)
        .bind(file.kind.map(DocumentType::name))
        .bind(Value::from(file.tags.as_slice()).to_string())
        .bind(received)
        .bind(address)
        .bind(state)
        .bind(document)
        .bind(error)
        .execute(&mut *db)
        .await?;
        settle(db, &task.project, &file.path, Some(&task.id)).await?;
    }
    Ok(())
}

async fn change_file(db: &mut SqliteConnection, task: &str, change: &FileChange) -> sqlx::Result<()> {
    let (state, document, error) = state_columns(&change.state);
    sqlx::query(
        "INSERT INTO task_files (task, number, entry, project, path, type, tags, state, document, error) \
         SELECT f.task, f.number, ?3, f.project, ?4, f.type, f.tags, ?5, ?6, ?7 FROM task_files f \
         JOIN tasks t ON t.id = f.task WHERE f.task = ?1 AND f.number = ?2 AND f.entry = 0 AND t.ended_at IS NULL \
         ON CONFLICT (task, number, entry) DO UPDATE SET path = ?4, state = ?5, document = ?6, error = ?7",
    )
    .bind(task)
    .bind(change.number)
    .bind(change.entry)
    .bind(&change.path)
    .bind(state)
    .bind(document)
    .bind(error)
    .execute(&mut *db)
    .await?;
    let project: Option<String> = sqlx::query_scalar("SELECT project FROM tasks WHERE id = ?")
        .bind(task)
        .fetch_optional(&mut *db)
        .await?;
    match (&change.state, project) {
        (FileState::Ready(_) | FileState::Failed(_), Some(project)) => {
            settle(db, &project, &change.path, Some(task)).await
        }
        _ => Ok(()),
    }
}

/// Takes the failures of a path, but for those of this task, off the list: it was told of again.
pub(super) async fn settle(
    db: &mut SqliteConnection,
    project: &str,
    path: &str,
    but: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE task_files SET is_settled = 1 \
         WHERE project = ? AND path = ? AND state = 'failed' AND is_settled = 0 AND task IS NOT ?",
    )
    .bind(project)
    .bind(path)
    .bind(but)
    .execute(db)
    .await
    .map(drop)
}

async fn end(db: &mut SqliteConnection, task: &str, now: Timestamp, end: &TaskEnd) -> sqlx::Result<()> {
    let (error, chunks, analysis) = match end {
        TaskEnd::Failed(error) => (Some(error.as_str()), None, None),
        TaskEnd::Completed(Outcome::Added) => (None, None, None),
        TaskEnd::Completed(Outcome::Generated { chunks }) => (None, Some(*chunks as i64), None),
        TaskEnd::Completed(Outcome::Analyzed(analysis)) => (None, None, Some(analysis.as_str())),
    };
    let ended = "UPDATE tasks SET ended_at = ?, error = ?, chunks = ?, analysis = ? WHERE id = ? AND ended_at IS NULL";
    let ended =
        sqlx::query(ended).bind(now.as_millisecond()).bind(error).bind(chunks).bind(analysis).bind(task);
    ended.execute(&mut *db).await?;
    // What was received is not needed any more.
    sqlx::query("UPDATE task_files SET received = NULL WHERE task = ?").bind(task).execute(db).await.map(drop)
}

fn state_columns(state: &FileState) -> (&'static str, Option<Vec<u8>>, Option<&str>) {
    match state {
        FileState::Waiting | FileState::Reading => (state.name(), None, None),
        FileState::Ready(document) => (state.name(), Some(document.as_bytes().to_vec()), None),
        FileState::Failed(error) => (state.name(), None, Some(error)),
    }
}

#[async_trait]
impl TaskStore for SqliteStore {
    async fn add_task(&self, task: &Task, files: &[TaskFile]) -> Result<(), StoreError> {
        self.write_task(Write::Add(task.clone(), files.to_vec())).await
    }

    async fn task(&self, id: &str) -> Result<Option<Task>, StoreError> {
        let row = sqlx::query("SELECT * FROM counted_tasks WHERE id = ?").bind(id);
        let row = row.fetch_optional(&self.readers).await;
        read(row.and_then(|row| row.as_ref().map(task).transpose()))
    }

    async fn tasks(&self, project: &str, limit: usize) -> Result<Vec<Task>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM counted_tasks WHERE project = ? ORDER BY created_at DESC, number DESC LIMIT ?",
        )
        .bind(project)
        .bind(limit as i64)
        .fetch_all(&self.readers)
        .await;
        read(rows.and_then(|rows| rows.iter().map(task).collect()))
    }

    async fn unfinished(&self) -> Result<Vec<Task>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM counted_tasks WHERE ended_at IS NULL ORDER BY created_at, number");
        let rows = rows.fetch_all(&self.readers).await;
        read(rows.and_then(|rows| rows.iter().map(task).collect()))
    }

    async fn files(&self, task: &str) -> Result<Vec<TaskFile>, StoreError> {
        let rows = sqlx::query("SELECT * FROM task_files WHERE task = ? ORDER BY number, entry").bind(task);
        read(rows.fetch_all(&self.readers).await.and_then(|rows| rows.iter().map(file).collect()))
    }

    async fn unready(
        &self,
        project: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Unready>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM task_files WHERE project = ? AND state <> 'ready' AND is_settled = 0 AND place > ? \
             ORDER BY place LIMIT ?",
        )
        .bind(project)
        .bind(after.map_or(0, |after| i64::try_from(after).unwrap_or(i64::MAX)))
        .bind(limit as i64)
        .fetch_all(&self.readers)
        .await;
        let unready = |row: &SqliteRow| Ok(Unready { place: number(row, "place")?, file: file(row)? });
        read(rows.and_then(|rows| rows.iter().map(unready).collect()))
    }

    async fn change_task(&self, task: &str, change: TaskChange) -> Result<(), StoreError> {
        self.write_task(Write::Change(task.to_owned(), change)).await
    }
}

impl SqliteStore {
    async fn write_task(&self, write: Write) -> Result<(), StoreError> {
        self.writer.ask(|reply| Operation::Task(Box::new(write), reply)).await?
    }
}

fn task(row: &SqliteRow) -> sqlx::Result<Task> {
    let kind = TaskKind::from_name(row.try_get("type")?).ok_or_else(|| unreadable("the type of a task"))?;
    let repository: Option<String> = row.try_get("repository")?;
    let branch: Option<String> = row.try_get("branch")?;
    Ok(Task {
        id: row.try_get("id")?,
        project: row.try_get("project")?,
        project_name: row.try_get("project_name")?,
        kind,
        repository: repository.map(|address| Repository { address, branch: branch.unwrap_or_default() }),
        include_tests: row.try_get("include_tests")?,
        created_at: time(row, "created_at")?.ok_or_else(|| unreadable("created_at"))?,
        started_at: time(row, "started_at")?,
        end: time(row, "ended_at")?.map(|at| task_end(row, kind).map(|end| (at, end))).transpose()?,
        files: Tally {
            waiting: number(row, "waiting")?,
            reading: number(row, "reading")?,
            ready: number(row, "ready")?,
            failed: number(row, "failed")?,
        },
    })
}

fn task_end(row: &SqliteRow, kind: TaskKind) -> sqlx::Result<TaskEnd> {
    if let Some(error) = row.try_get("error")? {
        return Ok(TaskEnd::Failed(error));
    }
    Ok(TaskEnd::Completed(match kind {
        TaskKind::AddDocuments => Outcome::Added,
        TaskKind::GenerateKnowledgeBase => {
            let chunks: i64 = row.try_get("chunks")?;
            Outcome::Generated { chunks: usize::try_from(chunks).map_err(|_| unreadable("chunks"))? }
        }
        TaskKind::AnalyzeProject => Outcome::Analyzed(row.try_get("analysis")?),
    }))
}

fn file(row: &SqliteRow) -> sqlx::Result<TaskFile> {
    let kind: Option<&str> = row.try_get("type")?;
    let tags: &str = row.try_get("tags")?;
    let source = match (row.try_get("received")?, row.try_get("address")?) {
        (Some(name), _) => Source::Received(name),
        (None, Some(address)) => Source::Address(address),
        (None, None) => Source::Gone,
    };
    Ok(TaskFile {
        number: number(row, "number")?,
        entry: number(row, "entry")?,
        path: row.try_get("path")?,
        kind: kind.and_then(DocumentType::from_name),
        tags: serde_json::from_str(tags).map_err(|error| sqlx::Error::Decode(error.into()))?,
        source,
        state: file_state(row)?,
    })
}

fn file_state(row: &SqliteRow) -> sqlx::Result<FileState> {
    Ok(match row.try_get("state")? {
        "waiting" => FileState::Waiting,
        "reading" => FileState::Reading,
        "ready" => {
            let document: &[u8] = row.try_get("document")?;
            let bytes = document.try_into().map_err(|_| unreadable("the document of a file"))?;
            FileState::Ready(DocumentId::from_bytes(bytes))
        }
        "failed" => FileState::Failed(row.try_get("error")?),
        _ => return Err(unreadable("the state of a file")),
    })
}

fn time(row: &SqliteRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    let milliseconds: Option<i64> = row.try_get(column)?;
    let time = |milliseconds| Timestamp::from_millisecond(milliseconds).map_err(|_| unreadable(column));
    milliseconds.map(time).transpose()
}

fn number<T: TryFrom<i64>>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    let number: i64 = row.try_get(column)?;
    number.try_into().map_err(|_| unreadable(column))
}

fn read<T>(result: sqlx::Result<T>) -> Result<T, StoreError> {
    result.map_err(|error| store_error(&error))
}

fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} is not readable").into())
}
