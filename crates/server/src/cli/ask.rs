//! `latimer ask`: one question to the running server, the answer printed as it comes, and what it rests on.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use http::Method;
use reqwest::Response;
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::knowledge::{check_project, line_of};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Question {
    /// The question
    #[arg(required = true)]
    words: Vec<String>,
    /// The project whose documents the answer is to rest on
    #[arg(long)]
    project: Option<String>,
    /// The session to continue
    #[arg(long)]
    session: Option<String>,
    /// The model that is to answer
    #[arg(long)]
    model: Option<String>,
    /// Instructions to the model
    #[arg(long)]
    system: Option<String>,
    /// The server's address [default: the one that runs on this data directory]; with LATIMER_API_KEY as its key
    #[arg(long)]
    server: Option<String>,
}

/// What an event of a stream may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event {
    content: Option<String>,
    citation: Option<Citation>,
    error: Option<String>,
    session_id: Option<String>,
    done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Citation {
    document_id: String,
    file_path: String,
    page: Option<u32>,
    start: usize,
    quote: String,
}

pub(super) async fn run(config: &Config, question: Question) -> anyhow::Result<()> {
    let client = Client::open(config, question.server.as_deref())?;
    if let Some(project) = &question.project {
        check_project(&client, project).await?;
    }
    let request = client.request(Method::POST, &["api", "chat", "stream"])?;
    let request = request.json(&json!({
        "messages": [{ "role": "user", "content": question.words.join(" ") }],
        "projectId": question.project,
        "sessionId": question.session,
        "model": question.model,
        "systemPrompt": question.system,
    }));
    // Only the numbered stream has citations; the published one ends the turn with whoever asked.
    let request = match &question.project {
        Some(_) => request.header("X-Chat-Stream", "v2"),
        None => request,
    };
    let citations = print_answer(client.send(request).await?).await?;
    if question.project.is_some() && citations.is_empty() {
        eprintln!("the answer cites nothing");
    }
    for (number, citation) in (1..).zip(&citations) {
        println!("[{number}] {}  \"{}\"", place(&client, citation).await?, one_line(&citation.quote));
    }
    Ok(())
}

/// The citations of an answer that came whole.
async fn print_answer(response: Response) -> anyhow::Result<Vec<Citation>> {
    let mut bytes = response.bytes_stream();
    let (mut unread, mut citations) = (Vec::new(), Vec::new());
    while let Some(piece) = bytes.next().await {
        unread.extend_from_slice(&piece.context("the connection broke; the answer is not whole")?);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            let Some(data) = line.strip_prefix(b"data: ") else { continue };
            let mut event: Event =
                serde_json::from_slice(data).context("the server sent something unreadable")?;
            citations.extend(event.citation.take());
            if print_event(event)? {
                return Ok(citations);
            }
        }
    }
    anyhow::bail!("the stream ended without its end; the answer is not whole")
}

/// True at the end.
fn print_event(event: Event) -> anyhow::Result<bool> {
    if let Some(error) = event.error {
        println!();
        anyhow::bail!("{error}");
    }
    let mut out = std::io::stdout().lock();
    out.write_all(event.content.unwrap_or_default().as_bytes())?;
    if event.done {
        writeln!(out)?;
        eprintln!("session {}", event.session_id.unwrap_or_default());
    }
    out.flush()?;
    Ok(event.done)
}

/// Where a quote stands: the path, and the page or the line.
async fn place(client: &Client, citation: &Citation) -> anyhow::Result<String> {
    let path = &citation.file_path;
    Ok(match citation.page {
        Some(page) => format!("{path} page {page}"),
        // The document may have been removed meanwhile.
        None => match line_of(client, &citation.document_id, citation.start).await.ok().flatten() {
            Some(line) => format!("{path}:{line}"),
            None => path.clone(),
        },
    })
}

fn one_line(quote: &str) -> String {
    quote.split_whitespace().collect::<Vec<_>>().join(" ")
}
