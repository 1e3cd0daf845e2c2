//! The figures as one Markdown table, with our goals and whether they are met.

use std::fmt::Write as _;
use std::time::Duration;

use crate::measure::Samples;
use crate::{Plan, Results};

/// The goals: see `benches/README.md`.
mod goal {
    use std::time::Duration;

    pub(super) const FIRST_TOKEN_RATIO: f64 = 4.0;
    pub(super) const BURST_RATIO: f64 = 3.5;
    pub(super) const SINGLE_RATIO: f64 = 1.3;
    pub(super) const STREAM_MEMORY: u64 = 48 << 10;
    pub(super) const IDLE_MEMORY: u64 = 40 << 20;
    pub(super) const SLOW_DELAY: Duration = Duration::from_millis(10);
    pub(super) const STOP_TYPICAL: Duration = Duration::from_millis(50);
    pub(super) const STOP_MOST: Duration = Duration::from_millis(250);
}

/// One line: what, the goal, a cell for each server, and whether Latimer meets the goal (`None`: it can't be said).
struct Row {
    what: String,
    goal: String,
    cells: Vec<String>,
    met: Option<bool>,
}

/// Renders everything.
pub(crate) fn table(plan: &Plan, fsync: &Samples, baseline: &Results, servers: &[Results]) -> String {
    let nginx = servers.iter().find(|server| server.name == "nginx");
    let names: Vec<_> = servers.iter().map(|server| server.name).collect();
    let mut text =
        format!("| | goal | {} | met |\n|---|---|{}---|\n", names.join(" | "), "---|".repeat(names.len()));
    let mut rows = first_token_rows(fsync, baseline, servers, nginx);
    rows.push(ratio_row(
        "CPU a stream, 50 tokens in one write",
        goal::BURST_RATIO,
        servers,
        nginx,
        |server| &server.burst,
    ));
    rows.push(ratio_row("CPU a token, one write each", goal::SINGLE_RATIO, servers, nginx, |server| {
        &server.single
    }));
    rows.push(memory_row(
        &format!("memory a stream, {} alive", plan.slow[0].streams),
        goal::STREAM_MEMORY,
        servers,
        |server| server.slow[0].memory_per_stream,
    ));
    rows.push(memory_row("memory, idle", goal::IDLE_MEMORY, servers, |server| server.idle));
    rows.extend((0..plan.slow.len()).map(|number| slow_row(plan, number, baseline, servers)));
    rows.push(stop_row("client leaves → upstream ends, p50 / max", servers, |server| {
        Some(&server.disconnects)
    }));
    rows.push(stop_row("cancel (v2) → upstream ends, p50 / max", servers, |server| {
        server.cancels.as_ref()
    }));
    for Row { what, goal, cells, met } in rows {
        let met = met.map_or("", |met| if met { "yes" } else { "**no**" });
        let _never_fails = writeln!(text, "| {what} | {goal} | {} | {met} |", cells.join(" | "));
    }
    let direct = middle(&baseline.first_tokens, |round| round.quantile(0.5));
    let (typical, most) = (shown(fsync.quantile(0.5)), shown(fsync.quantile(0.99)));
    let _never_fails = write!(
        text,
        "\nOne fsync of the data directory: p50 {typical}, p99 {most}. Direct time to the first token: p50 {}.\n\
         Medians of {} rounds; in brackets the median of each round's ratio to nginx.",
        shown(direct),
        plan.rounds
    );
    text
}

fn first_token_rows(
    fsync: &Samples,
    baseline: &Results,
    servers: &[Results],
    nginx: Option<&Results>,
) -> Vec<Row> {
    let added = |server: &Results, share: f64| {
        let rounds = server.first_tokens.iter().zip(&baseline.first_tokens);
        let added = rounds.map(|(own, direct)| own.quantile(share).saturating_sub(direct.quantile(share)));
        median(added.collect())
    };
    let cells = |share| servers.iter().map(|server| shown(added(server, share))).collect();
    let most = nginx.map(|nginx| added(nginx, 0.5).mul_f64(goal::FIRST_TOKEN_RATIO) + fsync.quantile(0.5));
    let goal = most.map_or_else(
        || format!("≤ {}x nginx + one fsync", goal::FIRST_TOKEN_RATIO),
        |most| format!("≤ {}x nginx + one fsync = {}", goal::FIRST_TOKEN_RATIO, shown(most)),
    );
    let met = most.map(|most| added(latimer(servers), 0.5) <= most);
    vec![
        Row { what: "first token, added p50".to_owned(), goal, cells: cells(0.5), met },
        Row { what: "first token, added p99".to_owned(), goal: String::new(), cells: cells(0.99), met: None },
    ]
}

fn ratio_row(
    what: &str,
    goal: f64,
    servers: &[Results],
    nginx: Option<&Results>,
    figure: fn(&Results) -> &[Duration],
) -> Row {
    let ratio = |server: &Results| {
        let rounds = figure(server).iter().zip(figure(nginx?));
        let mut ratios: Vec<_> = rounds.map(|(own, its)| own.as_secs_f64() / its.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    };
    let cell = |server: &Results| {
        let figure = shown(median(figure(server).to_vec()));
        match ratio(server).filter(|_| server.name != "nginx") {
            Some(ratio) => format!("{figure} ({ratio:.1}x)"),
            None => figure,
        }
    };
    Row {
        what: what.to_owned(),
        goal: format!("≤ {goal}x nginx"),
        cells: servers.iter().map(cell).collect(),
        met: ratio(latimer(servers)).map(|ratio| ratio <= goal),
    }
}

fn memory_row(what: &str, goal: u64, servers: &[Results], figure: impl Fn(&Results) -> u64) -> Row {
    Row {
        what: what.to_owned(),
        goal: format!("≤ {}", size(goal)),
        cells: servers.iter().map(|server| size(figure(server))).collect(),
        met: Some(figure(latimer(servers)) <= goal),
    }
}

/// How much later than without a server the tokens of slow streams come, at the 99th percentile.
fn slow_row(plan: &Plan, number: usize, baseline: &Results, servers: &[Results]) -> Row {
    let late = |server: &Results| server.slow[number].delays.quantile(0.99);
    let added = |server: &Results| late(server).saturating_sub(late(baseline));
    Row {
        what: format!("{} slow streams, all whole: added delay p99", plan.slow[number].streams),
        goal: format!("≤ {}", shown(goal::SLOW_DELAY)),
        cells: servers.iter().map(|server| shown(added(server))).collect(),
        met: Some(added(latimer(servers)) <= goal::SLOW_DELAY),
    }
}

fn stop_row(what: &str, servers: &[Results], figure: fn(&Results) -> Option<&Samples>) -> Row {
    let cell =
        |samples: &Samples| format!("{} / {}", shown(samples.quantile(0.5)), shown(samples.quantile(1.0)));
    let met = figure(latimer(servers)).map(|samples| {
        samples.quantile(0.5) <= goal::STOP_TYPICAL && samples.quantile(1.0) <= goal::STOP_MOST
    });
    Row {
        what: what.to_owned(),
        goal: format!("≤ {} / {}", shown(goal::STOP_TYPICAL), shown(goal::STOP_MOST)),
        cells: servers.iter().map(|server| figure(server).map_or_else(String::new, cell)).collect(),
        met,
    }
}

fn latimer(servers: &[Results]) -> &Results {
    servers.iter().find(|server| server.name == "Latimer").expect("it is always measured")
}

fn middle(rounds: &[Samples], figure: impl Fn(&Samples) -> Duration) -> Duration {
    median(rounds.iter().map(figure).collect())
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn shown(duration: Duration) -> String {
    let microseconds = duration.as_secs_f64() * 1e6;
    match microseconds {
        ..10.0 => format!("{microseconds:.1} µs"),
        ..1_000.0 => format!("{microseconds:.0} µs"),
        _ => format!("{:.1} ms", microseconds / 1e3),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 {
        return format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    }
    format!("{:.0} KiB", bytes as f64 / 1024.0)
}
