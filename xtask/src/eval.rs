//! `eval`: how well search finds what answers a question, on collections whose answers are known.

use std::path::PathBuf;

use anyhow::Context;

use crate::cargo::{Cargo, succeed};
use crate::models::{self, ModelDir};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Collections: folders, or .tar.gz of them, with corpus.jsonl, queries.jsonl and qrels.tsv.
    #[arg(required = true)]
    collections: Vec<PathBuf>,

    #[command(flatten)]
    model_dir: ModelDir,
}

/// Prints the figures by words, by meaning and by both, beside those of a `baselines.json` above the collection.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let model_dir = args.model_dir.path()?;
    models::install_vectors(&model_dir).context("the vectors need the embedded model")?;
    // In the profile of the tests: quality does not depend on it, and what counts is optimised there too.
    let mut eval =
        Cargo::default().command("bench --profile dev --package knowledge --bench eval --locked --");
    eval.arg(model_dir);
    for collection in &args.collections {
        eval.arg(std::path::absolute(collection)?);
    }
    succeed(&mut eval)
}
