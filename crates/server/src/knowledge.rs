//! Documents of projects as callers may see them: whoever may know of a project may read it, and write to it.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chat::ids::{DocumentId, random_base62};
use chat::{Error, ErrorKind, Principal, Scope};
use identity::Directory;
use knowledge::extract::{ExtractError, Extractor};
use knowledge::library::{Library, Passage, Query};
use knowledge::store::{DocumentType, Label, Listed, Repository, Task, TaskKind, Unready};
use knowledge::work::{NewFile, NewTask, Work};

mod grounding;
mod inspect;

pub(crate) use grounding::LibraryGrounding;
pub(crate) use inspect::{Census, Problem, Verification, Why};

/// What public ids of documents begin with.
const DOCUMENT_PREFIX: &str = "doc_";
/// What places in the list of files that are no documents begin with.
const FILE_PREFIX: &str = "file_";
/// Random characters in the path of a document that came without one.
const PATH_CHARACTERS: usize = 12;

/// The documents of all projects, and who may see which.
pub(crate) struct Documents {
    pub(crate) library: Library,
    pub(crate) extractor: Extractor,
    pub(crate) directory: Directory,
    pub(crate) work: Work,
}

/// A text on its way into a project.
pub(crate) struct NewDocument {
    pub(crate) path: Option<String>,
    pub(crate) kind: DocumentType,
    pub(crate) tags: Vec<String>,
    pub(crate) text: String,
}

/// A document that was put in.
pub(crate) struct Added {
    pub(crate) id: DocumentId,
    pub(crate) label: Label,
}

/// A task that a caller asks for.
pub(crate) struct AskedTask {
    pub(crate) project: String,
    pub(crate) kind: TaskKind,
    pub(crate) repository: Option<Repository>,
    pub(crate) include_tests: bool,
    pub(crate) files: Vec<NewFile>,
}

/// What a project has, as it is listed.
pub(crate) enum Entry {
    /// A file that is no document (yet).
    File(Unready),
    Document(Listed),
}

/// A place in the list of what a project has: files before documents, so that a file which becomes one is not missed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    File(u64),
    Document(DocumentId),
}

impl Entry {
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::File(unready) => Place::File(unready.place),
            Self::Document(listed) => Place::Document(listed.id),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => write!(f, "{FILE_PREFIX}{place}"),
            Self::Document(id) => f.write_str(&document_id(*id)),
        }
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(place: &str) -> Result<Self, ()> {
        match place.strip_prefix(FILE_PREFIX) {
            Some(number) => number.parse().map(Self::File).map_err(drop),
            None => document_of(place).map(Self::Document).ok_or(()),
        }
    }
}

impl Documents {
    /// The id of the project that the caller means; nothing if there is none that the caller may know of.
    pub(crate) async fn project(&self, principal: &Principal, name: &str) -> Result<Option<String>, Error> {
        Ok(self.directory.named_project(principal, name).await?)
    }

    /// Puts a text into a project, in the place of the document with its path. A project that is not there becomes one of
    /// the caller's own. The text is found once this returns.
    pub(crate) async fn add(
        &self,
        principal: &Principal,
        project: &str,
        new: NewDocument,
    ) -> Result<Added, Error> {
        check_may_write(principal)?;
        let NewDocument { path, kind, tags, text } = new;
        let path = path.unwrap_or_else(|| format!("{}-{}", kind.name(), random_base62(PATH_CHARACTERS)));
        let part = self.extractor.text(&path, text).await.map_err(|error| refused("filePath", error))?;
        let extracted = part.extracted.map_err(|error| refused("content", error))?;
        let project = self.directory.project_to_write(principal, project).await?;
        let label = Label { path: part.path, kind, tags };
        let ingested = self.library.ingest(&project, label.clone(), extracted).await?;
        Ok(Added { id: ingested.document, label })
    }

    /// The best passages of a project for a question; none if there is no such project that the caller may know of.
    pub(crate) async fn search(
        &self,
        principal: &Principal,
        project: &str,
        query: Query<'_>,
    ) -> Result<Vec<Passage>, Error> {
        check_may_read(principal)?;
        match self.project(principal, project).await? {
            Some(project) => Ok(self.library.search(&project, query).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Whether the caller may put something into a project, before it is received.
    pub(crate) async fn check_may_add(&self, principal: &Principal, project: &str) -> Result<(), Error> {
        check_may_write(principal)?;
        self.project(principal, project).await.map(drop)
    }

    /// Takes a task on. A project that is not there becomes one of the caller's own.
    pub(crate) async fn start(&self, principal: &Principal, asked: AskedTask) -> Result<Task, Error> {
        check_may_write(principal)?;
        let AskedTask { project: project_name, kind, repository, include_tests, files } = asked;
        let project = self.directory.project_to_write(principal, &project_name).await?;
        let new = NewTask { project, project_name, kind, repository, include_tests, files };
        Ok(self.work.add(new).await?)
    }

    /// The task, if the caller may know of its project.
    pub(crate) async fn task(&self, principal: &Principal, id: &str) -> Result<Task, Error> {
        check_may_read(principal)?;
        let absent = || Error::not_found("task");
        let task = self.work.task(id).await?.ok_or_else(absent)?;
        // Another project may have this id as its name.
        let seen = self.project(principal, &task.project).await?.filter(|seen| *seen == task.project);
        seen.map(|_| task).ok_or_else(absent)
    }

    /// The tasks of a project, the newest first.
    pub(crate) async fn tasks(
        &self,
        principal: &Principal,
        project: &str,
        limit: usize,
    ) -> Result<Vec<Task>, Error> {
        check_may_read(principal)?;
        match self.project(principal, project).await? {
            Some(project) => Ok(self.work.tasks(&project, limit).await?),
            None => Ok(Vec::new()),
        }
    }

    /// A page of what a project has, after a place in it.
    pub(crate) async fn list(
        &self,
        principal: &Principal,
        project: &str,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        check_may_read(principal)?;
        let Some(project) = self.project(principal, project).await? else { return Ok(Vec::new()) };
        let (files_after, documents_after) = match after {
            None => (Some(None), None),
            Some(Place::File(place)) => (Some(Some(place)), None),
            Some(Place::Document(id)) => (None, Some(id)),
        };
        let mut page: Vec<Entry> = Vec::new();
        if let Some(after) = files_after {
            page.extend(self.work.unready(&project, after, limit).await?.into_iter().map(Entry::File));
        }
        if page.len() < limit {
            let left = limit - page.len();
            let documents = self.library.documents(&project, documents_after, left).await?;
            page.extend(documents.into_iter().map(Entry::Document));
        }
        Ok(page)
    }

    /// Bytes of the text of a document, as many of them as there are.
    pub(crate) async fn text(
        &self,
        principal: &Principal,
        id: &str,
        span: Range<usize>,
    ) -> Result<String, Error> {
        check_may_read(principal)?;
        let (project, document) = self.seen(principal, id).await?;
        let text = self.library.text(&project, document, span).await?;
        let problem =
            "start and end must be in order, within the document, and on borders of UTF-8 characters";
        text.ok_or_else(|| Error::invalid("start", problem))
    }

    /// Removes a document; it is found no more once this returns.
    pub(crate) async fn remove(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        check_may_write(principal)?;
        let (project, document) = self.seen(principal, id).await?;
        let was_there = self.library.remove(&project, document).await?;
        if was_there { Ok(()) } else { Err(Error::not_found("document")) }
    }

    /// The document with its project, if the caller may know of it.
    async fn seen(&self, principal: &Principal, id: &str) -> Result<(String, DocumentId), Error> {
        let absent = || Error::not_found("document");
        let document = document_of(id).ok_or_else(absent)?;
        let project = self.library.project_of(document).await?.ok_or_else(absent)?;
        // Another project may have this id as its name.
        let seen = self.project(principal, &project).await?.filter(|seen| *seen == project);
        Ok((seen.ok_or_else(absent)?, document))
    }
}

/// Whoever may chat may read what chats rest on.
pub(crate) fn check_may_read(principal: &Principal) -> Result<(), Error> {
    if principal.may(Scope::Documents) || principal.may(Scope::Chat) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, "these credentials are not good for reading documents"))
}

fn check_may_write(principal: &Principal) -> Result<(), Error> {
    if principal.may(Scope::Documents) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, "these credentials are not good for changing documents"))
}

fn refused(field: &'static str, error: ExtractError) -> Error {
    let sentence = error.to_string();
    if error.is_temporary() {
        return Error::new(ErrorKind::Internal, sentence).because(error);
    }
    Error::invalid(field, sentence)
}

/// A document's public id.
pub(crate) fn document_id(document: DocumentId) -> String {
    let hex = document.as_bytes().iter().map(|byte| format!("{byte:02x}"));
    hex.fold(DOCUMENT_PREFIX.to_owned(), |id, byte| id + &byte)
}

/// The document of a public id.
pub(crate) fn document_of(id: &str) -> Option<DocumentId> {
    let hex = id.strip_prefix(DOCUMENT_PREFIX).filter(|hex| hex.len() == 32 && hex.is_ascii())?;
    let mut bytes = [0; 16];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[place * 2..place * 2 + 2], 16).ok()?;
    }
    Some(DocumentId::from_bytes(bytes))
}
