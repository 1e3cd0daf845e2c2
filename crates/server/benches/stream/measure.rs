//! What is measured: each function puts one kind of load on one server and says what came of it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Connection, Dialect, post};
use crate::target::Target;
use crate::upstream::{Script, now};

/// Tokens of a burst stream.
const BURST: u32 = 50;
/// Burst streams at once.
const BURST_CONNECTIONS: u32 = 32;
/// About what the commit of a turn writes.
const COMMIT_BYTES: usize = 32 << 10;
/// A stream that is stopped long before its end.
const ENDLESS: Script = Script { tokens: 100_000, pace: Duration::from_millis(20) };
const PATIENCE: Duration = Duration::from_secs(10);

/// Durations that were seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn new(mut seen: Vec<Duration>) -> Self {
        seen.sort_unstable();
        Self(seen)
    }

    /// The value that `share` (0 to 1) of them do not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    pub(crate) fn join(samples: impl IntoIterator<Item = Self>) -> Self {
        Self::new(samples.into_iter().flat_map(|samples| samples.0).collect())
    }
}

/// How long one fsync of what a commit writes takes.
pub(crate) fn fsync(dir: &Path, times: u32) -> anyhow::Result<Samples> {
    let mut file = File::create(dir.join("fsync"))?;
    let mut seen = Vec::new();
    for _ in 0..times {
        file.write_all(&[0; COMMIT_BYTES])?;
        let begun = Instant::now();
        file.sync_data()?;
        seen.push(begun.elapsed());
    }
    Ok(Samples::new(seen))
}

/// Time to the first token, one stream after the other. The upstream sends it at once and the rest a moment later.
pub(crate) async fn first_tokens(target: &Target, times: u32) -> anyhow::Result<Samples> {
    let request = target.dialect.request(Script { tokens: 2, pace: Duration::from_millis(5) });
    let mut connection = Connection::open(target.address).await?;
    let mut seen = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let mut answer = connection.ask(&request).await?;
        let mut first = None;
        while answer.next(|_| first = first.or_else(|| Some(begun.elapsed()))).await? {}
        seen.push(first.context("a stream without tokens")?);
    }
    Ok(Samples::new(seen))
}

/// CPU of the server per stream of 50 tokens that the upstream sends in one write.
pub(crate) async fn burst(target: &Target, streams: u32) -> anyhow::Result<Duration> {
    let script = Script { tokens: BURST, pace: Duration::ZERO };
    let request: Rc<[u8]> = target.dialect.request(script).into();
    let left = Rc::new(Cell::new(streams));
    let before = target.usage()?;
    let mut work = JoinSet::new();
    for _ in 0..BURST_CONNECTIONS.min(streams) {
        let (request, left, address) = (request.clone(), left.clone(), target.address);
        work.spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                connection.read_whole(script, &request).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = work.join_next().await {
        ended??;
    }
    Ok((target.usage()?.cpu - before.cpu) / streams)
}

/// Many streams at once, each token in a write of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) streams: u32,
    pub(crate) script: Script,
    /// Over how long they begin.
    pub(crate) arrival: Duration,
}

/// What a crowd was like for the server and for itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowded {
    pub(crate) cpu_per_token: Duration,
    /// More resident memory than before, with all streams alive.
    pub(crate) memory_per_stream: u64,
    /// From the upstream's write to the client's read.
    pub(crate) delays: Samples,
    pub(crate) failures: u32,
    pub(crate) first_failure: Option<String>,
}

pub(crate) async fn crowd(target: &Target, crowd: Crowd) -> anyhow::Result<Crowded> {
    let Crowd { streams, script, arrival } = crowd;
    let request: Rc<[u8]> = target.dialect.request(script).into();
    let delays = Rc::new(RefCell::new(Vec::with_capacity((streams * script.tokens) as usize)));
    let before = target.usage()?;
    let begun = Instant::now();
    let mut work = JoinSet::new();
    for number in 0..streams {
        let (request, delays, address) = (request.clone(), delays.clone(), target.address);
        work.spawn_local(async move {
            tokio::time::sleep_until(begun + arrival * number / streams).await;
            let mut connection = Connection::open(address).await?;
            let mut answer = connection.ask(&request).await?;
            let mut tokens = 0;
            let note = |sent: u64| {
                tokens += 1;
                delays.borrow_mut().push(Duration::from_micros(now().saturating_sub(sent)));
            };
            let mut note = note;
            while answer.next(&mut note).await? {}
            ensure!(tokens == script.tokens, "{tokens} of {} tokens", script.tokens);
            anyhow::Ok(())
        });
    }
    // CPU and memory are looked at while all of them stream: none begins, none ends.
    let lasting = script.pace * (script.tokens - 1);
    let settling = (lasting - arrival) / 8;
    tokio::time::sleep_until(begun + arrival + settling).await;
    let (from, tokens_from) = (target.usage()?, delays.borrow().len());
    tokio::time::sleep_until(begun + lasting - settling).await;
    let (to, tokens_to) = (target.usage()?, delays.borrow().len());
    let mut crowded = Crowded {
        cpu_per_token: (to.cpu - from.cpu) / u32::try_from(tokens_to - tokens_from)?.max(1),
        memory_per_stream: to.resident.saturating_sub(before.resident) / u64::from(streams),
        ..Crowded::default()
    };
    while let Some(ended) = work.join_next().await {
        if let Err(error) = ended? {
            crowded.failures += 1;
            crowded.first_failure.get_or_insert_with(|| format!("{error:#}"));
        }
    }
    crowded.delays = Samples::new(delays.take());
    Ok(crowded)
}

/// From the client's leaving to the end of the upstream's stream.
pub(crate) async fn disconnects(
    target: &Target,
    cuts: &mut mpsc::UnboundedReceiver<Instant>,
    times: u32,
) -> anyhow::Result<Samples> {
    let request = target.dialect.request(ENDLESS);
    let mut seen = Vec::new();
    for _ in 0..times {
        let mut connection = Connection::open(target.address).await?;
        await_first_token(&mut connection, &request).await?;
        let left = Instant::now();
        drop(connection);
        seen.push(next_cut(cuts).await?.duration_since(left));
    }
    Ok(Samples::new(seen))
}

/// From a request that cancels a v2 stream to the end of the upstream's.
pub(crate) async fn cancels(
    target: &Target,
    cuts: &mut mpsc::UnboundedReceiver<Instant>,
    times: u32,
) -> anyhow::Result<Samples> {
    ensure!(target.dialect == Dialect::Codmir, "only we have a cancel");
    let model = ENDLESS.model();
    let mut seen = Vec::new();
    for number in 0..times {
        let turn = format!("turn_of_the_bench_{number}");
        let messages = r#"[{"role":"user","content":"What is the capital of France?"}]"#;
        let body = format!(r#"{{"model":"{model}","turnId":"{turn}","messages":{messages}}}"#);
        let mut connection = Connection::open(target.address).await?;
        let request = post("/api/chat/stream", "X-Chat-Stream: v2\r\n", &body);
        await_first_token(&mut connection, &request).await?;
        let mut other = Connection::open(target.address).await?;
        let cancelled = Instant::now();
        other.command(&post(&format!("/api/chat/turns/{turn}/cancel"), "", "")).await?;
        seen.push(next_cut(cuts).await?.duration_since(cancelled));
    }
    Ok(Samples::new(seen))
}

async fn await_first_token(connection: &mut Connection, request: &[u8]) -> anyhow::Result<()> {
    let mut answer = connection.ask(request).await?;
    let mut seen = false;
    while !seen {
        ensure!(answer.next(|_| seen = true).await?, "the stream ended");
    }
    Ok(())
}

async fn next_cut(cuts: &mut mpsc::UnboundedReceiver<Instant>) -> anyhow::Result<Instant> {
    let cut = tokio::time::timeout(PATIENCE, cuts.recv()).await.context("upstream was not told to stop")?;
    cut.context("the mock upstream has ended")
}
