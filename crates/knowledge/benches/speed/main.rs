//! Measures how fast search is over many chunks, and what it costs: texts and vectors are synthetic, questions are
//! embedded by the real model.
#![expect(clippy::print_stdout, reason = "a command line tool speaks to its terminal")]

mod synthetic;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use chat::Tasks;
use chat::clock::SystemClock;
use knowledge::embed::minilm::{self, MiniLm};
use knowledge::embed::{Embedder, Purpose};
use knowledge::library::{Library, Query};
use knowledge::store::{KnowledgeStore, MemoryStore};

use synthetic::{SyntheticVectors, Texts};

const PROJECT: &str = "proj_bench";

struct Scale {
    chunks: usize,
    questions: usize,
    embedded: usize,
}

const FULL: Scale = Scale { chunks: 100_000, questions: 500, embedded: 128 };
const SMOKE: Scale = Scale { chunks: 300, questions: 5, embedded: 8 };

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let scale = if flags.iter().any(|flag| flag == "--smoke") { SMOKE } else { FULL };
    let models = PathBuf::from(paths.first().context("say where the models are")?);
    let model = MiniLm::load(&models.join(minilm::FILE))?;
    let embedder: Arc<dyn Embedder> = Arc::new(SyntheticVectors::new(model.clone()));
    let store: Arc<dyn KnowledgeStore> = Arc::new(MemoryStore::default());

    println!("{} chunks in one project, synthetic texts and vectors", scale.chunks);
    let mut texts = Texts::new();
    let library = Library::new(Arc::clone(&store), Some(Arc::clone(&embedder)), Arc::new(SystemClock));
    fill(&library, &mut texts, &scale).await?;

    let before = memory()?;
    let start = Instant::now();
    let restarted = Library::new(store, Some(embedder), Arc::new(SystemClock));
    search(&restarted, "where is the first of them").await?;
    println!(
        "a restart to the first answer: {:.2?}; the index takes {} MB",
        start.elapsed(),
        (memory()? - before) / 1024
    );

    one_at_a_time(&restarted, &mut texts, scale.questions).await?;
    at_a_rate(&restarted, &mut texts, scale.questions).await?;
    replace(&restarted, &mut texts).await?;
    embedding(&model, &mut texts, scale.embedded).await
}

async fn fill(library: &Library, texts: &mut Texts, scale: &Scale) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut chunks = 0;
    for number in 0.. {
        if chunks >= scale.chunks {
            break;
        }
        let path = format!("{number}.md");
        chunks += library.ingest(PROJECT, path.as_str(), texts.document()).await?.chunks;
    }
    println!("words indexed in {:.1?}", start.elapsed());
    let tasks = Tasks::new();
    let mut events = library.events();
    library.start(&tasks);
    loop {
        let status = library.status(PROJECT).await?;
        if status.vectors == status.chunks {
            break;
        }
        let _event = events.recv().await;
    }
    tasks.close(Duration::from_secs(60)).await;
    Ok(())
}

async fn one_at_a_time(library: &Library, texts: &mut Texts, questions: usize) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..questions {
        let question = texts.question();
        let start = Instant::now();
        search(library, &question).await?;
        times.push(start.elapsed());
    }
    report("one question at a time (goal p50 <= 15 ms, p99 <= 40 ms)", times);
    Ok(())
}

/// Twenty questions a second, each begun when it is due whether the one before has ended or not.
async fn at_a_rate(library: &Library, texts: &mut Texts, questions: usize) -> anyhow::Result<()> {
    const EVERY: Duration = Duration::from_millis(50);
    let start = Instant::now();
    let asked = (0..questions).map(|number| {
        let (library, question) = (library.clone(), texts.question());
        let due = start + EVERY * u32::try_from(number).unwrap_or(u32::MAX);
        async move {
            tokio::time::sleep_until(due.into()).await;
            search(&library, &question).await?;
            anyhow::Ok(due.elapsed())
        }
    });
    let times = futures::future::try_join_all(asked).await?;
    report("twenty a second (goal p99 <= 150 ms)", times);
    Ok(())
}

async fn replace(library: &Library, texts: &mut Texts) -> anyhow::Result<()> {
    let mut document = texts.document();
    document.text.push_str("\n\nThe zanthoxyle quibberdash was recorded here.");
    let start = Instant::now();
    library.ingest(PROJECT, "0.md", document).await?;
    let passages = library.search(PROJECT, query("zanthoxyle quibberdash")).await?;
    let found = passages.first().is_some_and(|passage| passage.stored.path == "0.md");
    println!("a replaced document is found after {:.1?} (goal 500 ms): {found}", start.elapsed());
    Ok(())
}

async fn embedding(model: &MiniLm, texts: &mut Texts, count: usize) -> anyhow::Result<()> {
    let passages: Vec<String> = (0..count).map(|_| texts.words(200)).collect();
    let start = Instant::now();
    for batch in passages.chunks(model.batch()) {
        model.embed(Purpose::Passage, batch.to_vec()).await?;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!(
        "passages of 256 tokens embedded: {rate:.1} a second on {} thread(s) (goal 15)",
        model.threads()
    );
    Ok(())
}

async fn search(library: &Library, question: &str) -> anyhow::Result<()> {
    library.search(PROJECT, query(question)).await?;
    Ok(())
}

fn query(text: &str) -> Query<'_> {
    Query { text, limit: 10, types: &[], budget: 16_000 }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default();
    println!("{what}: p50 {:.1?}, p99 {:.1?}", at(0.5), at(0.99));
}

/// What the process holds, in KiB.
fn memory() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).context("the kernel tells VmRSS")?;
    Ok(number.parse()?)
}
