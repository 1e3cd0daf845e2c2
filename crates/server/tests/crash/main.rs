//! Nothing that was acknowledged is lost: the real program is killed at random moments while clients ask and read, and
//! what it knows after the next start is compared with what each client saw.
//!
//! A binary of its own, since it takes most of a minute.

use std::time::{Duration, Instant};

use audit::{Kill, Tally, check_client};
use client::{Client, Way};
use futures::future::join_all;
use program::{Program, asking};
use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use testkit::upstream::{Reply, Upstream, openai_stream};
use tokio::sync::watch;

mod audit;
mod client;
#[expect(dead_code, reason = "this binary starts the real program, not a server in its process")]
#[path = "../it/harness.rs"]
mod harness;
#[expect(dead_code, reason = "the tests of the command line look at more of it")]
#[path = "../it/program.rs"]
mod program;

const ROUNDS: u64 = 20;
/// What the clients of a round ask for, at once.
const WAYS: [(Way, usize); 3] = [(Way::Resumable, 7), (Way::Published, 4), (Way::Whole, 3)];
/// How many words an answer may have: some end before the kill, some can't.
const LENGTHS: [usize; 4] = [2, 8, 30, 150];
/// A restart may take this long.
const READY: Duration = Duration::from_secs(5);
/// Between a word's coming and its being saved there is more than the checkpoint's interval: the commit, and our clock.
const SLACK: Duration = Duration::from_millis(500);

/// The upstream's words are numbered, so that a missing or a doubled one is seen.
fn word(at: usize) -> String {
    format!("w{at} ")
}

/// A small generator of numbers, since a failure must be repeatable (xorshift64).
struct Dice(u64);

impl Dice {
    /// A number from `from` to below `to`.
    fn roll(&mut self, from: u64, to: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + self.0 % (to - from)
    }
}

/// What is random of a round.
#[derive(Debug)]
struct Round {
    number: u64,
    gap: Duration,
    checkpoint_interval: Duration,
    /// The kill comes when the clients have seen so many frames in all.
    frames: u64,
}

impl Round {
    fn roll(number: u64, dice: &mut Dice) -> Self {
        // Every third round is long enough for answers to be saved at the default interval.
        let long = number % 3 == 2;
        Self {
            number,
            gap: Duration::from_millis(dice.roll(20, 30)),
            checkpoint_interval: Duration::from_millis(if number.is_multiple_of(3) { 100 } else { 1_000 }),
            frames: if long { dice.roll(600, 900) } else { dice.roll(0, 300) },
        }
    }

    fn clients(&self) -> Vec<Client> {
        let ways = WAYS.iter().flat_map(|(way, clients)| std::iter::repeat_n(*way, *clients));
        ways.enumerate().map(|(at, way)| Client::new(format!("round-{}-{at}", self.number), way)).collect()
    }

    /// Lets the clients ask all at once, and kills the program when they have seen enough.
    async fn play(
        &self,
        program: Program,
        http: &reqwest::Client,
        upstream: &Upstream,
        dice: &mut Dice,
    ) -> (Vec<Client>, Kill) {
        for _ in 0..1_000 {
            let length = LENGTHS[dice.roll(0, LENGTHS.len() as u64) as usize];
            upstream.enqueue(answer(length).every(self.gap));
        }
        let seen = watch::Sender::new(0);
        let url = program.url("");
        let mut clients = self.clients();
        let asking = join_all(clients.iter_mut().map(|client| client.ask_until_cut(http, &url, &seen)));
        let killing = async {
            seen.subscribe().wait_for(|seen| *seen >= self.frames).await.expect("the clients go on");
            program.kill()
        };
        let (_, at) = tokio::join!(asking, killing);
        (clients, Kill { at, may_be_lost: self.checkpoint_interval + SLACK })
    }
}

fn answer(length: usize) -> Reply {
    let words: Vec<String> = (0..length).map(word).collect();
    openai_stream(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Starts the program over the data that the last one left, and fails if it is not ready soon.
async fn start(
    home: &TempDir,
    http: &reqwest::Client,
    upstream: &Upstream,
    checkpoint_interval: Duration,
) -> Program {
    let started = Instant::now();
    let mut settings = asking(upstream);
    settings.push(format!("--set=turn.checkpoint_interval_ms={}", checkpoint_interval.as_millis()));
    settings.push("--set=log.filter=error".to_owned());
    let program = Program::serve(home.path(), &settings);
    let ready = http.get(program.url("/readyz")).send().await.expect("an answer");
    assert_eq!(ready.status(), 200);
    assert!(started.elapsed() < READY, "ready only after {:?}", started.elapsed());
    program
}

async fn check_integrity(home: &TempDir) {
    let database = sqlx::sqlite::SqliteConnectOptions::new().filename(home.path().join("data/latimer.db"));
    let mut connection = database.read_only(true).connect().await.expect("the database can be read");
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("a judgement");
    assert_eq!(found, "ok");
    connection.close().await.expect("it is closed");
}

/// `CRASH_SEED` repeats a run's choices.
fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration to be told its seed by")]
    let given = std::env::var("CRASH_SEED").ok();
    match given {
        Some(seed) => seed.parse().expect("CRASH_SEED is a number"),
        None => getrandom::u64().expect("there are random numbers"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_twenty_kills() {
    let seed = seed();
    println!("CRASH_SEED={seed} repeats this run's choices");
    // Xorshift stays at zero for ever.
    let mut dice = Dice(seed.max(1));
    let home = TempDir::new().expect("a temporary directory");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut last: Option<(Vec<Client>, Kill)> = None;
    let mut sessions = Vec::new();
    let mut tallies = Vec::new();

    for number in 0..ROUNDS {
        let round = Round::roll(number, &mut dice);
        let upstream = Upstream::start().await;
        let program = start(&home, &http, &upstream, round.checkpoint_interval).await;
        if let Some((clients, kill)) = last.take() {
            tallies.push(check_restart(&program, &http, &upstream, &clients, &kill, &mut sessions).await);
        }
        last = Some(round.play(program, &http, &upstream, &mut dice).await);
        println!("{round:?}");
    }

    let upstream = Upstream::start().await;
    let program = start(&home, &http, &upstream, Duration::from_secs(1)).await;
    let (clients, kill) = last.expect("there were rounds");
    tallies.push(check_restart(&program, &http, &upstream, &clients, &kill, &mut sessions).await);
    for (session, history) in &sessions {
        assert_eq!(program.history(&http, session).await.as_ref(), Some(history), "{session} over all kills");
    }
    check_integrity(&home).await;
    program.terminate();
    assert!(program.ended().await.status.success());
    let total: Tally = tallies.into_iter().sum();
    println!("{total:#?}");
    assert!(total.cut >= ROUNDS as usize, "answers were cut: {total:?}");
    assert!(total.words_due > 0, "some words were old enough to be due: {total:?}");
}

/// Checks every client's session against the program that started after the kill, and keeps the sessions as they are.
async fn check_restart(
    program: &Program,
    http: &reqwest::Client,
    upstream: &Upstream,
    clients: &[Client],
    kill: &Kill,
    sessions: &mut Vec<(String, Value)>,
) -> Tally {
    upstream.always(answer(LENGTHS[0]));
    let check = async |client: &Client| {
        let tally = check_client(program, http, client, kill).await;
        let history = program.history(http, &client.session).await.expect("the session is there");
        (tally, (client.session.clone(), history))
    };
    let (tallies, checked): (Vec<_>, Vec<_>) = join_all(clients.iter().map(check)).await.into_iter().unzip();
    sessions.extend(checked);
    tallies.into_iter().sum()
}
