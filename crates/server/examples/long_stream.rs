//! Shows that an answer may take long: `cargo run -p server --example long_stream -- <minutes> <seconds between words>`.
//!
//! A scripted upstream says one word after each gap; the real server in this process streams it to a published and to a
//! v2 reader. Prints how long either was left without a byte, and whether the answer came whole.
#![expect(clippy::print_stdout, reason = "it is run for a person")]

use std::time::{Duration, Instant};

use anyhow::Context;
use providers::settings::{Kind, ProviderSettings};
use serde_json::{Value, json};
use server::Server;
use server::config::Config;
use testkit::upstream::{Upstream, openai_stream};

/// What a reader met.
#[derive(Debug)]
struct Report {
    took: Duration,
    heartbeats: usize,
    largest_gap: Duration,
    text: String,
    ended: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let minutes = number(16).context("minutes are a whole number")?;
    let gap = Duration::from_secs(number(47).context("seconds between words are a whole number")?.max(1));

    // The upstream's first chunk has no word yet, and the last three say that it is the end.
    let chunks = (minutes * 60).div_ceil(gap.as_secs()).max(5);
    let words: Vec<String> = (0..chunks - 4).map(|at| format!("w{at} ")).collect();
    let upstream = Upstream::start().await;
    upstream.always(openai_stream(&words.iter().map(String::as_str).collect::<Vec<_>>()).every(gap));
    let data = tempfile::TempDir::new()?;
    let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() };
    config.server.listen = vec![([127, 0, 0, 1], 0).into()];
    let openai = ProviderSettings {
        base_url: Some(format!("{}/v1", upstream.base_url())),
        // The first event has no word yet.
        first_token_timeout: gap * 3,
        idle_timeout: gap * 3,
        ..ProviderSettings::new(Kind::OpenAi)
    };
    config.providers.insert("openai".to_owned(), openai);
    let server = Server::start(config).await?;
    println!("{} words, one each {gap:?}, at {}", words.len(), server.addresses()[0]);

    let url = format!("http://{}/api/chat/stream", server.addresses()[0]);
    let (published, resumable) = tokio::try_join!(read(&url, "v1"), read(&url, "v2"))?;
    let whole = words.concat();
    for (name, report) in [("published", published), ("v2", resumable)] {
        println!(
            "{name}: {:.1?}, {} heartbeats, at most {:.3?} without a byte, {}",
            report.took,
            report.heartbeats,
            report.largest_gap,
            if report.ended && report.text == whole { "whole" } else { "NOT WHOLE" }
        );
    }
    anyhow::ensure!(server.stop().await, "some work was left behind");
    Ok(())
}

async fn read(url: &str, version: &str) -> anyhow::Result<Report> {
    let body = json!({ "messages": [{ "role": "user", "content": "Take your time." }] });
    let client = reqwest::Client::builder().no_proxy().build()?;
    let started = Instant::now();
    let mut answer = client.post(url).header("X-Chat-Stream", version).json(&body).send().await?;
    anyhow::ensure!(answer.status().is_success(), "the server answered {}", answer.status());
    // The head is the first that is heard.
    let (mut heard, mut largest_gap, mut bytes) = (Instant::now(), started.elapsed(), Vec::new());
    while let Some(chunk) = answer.chunk().await? {
        largest_gap = largest_gap.max(heard.elapsed());
        heard = Instant::now();
        bytes.extend_from_slice(&chunk);
    }
    let frames = String::from_utf8(bytes)?;
    let events: Vec<Value> = frames
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    Ok(Report {
        took: started.elapsed(),
        heartbeats: frames.lines().filter(|line| *line == ": ping").count(),
        largest_gap,
        text: events.iter().filter_map(|event| event["content"].as_str()).collect(),
        ended: events.last().is_some_and(|event| event["done"] == json!(true))
            && events.iter().all(|event| event.get("error").is_none()),
    })
}
