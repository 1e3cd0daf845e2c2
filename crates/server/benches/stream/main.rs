//! Measures a streamed answer beside nginx: what Latimer adds in time, CPU and memory, with and without its store.
//! `benches/README.md` says how and why; `cargo xtask bench stream` runs it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks to its terminal")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use chat::clock::SystemClock;
use clap::Parser;
use server::config::{Config, Overrides};
use server::{Server, Stores};
use store::{DataDir, SqliteStore};
use tempfile::TempDir;
use testkit::no_store::NoStore;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

mod client;
mod measure;
mod report;
mod target;
mod upstream;

use measure::{Crowd, Crowded, Samples};
use target::{Cores, Target};
use upstream::Script;

#[derive(Parser)]
struct Args {
    /// Tiny counts: shows that everything works, and measures nothing.
    #[arg(long)]
    smoke: bool,
    /// Only so many streams of 50 tokens in one write, on each server: something for a profiler to look at.
    #[arg(long)]
    bursts: Option<u32>,
    /// Serve over a store that keeps nothing, by this configuration, until killed.
    #[arg(long, hide = true)]
    serve_without_store: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// How much of everything is measured.
struct Plan {
    /// Enough for the figures to mean something.
    measures: bool,
    rounds: u32,
    first_tokens: u32,
    bursts: u32,
    single: Crowd,
    slow: Vec<Crowd>,
    stops: u32,
}

/// What was measured of one server; the lists hold a value for each round.
struct Results {
    name: &'static str,
    idle: u64,
    first_tokens: Vec<Samples>,
    burst: Vec<Duration>,
    single: Vec<Duration>,
    /// In the order of [`Plan::slow`]; the first finds the process fresh.
    slow: Vec<Crowded>,
    disconnects: Samples,
    cancels: Option<Samples>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(config) = args.serve_without_store {
        return serve_without_store(config);
    }
    let plan = if args.smoke { smoke() } else { full() };
    let cores = Cores::choose()?;
    cores.pin_load()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(run(&plan, cores, args.bursts)))
}

fn full() -> Plan {
    let crowd = |streams, pace, tokens, arrival| Crowd {
        streams,
        script: Script { tokens, pace: Duration::from_millis(pace) },
        arrival: Duration::from_millis(arrival),
    };
    Plan {
        measures: true,
        rounds: 5,
        first_tokens: 200,
        bursts: 3_000,
        single: crowd(200, 50, 80, 500),
        slow: vec![crowd(1_000, 250, 24, 1_500), crowd(4_000, 250, 32, 4_000)],
        stops: 50,
    }
}

fn smoke() -> Plan {
    let few = Crowd {
        streams: 20,
        script: Script { tokens: 5, pace: Duration::from_millis(20) },
        arrival: Duration::from_millis(20),
    };
    Plan { measures: false, rounds: 1, first_tokens: 3, bursts: 40, single: few, slow: vec![few], stops: 2 }
}

/// The role of the server that keeps nothing: what `latimer serve` does, but for the store.
fn serve_without_store(file: PathBuf) -> anyhow::Result<()> {
    let config = Config::load(&Overrides { file: Some(file), ..Overrides::default() })?;
    tracing_subscriber::fmt().with_env_filter(&config.log.filter).with_writer(std::io::stderr).init();
    let threads = config.server.worker_threads.context("the number of threads is configured")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        // Who is calling is kept all the same; what is left out is what a turn writes.
        let kept = Arc::new(SqliteStore::open(DataDir::lock(&config.data_dir)?, &SystemClock).await?);
        let stores = Stores {
            turns: Arc::new(NoStore),
            keys: kept.clone(),
            accounts: kept.clone(),
            issuer: kept.clone(),
            tickets: kept.clone(),
            assistants: kept.clone(),
            conversations: kept.clone(),
            usage: kept.clone(),
            knowledge: kept.clone(),
            tasks: kept,
        };
        let _serving = Server::start_over(config, Arc::new(SystemClock), stores).await?;
        std::future::pending().await
    })
}

async fn run(plan: &Plan, cores: Cores, only_bursts: Option<u32>) -> anyhow::Result<()> {
    let mut work = JoinSet::new();
    let (upstream, mut cuts) = upstream::start(&mut work).await?;
    // Beside the build, where the data directory would be: a temporary directory may be in memory.
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut servers = vec![
        Target::latimer(cores, &fresh(dir.path(), "latimer")?, upstream)?,
        Target::without_store(cores, &fresh(dir.path(), "no-store")?, upstream)?,
    ];
    match Target::nginx(cores, &dir.path().join("nginx"), upstream)? {
        Some(nginx) => servers.insert(0, nginx),
        None => eprintln!("nginx is not installed, so its column is left out"),
    }
    if let Some(streams) = only_bursts {
        for server in &servers {
            note(server, "bursts");
            eprintln!("{:?} of CPU a stream", measure::burst(server, streams).await?);
        }
        return Ok(());
    }
    let direct = Target::direct(upstream);
    let mut baseline = Results::begin(&direct).await?;
    let mut results = Vec::new();
    for server in &servers {
        results.push(Results::begin(server).await?);
    }
    let mut fsyncs = Vec::new();

    // The first crowd finds the processes fresh, as the memory of a stream asks for.
    for (target, results) in std::iter::once((&direct, &mut baseline)).chain(servers.iter().zip(&mut results))
    {
        for crowd in &plan.slow {
            note(target, &format!("{} slow streams", crowd.streams));
            results.slow.push(measure::crowd(target, *crowd).await?);
        }
    }
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        fsyncs.push(measure::fsync(dir.path(), plan.first_tokens)?);
        baseline.first_tokens.push(measure::first_tokens(&direct, plan.first_tokens).await?);
        for (server, results) in servers.iter().zip(&mut results) {
            results.first_tokens.push(measure::first_tokens(server, plan.first_tokens).await?);
        }
        for (server, results) in servers.iter().zip(&mut results) {
            results.burst.push(measure::burst(server, plan.bursts).await?);
        }
        for (server, results) in servers.iter().zip(&mut results) {
            let crowded = measure::crowd(server, plan.single).await?;
            ensure!(crowded.failures == 0, "{}: {:?}", server.name, crowded.first_failure);
            results.single.push(crowded.cpu_per_token);
        }
    }
    for (server, results) in servers.iter().zip(&mut results) {
        note(server, "stopping");
        results.stop(server, &mut cuts, plan.stops).await?;
    }

    for results in &results {
        for crowded in &results.slow {
            ensure!(crowded.failures == 0, "{}: {:?}", results.name, crowded.first_failure);
        }
    }
    let table = report::table(plan, &Samples::join(fsyncs), &baseline, &results);
    println!("{}", if plan.measures { &table } else { "everything works; so few streams measure nothing" });
    Ok(())
}

impl Results {
    /// Looks at a server that has just been started, then lets it warm up.
    async fn begin(target: &Target) -> anyhow::Result<Self> {
        tokio::time::sleep_until(Instant::now() + Duration::from_millis(200)).await;
        let idle = target.usage()?.resident;
        measure::burst(target, 40).await?;
        Ok(Self {
            name: target.name,
            idle,
            first_tokens: Vec::new(),
            burst: Vec::new(),
            single: Vec::new(),
            slow: Vec::new(),
            disconnects: Samples::default(),
            cancels: None,
        })
    }

    async fn stop(
        &mut self,
        server: &Target,
        cuts: &mut mpsc::UnboundedReceiver<Instant>,
        times: u32,
    ) -> anyhow::Result<()> {
        self.disconnects = measure::disconnects(server, cuts, times).await?;
        if server.dialect == client::Dialect::Codmir {
            self.cancels = Some(measure::cancels(server, cuts, times).await?);
        }
        Ok(())
    }
}

fn fresh(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let dir = dir.join(name);
    std::fs::create_dir(&dir)?;
    Ok(dir)
}

fn note(target: &Target, what: &str) {
    eprintln!(
        "{}{}: {what}",
        target.name,
        target.process_id().map(|id| format!(" ({id})")).unwrap_or_default()
    );
}
