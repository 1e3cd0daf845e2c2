//! `latimer usage`.

use clap::Args;

use super::Reach;
use crate::admin::usage::wire;

#[derive(Debug, Args)]
pub(crate) struct Question {
    /// The first day in UTC, such as 2026-01-31 [default: 29 days before the last]
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day in UTC [default: today]
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// What has a line each
    #[arg(long, value_delimiter = ',', default_value = "day")]
    by: Vec<wire::By>,
}

pub(super) async fn run(reach: &Reach, question: Question) -> anyhow::Result<()> {
    let Question { from, to, by } = question;
    let by: Vec<&str> = by.into_iter().map(wire::By::name).collect();
    let by = Some(by.join(","));
    let query = [("from", from), ("to", to), ("by", by)];
    let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let usage: wire::Usage = reach.find(&["usage"], &query).await?;
    usage.rows.iter().for_each(print);
    let wire::Sum { turns, prompt_tokens, completion_tokens, credits } = usage.total;
    eprintln!(
        "{} to {}: {turns} turns, {prompt_tokens} tokens read, {completion_tokens} written, {credits} credits",
        usage.from, usage.to
    );
    Ok(())
}

fn print(row: &wire::UsageRow) {
    let wire::Sum { turns, prompt_tokens, completion_tokens, credits } = row.sum;
    for by in [&row.day, &row.model, &row.user].into_iter().flatten() {
        print!("{by}\t");
    }
    println!("{turns}\t{prompt_tokens}\t{completion_tokens}\t{credits}");
}
