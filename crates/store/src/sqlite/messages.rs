//! Messages by themselves, in rows: each turn is two, its question and, once it has ended, its answer.

use chat::conversations::{AnswerEnd, Listed, Message, Page};
use chat::ids::AccountId;
use chat::turn::Dialect;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::evidence::evidence;
use super::rows::{answered_by, dialect_name, outcome, time, usage};

/// `?1` account, `?2` dialect, `?3` conversation, `?4` message: the last two NULL if they are no matter. `side` is 1 for
/// answers.
macro_rules! messages {
    () => {
        "SELECT 0 AS side, t.question_id AS message_id, t.question AS message_text, c.name AS conversation_name, t.* \
         FROM conversations c JOIN turns t ON t.conversation = c.id \
         WHERE c.account = ?1 AND c.dialect = ?2 AND (?3 IS NULL OR c.name = ?3) AND t.question_id IS NOT NULL \
             AND (?4 IS NULL OR t.question_id = ?4) \
         UNION ALL SELECT 1, t.answer_id, t.answer, c.name, t.* \
         FROM conversations c JOIN turns t ON t.conversation = c.id \
         WHERE c.account = ?1 AND c.dialect = ?2 AND (?3 IS NULL OR c.name = ?3) AND t.answer_id IS NOT NULL \
             AND t.outcome IS NOT NULL AND (?4 IS NULL OR t.answer_id = ?4)"
    };
}

const LIST: &str = concat!(messages!(), " ORDER BY t.seq DESC, side DESC LIMIT ?5 OFFSET ?6");
const COUNT: &str = concat!("SELECT count(*) FROM (", messages!(), ")");

pub(super) async fn list(
    pool: &SqlitePool,
    account: AccountId,
    dialect: Dialect,
    conversation: Option<&str>,
    page: Page,
) -> sqlx::Result<Listed<Message>> {
    let mut moment = pool.begin().await?;
    let total: i64 = sqlx::query_scalar(COUNT)
        .bind(account.as_bytes().as_slice())
        .bind(dialect_name(dialect))
        .bind(conversation)
        .bind(None::<&str>)
        .fetch_one(&mut *moment)
        .await?;
    let rows = sqlx::query(LIST)
        .bind(account.as_bytes().as_slice())
        .bind(dialect_name(dialect))
        .bind(conversation)
        .bind(None::<&str>)
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(&mut *moment)
        .await?;
    moment.commit().await?;
    Ok(Listed { items: rows.iter().map(message).collect::<sqlx::Result<_>>()?, total: total.unsigned_abs() })
}

pub(super) async fn one(
    pool: &SqlitePool,
    account: AccountId,
    dialect: Dialect,
    id: &str,
) -> sqlx::Result<Option<Message>> {
    let row = sqlx::query(LIST)
        .bind(account.as_bytes().as_slice())
        .bind(dialect_name(dialect))
        .bind(None::<&str>)
        .bind(id)
        .bind(1)
        .bind(0)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(message).transpose()
}

fn message(row: &SqliteRow) -> sqlx::Result<Message> {
    let is_answer: bool = row.try_get("side")?;
    let answer = match outcome(row)? {
        Some(outcome) if is_answer => {
            let evidence = evidence(row)?;
            Some(AnswerEnd { outcome, usage: usage(row)?, answered_by: answered_by(row)?, evidence })
        }
        _ => None,
    };
    Ok(Message {
        id: row.try_get("message_id")?,
        conversation: row.try_get("conversation_name")?,
        text: row.try_get("message_text")?,
        at: time(row.try_get("opened_at")?),
        answer,
    })
}
