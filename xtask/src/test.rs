//! `test`: the whole test suite, with all that it needs.

use anyhow::Context;

use crate::cargo::{Cargo, succeed};
use crate::models::{self, ModelDir};
use crate::steps::Steps;
use crate::{browser, keycloak, node, python_sdk};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model_dir: ModelDir,

    #[command(subcommand)]
    beside: Option<Beside>,
}

/// Tests beside the suite, which need programs of others; without those they are skipped, and say why.
#[derive(clap::Subcommand)]
enum Beside {
    /// Call the server from pages in a real browser; needs Node, npm and Debian's Chromium.
    Browser,
    /// Sign in at a real Keycloak; needs Java and Maven.
    Keycloak,
    /// Sign in by OpenID clients and at a provider that others wrote; needs Node and npm.
    Openid,
    /// Call the server by the vendor's Python SDK; needs Python 3 with venv and pip.
    PythonSdk,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match args.beside {
        None => Steps::table(|steps| suite(steps, Cargo::default(), &args.model_dir)),
        Some(Beside::Browser) => browser::test(Cargo::default()),
        Some(Beside::Keycloak) => keycloak::test(Cargo::default()),
        Some(Beside::Openid) => node::test(Cargo::default(), "openid"),
        Some(Beside::PythonSdk) => python_sdk::test(Cargo::default(), &args.model_dir),
    }
}

/// The steps of the suite, shared with `ci`.
pub(crate) fn suite(steps: &mut Steps, cargo: Cargo, model_dir: &ModelDir) -> anyhow::Result<()> {
    let model_dir = model_dir.path()?;
    steps.step("weights", || models::install(&model_dir).context("the tests need the embedded model"))?;
    // Built by the very command that tests, so that nothing is compiled twice.
    steps.step("build", || cargo.run("test --workspace --locked --no-run"))?;
    steps.step("test", || {
        let mut tests = cargo.command("test --workspace --locked");
        succeed(tests.env("LATIMER_MODEL_DIR", &model_dir))
    })
}
