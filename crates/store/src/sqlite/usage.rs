//! What turns have cost: from their rows, and from the ledger where they have none.

use chat::turn::ModelName;
use chat::usage::DayUsage;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(super) async fn usage(
    pool: &SqlitePool,
    from: Timestamp,
    until: Timestamp,
) -> sqlx::Result<Vec<DayUsage>> {
    let rows = sqlx::query(
        "SELECT q.reserved_at / 86400000 AS day, coalesce(q.provider, t.answered_provider) AS provider, \
             coalesce(q.model, t.answered_model) AS model, a.name AS account, count(*) AS turns, \
             sum(coalesce(q.prompt_tokens, t.prompt_tokens, 0)) AS prompt_tokens, \
             sum(coalesce(q.completion_tokens, t.completion_tokens, 0)) AS completion_tokens \
         FROM quota_ledger q JOIN accounts a ON a.id = q.account LEFT JOIN turns t ON t.id = q.turn \
         WHERE q.reserved_at >= ? AND q.reserved_at < ? GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    )
    .bind(from.as_millisecond())
    .bind(until.as_millisecond())
    .fetch_all(pool)
    .await?;
    rows.iter().map(day_usage).collect()
}

fn day_usage(row: &SqliteRow) -> sqlx::Result<DayUsage> {
    let number = |column: &str| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
    let day = row.try_get::<i64, _>("day")?.saturating_mul(DAY_SECONDS);
    let day = Timestamp::from_second(day).unwrap_or(Timestamp::UNIX_EPOCH);
    let provider: Option<String> = row.try_get("provider")?;
    let model: Option<String> = row.try_get("model")?;
    Ok(DayUsage {
        day: day.to_zoned(TimeZone::UTC).date(),
        model: provider.zip(model).map(|(provider, model)| ModelName { provider, model }),
        account: row.try_get("account")?,
        turns: number("turns")?,
        prompt_tokens: number("prompt_tokens")?,
        completion_tokens: number("completion_tokens")?,
    })
}

/// Writes into the ledger what the turns of a conversation have cost, before they go with it. One that still runs is told
/// by its end.
pub(super) async fn keep(db: &mut SqliteConnection, conversation: &[u8]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE quota_ledger SET provider = t.answered_provider, model = t.answered_model, \
             prompt_tokens = CASE WHEN t.outcome IS NULL THEN NULL ELSE t.prompt_tokens END, \
             completion_tokens = CASE WHEN t.outcome IS NULL THEN NULL ELSE t.completion_tokens END \
         FROM turns t WHERE t.conversation = ? AND quota_ledger.turn = t.id",
    )
    .bind(conversation)
    .execute(db)
    .await?;
    Ok(())
}
