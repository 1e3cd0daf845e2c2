//! The real program as a process of its own: nothing of this process's environment, a home directory that it is
//! started in, and there its data directory `data`, which outlives it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use testkit::upstream::Upstream;

/// A running `latimer serve`; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    banner: String,
    url: String,
    log: PathBuf,
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `latimer` in this home, to be given a task.
pub(crate) fn latimer(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latimer"));
    command.current_dir(home).env_clear().stdin(Stdio::null());
    command
}

/// Runs `latimer` with these arguments to its end.
#[track_caller]
pub(crate) fn run(home: &Path, arguments: &[&str]) -> Ended {
    latimer(home).args(arguments).output().expect("the program runs").into()
}

/// As [`run`], with this to read on standard input.
#[track_caller]
pub(crate) fn run_reading(home: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut command = latimer(home);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("the program reads");
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout).expect("it prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it prints UTF-8"),
        }
    }
}

/// The settings that make the upstream the provider `openai`.
pub(crate) fn asking(upstream: &Upstream) -> Vec<String> {
    vec![
        "--set=providers.openai.kind=openai".to_owned(),
        format!("--set=providers.openai.base_url={}/v1", upstream.base_url()),
    ]
}

impl Program {
    /// Serves on a free port, and returns once the program says that it listens.
    #[track_caller]
    pub(crate) fn serve(home: &Path, settings: &[String]) -> Self {
        let mut command = latimer(home);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(settings);
        Self::start(home, command)
    }

    /// Starts this command, which serves.
    #[track_caller]
    pub(crate) fn start(home: &Path, mut command: Command) -> Self {
        let log = home.join("stderr.log");
        command.stdout(Stdio::piped()).stderr(File::create(&log).expect("a log file"));
        let mut child = command.spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut program = Self { child, stdout, banner: String::new(), url: String::new(), log };
        program.read_banner();
        program
    }

    #[track_caller]
    fn read_banner(&mut self) {
        while !self.banner.ends_with("Ctrl-C stops it.\n") {
            let read = self.stdout.read_line(&mut self.banner).expect("it prints UTF-8");
            assert!(read > 0, "the program ended instead of serving: {}", self.log());
        }
        let address = self.banner.lines().find_map(|line| line.trim().strip_prefix("http://"));
        self.url = format!("http://{}", address.expect("the banner names the address"));
    }

    pub(crate) fn banner(&self) -> &str {
        &self.banner
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// Sends SIGKILL, waits for the end, and tells when it was sent.
    pub(crate) fn kill(mut self) -> Instant {
        let sent = Instant::now();
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
        sent
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status();
        assert!(kill.expect("there is a shell").success(), "the program runs");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) -> Ended {
        let wait = move || {
            let mut stdout = String::new();
            self.stdout.read_to_string(&mut stdout).expect("it prints UTF-8");
            Ended { status: self.child.wait().expect("it is our child"), stdout, stderr: self.log() }
        };
        tokio::task::spawn_blocking(wait).await.expect("waiting does not fail")
    }

    /// The session's history.
    pub(crate) async fn history(&self, client: &reqwest::Client, session: &str) -> Option<Value> {
        let url = self.url(&format!("/api/chat/sessions/{session}/messages?limit=200"));
        let answer = client.get(url).send().await.expect("an answer");
        match answer.status().as_u16() {
            404 => None,
            status => {
                assert_eq!(status, 200);
                Some(answer.json().await.expect("JSON"))
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}
