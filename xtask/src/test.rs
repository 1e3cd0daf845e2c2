//! `test`: the whole test suite, with all that it needs.

use anyhow::Context;

use crate::cargo::{Cargo, succeed};
use crate::models::{self, ModelDir};
use crate::steps::Steps;

pub(crate) fn run(model_dir: &ModelDir) -> anyhow::Result<()> {
    Steps::table(|steps| suite(steps, Cargo::default(), model_dir))
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
