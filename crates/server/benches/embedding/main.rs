//! Measures how long a chat waits for its first piece while documents are embedded, beside the same while nothing else
//! is done. `benches/README.md` says how and why; `cargo xtask bench embedding` runs it.
#![expect(clippy::print_stdout, reason = "a command line tool speaks to its terminal")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use futures::StreamExt;
use providers::settings::{Kind, ProviderSettings};
use serde_json::{Value, json};
use server::Server;
use server::config::Config;
use tempfile::TempDir;
use testkit::upstream::{Reply, Upstream};
use tokio::time::Instant;

const UPSTREAM_MODEL: &str = "gpt-4.1-mini";
const LOCAL_MODEL: &str = "local-smollm2";
const PROJECT: &str = "bench";
/// Of this crate's own texts, each about a chunk of 256 tokens.
const WORDS_PER_DOCUMENT: usize = 1800;

#[derive(Parser)]
struct Args {
    /// Where the weights of both models are.
    models: PathBuf,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { models, .. } = Args::parse();
    let upstream = Upstream::start().await;
    upstream.always(Reply::sse(
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n\
         data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
         data: [DONE]\n\n",
    ));
    let data = TempDir::new()?;
    let server = Server::start(config(&data, models, &upstream)?).await?;
    let bench = Bench {
        base: format!("http://{}/api", server.addresses()[0]),
        client: reqwest::Client::builder().no_proxy().build()?,
    };

    let chats = [(UPSTREAM_MODEL, 3000), (LOCAL_MODEL, 15)];
    let mut idle = Vec::new();
    for (model, count) in chats {
        bench.first_pieces(model, 1).await?;
        idle.push(bench.first_pieces(model, count).await?);
    }
    bench.add_documents(120).await?;
    println!(
        "| | idle, p50 | p99 | while documents are embedded, p50 | p99 | p50 by p50 |\n|---|---|---|---|---|---|"
    );
    for ((model, count), idle) in chats.into_iter().zip(idle) {
        let before = bench.lacking().await?;
        let busy = bench.first_pieces(model, count).await?;
        let lacking = bench.lacking().await?;
        ensure!(
            0 < lacking && lacking < before,
            "nothing was embedded meanwhile: {before} chunks, then {lacking}"
        );
        let ratio = at(&busy, 50).as_secs_f64() / at(&idle, 50).as_secs_f64();
        let [p50, p99, busy_p50, busy_p99] = [at(&idle, 50), at(&idle, 99), at(&busy, 50), at(&busy, 99)];
        println!("| {model} | {p50:.1?} | {p99:.1?} | {busy_p50:.1?} | {busy_p99:.1?} | {ratio:.2} |");
    }
    ensure!(server.stop().await, "the server was left with work");
    Ok(())
}

fn config(data: &TempDir, models: PathBuf, upstream: &Upstream) -> anyhow::Result<Config> {
    let mut config = Config { data_dir: data.path().to_owned(), model_dir: models, ..Config::default() };
    config.server.listen = vec!["127.0.0.1:0".parse()?];
    let mut openai = ProviderSettings::new(Kind::OpenAi);
    openai.base_url = Some(format!("{}/v1", upstream.base_url()));
    config.providers.insert("openai".to_owned(), openai);
    Ok(config)
}

struct Bench {
    base: String,
    client: reqwest::Client,
}

impl Bench {
    /// How long chats waited for their first piece, one after the other, the shortest first.
    async fn first_pieces(&self, model: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
        let mut waits = Vec::with_capacity(count);
        for _ in 0..count {
            waits.push(self.first_piece(model).await?);
        }
        waits.sort_unstable();
        Ok(waits)
    }

    async fn first_piece(&self, model: &str) -> anyhow::Result<Duration> {
        let question = json!({
            "messages": [{ "role": "user", "content": "Which colour is the sky by day?" }],
            "model": model,
            "maxTokens": 4,
        });
        let asked = Instant::now();
        let response = self.client.post(format!("{}/chat/stream", self.base)).json(&question).send().await?;
        let mut bytes = response.error_for_status()?.bytes_stream();
        let mut read = Vec::new();
        while let Some(piece) = bytes.next().await {
            read.extend_from_slice(&piece?);
            if read.windows(10).any(|window| window == b"\"content\":") {
                let waited = asked.elapsed();
                // The next chat begins when this one has ended.
                while bytes.next().await.transpose()?.is_some() {}
                return Ok(waited);
            }
        }
        bail!("{model} has answered nothing: {}", String::from_utf8_lossy(&read))
    }

    /// Documents that differ, so that none is known already.
    async fn add_documents(&self, count: usize) -> anyhow::Result<()> {
        for number in 0..count {
            let words: Vec<String> =
                (0..WORDS_PER_DOCUMENT).map(|word| format!("w{}", word * (number + 7) % 4093)).collect();
            let paragraphs: Vec<String> = words.chunks(60).map(|words| words.join(" ")).collect();
            let document = json!({
                "projectId": PROJECT,
                "type": "doc",
                "filePath": format!("{number}.txt"),
                "content": paragraphs.join("\n\n"),
            });
            let answer = self.client.post(format!("{}/knowledge/documents", self.base)).json(&document);
            answer.send().await?.error_for_status()?;
        }
        Ok(())
    }

    /// How many chunks have no vector yet.
    async fn lacking(&self) -> anyhow::Result<u64> {
        let url = format!("{}/knowledge/projects/{PROJECT}/status", self.base);
        let status: Value = self.client.get(url).send().await?.error_for_status()?.json().await?;
        let count =
            |name: &str| status[name].as_u64().with_context(|| format!("{name} is missing: {status}"));
        Ok(count("chunks")? - count("vectors")?)
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}
