//! `test python-sdk`: the vendor's Python SDK against the server, from a virtual environment below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::beside::{answers, skip};
use crate::cargo::{Cargo, root, succeed};
use crate::models::{self, ModelDir};

/// The SDK and all that it needs, each in one version.
const REQUIREMENTS: &str = "crates/server/tests/python_sdk/requirements.txt";

/// Runs the tests, or says in one sentence why there is nothing to run them with.
pub(crate) fn test(cargo: Cargo, model_dir: &ModelDir) -> anyhow::Result<()> {
    let model_dir = model_dir.path()?;
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            skip(&reason);
            return Ok(());
        }
    };
    models::install(&model_dir).context("the tests need the embedded model")?;
    let mut tests = cargo.command("test --workspace --locked --test python_sdk");
    succeed(tests.env("CODEMIE_SDK_PYTHON", python).env("LATIMER_MODEL_DIR", model_dir))
}

/// The Python of an environment that has what is required.
fn python() -> anyhow::Result<PathBuf> {
    let environment = root().join("target/python-sdk");
    let python = environment.join("bin/python");
    let file = root().join(REQUIREMENTS);
    let required = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    // Written last, so that a half made environment is never taken for whole.
    let installed = environment.join("installed.txt");
    let is_whole = fs::read(&installed).is_ok_and(|installed| installed == required);
    if !is_whole || !answers(&python, "--version") {
        install(&environment, &python, &file)?;
        fs::write(&installed, required).with_context(|| format!("cannot write {}", installed.display()))?;
    }
    Ok(python)
}

/// Makes the environment anew and lets pip fetch what the file requires; `--only-binary` keeps it from running the
/// packages' code.
fn install(environment: &Path, python: &Path, file: &Path) -> anyhow::Result<()> {
    ensure!(
        answers("python3", "--version"),
        "the SDK needs Python 3.10 or later, and no `python3` was found"
    );
    println!("installing the vendor's Python SDK");
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(environment);
    ensure!(ends_well(&mut make), "Python could not make a virtual environment: see its message above");
    let mut fetch = Command::new(python);
    fetch
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--retries=2"])
        // The SDK asks for Python 3.12, and runs on older ones too.
        .args(["--ignore-requires-python", "--requirement"])
        .arg(file);
    ensure!(ends_well(&mut fetch), "pip could not fetch the SDK: see its message above");
    Ok(())
}

fn ends_well(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}
