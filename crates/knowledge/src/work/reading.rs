//! One file of a task: its bytes are found, read, and become documents.

use std::io::{Read, Seek};

use outbound::{Address, FetchError, Limits};
use tokio::io::AsyncWriteExt;

use super::{Shared, names};
use crate::extract::{ExtractError, Extractor, Kind, Part, archive_ending};
use crate::store::{
    DocumentType, FileChange, FileState, Label, Repository, Source, Task, TaskChange, TaskFile,
};

/// How much of an archive says what it is.
const HEAD: u64 = 4_096;

/// Bytes, what they are called for whoever reads them, and who that is.
struct Opened {
    name: String,
    file: std::fs::File,
    extractor: Extractor,
}

/// Reads a file and tells what became of it, entry by entry. What the end of the process breaks off is told of nowhere,
/// and begins anew.
pub(super) async fn read(shared: &Shared, task: &Task, file: &TaskFile) {
    tell(shared, task, change(file, FileState::Reading)).await;
    match open(shared, task, file).await {
        Ok(opened) => unpack(shared, task, file, opened).await,
        Err(reason) => tell(shared, task, change(file, FileState::Failed(reason))).await,
    }
    if let Source::Received(name) = &file.source
        && !shared.closing.is_cancelled()
    {
        shared.spool.remove(name).await;
    }
}

async fn unpack(shared: &Shared, task: &Task, file: &TaskFile, opened: Opened) {
    let mut parts = opened.extractor.extract(&opened.name, opened.file).await;
    let (mut entry, mut is_told) = (0, false);
    while let Some(part) = parts.next().await {
        if matches!(part.extracted, Err(ExtractError::Stopping)) {
            return;
        }
        let is_the_file = part.path == opened.name;
        is_told |= is_the_file;
        entry += u32::from(!is_the_file);
        let path = match &task.repository {
            _ if is_the_file => file.path.clone(),
            Some(repository) => names::within_repository(&part.path, &repository.address).to_owned(),
            None => names::beside(&file.path, &part.path, matches!(file.source, Source::Address(_))),
        };
        let is_unwanted = task.repository.is_some() && !is_the_file && is_unwanted(task, &path, &part);
        if !is_unwanted {
            let state = keep(shared, task, file, &path, part).await;
            let entry = if is_the_file { 0 } else { entry };
            tell(shared, task, FileChange { number: file.number, entry, path, state }).await;
        }
    }
    if !is_told && entry > 0 {
        shared.change(task, TaskChange::Unpacked(file.number)).await;
    } else if !is_told {
        let reason = "the archive is empty; pack the files and add it again".to_owned();
        tell(shared, task, change(file, FileState::Failed(reason))).await;
    }
}

/// What a repository has besides what is to be found: tests, if they are not asked for, pictures, empty files.
fn is_unwanted(task: &Task, path: &str, part: &Part) -> bool {
    let is_test = !task.include_tests && names::is_test(path);
    let has_no_text = matches!(part.extracted, Err(ExtractError::Unsupported { .. } | ExtractError::NoText));
    is_test || has_no_text
}

/// Makes a document of a part.
async fn keep(shared: &Shared, task: &Task, file: &TaskFile, path: &str, part: Part) -> FileState {
    let extracted = match part.extracted {
        Ok(extracted) => extracted,
        Err(error) => return FileState::Failed(error.to_string()),
    };
    let by_text = match extracted.kind {
        Kind::Code(_) => DocumentType::Code,
        Kind::Prose | Kind::Data => DocumentType::Doc,
    };
    let label = Label { path: path.to_owned(), kind: file.kind.unwrap_or(by_text), tags: file.tags.clone() };
    match shared.library.ingest(&task.project, label, extracted).await {
        Ok(ingested) => FileState::Ready(ingested.document),
        Err(error) => {
            tracing::warn!(task.id = task.id, %error, "a document could not be stored");
            FileState::Failed(chat::Error::from(error).message + "; add the file again")
        }
    }
}

async fn open(shared: &Shared, task: &Task, file: &TaskFile) -> Result<Opened, String> {
    match &file.source {
        Source::Received(name) => {
            let gone = |_| "the file that was received is gone; add it again".to_owned();
            let bytes = shared.spool.read(name).await.map_err(gone)?;
            Ok(Opened { name: file.path.clone(), file: bytes, extractor: shared.extractor.clone() })
        }
        Source::Address(address) => match &task.repository {
            Some(repository) => open_archive(shared, repository).await,
            None => {
                let (bytes, content_type) = fetch(shared, address, &Limits::PAGE).await?;
                let name = names::of_page(address, content_type.as_deref());
                Ok(Opened { name, file: bytes, extractor: shared.extractor.clone() })
            }
        },
        Source::Gone => Err("the file is gone; add it again".to_owned()),
    }
}

async fn open_archive(shared: &Shared, repository: &Repository) -> Result<Opened, String> {
    if let Some(instead) = names::instead_of_git(repository) {
        return Err(instead);
    }
    let limits = Limits::ARCHIVE;
    let (mut file, _) = fetch(shared, &repository.address, &limits).await?;
    let mut head = Vec::new();
    let look = file.rewind().and_then(|()| (&file).take(HEAD).read_to_end(&mut head));
    look.map_err(|_| "what was fetched could not be stored".to_owned())?;
    let ending = archive_ending(&head).ok_or_else(|| names::no_archive(repository))?;
    let extractor = shared.extractor.with_larger_files(limits.bytes);
    Ok(Opened { name: format!("repository.{ending}"), file, extractor })
}

/// What is at an address, in a file without a name, and what its server says that it is.
async fn fetch(
    shared: &Shared,
    address: &str,
    limits: &Limits,
) -> Result<(std::fs::File, Option<String>), String> {
    let fetch = async {
        let file = shared.spool.nameless().map_err(FetchError::Sink)?;
        let mut file = tokio::fs::File::from_std(file);
        let fetched = shared.outbound.fetch(&Address::parse(address)?, limits).await?;
        let content_type = fetched.content_type().map(str::to_owned);
        fetched.copy_to(&mut file).await?;
        file.flush().await.map_err(FetchError::Sink)?;
        Ok((file.into_std().await, content_type))
    };
    fetch.await.map_err(|error: FetchError| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        tracing::info!(%error, source, "an address that a request named was not fetched");
        error.to_string()
    })
}

fn change(file: &TaskFile, state: FileState) -> FileChange {
    FileChange { number: file.number, entry: 0, path: file.path.clone(), state }
}

async fn tell(shared: &Shared, task: &Task, change: FileChange) {
    shared.change(task, TaskChange::File(change)).await;
}
