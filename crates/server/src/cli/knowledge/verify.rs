//! `latimer knowledge verify`: what is no longer what was put in, or what was cited.

use http::Method;
use serde::Deserialize;

use super::check_project;
use crate::cli::client::Client;

#[derive(Debug, Deserialize)]
struct Verification {
    documents: usize,
    chunks: usize,
    citations: usize,
    problems: Vec<Problem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    what: String,
    file_path: String,
    start: Option<usize>,
    end: Option<usize>,
    why: String,
}

/// Fails only where bytes of a document that nobody has changed are not those that were put in.
pub(super) async fn run(client: &Client, project: &str) -> anyhow::Result<()> {
    check_project(client, project).await?;
    let request = client.request(Method::GET, &["api", "knowledge", "projects", project, "verify"])?;
    let Verification { documents, chunks, citations, problems } = client.read(request).await?;
    for Problem { what, file_path, start, end, why } in &problems {
        match (start, end) {
            (Some(start), Some(end)) => println!("{what}\t{file_path}\t{start}-{end}\t{why}"),
            _ => println!("{what}\t{file_path}\t-\t{why}"),
        }
    }
    eprintln!("looked at {documents} documents, {chunks} chunks and {citations} citations");
    let damaged = problems.iter().filter(|problem| problem.why == "damaged").count();
    anyhow::ensure!(
        damaged == 0,
        "{damaged} of them are damaged: their bytes are not those that were put in"
    );
    Ok(())
}
