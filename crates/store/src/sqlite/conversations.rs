//! Conversations as a whole, in rows.

use chat::assistants::DEFAULT_SHORT_ID;
use chat::conversations::{
    Change, Filter, Listed, NewConversation, Order, Page, Record, RecordedAnswer, RecordedQuestion,
    RecordedTurn, Summary,
};
use chat::ids::{AccountId, ConversationId};
use chat::turn::{Dialect, MessageRef};
use jiff::Timestamp;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::rows::{answered_by, conversation_id, dialect_name, outcome, side, time, turn_id, usage};

/// All of a conversation `c`; the ids of its assistants one a line, in the order of their first turns.
macro_rules! summaries {
    () => {
        "SELECT c.*, (SELECT group_concat(assistant, char(10) ORDER BY first) FROM ( \
             SELECT assistant, min(seq) AS first FROM turns \
             WHERE conversation = c.id AND assistant IS NOT NULL GROUP BY assistant)) AS assistants \
         FROM conversations c WHERE c.account = ?1 AND c.dialect = ?2 "
    };
}

/// `?3` public id, `?4` bot, `?5` keyword: each NULL if it is no matter.
macro_rules! filtered {
    () => {
        "AND (?3 IS NULL OR c.name = ?3) AND (?4 IS NULL OR c.bot = ?4) \
         AND (?5 IS NULL OR instr(c.folded_title, ?5) > 0) "
    };
}

/// `?6` whether the last opened comes first, `?7` limit, `?8` offset.
const LIST: &str = concat!(
    summaries!(),
    filtered!(),
    "ORDER BY iif(?6, c.created_at, c.updated_at) DESC, c.id DESC LIMIT ?7 OFFSET ?8"
);
const COUNT: &str =
    concat!("SELECT count(*) FROM conversations c WHERE c.account = ?1 AND c.dialect = ?2 ", filtered!());
const ONE: &str = concat!(summaries!(), "AND c.name = ?3");

pub(super) async fn list(
    pool: &SqlitePool,
    account: AccountId,
    dialect: Dialect,
    filter: &Filter,
    order: Order,
    page: Page,
) -> sqlx::Result<Listed<Summary>> {
    let keyword = filter.keyword.as_deref().map(str::to_lowercase);
    macro_rules! bound {
        ($query:expr) => {
            $query
                .bind(account.as_bytes().as_slice())
                .bind(dialect_name(dialect))
                .bind(filter.name.as_deref())
                .bind(filter.bot.as_deref())
                .bind(keyword.as_deref())
        };
    }
    let mut moment = pool.begin().await?;
    let total: i64 = bound!(sqlx::query_scalar(COUNT)).fetch_one(&mut *moment).await?;
    let rows = bound!(sqlx::query(LIST))
        .bind(order == Order::Opened)
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(&mut *moment)
        .await?;
    moment.commit().await?;
    Ok(Listed { items: rows.iter().map(summary).collect::<sqlx::Result<_>>()?, total: total.unsigned_abs() })
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

/// One write, whole.
pub(super) enum Write {
    Add(NewConversation),
    Change(Named, Change, Timestamp),
    Delete(Named),
}

/// A conversation by what its owner knows of it.
pub(super) struct Named {
    pub(super) account: AccountId,
    pub(super) dialect: Dialect,
    pub(super) name: String,
}

/// Whether there was what it is about.
pub(super) async fn apply(db: &mut SqliteConnection, write: &Write) -> sqlx::Result<bool> {
    match write {
        Write::Add(new) => add(db, new).await.map(|()| true),
        Write::Change(named, made, now) => change(db, named, made, *now).await,
        Write::Delete(named) => delete(db, named).await,
    }
}

async fn add(db: &mut SqliteConnection, new: &NewConversation) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO conversations (id, account, dialect, name, title, folded_title, bot, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
    )
    .bind(new.id.as_bytes().as_slice())
    .bind(new.account.as_bytes().as_slice())
    .bind(dialect_name(new.dialect))
    .bind(new.name.as_str())
    .bind(new.title.as_str())
    .bind(new.title.to_lowercase())
    .bind(new.bot.as_str())
    .bind(new.created_at.as_millisecond())
    .execute(db)
    .await?;
    Ok(())
}

/// The conversation that every account begins with: the one that Cody's published page writes into.
pub(super) async fn add_first(
    db: &mut SqliteConnection,
    account: AccountId,
    now: Timestamp,
) -> sqlx::Result<()> {
    let first = NewConversation {
        // No other conversation has it.
        id: ConversationId::from_bytes(*account.as_bytes()),
        account,
        dialect: Dialect::Cody,
        name: "string".to_owned(),
        title: "First conversation".to_owned(),
        bot: DEFAULT_SHORT_ID.to_owned(),
        created_at: now,
    };
    add(db, &first).await
}

async fn change(
    db: &mut SqliteConnection,
    Named { account, dialect, name }: &Named,
    change: &Change,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let changed = sqlx::query(
        "UPDATE conversations SET title = coalesce(?, title), folded_title = coalesce(?, folded_title), \
             pinned = coalesce(?, pinned), bot = coalesce(?, bot), updated_at = ? \
         WHERE account = ? AND dialect = ? AND name = ?",
    )
    .bind(change.title.as_deref())
    .bind(change.title.as_deref().map(str::to_lowercase))
    .bind(change.pinned)
    .bind(change.bot.as_deref())
    .bind(now.as_millisecond())
    .bind(account.as_bytes().as_slice())
    .bind(dialect_name(*dialect))
    .bind(name.as_str())
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// What its turns have cost stays in the ledger. Their idempotency keys go too: a repeat of what was deleted is a new
/// request.
async fn delete(db: &mut SqliteConnection, Named { account, dialect, name }: &Named) -> sqlx::Result<bool> {
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
        bot: row.try_get("bot")?,
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
