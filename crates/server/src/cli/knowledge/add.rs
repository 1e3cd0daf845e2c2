//! `latimer knowledge add`: files, folders and web pages into a project, with how far that is.

use std::path::PathBuf;

use clap::Args;
use futures::{Stream, StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{LOOK_AGAIN, status};
use crate::cli::client::{Client, Refused};
use form::Form;
use progress::Progress;
use walk::LocalFile;

mod form;
mod progress;
mod walk;
mod watch;

/// Files and bytes of one request, but that one file may have more.
const MOST_FILES: usize = 32;
const MOST_BYTES: u64 = 4 << 20;
const ARCHIVES: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];
/// Addresses of one request.
const MOST_ADDRESSES: usize = 10;
/// Requests at once, so that the server has work while another file is on its way.
const IN_FLIGHT: usize = 2;

#[derive(Debug, Args)]
pub(super) struct Sources {
    /// The project's name or id; a name of nothing becomes a project
    project: String,
    /// Files, folders and addresses of web pages
    ///
    /// Of a folder everything is taken but what is hidden, what .gitignore leaves out and what links lead to.
    /// A document's path is the one given here with what follows in the folder; from a folder elsewhere, by `..` or from
    /// the root, it begins with the last name.
    #[arg(required = true, value_name = "PATH|URL")]
    sources: Vec<String>,
    /// Go on adding what changes and removing what is deleted, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// What is sent at once.
enum Batch {
    Files(Vec<LocalFile>),
    Addresses(Vec<String>),
}

/// What became of it.
#[derive(Debug, Deserialize)]
struct Added {
    documents: Vec<AddedDocument>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddedDocument {
    file_path: String,
    id: Option<String>,
    state: String,
    error: Option<String>,
    /// The path of the file that it came out of, where that is known.
    #[serde(skip)]
    from: Option<String>,
}

impl AddedDocument {
    fn failed(path: String, reason: String) -> Self {
        Self { file_path: path, id: None, state: "failed".to_owned(), error: Some(reason), from: None }
    }

    fn has_failed(&self) -> bool {
        self.state == "failed"
    }

    /// Whether the file of this path became it.
    fn is_of(&self, path: &str) -> bool {
        self.from.as_ref().unwrap_or(&self.file_path) == path
    }
}

pub(super) async fn run(client: &Client, asked: Sources) -> anyhow::Result<()> {
    let is_address = |source: &String| source.starts_with("https://") || source.starts_with("http://");
    let (addresses, paths): (Vec<String>, Vec<String>) = asked.sources.into_iter().partition(is_address);
    let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
    let project = asked.project.as_str();
    let (files, mut added) = walk::files(&paths)?;
    anyhow::ensure!(
        asked.watch || !files.is_empty() || !added.is_empty() || !addresses.is_empty(),
        "there is no file to add: all is hidden, or left out by .gitignore"
    );
    let watched = asked.watch.then(|| watch::Watch::begin(&paths, &files)).transpose()?;
    let mut progress = Progress::of(files.len() + addresses.len());
    progress.added(0, &added);
    let pages = addresses.chunks(MOST_ADDRESSES).map(|addresses| Batch::Addresses(addresses.to_vec()));
    let batches: Vec<Batch> = batches(files).into_iter().map(Batch::Files).chain(pages).collect();
    added.extend(send_all(client, project, batches, &mut progress).await?);
    let failed = added.iter().filter(|document| document.has_failed()).count();
    let now = status(client, project).await?;
    progress.end(&format!(
        "{} of {} added; {project} has {} documents, {} chunks, {} of them with a vector",
        added.len() - failed,
        added.len(),
        now.documents,
        now.chunks,
        now.vectors
    ));
    if let Some(mut watched) = watched {
        watched.remember(&added);
        return watched.follow(client, project).await;
    }
    anyhow::ensure!(failed == 0, "{failed} of {} have failed", added.len());
    Ok(())
}

/// Sends it all, and tells how far it is.
async fn send_all(
    client: &Client,
    project: &str,
    batches: Vec<Batch>,
    progress: &mut Progress,
) -> anyhow::Result<Vec<AddedDocument>> {
    let mut sending = Box::pin(sent(client, project, batches));
    let mut look_again = tokio::time::interval(LOOK_AGAIN);
    let mut all = Vec::new();
    loop {
        tokio::select! {
            sent = sending.next() => {
                let Some(sent) = sent else { return Ok(all) };
                let (files, added) = sent?;
                progress.added(files, &added);
                all.extend(added);
            }
            // Before the first file there may be no project.
            _ = look_again.tick(), if progress.is_shown() => {
                if let Ok(now) = status(client, project).await {
                    progress.tell(&now);
                }
            }
        }
    }
}

/// What became of each batch, and how many files and pages it had.
fn sent(
    client: &Client,
    project: &str,
    batches: Vec<Batch>,
) -> impl Stream<Item = anyhow::Result<(usize, Vec<AddedDocument>)>> {
    let send = async move |batch| match batch {
        Batch::Files(files) => Ok((files.len(), send_files(client, project, files).await?)),
        Batch::Addresses(urls) => Ok((urls.len(), send_addresses(client, project, &urls).await?)),
    };
    stream::iter(batches).map(send).buffer_unordered(IN_FLIGHT)
}

/// A request that is too large is sent again file by file, so that the one that is to blame fails alone.
async fn send_files(
    client: &Client,
    project: &str,
    files: Vec<LocalFile>,
) -> anyhow::Result<Vec<AddedDocument>> {
    let (form, mut failed) = Form::of(&files);
    if form.is_empty() {
        return Ok(failed);
    }
    let request = client.request(Method::POST, &["api", "knowledge", "projects", project, "documents"])?;
    let request = request.header(CONTENT_TYPE, form.content_type()).body(form.into_body());
    match client.read::<Added>(client.as_own_page(request)).await {
        Ok(Added { mut documents }) => {
            if let [file] = files.as_slice() {
                documents.iter_mut().for_each(|document| document.from = Some(file.path.clone()));
            }
            failed.extend(documents);
        }
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.status == StatusCode::PAYLOAD_TOO_LARGE && files.len() > 1 => {
                failed.clear();
                for file in files {
                    failed.extend(Box::pin(send_files(client, project, vec![file])).await?);
                }
            }
            Some(refused) if refused.status == StatusCode::PAYLOAD_TOO_LARGE => {
                let reason = refused.to_string();
                failed.extend(files.into_iter().map(|file| AddedDocument::failed(file.path, reason.clone())));
            }
            Some(_) | None => return Err(error),
        },
    }
    Ok(failed)
}

async fn send_addresses(
    client: &Client,
    project: &str,
    urls: &[String],
) -> anyhow::Result<Vec<AddedDocument>> {
    let request = client.request(Method::POST, &["api", "knowledge", "projects", project, "documents"])?;
    let added: Added = client.read(request.json(&json!({ "urls": urls }))).await?;
    Ok(added.documents)
}

/// Files that go together. An archive goes alone: only then it is known which documents came out of it.
fn batches(files: Vec<LocalFile>) -> Vec<Vec<LocalFile>> {
    let is_archive = |file: &LocalFile| ARCHIVES.iter().any(|ending| file.path.ends_with(ending));
    let size = |file: &LocalFile| if is_archive(file) { MOST_BYTES } else { file.state.bytes };
    let (mut batches, mut bytes) = (Vec::<Vec<LocalFile>>::new(), 0);
    for file in files {
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_FILES && bytes + size(&file) <= MOST_BYTES => {
                bytes += size(&file);
                batch.push(file);
            }
            _ => {
                bytes = size(&file);
                batches.push(vec![file]);
            }
        }
    }
    batches
}
