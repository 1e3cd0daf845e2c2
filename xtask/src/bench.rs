//! `bench`: the figures of `benches/README.md`, and the proof in CI that they can still be taken.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cargo::{Cargo, succeed};
use crate::models::{self, ModelDir};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(clap::Subcommand)]
enum Bench {
    /// Streamed answers beside nginx: time to the first token, CPU, memory, stops.
    Stream {
        /// Tiny counts and the profile of the tests: shows that it works, measures nothing.
        #[arg(long)]
        smoke: bool,
    },
    /// Search over 100,000 chunks: time, memory, restart; and how fast passages are embedded.
    Knowledge {
        #[command(flatten)]
        model_dir: ModelDir,
    },
    /// What chats notice of documents that are embedded meanwhile.
    Embedding {
        #[command(flatten)]
        model_dir: ModelDir,
    },
    /// What good users notice of bad tokens.
    Tokens,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.bench {
        Bench::Stream { smoke: true } => smoke(Cargo::default()),
        Bench::Stream { smoke: false } => stream(),
        Bench::Knowledge { model_dir } => knowledge(&model_dir.path()?),
        Bench::Embedding { model_dir } => embedding(&model_dir.path()?),
        Bench::Tokens => Cargo::default().run("bench --package server --no-default-features --bench tokens"),
    }
}

fn knowledge(model_dir: &Path) -> anyhow::Result<()> {
    models::install_vectors(model_dir)?;
    succeed(Cargo::default().command("bench --package knowledge --bench speed --").arg(model_dir))
}

fn embedding(model_dir: &Path) -> anyhow::Result<()> {
    models::install(model_dir)?;
    succeed(Cargo::default().command("bench --package server --bench embedding --").arg(model_dir))
}

fn stream() -> anyhow::Result<()> {
    install_nginx();
    // A stream is two descriptors to the load and two to the server.
    let mut bench = Command::new("sh");
    bench.current_dir(crate::cargo::root());
    bench.args([
        "-c",
        "ulimit -n $(ulimit -H -n) && exec cargo bench --package server --no-default-features --bench stream",
    ]);
    succeed(&mut bench)
}

/// Runs each bench once, in the profile and with the features that the tests were built with.
pub(crate) fn smoke(cargo: Cargo) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        println!("left out: the bench needs Linux");
        return Ok(());
    }
    cargo.run("bench --profile dev --workspace --bench stream --bench tokens --locked -- --smoke")
}

/// Without nginx the bench leaves its column out, and says so.
fn install_nginx() {
    let quiet = |program: &str, args: &[&str]| {
        let ran = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    if quiet("nginx", &["-v"]) {
        return;
    }
    println!("installing nginx to measure beside");
    if !quiet("apt-get", &["install", "-y", "nginx-light"]) && !quiet("apt-get", &["install", "-y", "nginx"])
    {
        eprintln!(
            "nginx could not be installed: run `apt-get install nginx-light` as root to measure beside it"
        );
    }
}
