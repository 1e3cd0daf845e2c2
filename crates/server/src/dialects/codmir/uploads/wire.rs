//! Uploads as JSON, field by field.

use knowledge::store::{FileState, Task, TaskFile};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::tasks;
use super::id_of;

/// Addresses of web pages.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = codmir::Addresses)]
pub(super) struct Addresses {
    /// 1 to 1,000 addresses that begin with `https://` or `http://`; each names its document.
    pub(super) urls: Vec<String>,
    /// `code`, `doc`, `architecture`, `remark` or `summary`; by default what their texts are.
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    /// Any words.
    #[serde(default)]
    pub(super) tags: Option<Vec<String>>,
}

/// A form with files.
#[derive(Debug, ToSchema)]
#[schema(as = codmir::Upload)]
#[expect(dead_code, reason = "it is read as a stream; this describes it")]
pub(super) struct Form {
    /// Each under any field name; its file name, folders and all, is its path in the project.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
    /// As in `Addresses`.
    #[schema(rename = "type")]
    kind: Option<String>,
    /// A word; the field may come several times.
    tags: Option<Vec<String>>,
}

/// What was taken on, and what became of it so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = codmir::Added)]
pub(super) struct Added<'a> {
    task: tasks::wire::Task<'a>,
    documents: Vec<File<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = codmir::File)]
struct File<'a> {
    file_path: &'a str,
    /// Of the document, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `waiting`, `reading`, `ready` or `failed`.
    state: &'static str,
    /// Why it failed and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Added<'a> {
    pub(super) fn new(task: &'a Task, files: &'a [TaskFile]) -> Self {
        Self { task: task.into(), documents: files.iter().map(File::from).collect() }
    }
}

impl<'a> From<&'a TaskFile> for File<'a> {
    fn from(file: &'a TaskFile) -> Self {
        let error = if let FileState::Failed(reason) = &file.state { Some(reason.as_str()) } else { None };
        Self { file_path: &file.path, id: id_of(&file.state), state: file.state.name(), error }
    }
}
