//! `test browser`: pages of other origins in a Chromium that is driven by Node, and an `EventSource` of npm's beside it.

use std::process::{Command, Stdio};

use anyhow::anyhow;

use crate::beside::{answers, skip};
use crate::cargo::Cargo;
use crate::node;

/// Where Debian puts Chromium.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Runs the tests, or says in one sentence why there is nothing to run them with.
pub(crate) fn test(cargo: Cargo) -> anyhow::Result<()> {
    if !answers(CHROMIUM, "--version") && !install() {
        skip(&anyhow!("{CHROMIUM} was not found: run `apt-get install chromium` as root"));
        return Ok(());
    }
    node::test(cargo, "browser")
}

/// Lets apt-get install Chromium, where it may; whether that worked.
fn install() -> bool {
    println!("installing chromium");
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends", "chromium"]);
    let ended = install.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success()) && answers(CHROMIUM, "--version")
}
