//! Measures search on collections of questions with known answers: by words, by meaning, and by both, beside other systems.
#![expect(clippy::print_stdout, reason = "a command line tool speaks to its terminal")]

mod answers;
mod collection;
mod figures;
mod remembering;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use chat::Tasks;
use chat::clock::SystemClock;
use knowledge::embed::minilm::{self, MiniLm};
use knowledge::library::{Library, Passage, Query};
use knowledge::store::MemoryStore;

use answers::Answers;
use collection::Collection;
use figures::{Figures, Table};
use remembering::Remembering;

/// As many passages as recall@100 needs.
const ASKED: usize = 100;
/// Enough that the best by meaning alone are among them.
const ALL_THAT_MATTER: usize = 400;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let (models, paths) = args.split_first().context("say where the models are, and which collections")?;
    ensure!(!paths.is_empty(), "say which collections");
    let model = MiniLm::load(&PathBuf::from(models).join(minilm::FILE))?;
    for path in paths {
        measure(Path::new(path), model.clone()).await?;
    }
    Ok(())
}

async fn measure(path: &Path, model: MiniLm) -> anyhow::Result<()> {
    let collection = Collection::read(path)?;
    let store = Arc::new(MemoryStore::default());
    let embedder = Arc::new(Remembering::open(model, &collection.name)?);
    let by_words = Library::new(Arc::clone(&store) as _, None, Arc::new(SystemClock));
    let by_both = Library::new(store, Some(embedder), Arc::new(SystemClock));
    let chunks = ingest(&by_both, &collection).await?;
    println!(
        "\n{}: {} documents, {chunks} chunks, {} questions",
        collection.name,
        collection.documents.len(),
        collection.queries.len()
    );

    let mut table = Table::beside(path, &collection.name)?;
    let (mut words, mut meaning, mut both) = (Figures::default(), Figures::default(), Figures::default());
    let mut weights = Vec::new();
    for query in &collection.queries {
        let ask = |limit| Query { text: &query.text, limit, types: &[], budget: usize::MAX };
        words.add(query, &ranked(&by_words.search(&collection.name, ask(ASKED)).await?));
        let passages = by_both.search(&collection.name, ask(ASKED)).await?;
        weights.extend(passages.first().map(|passage| passage.rank.weight));
        both.add(query, &ranked(&passages));
        let mut passages = by_both.search(&collection.name, ask(ALL_THAT_MATTER)).await?;
        passages.sort_by(|one, other| other.rank.nearness.total_cmp(&one.rank.nearness));
        meaning.add(query, &ranked(&passages));
    }
    table.add("latimer, words", &words);
    table.add("latimer, meaning", &meaning);
    table.add("latimer, both", &both);
    table.print();
    if !collection.questions.is_empty() {
        Answers::of(&by_both, &collection).await?.print();
        Answers::of(&by_words, &collection).await?.print();
    }
    println!("words weigh {:.2} on average", weights.iter().sum::<f32>() / weights.len().max(1) as f32);
    Ok(())
}

/// Puts the documents in and waits for their vectors.
async fn ingest(library: &Library, collection: &Collection) -> anyhow::Result<usize> {
    for document in &collection.documents {
        library.ingest(&collection.name, document.id.as_str(), document.extracted()).await?;
    }
    let tasks = Tasks::new();
    let mut events = library.events();
    library.start(&tasks);
    loop {
        let status = library.status(&collection.name).await?;
        if status.vectors == status.chunks {
            tasks.close(Duration::from_secs(60)).await;
            return Ok(status.chunks);
        }
        // One that was missed is made up for by the status.
        let _event = events.recv().await;
    }
}

/// The documents of some passages, each where its best passage stands.
fn ranked(passages: &[Passage]) -> Vec<&str> {
    let mut documents: Vec<&str> = Vec::new();
    for passage in passages {
        if !documents.contains(&passage.stored.path.as_str()) {
            documents.push(&passage.stored.path);
        }
    }
    documents
}
