//! `latimer knowledge search`: passages, and why they stand where they stand.

use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::check_project;
use crate::cli::client::Client;

/// Characters of a passage that are shown.
const SHOWN: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Words {
    /// The project's name or id
    project: String,
    /// What is looked for
    #[arg(required = true)]
    words: Vec<String>,
    /// Say of each passage why it stands where it stands
    #[arg(long)]
    explain: bool,
    /// How many passages at most
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
}

#[derive(Debug, Deserialize)]
struct Hit {
    score: f32,
    document: Document,
    rank: Option<Rank>,
}

#[derive(Debug, Deserialize)]
struct Document {
    content: String,
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    file_path: String,
    page: Option<usize>,
    line: usize,
}

#[derive(Debug, Deserialize)]
struct Rank {
    words: f32,
    meaning: Option<f32>,
    parent: f32,
    weight: f32,
    coverage: f32,
    nearness: f32,
}

pub(super) async fn run(client: &Client, asked: Words) -> anyhow::Result<()> {
    let Words { project, words, explain, top } = asked;
    check_project(client, &project).await?;
    let request = client.request(Method::POST, &["api", "knowledge", "projects", &project, "search"])?;
    let body = json!({ "query": words.join(" "), "topK": top, "explain": explain });
    let hits: Vec<Hit> = client.read(request.json(&body)).await?;
    if hits.is_empty() {
        eprintln!("no passage has any of these words");
    }
    for (number, Hit { score, document, rank }) in (1..).zip(hits) {
        let Metadata { file_path, page, line } = document.metadata;
        let place = page.map_or_else(|| format!(":{line}"), |page| format!(" page {page}"));
        println!("[{number}] {score:.2}  {file_path}{place}");
        if let Some(rank) = rank {
            println!("    {}", explained(&rank));
        }
        println!("    {}", shown(&document.content));
    }
    Ok(())
}

/// The sum that a score is, and what else is known of the passage.
fn explained(rank: &Rank) -> String {
    let Rank { words, meaning, parent, weight, coverage, nearness } = rank;
    match meaning {
        Some(meaning) => format!(
            "words {words:.2} x {weight:.2} + meaning {meaning:.2} x {:.2}; \
             coverage {coverage:.2}, document {parent:.2}, nearness {nearness:.2}",
            1.0 - weight
        ),
        None => {
            format!("words {words:.2}, since it has no vector; coverage {coverage:.2}, document {parent:.2}")
        }
    }
}

fn shown(content: &str) -> String {
    let line = content.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
