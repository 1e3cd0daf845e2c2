//! Tasks as JSON, field by field.

use jiff::Timestamp;
use knowledge::store::{self, Outcome, TaskEnd};
use knowledge::work;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body::object;

/// A task to take on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::NewTask)]
pub(super) struct NewTask {
    /// `generate-knowledge-base` or `analyze-project`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The project; one that is not there is made.
    pub(super) project_id: String,
    /// The address of an archive (tar.gz, zip) of the repository; without it the documents that are there count.
    #[serde(default)]
    pub(super) repo_url: Option<String>,
    /// By default `main`.
    #[serde(default)]
    pub(super) branch: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub(super) config: Option<TaskConfig>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::TaskConfig)]
pub(super) struct TaskConfig {
    /// Whether files of tests are taken too, as they are by default.
    #[serde(default)]
    pub(super) include_tests: Option<bool>,
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::Task)]
pub(in super::super) struct Task<'a> {
    id: &'a str,
    project_id: &'a str,
    /// `generate-knowledge-base`, `analyze-project`, or `add-documents` for an upload.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `queued`, `running`, `completed` or `failed`.
    status: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Result>,
    /// Why it failed and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Result {
    #[serde(rename_all = "camelCase")]
    Generated { chunks_generated: usize, generated_at: String },
    #[serde(rename_all = "camelCase")]
    Analyzed {
        #[serde(flatten)]
        analysis: Map<String, Value>,
        analyzed_at: String,
    },
}

impl<'a> From<&'a store::Task> for Task<'a> {
    fn from(task: &'a store::Task) -> Self {
        let (result, error) = match &task.end {
            Some((at, TaskEnd::Completed(outcome))) => (result(outcome, *at), None),
            Some((_, TaskEnd::Failed(reason))) => (None, Some(reason.as_str())),
            None => (None, None),
        };
        Self {
            id: &task.id,
            project_id: &task.project_name,
            kind: task.kind.name(),
            status: status(task),
            created_at: task.created_at.to_string(),
            started_at: task.started_at.map(|at| at.to_string()),
            completed_at: task.end.as_ref().map(|(at, _)| at.to_string()),
            result,
            error,
        }
    }
}

fn result(outcome: &Outcome, at: Timestamp) -> Option<Result> {
    match outcome {
        Outcome::Added => None,
        Outcome::Generated { chunks } => {
            Some(Result::Generated { chunks_generated: *chunks, generated_at: at.to_string() })
        }
        Outcome::Analyzed(analysis) => {
            let analysis = serde_json::from_str(analysis).unwrap_or_default();
            Some(Result::Analyzed { analysis, analyzed_at: at.to_string() })
        }
    }
}

fn status(task: &store::Task) -> &'static str {
    match (&task.end, task.started_at) {
        (Some((_, TaskEnd::Completed(_))), _) => "completed",
        (Some((_, TaskEnd::Failed(_))), _) => "failed",
        (None, Some(_)) => "running",
        (None, None) => "queued",
    }
}

/// How far a task is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Progress)]
pub(super) struct Progress {
    /// `queued`, `running`, `completed` or `failed`; the last two end the stream.
    status: &'static str,
    files: Files,
    /// Chunks of the project.
    chunks: usize,
    /// Those of them that have a vector.
    vectors: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Files)]
struct Files {
    total: usize,
    ready: usize,
    failed: usize,
}

impl From<&work::Progress> for Progress {
    fn from(work::Progress { task, status }: &work::Progress) -> Self {
        let files = Files { total: task.files.total(), ready: task.files.ready, failed: task.files.failed };
        Self { status: self::status(task), files, chunks: status.chunks, vectors: status.vectors }
    }
}

/// A stream that can't go on.
#[derive(Debug, Serialize)]
pub(super) struct Broken<'a> {
    pub(super) error: &'a str,
    pub(super) code: &'static str,
}
