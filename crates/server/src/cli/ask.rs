//! `latimer ask`: one question to the running server, the answer printed as it comes.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::reach::client;
use crate::admin::AdminFile;
use crate::config::{self, Config};

const NO_SERVER: &str = "no server runs on this data directory; start one: latimer serve";

#[derive(Debug, Args)]
pub(super) struct Question {
    /// The question
    #[arg(required = true)]
    words: Vec<String>,
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

/// What an event of the published stream may say.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    content: Option<String>,
    error: Option<String>,
    session_id: Option<String>,
    #[serde(default)]
    done: bool,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    message: String,
}

pub(super) async fn run(config: &Config, question: Question) -> anyhow::Result<()> {
    let (address, key) = match &question.server {
        Some(address) => (address.clone(), config::client_key()),
        None => {
            let found = AdminFile::read(&config.data_dir).context("the address file can't be read")?;
            let (address, token) = found.context(NO_SERVER)?;
            (address, Some(token))
        }
    };
    let mut request = client()?.post(format!("{address}/api/chat/stream")).json(&json!({
        "messages": [{ "role": "user", "content": question.words.join(" ") }],
        "sessionId": question.session,
        "model": question.model,
        "systemPrompt": question.system,
    }));
    if let Some(key) = key {
        request = request.bearer_auth(key.expose_secret());
    }
    let response = match request.send().await {
        // A server that was killed has left its address behind.
        Err(error) if error.is_connect() && question.server.is_none() => anyhow::bail!(NO_SERVER),
        response => response.with_context(|| format!("{address} can't be reached"))?,
    };
    print_events(refuse(response).await?).await
}

/// Anything but success is an error that says what the server said.
async fn refuse(response: reqwest::Response) -> anyhow::Result<reqwest::Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = response
        .json::<Refusal>()
        .await
        .map_or_else(|_| String::new(), |refusal| format!(": {}", refusal.message));
    anyhow::bail!("the server answered {status}{said}")
}

async fn print_events(response: reqwest::Response) -> anyhow::Result<()> {
    let mut bytes = response.bytes_stream();
    let mut unread = Vec::new();
    while let Some(piece) = bytes.next().await {
        unread.extend_from_slice(&piece.context("the connection broke; the answer is not whole")?);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            let Some(data) = line.strip_prefix(b"data: ") else { continue };
            let event: Event =
                serde_json::from_slice(data).context("the server sent something unreadable")?;
            if print_event(event)? {
                return Ok(());
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
