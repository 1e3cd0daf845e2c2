//! Conversations as a whole, in rows.

use chat::conversations::{Change, Page, Record, RecordedAnswer, RecordedQuestion, RecordedTurn, Summary};
use chat::ids::AccountId;
use chat::turn::{Dialect, MessageRef};
use jiff::Timestamp;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::rows::{answered_by, conversation_id, dialect_name, outcome, side, time, turn_id, usage};
use super::writer::Named;

/// All of a conversation `c`; the ids of its assistants one a line, in the order of their first turns.
macro_rules! summaries {
    () => {
        "SELECT c.*, (SELECT group_concat(assistant, char(10) ORDER BY first) FROM ( \
             SELECT assistant, min(seq) AS first FROM turns \
             WHERE conversation = c.id AND assistant IS NOT NULL GROUP BY assistant)) AS assistants \
         FROM conversations c WHERE c.account = ?1 AND c.dialect = ?2 "
    };
}

const LIST: &str = concat!(summaries!(), "ORDER BY c.updated_at DESC, c.id DESC LIMIT ?3 OFFSET ?4");
const ONE: &str = concat!(summaries!(), "AND c.name = ?3");

pub(super) async fn list(
    pool: &SqlitePool,
    account: AccountId,
    dialect: Dialect,
    page: Page,
) -> sqlx::Result<Vec<Summary>> {
    let rows = sqlx::query(LIST)
        .bind(account.as_bytes().as_slice())
        .bind(dialect_name(dialect))
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(pool)
        .await?;
    rows.iter().map(summary).collect()
}

pub(super) async fn record(
    pool: &SqlitePool,
    account: AccountId,
    dialect: Dialect,
    name: &str,
) -> sqlx::Result<Option<Record>> {
    // One transaction sees one state, whatever is committed in between.
    let mut db = pool.begin().await?;
    let row = sqlx::query(ONE)
        .bind(account.as_bytes().as_slice())
        .bind(dialect_name(dialect))
        .bind(name)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let summary = summary(&row)?;
    let turns = sqlx::query("SELECT * FROM turns WHERE conversation = ? AND account = ? ORDER BY seq")
        .bind(summary.id.as_bytes().as_slice())
        .bind(account.as_bytes().as_slice())
        .fetch_all(&mut *db)
        .await?;
    Ok(Some(Record { summary, turns: turns.iter().map(turn).collect::<sqlx::Result<_>>()? }))
}

pub(super) async fn change(
    db: &mut SqliteConnection,
    Named { account, dialect, name }: &Named,
    change: &Change,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let changed = sqlx::query(
        "UPDATE conversations SET title = coalesce(?, title), pinned = coalesce(?, pinned), updated_at = ? \
         WHERE account = ? AND dialect = ? AND name = ?",
    )
    .bind(change.title.as_deref())
    .bind(change.pinned)
    .bind(now.as_millisecond())
    .bind(account.as_bytes().as_slice())
    .bind(dialect_name(*dialect))
    .bind(name.as_str())
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// What its turns have cost stays in the ledger. Their idempotency keys go too: a repeat of what was deleted is a new request.
pub(super) async fn delete(
    db: &mut SqliteConnection,
    Named { account, dialect, name }: &Named,
) -> sqlx::Result<bool> {
    let id: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT id FROM conversations WHERE account = ? AND dialect = ? AND name = ?")
            .bind(account.as_bytes().as_slice())
            .bind(dialect_name(*dialect))
            .bind(name.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let Some(id) = id else { return Ok(false) };
    super::usage::keep(&mut *db, &id).await?;
    for statement in [
        "DELETE FROM idempotency_keys WHERE account = ?2 \
         AND turn_name IN (SELECT name FROM turns WHERE conversation = ?1)",
        "DELETE FROM turns WHERE conversation = ?1 AND account = ?2",
        "DELETE FROM conversations WHERE id = ?1 AND account = ?2",
    ] {
        sqlx::query(statement)
            .bind(id.as_slice())
            .bind(account.as_bytes().as_slice())
            .execute(&mut *db)
            .await?;
    }
    Ok(true)
}

fn summary(row: &SqliteRow) -> sqlx::Result<Summary> {
    let assistants: Option<&str> = row.try_get("assistants")?;
    Ok(Summary {
        id: conversation_id(row, "id")?.ok_or(sqlx::Error::RowNotFound)?,
        name: row.try_get("name")?,
        title: row.try_get("title")?,
        pinned: row.try_get("pinned")?,
        assistants: assistants.into_iter().flat_map(str::lines).map(str::to_owned).collect(),
        created_at: time(row.try_get("created_at")?),
        updated_at: time(row.try_get("updated_at")?),
    })
}

fn turn(row: &SqliteRow) -> sqlx::Result<RecordedTurn> {
    let parent_side: Option<i64> = row.try_get("parent_side")?;
    let parent = turn_id(row, "parent_turn")?
        .zip(parent_side)
        .map(|(turn, number)| MessageRef { turn, side: side(number) });
    let markup = row.try_get("markup")?;
    let question =
        row.try_get::<Option<String>, _>("question")?.map(|text| RecordedQuestion { text, markup });
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let answer = match row.try_get("answer_id")? {
        None => None,
        Some(id) => Some(RecordedAnswer {
            id,
            text: row.try_get("answer")?,
            outcome: outcome(row)?,
            usage: usage(row)?,
            answered_by: answered_by(row)?,
            ended_at: ended_at.map(time),
        }),
    };
    Ok(RecordedTurn {
        id: turn_id(row, "id")?.ok_or(sqlx::Error::RowNotFound)?,
        parent,
        question,
        answer,
        assistant: row.try_get("assistant")?,
        opened_at: time(row.try_get("opened_at")?),
    })
}
