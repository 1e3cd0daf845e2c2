//! `latimer knowledge`: documents of projects, over HTTP to the running server; lines of fields with tabs between them on
//! standard output, remarks on standard error.

use std::time::Duration;

use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde::Deserialize;

use super::client::{Client, Refused};
use crate::config::Config;

mod add;
mod search;
mod verify;

/// How often a project is looked at that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The longest text that is read to count its lines.
const LARGEST_READ: usize = 4 << 20;

#[derive(Debug, Args)]
pub(super) struct Knowledge {
    #[command(subcommand)]
    task: Task,
    /// The server's address [default: the one that runs on this data directory]; with LATIMER_API_KEY as its key
    #[arg(long, global = true)]
    server: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Put files, folders and web pages into a project
    Add(add::Sources),
    /// List what a project has: path, state, type, chunks, chunks with a vector, why it failed
    List {
        /// The project's name or id
        project: String,
    },
    /// Find the passages that fit some words best
    Search(search::Words),
    /// Remove documents from a project
    Remove {
        /// The project's name or id
        project: String,
        /// Paths as `list` shows them; a folder is all that is in it
        #[arg(required_unless_present = "all")]
        paths: Vec<String>,
        /// All documents of the project
        #[arg(long, conflicts_with = "paths")]
        all: bool,
    },
    /// How much there is of a project: documents, chunks, chunks with a vector, files that wait, files that failed
    Status {
        /// The project's name or id
        project: String,
        /// Return when no file waits and every chunk has its vector
        #[arg(long)]
        wait: bool,
    },
    /// Compare all documents of a project, and what answers cite of them, with what was put in
    Verify {
        /// The project's name or id
        project: String,
    },
}

/// How much there is of a project.
#[derive(Debug, Deserialize)]
struct Status {
    documents: usize,
    chunks: usize,
    vectors: usize,
    waiting: usize,
    failed: usize,
    embedder: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    data: Vec<Document>,
    next_after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// A file that is no document has none.
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    file_path: String,
    /// `waiting`, `reading`, `ready` or `failed`.
    state: String,
    error: Option<String>,
    chunks: usize,
    vectors: usize,
}

pub(super) async fn run(config: &Config, Knowledge { task, server }: Knowledge) -> anyhow::Result<()> {
    let client = Client::open(config, server.as_deref())?;
    match task {
        Task::Add(sources) => add::run(&client, sources).await,
        Task::List { project } => list(&client, &project).await,
        Task::Search(words) => search::run(&client, words).await,
        Task::Remove { project, paths, all } => remove(&client, &project, (!all).then_some(&paths)).await,
        Task::Status { project, wait } => print_status(&client, &project, wait).await,
        Task::Verify { project } => verify::run(&client, &project).await,
    }
}

/// Fails with a sentence if there is no such project.
pub(super) async fn check_project(client: &Client, project: &str) -> anyhow::Result<()> {
    status(client, project).await.map(drop)
}

/// The line on which a byte of a document stands, from 1.
pub(super) async fn line_of(client: &Client, document: &str, byte: usize) -> anyhow::Result<Option<usize>> {
    if byte > LARGEST_READ {
        return Ok(None);
    }
    let until = byte.to_string();
    let request = client.find(&["api", "knowledge", "documents", document], &[("end", &until)])?;
    let before = client.send(request).await?.text().await?;
    Ok(Some(before.matches('\n').count() + 1))
}

async fn status(client: &Client, project: &str) -> anyhow::Result<Status> {
    let request = client.request(Method::GET, &["api", "knowledge", "projects", project, "status"])?;
    client.read(request).await.map_err(|error| match error.downcast_ref::<Refused>() {
        Some(refused) if refused.status == StatusCode::NOT_FOUND => {
            anyhow::anyhow!("there is no project {project}; make it by: latimer knowledge add {project} PATH")
        }
        _ => error,
    })
}

async fn documents(client: &Client, project: &str) -> anyhow::Result<Vec<Document>> {
    check_project(client, project).await?;
    let (mut documents, mut after) = (Vec::new(), None::<String>);
    loop {
        let query = [("limit", "200")].into_iter().chain(after.as_deref().map(|after| ("after", after)));
        let query: Vec<_> = query.collect();
        let request = client.find(&["api", "knowledge", "projects", project, "documents"], &query)?;
        let Page { data, next_after } = client.read(request).await?;
        documents.extend(data);
        if next_after.is_none() {
            return Ok(documents);
        }
        after = next_after;
    }
}

async fn list(client: &Client, project: &str) -> anyhow::Result<()> {
    for document in documents(client, project).await? {
        let Document { kind, file_path, state, error, chunks, vectors, .. } = document;
        let kind = kind.as_deref().unwrap_or("-");
        println!("{file_path}\t{state}\t{kind}\t{chunks}\t{vectors}\t{}", error.as_deref().unwrap_or("-"));
    }
    Ok(())
}

async fn remove(client: &Client, project: &str, paths: Option<&Vec<String>>) -> anyhow::Result<()> {
    let listed = documents(client, project).await?;
    // A file that is no document is not there to be removed.
    let documents = listed.iter().filter_map(|listed| Some((listed.id.as_ref()?, &listed.file_path)));
    let documents: Vec<(&String, &String)> = documents.collect();
    let is_at = |document: &str, path: &str| {
        let rest = document.strip_prefix(path.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for path in paths.into_iter().flatten() {
        let is_there = documents.iter().any(|(_, document)| is_at(document, path));
        anyhow::ensure!(is_there, "there is no document {path} in {project}; nothing is removed");
    }
    for (id, document) in documents {
        if paths.is_none_or(|paths| paths.iter().any(|path| is_at(document, path))) {
            remove_document(client, id).await?;
            println!("removed {document}");
        }
    }
    Ok(())
}

/// It may have been removed meanwhile.
async fn remove_document(client: &Client, id: &str) -> anyhow::Result<()> {
    let request = client.request(Method::DELETE, &["api", "knowledge", "documents", id])?;
    match client.send(request).await {
        Err(error) if error.downcast_ref::<Refused>().is_none_or(|it| it.status != StatusCode::NOT_FOUND) => {
            Err(error)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn print_status(client: &Client, project: &str, wait: bool) -> anyhow::Result<()> {
    let mut now = status(client, project).await?;
    let is_done = |now: &Status| now.waiting == 0 && (now.embedder.is_none() || now.vectors >= now.chunks);
    while wait && !is_done(&now) {
        tokio::time::sleep(LOOK_AGAIN).await;
        now = status(client, project).await?;
    }
    for (what, count) in [
        ("documents", now.documents),
        ("chunks", now.chunks),
        ("vectors", now.vectors),
        ("waiting", now.waiting),
        ("failed", now.failed),
    ] {
        println!("{what}\t{count}");
    }
    if now.embedder.is_none() {
        eprintln!("no model makes vectors: search goes by words alone");
    }
    Ok(())
}
