//! `run`: from a fresh clone to a server that answers.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use anyhow::Context;

use crate::cargo::{Cargo, root};
use crate::models::{self, ModelDir};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model_dir: ModelDir,

    /// Where the server keeps its data; `data` in the repository if not given.
    #[arg(long, env = "LATIMER_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Further arguments of `latimer serve`.
    #[arg(last = true)]
    serve: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let model_dir = args.model_dir.path()?;
    let data_dir = match args.data_dir {
        Some(dir) => std::path::absolute(dir)?,
        None => root().join("data"),
    };
    if let Err(error) = models::install(&model_dir) {
        eprintln!("starting without the embedded model ({error:#}); `cargo xtask models` installs it later");
    }

    let mut server = Cargo::default().command("run --package server --bin latimer -- serve");
    server.arg("--model-dir").arg(model_dir).arg("--data-dir").arg(data_dir).args(args.serve);
    // The server takes this process's place (as cargo does in its turn): it gets the signals, its exit code is ours.
    Err(server.exec()).context("cannot start cargo")
}
