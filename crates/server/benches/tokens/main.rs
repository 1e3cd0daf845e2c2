//! Measures what those who have signed in notice while somebody else tries bad tokens, beside the same without them.
//! `benches/README.md` says how and why; `cargo xtask bench tokens` runs it.
#![expect(clippy::print_stdout, reason = "a command line tool speaks to its terminal")]

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use providers::settings::{Kind, ProviderSettings};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use server::Server;
use server::config::Config;
use tempfile::TempDir;
use testkit::ManualClock;
use testkit::issuer::FakeIssuer;
use testkit::upstream::{Reply, Upstream};
use tokio::time::Instant;

const ISSUER: &str = "https://elsewhere.example/realms/prod";
const PATH: &str = "/code-assistant-api/v1/user";
const USERS: u32 = 8;
/// Between two calls of one user.
const PAUSE: Duration = Duration::from_millis(20);
/// Key sets are fetched no oftener than every 10 seconds, and once more at the start.
const MOST_FETCHES: usize = 4;

#[derive(Parser)]
struct Args {
    /// A round of a second instead of three of eight: shows that everything works, and measures nothing.
    #[arg(long)]
    smoke: bool,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What the users of one round have noticed.
struct Round {
    calls: usize,
    p50: Duration,
    p99: Duration,
    /// Of the issuer's key set.
    fetches: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { smoke, .. } = Args::parse();
    let (rounds, length, bad) = if smoke { (1, 1, 25) } else { (3, 8, 200) };
    println!("{rounds} x {length} s with {USERS} users, and the same with {bad} bad tokens meanwhile\n");
    println!("| | calls | p50 | p99 | key-set fetches |\n|---|---|---|---|---|");
    for _ in 0..rounds {
        for bad in [0, bad] {
            let Round { calls, p50, p99, fetches } = round(Duration::from_secs(length), bad).await?;
            println!("| {bad} bad tokens | {calls} | {p50:.1?} | {p99:.1?} | {fetches} |");
            ensure!(fetches <= MOST_FETCHES, "{fetches} key-set fetches, and {MOST_FETCHES} are allowed");
        }
    }
    Ok(())
}

/// A fresh server, so that no round has what another left in its caches.
async fn round(length: Duration, bad: u32) -> anyhow::Result<Round> {
    let issuer = FakeIssuer::new(ISSUER);
    let published = Upstream::start().await;
    published.always(Reply::json(200, &issuer.key_set()));
    let data = TempDir::new()?;
    let server = Server::start(config(&data, &published)?).await?;
    let url = format!("http://{}{PATH}", server.addresses()[0]);
    let end = Instant::now() + length;
    let users = (0..USERS).map(|number| user(&issuer, number, &url, end));
    let attack = attack(&issuer, &url, bad, length);
    let (calls, attacked) = futures::join!(futures::future::join_all(users), attack);
    attacked?;
    let calls: anyhow::Result<Vec<_>> = calls.into_iter().collect();
    let mut calls = calls?.concat();
    calls.sort_unstable();
    ensure!(!calls.is_empty(), "nobody has called");
    let at = |share: usize| calls[(calls.len() - 1) * share / 100];
    let round = Round { calls: calls.len(), p50: at(50), p99: at(99), fetches: published.requests().len() };
    ensure!(server.stop().await, "the server was left with work");
    Ok(round)
}

fn config(data: &TempDir, published: &Upstream) -> anyhow::Result<Config> {
    let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() };
    config.server.listen = vec!["127.0.0.1:0".parse()?];
    // Nobody asks it.
    config.providers.insert("openai".to_owned(), ProviderSettings::new(Kind::OpenAi));
    let keys = format!("{}/certs", published.base_url());
    config.auth.issuers.push(serde_json::from_value(json!({ "issuer": ISSUER, "jwks_uri": keys }))?);
    Ok(config)
}

/// Calls until `end`; how long each call took. Each call has a token that was never seen before, which costs the most.
async fn user(issuer: &FakeIssuer, number: u32, url: &str, end: Instant) -> anyhow::Result<Vec<Duration>> {
    let client = client()?;
    let mut calls = Vec::new();
    while Instant::now() < end {
        let mut claims = claims(issuer, &format!("user-{number}"));
        claims["jti"] = json!(calls.len());
        let token = issuer.sign(&claims);
        let began = Instant::now();
        let status = call(&client, url, &token).await?;
        calls.push(began.elapsed());
        ensure!(status == 200, "a good token is refused: {status}");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(calls)
}

/// Sends bad tokens, evenly over the time: of a key that nobody knows, with a wrong signature, with a wrong claim.
async fn attack(issuer: &FakeIssuer, url: &str, tokens: u32, length: Duration) -> anyhow::Result<()> {
    let client = client()?;
    for number in 0..tokens {
        let (mut header, mut claims) = (json!({ "alg": "RS256", "kid": "key-1" }), claims(issuer, "nobody"));
        match number % 4 {
            0 | 1 => header["kid"] = json!(format!("unknown-{number}")),
            2 => header["alg"] = json!("HS256"),
            _ => claims["aud"] = json!("elsewhere"),
        }
        let status = call(&client, url, &issuer.sign_with(&header, &claims)).await?;
        ensure!(status == 401, "a bad token is answered {status}");
        tokio::time::sleep(length / tokens).await;
    }
    Ok(())
}

fn claims(issuer: &FakeIssuer, subject: &str) -> Value {
    issuer.claims(&ManualClock::at_present(), subject)
}

fn client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().build().context("a client can't be made")
}

async fn call(client: &reqwest::Client, url: &str, token: &SecretString) -> anyhow::Result<u16> {
    let answer = client.get(url).bearer_auth(token.expose_secret()).send().await?;
    let status = answer.status().as_u16();
    answer.bytes().await?;
    Ok(status)
}
