//! The command line: `latimer serve`, `ask`, `knowledge`, administration, and clients of a Keycloak.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use identity::FirstStart;
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogConfig, LogFormat, Overrides};
use crate::serve::{Server, first_start};

mod administer;
mod ask;
mod client;
mod keycloak;
mod knowledge;
mod reach;

/// AI chat for applications, served by one program.
#[derive(Debug, Parser)]
#[command(name = "latimer", version, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    settings: SettingFlags,
}

#[derive(Debug, Args)]
struct SettingFlags {
    /// Configuration file [default: latimer.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything durable lies [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the weights of the embedded model lie [default: models]
    #[arg(long, global = true, value_name = "DIR")]
    model_dir: Option<PathBuf>,
    /// Any other setting, such as turn.head_wait_ms=5000
    #[arg(long, global = true, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Serve until told to stop
    Serve {
        /// Address to listen on; may be repeated [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDRESS")]
        listen: Vec<SocketAddr>,
    },
    #[command(flatten)]
    Administer(administer::Task),
    /// Make, list and delete clients of a Keycloak that sign in here
    #[command(subcommand)]
    KeycloakClient(Box<keycloak::Task>),
    /// Ask the running server one question and print the answer as it comes
    Ask(ask::Question),
    /// Put documents into projects, find them, look after them
    Knowledge(knowledge::Knowledge),
}

/// Runs the command; what fails is one sentence and what caused it.
pub fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let listen = match &command.task {
        Task::Serve { listen } => listen.clone(),
        Task::Administer(_) | Task::KeycloakClient(_) | Task::Ask(_) | Task::Knowledge(_) => Vec::new(),
    };
    let SettingFlags { config, data_dir, model_dir, set } = command.settings;
    let config = Config::load(&Overrides { file: config, set, data_dir, model_dir, listen })?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.server.worker_threads {
        runtime.worker_threads(threads.max(1));
    }
    let runtime = runtime.enable_all().build().context("the runtime can't be started")?;
    runtime.block_on(async {
        match command.task {
            Task::Serve { .. } => serve(config).await,
            Task::Administer(task) => administer::run(&config, task).await,
            Task::KeycloakClient(task) => keycloak::run(*task).await,
            Task::Ask(question) => ask::run(&config, question).await,
            Task::Knowledge(task) => knowledge::run(&config, task).await,
        }
    })
}

async fn serve(config: Config) -> anyhow::Result<()> {
    start_log(&config.log)?;
    let mut stop = StopSignals::listen().context("signals can't be listened to")?;
    let server = Server::start(config).await?;
    print_banner(&server);
    stop.wait().await;
    println!("stopping: running answers may finish; a second signal ends them now");
    tokio::select! {
        clean = server.stop() => anyhow::ensure!(clean, "some work had to be left behind"),
        () = stop.wait() => anyhow::bail!("stopped at once; what was running will be closed at the next start"),
    }
    println!("stopped");
    Ok(())
}

fn start_log(log: &LogConfig) -> anyhow::Result<()> {
    // Its source says the same again.
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| anyhow::anyhow!("log.filter: {error}"))?;
    let colours = std::io::stderr().is_terminal();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}

fn print_banner(server: &Server) {
    println!("Latimer {} is listening on", env!("CARGO_PKG_VERSION"));
    for address in server.addresses() {
        println!("  http://{address}");
    }
    println!("{}\n", server.answers());
    if let Some(first) = server.first_start() {
        print_first_start(first, server.first_start_file());
    }
    let Some(address) = server.addresses().first() else { return };
    println!("Try it:\n");
    let key = server.first_start().map(|first| first.key.secret.expose_secret());
    print!("{}", suggestions(*address, key.unwrap_or("$KEY")));
    println!("Ctrl-C stops it.");
}

/// The published calls of each dialect, ready to paste.
fn suggestions(address: SocketAddr, key: &str) -> String {
    let json = "-H 'Content-Type: application/json'";
    let keyed = format!("-H \"Authorization: Bearer {key}\" {json}");
    let assistant = chat::assistants::DEFAULT_ID;
    format!(
        "  curl -N http://{address}/api/chat/stream {json} \\\n    \
             -d '{{\"messages\": [{{\"role\": \"user\", \"content\": \"What is the capital of France?\"}}]}}'\n\n  \
           curl -X POST http://{address}/code-assistant-api/v1/assistants/{assistant}/model \\\n    \
             {keyed} \\\n    -d '{{\"text\": \"hi\"}}'\n\n  \
           curl -N -L -X POST http://{address}/api/v1/messages/stream \\\n    \
             {keyed} \\\n    -d '{{\"content\": \"string\", \"conversation_id\": \"string\", \"redirect\": true}}'\n\n"
    )
}

/// Shown once: nobody can read them again.
fn print_first_start(first: &FirstStart, file: Option<&Path>) {
    println!("This is the first start. Keep what follows, it is not shown again:\n");
    println!("{}", first_start::told(first));
    if let Some(file) = file {
        println!("It is written down in {}, for you only; delete that once you have it.\n", file.display());
    }
}

/// SIGTERM and Ctrl-C.
struct StopSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        Ok(Self {
            #[cfg(unix)]
            terminate,
        })
    }

    async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}
