//! What the tests beside the suite have in common: they need programs of others, and are skipped where there are none.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Whether a program is there and tells its version when it is asked in this way.
pub(crate) fn answers(program: impl AsRef<OsStr>, version: &str) -> bool {
    let probe = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

/// Says in one sentence why there is nothing to run the tests against, which is no failure.
pub(crate) fn skip(reason: &anyhow::Error) {
    println!("skipped: {reason:#}");
}
