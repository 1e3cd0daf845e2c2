//! What tidy looks at: the text files that git knows, and the packages that cargo resolves.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::cargo::{self, Cargo};

pub(super) struct Repository {
    pub(super) root: PathBuf,
    pub(super) files: Vec<TextFile>,
    /// Every package that any platform or feature brings in, ours among them.
    pub(super) packages: Vec<Package>,
}

impl Repository {
    pub(super) fn read(cargo: Cargo) -> anyhow::Result<Self> {
        let root = cargo::root();
        // New files too, so that a complaint comes before the commit.
        let listing = output(Command::new("git").current_dir(&root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let files = listing.split_terminator('\0').filter_map(|path| {
            let bytes = fs::read(root.join(path)).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            Some(TextFile { path: path.to_owned(), text })
        });
        let metadata = output(&mut cargo.command("metadata --format-version 1 --locked --all-features"))?;
        let metadata: Metadata = serde_json::from_str(&metadata).context("cannot read cargo's metadata")?;
        Ok(Self { files: files.collect(), packages: metadata.packages, root })
    }

    /// The crates of this workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_none())
    }

    pub(super) fn rust_files(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(super) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// A TOML file, read as `T`.
    pub(super) fn toml<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let file = self.file(path).with_context(|| format!("{path} is missing"))?;
        toml::from_str(&file.text).with_context(|| format!("cannot read {path}"))
    }
}

pub(super) struct TextFile {
    /// From the root, with `/` between the folders.
    pub(super) path: String,
    pub(super) text: String,
}

impl TextFile {
    /// The lines with their numbers, from one.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The lines that are Rust code: no comments, and not the unit tests at the end.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .take_while(|(_, line)| *line != "mod tests {")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: semver::Version,
    pub(super) license: Option<String>,
    /// Where it comes from; none for a path.
    pub(super) source: Option<String>,
    pub(super) manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    kind: Option<String>,
}

impl Dependency {
    pub(super) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {program}"))?;
    ensure!(output.status.success(), "{program} failed ({}): see its message above", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{program} printed no UTF-8"))
}
