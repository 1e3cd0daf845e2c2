//! How the core's values stand in rows, and the single-row writes.

use std::time::Duration;

use chat::ErrorKind;
use chat::ids::{AccountId, ConversationId, TurnId};
use chat::provider::{FinishReason, Usage};
use chat::turn::{Dialect, Failure, ModelName, Outcome, Side, TurnEnd};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// An imported message: neither asked nor answered here.
pub(super) const IMPORTED: &str = "imported";
const FAILED: &str = "failed";
const STOPPED: &str = "stopped";
/// Told again to whoever repeats the request; the vendor's own figure has long passed.
const RETRY_AFTER: Duration = Duration::from_secs(5);

pub(super) fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Codmir => "codmir",
        Dialect::CodeMie => "codemie",
        Dialect::Cody => "cody",
    }
}

pub(super) fn dialect(row: &SqliteRow) -> sqlx::Result<Dialect> {
    let name: &str = row.try_get("dialect")?;
    let known = [Dialect::Codmir, Dialect::CodeMie, Dialect::Cody]
        .into_iter()
        .find(|dialect| dialect_name(*dialect) == name);
    known.ok_or_else(|| sqlx::Error::Decode("an unknown dialect".into()))
}

pub(super) fn side_number(side: Side) -> i64 {
    match side {
        Side::Question => 0,
        Side::Answer => 1,
    }
}

pub(super) fn side(number: i64) -> Side {
    if number == 0 { Side::Question } else { Side::Answer }
}

pub(super) struct EndColumns<'end> {
    pub(super) outcome: &'static str,
    pub(super) failure_kind: Option<&'static str>,
    pub(super) failure_message: Option<&'end str>,
}

pub(super) fn end_columns(outcome: &Outcome) -> EndColumns<'_> {
    let (outcome, failure) = match outcome {
        Outcome::Finished(FinishReason::Stop) => ("stop", None),
        Outcome::Finished(FinishReason::Length) => ("length", None),
        Outcome::Finished(FinishReason::ContentFilter) => ("content_filter", None),
        Outcome::Finished(FinishReason::ToolCalls) => ("tool_calls", None),
        Outcome::Stopped => (STOPPED, None),
        Outcome::Failed(failure) => (FAILED, Some(failure)),
    };
    EndColumns {
        outcome,
        failure_kind: failure.map(|failure| kind_name(failure.kind)),
        failure_message: failure.map(|failure| failure.message.as_str()),
    }
}

/// The outcome of a row; `None` while it runs. An imported message counts as finished.
pub(super) fn outcome(row: &SqliteRow) -> sqlx::Result<Option<Outcome>> {
    let Some(name) = row.try_get::<Option<&str>, _>("outcome")? else { return Ok(None) };
    Ok(Some(match name {
        "length" => Outcome::Finished(FinishReason::Length),
        "content_filter" => Outcome::Finished(FinishReason::ContentFilter),
        "tool_calls" => Outcome::Finished(FinishReason::ToolCalls),
        STOPPED => Outcome::Stopped,
        FAILED => Outcome::Failed(Failure {
            kind: kind(row.try_get::<Option<&str>, _>("failure_kind")?.unwrap_or_default()),
            message: row.try_get::<Option<String>, _>("failure_message")?.unwrap_or_default(),
        }),
        _ => Outcome::Finished(FinishReason::Stop),
    }))
}

pub(super) fn end(row: &SqliteRow) -> sqlx::Result<Option<TurnEnd>> {
    let Some(outcome) = outcome(row)? else { return Ok(None) };
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    Ok(Some(TurnEnd { outcome, usage: usage(row)?, ended_at: time(ended_at.unwrap_or_default()) }))
}

pub(super) fn usage(row: &SqliteRow) -> sqlx::Result<Usage> {
    Ok(Usage {
        prompt_tokens: row.try_get("prompt_tokens")?,
        completion_tokens: row.try_get("completion_tokens")?,
        cached_prompt_tokens: row.try_get("cached_tokens")?,
        reasoning_tokens: row.try_get("reasoning_tokens")?,
        estimated: row.try_get("tokens_estimated")?,
    })
}

pub(super) fn answered_by(row: &SqliteRow) -> sqlx::Result<Option<ModelName>> {
    let provider: Option<String> = row.try_get("answered_provider")?;
    let model: Option<String> = row.try_get("answered_model")?;
    Ok(provider.zip(model).map(|(provider, model)| ModelName { provider, model }))
}

fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid { .. } => "invalid",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::Forbidden => "forbidden",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Gone => "gone",
        ErrorKind::QuotaExceeded { .. } => "quota_exceeded",
        ErrorKind::RateLimited { .. } => "rate_limited",
        ErrorKind::Provider => "provider",
        ErrorKind::ProviderTimeout => "provider_timeout",
        ErrorKind::UnfitAnswer => "unfit_answer",
        ErrorKind::Unavailable { .. } => "unavailable",
        ErrorKind::StorageFull => "storage_full",
        ErrorKind::NotImplemented => "not_implemented",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::Internal => "internal",
    }
}

/// The kinds that a turn can end with; the others are told before one opens.
fn kind(name: &str) -> ErrorKind {
    match name {
        // The only field that a model can refuse is what it was to read.
        "invalid" => ErrorKind::Invalid { field: Some("messages") },
        "rate_limited" => ErrorKind::RateLimited { retry_after: RETRY_AFTER },
        "provider" => ErrorKind::Provider,
        "provider_timeout" => ErrorKind::ProviderTimeout,
        "unfit_answer" => ErrorKind::UnfitAnswer,
        "unavailable" => ErrorKind::Unavailable { retry_after: RETRY_AFTER },
        "storage_full" => ErrorKind::StorageFull,
        "interrupted" => ErrorKind::Interrupted,
        _ => ErrorKind::Internal,
    }
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn id_bytes(row: &SqliteRow, column: &str) -> sqlx::Result<Option<[u8; 16]>> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    let sixteen =
        |bytes: &[u8]| bytes.try_into().map_err(|_| sqlx::Error::Decode("an id has 16 bytes".into()));
    bytes.map(sixteen).transpose()
}

pub(super) fn turn_id(row: &SqliteRow, column: &str) -> sqlx::Result<Option<TurnId>> {
    Ok(id_bytes(row, column)?.map(TurnId::from_bytes))
}

pub(super) fn account_id(row: &SqliteRow, column: &str) -> sqlx::Result<Option<AccountId>> {
    Ok(id_bytes(row, column)?.map(AccountId::from_bytes))
}

pub(super) fn conversation_id(row: &SqliteRow, column: &str) -> sqlx::Result<Option<ConversationId>> {
    Ok(id_bytes(row, column)?.map(ConversationId::from_bytes))
}

pub(super) async fn close_interrupted(
    db: &mut SqliteConnection,
    owner: &str,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let failure = Failure::interrupted();
    sqlx::query(
        "DELETE FROM quota_ledger WHERE turn IN \
         (SELECT id FROM turns WHERE outcome IS NULL AND owner = ? AND pieces = x'')",
    )
    .bind(owner)
    .execute(&mut *db)
    .await?;
    let closed = sqlx::query(
        "UPDATE turns SET outcome = ?, failure_kind = ?, failure_message = ?, ended_at = ? \
         WHERE outcome IS NULL AND owner = ?",
    )
    .bind(FAILED)
    .bind(kind_name(failure.kind))
    .bind(failure.message)
    .bind(now.as_millisecond())
    .bind(owner)
    .execute(db)
    .await?;
    Ok(closed.rows_affected())
}
