//! Scripts as processes of their own, run by Node beside the packages that they use.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Longer than a script takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a script to its end, with these values in its environment; gives what it printed. A script that misses something
/// tells what, and fails.
pub(crate) async fn run(script: &str, values: &[(&str, &str)]) -> String {
    let mut printed = String::new();
    follow(script, values, |line| printed += line).await;
    printed
}

/// As [`run`], and hands over each line as soon as it is printed.
pub(crate) async fn follow(script: &str, values: &[(&str, &str)], mut told: impl FnMut(&str)) {
    let mut child = node(script, values).spawn().expect("node starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let ended = timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await.expect("it prints UTF-8") {
            told(&line);
        }
        child.wait().await.expect("it ends")
    });
    assert!(ended.await.expect("it does not hang").success(), "{script} failed: see its message above");
}

/// The process of a script, before it starts; killed when it is dropped.
pub(crate) fn node(script: &str, values: &[(&str, &str)]) -> Command {
    let mut command = Command::new("node");
    command.current_dir(folder()).arg(script).envs(values.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has no configuration to be told by where the packages are"
)]
fn folder() -> PathBuf {
    let folder = std::env::var_os("NODE_FOLDER");
    folder.expect("run this by `cargo xtask test`, which fetches the packages").into()
}
