//! The vendor's SDK as a program of its own: one client of it, on which the tests call what its users call.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python_sdk/calls.py");
/// No call takes nearly so long; one that hangs should end with a message.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client that has signed in; its program is killed when it is dropped.
pub(crate) struct Sdk {
    _program: Child,
    calls: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Makes a client with these arguments, or gives the exception that making it raised.
    pub(crate) async fn sign_in(arguments: &Value) -> Result<Self, Value> {
        let mut program = Command::new(python())
            .arg("-I")
            .arg(CALLS)
            // Nothing here may send a call to loopback by way of a proxy.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let calls = program.stdin.take().expect("it is piped");
        let answers = BufReader::new(program.stdout.take().expect("it is piped")).lines();
        let mut sdk = Self { _program: program, calls, answers };
        sdk.ask(arguments).await?;
        Ok(sdk)
    }

    /// What a call returns.
    pub(crate) async fn call(&mut self, name: &str, given: Value) -> Value {
        let returned = self.ask(&json!([name, given])).await;
        returned.unwrap_or_else(|raised| panic!("{name} raised {raised}"))
    }

    /// The exception that a call raises.
    pub(crate) async fn raised(&mut self, name: &str, given: Value) -> Value {
        let returned = self.ask(&json!([name, given])).await;
        returned.expect_err("the call raises")
    }

    async fn ask(&mut self, line: &Value) -> Result<Value, Value> {
        self.calls.write_all(format!("{line}\n").as_bytes()).await.expect("the program reads");
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        let answer = answer.expect("the SDK comes back").expect("it can be read");
        let answer = answer.expect("the program goes on; what ended it is in its standard error");
        let mut answer: Value = serde_json::from_str(&answer).expect("a line is JSON");
        if answer.get("raised").is_some() { Err(answer) } else { Ok(answer["returned"].take()) }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to be told by where the SDK is")]
fn python() -> PathBuf {
    let python = std::env::var_os("CODEMIE_SDK_PYTHON");
    python.expect("run this by `cargo xtask test python-sdk`, which installs the SDK").into()
}
