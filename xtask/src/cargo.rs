//! Calling cargo from the root of the repository.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The root of the repository.
#[expect(clippy::disallowed_methods, reason = "only cargo knows which checkout it started us from")]
pub(crate) fn root() -> PathBuf {
    // The compiled-in path alone would be another checkout's where several share a target directory.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&xtask).parent().expect("xtask stands one level below the root").to_owned()
}

/// How cargo is called.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cargo {
    env: &'static [(&'static str, &'static str)],
}

impl Cargo {
    /// As on a machine that builds once, from scratch, and whose output is read in a log.
    pub(crate) const ONCE: Self = Self {
        env: &[
            ("CARGO_INCREMENTAL", "0"),
            ("CARGO_PROFILE_DEV_DEBUG", "line-tables-only"),
            ("CARGO_TERM_COLOR", "never"),
        ],
    };

    /// A command at the root; its arguments are separated by spaces.
    pub(crate) fn command(self, args: &str) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(root()).args(args.split_whitespace()).envs(self.env.iter().copied());
        command
    }

    /// Runs a command whose output goes to the terminal.
    pub(crate) fn run(self, args: &str) -> anyhow::Result<()> {
        succeed(&mut self.command(args))
    }
}

/// Runs a command whose output goes to the terminal; an error if it fails.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
