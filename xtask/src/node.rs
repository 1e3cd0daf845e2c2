//! The scripts of tests beside the suite, which Node runs, and the packages that npm fetches for them into a folder below
//! `target/`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail, ensure};

use crate::beside::skip;
use crate::cargo::{Cargo, root, succeed};

/// The oldest that the packages run on.
const NODE: u32 = 20;
/// The packages are those of the lock once this is a copy of it.
const STAMP: &str = "installed-lock.json";

/// Runs the test of this name, whose scripts and lock are in the folder of its name, or says in one sentence why there is
/// nothing to run it with.
pub(crate) fn test(cargo: Cargo, name: &str) -> anyhow::Result<()> {
    let Some(folder) = folder(name)? else { return Ok(()) };
    let mut tests = cargo.command(&format!("test --workspace --locked --test {name}"));
    succeed(tests.env("NODE_FOLDER", folder))
}

/// A folder where the scripts lie beside their packages; none if there can't be one, which is said.
fn folder(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let scripts = format!("crates/server/tests/{name}");
    let folder = root().join("target").join(name);
    if let Err(reason) = look_for_node() {
        skip(&reason);
        return Ok(None);
    }
    copy(&root().join(&scripts), &folder)?;
    if !is_installed(&folder) && !install(&folder, &scripts)? {
        skip(&anyhow!("npm could not fetch the packages of {scripts}: see its message above"));
        return Ok(None);
    }
    Ok(Some(folder))
}

fn look_for_node() -> anyhow::Result<()> {
    let version = version_of("node").with_context(|| format!("Node {NODE} or later is needed"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    ensure!(major.is_some_and(|major: u32| major >= NODE), "Node {NODE} or later is needed, not {version}");
    version_of("npm").context("the packages are fetched by npm")?;
    Ok(())
}

fn version_of(program: &str) -> anyhow::Result<String> {
    let missing = || format!("no `{program}` was found");
    let output =
        Command::new(program).arg("--version").stderr(Stdio::null()).output().with_context(missing)?;
    ensure!(output.status.success(), missing());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Puts the scripts where Node looks for the packages: beside them.
fn copy(scripts: &Path, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for entry in fs::read_dir(scripts).with_context(|| format!("cannot read {}", scripts.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension != OsStr::new("rs")) {
            let to = folder.join(path.file_name().unwrap_or_default());
            fs::copy(&path, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    Ok(())
}

fn is_installed(folder: &Path) -> bool {
    let lock = fs::read(folder.join("package-lock.json"));
    lock.is_ok_and(|lock| fs::read(folder.join(STAMP)).is_ok_and(|stamp| stamp == lock))
}

/// Lets npm fetch what the lock pins; whether it could.
fn install(folder: &Path, scripts: &str) -> anyhow::Result<bool> {
    println!("fetching the packages of {scripts}");
    let npm = Command::new("npm")
        .current_dir(folder)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .stdin(Stdio::null())
        .output()
        .context("cannot start npm")?;
    let told = String::from_utf8_lossy(&npm.stderr);
    // No fault of the network: the lock is not that of `package.json`, or a package is not the one of the lock.
    if ["EUSAGE", "EINTEGRITY"].iter().any(|code| told.contains(code)) {
        bail!("npm refuses the packages of {scripts}: {told}");
    }
    if !npm.status.success() {
        eprint!("{told}");
        return Ok(false);
    }
    let lock = folder.join("package-lock.json");
    fs::copy(&lock, folder.join(STAMP)).with_context(|| format!("cannot copy {}", lock.display()))?;
    Ok(true)
}
