//! Documents of projects as callers may see them: whoever may know of a project may read it, and write to it.

use std::ops::Range;

use chat::ids::{DocumentId, random_base62};
use chat::{Error, ErrorKind, Principal, Scope};
use identity::Directory;
use knowledge::extract::{ExtractError, Extractor};
use knowledge::library::{Library, Passage, Query};
use knowledge::store::{DocumentType, Label, Listed};

mod grounding;
mod inspect;

pub(crate) use grounding::LibraryGrounding;
pub(crate) use inspect::{Problem, Verification, Why};

/// What public ids of documents begin with.
const DOCUMENT_PREFIX: &str = "doc_";
/// Random characters in the path of a document that came without one.
const PATH_CHARACTERS: usize = 12;

/// The documents of all projects, and who may see which.
pub(crate) struct Documents {
    pub(crate) library: Library,
    pub(crate) extractor: Extractor,
    pub(crate) directory: Directory,
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

    /// A page of a project's documents, the oldest first, after the one named.
    pub(crate) async fn list(
        &self,
        principal: &Principal,
        project: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        check_may_read(principal)?;
        match self.project(principal, project).await? {
            Some(project) => Ok(self.library.documents(&project, after, limit).await?),
            None => Ok(Vec::new()),
        }
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
fn check_may_read(principal: &Principal) -> Result<(), Error> {
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
