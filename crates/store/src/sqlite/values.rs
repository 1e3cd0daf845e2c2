//! Multi-row updates: the ends and the checkpoints of many turns, 64 rows a statement, every value bound.

use std::collections::HashSet;

use chat::store::{Checkpoint, CloseTurn};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::evidence;
use super::rows::{self, EndColumns};

/// Rows of one statement. SQLite allows 32,766 values; beyond this many rows nothing gets faster.
const ROWS: usize = 64;

/// Saves the text of turns that still run.
pub(super) async fn checkpoint(db: &mut SqliteConnection, checkpoints: &[&Checkpoint]) -> sqlx::Result<()> {
    let mut seen = HashSet::with_capacity(checkpoints.len());
    let newest: Vec<_> =
        checkpoints.iter().rev().filter(|checkpoint| seen.insert(checkpoint.turn)).copied().collect();
    for rows in newest.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new("WITH v (id, answer, reasoning, pieces) AS (");
        sql.push_values(rows, |mut row, Checkpoint { turn, transcript }| {
            row.push_bind(turn.as_bytes().as_slice())
                .push_bind(transcript.text.as_str())
                .push_bind(transcript.reasoning.as_str())
                .push_bind(transcript.pieces.as_slice());
        });
        sql.push(
            ") UPDATE turns SET answer = v.answer, reasoning = v.reasoning, pieces = v.pieces \
             FROM v WHERE turns.id = v.id AND turns.outcome IS NULL",
        );
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Records the ends of turns that still run, and gives back what they reserved for nothing. Of two ends of one turn the
/// first counts. What a turn has cost is read from its row; only one that has none is settled in the ledger.
pub(super) async fn close(db: &mut SqliteConnection, closes: &[&CloseTurn]) -> sqlx::Result<()> {
    let mut seen = HashSet::with_capacity(closes.len());
    let first: Vec<_> = closes.iter().filter(|close| seen.insert(close.turn)).copied().collect();
    for close in first.iter().filter(|close| close.refund) {
        sqlx::query(
            "DELETE FROM quota_ledger WHERE turn = ?1 AND prompt_tokens IS NULL \
             AND NOT EXISTS (SELECT 1 FROM turns WHERE id = ?1 AND outcome IS NOT NULL)",
        )
        .bind(close.turn.as_bytes().as_slice())
        .execute(&mut *db)
        .await?;
    }
    for close in &first {
        evidence::write(&mut *db, close).await?;
    }
    for rows in first.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "WITH v (id, answer, reasoning, pieces, outcome, failure_kind, failure_message, prompt_tokens, \
             completion_tokens, cached_tokens, reasoning_tokens, tokens_estimated, ended_at) AS (",
        );
        sql.push_values(rows, |mut row, close| {
            let EndColumns { outcome, failure_kind, failure_message } = rows::end_columns(&close.end.outcome);
            let usage = &close.end.usage;
            row.push_bind(close.turn.as_bytes().as_slice())
                .push_bind(close.transcript.text.as_str())
                .push_bind(close.transcript.reasoning.as_str())
                .push_bind(close.transcript.pieces.as_slice())
                .push_bind(outcome)
                .push_bind(failure_kind)
                .push_bind(failure_message)
                .push_bind(usage.prompt_tokens)
                .push_bind(usage.completion_tokens)
                .push_bind(usage.cached_prompt_tokens)
                .push_bind(usage.reasoning_tokens)
                .push_bind(usage.estimated)
                .push_bind(close.end.ended_at.as_millisecond());
        });
        sql.push(
            ") UPDATE turns SET answer = v.answer, reasoning = v.reasoning, pieces = v.pieces, outcome = v.outcome, \
             failure_kind = v.failure_kind, failure_message = v.failure_message, prompt_tokens = v.prompt_tokens, \
             completion_tokens = v.completion_tokens, cached_tokens = v.cached_tokens, \
             reasoning_tokens = v.reasoning_tokens, tokens_estimated = v.tokens_estimated, ended_at = v.ended_at \
             FROM v WHERE turns.id = v.id AND turns.outcome IS NULL",
        );
        let closed = sql.build().execute(&mut *db).await?;
        if closed.rows_affected() < rows.len() as u64 {
            settle(&mut *db, rows).await?;
        }
    }
    Ok(())
}

/// Writes into the ledger what those of these turns have cost that have no row: they are not kept, or their conversation was
/// deleted meanwhile.
async fn settle(db: &mut SqliteConnection, closes: &[&CloseTurn]) -> sqlx::Result<()> {
    let mut sql = QueryBuilder::<Sqlite>::new("WITH v (id, prompt_tokens, completion_tokens) AS (");
    sql.push_values(closes, |mut row, close| {
        row.push_bind(close.turn.as_bytes().as_slice())
            .push_bind(close.end.usage.prompt_tokens)
            .push_bind(close.end.usage.completion_tokens);
    });
    sql.push(
        ") UPDATE quota_ledger SET prompt_tokens = v.prompt_tokens, completion_tokens = v.completion_tokens \
         FROM v WHERE turn = v.id AND quota_ledger.prompt_tokens IS NULL \
         AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = v.id)",
    );
    sql.build().execute(db).await?;
    Ok(())
}
