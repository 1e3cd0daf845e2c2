//! What is read beside the writer. Every query names the account.

use chat::Transcript;
use chat::ids::{AccountId, ConversationId};
use chat::provider::Role;
use chat::store::{HistoryMessage, HistoryPage, MessageState, PathMessage, StoredConversation, StoredTurn};
use chat::turn::{Dialect, MessageRef, ModelName, Outcome, Side, TurnHead};
use futures::TryStreamExt;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::evidence::evidence;
use super::rows::{
    IMPORTED, account_id, answered_by, conversation_id, dialect, dialect_name, end, outcome, side,
    side_number, time, turn_id, usage,
};

/// Walks from a message towards the root, newest first, as far as a byte budget reaches: the texts of a long conversation
/// are not even sorted. `?1` turn, `?2` side, `?3` account, `?4` budget.
const UP: &str = "WITH RECURSIVE up (turn, side, depth, budget) AS ( \
         SELECT ?1, ?2, 0, ?4 \
         UNION ALL \
         SELECT t.parent_turn, t.parent_side, up.depth + 1, \
             up.budget - coalesce(octet_length(t.question), 0) - up.side * octet_length(t.answer) \
         FROM up JOIN turns t ON t.id = up.turn WHERE t.parent_turn IS NOT NULL AND up.budget >= 0) \
     SELECT up.side AS up_side, t.id, t.question_id, t.question, t.answer_id, t.answer, t.outcome, \
         t.failure_kind, t.failure_message \
     FROM up JOIN turns t ON t.id = up.turn AND t.account = ?3 ORDER BY up.depth";

pub(super) async fn path(
    pool: &SqlitePool,
    account: AccountId,
    from: MessageRef,
    byte_budget: usize,
) -> sqlx::Result<Vec<PathMessage>> {
    let mut rows = sqlx::query(UP)
        .bind(from.turn.as_bytes().as_slice())
        .bind(side_number(from.side))
        .bind(account.as_bytes().as_slice())
        .bind(i64::try_from(byte_budget).unwrap_or(i64::MAX))
        .fetch(pool);
    let mut newest_first = Vec::new();
    let mut left = byte_budget;
    let mut answered_in_vain = false;
    while let Some(row) = rows.try_next().await? {
        for message in path_messages(&row, &mut answered_in_vain)? {
            let Some(rest) = left.checked_sub(message.content.len()) else {
                newest_first.reverse();
                return Ok(newest_first);
            };
            left = rest;
            newest_first.push(message);
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// The messages of one turn on a path: the answer, if the path goes through it, then the question. What is heard of a
/// question depends on its answer on this path: `answered_in_vain` goes from an answer without a question of its own to
/// the turn below, whose question it answers anew.
fn path_messages(row: &SqliteRow, answered_in_vain: &mut bool) -> sqlx::Result<Vec<PathMessage>> {
    let turn = turn_id(row, "id")?.ok_or(sqlx::Error::RowNotFound)?;
    let outcome = outcome(row)?;
    let answer: &str = row.try_get("answer")?;
    let without_text =
        matches!(outcome, None | Some(Outcome::Failed(_))) && (outcome.is_none() || answer.is_empty());
    let through_answer = side(row.try_get("up_side")?) == Side::Answer;
    let unheard = if through_answer { without_text } else { *answered_in_vain };
    let mut messages = Vec::with_capacity(2);
    if through_answer && let Some(id) = row.try_get::<Option<String>, _>("answer_id")? {
        messages.push(PathMessage {
            at: MessageRef { turn, side: Side::Answer },
            id,
            role: Role::Assistant,
            content: answer.to_owned(),
            silent: without_text || answer.is_empty(),
        });
    }
    if let Some(id) = row.try_get::<Option<String>, _>("question_id")? {
        messages.push(PathMessage {
            at: MessageRef { turn, side: Side::Question },
            id,
            role: Role::User,
            content: row.try_get::<Option<String>, _>("question")?.unwrap_or_default(),
            silent: unheard,
        });
    }
    let has_question = messages.last().is_some_and(|message| message.role == Role::User);
    *answered_in_vain = !has_question && unheard;
    Ok(messages)
}

pub(super) async fn conversation(
    pool: &SqlitePool,
    account: AccountId,
    dialect: Dialect,
    name: &str,
) -> sqlx::Result<Option<StoredConversation>> {
    let row = sqlx::query(
        "SELECT c.id, c.tip_turn, c.tip_side, (SELECT t.name FROM turns t WHERE t.conversation = c.id \
         AND t.outcome IS NULL ORDER BY t.seq DESC LIMIT 1) AS active_turn \
         FROM conversations c WHERE c.account = ? AND c.dialect = ? AND c.name = ?",
    )
    .bind(account.as_bytes().as_slice())
    .bind(dialect_name(dialect))
    .bind(name)
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        let tip_side: Option<i64> = row.try_get("tip_side")?;
        let tip = turn_id(&row, "tip_turn")?
            .zip(tip_side)
            .map(|(turn, number)| MessageRef { turn, side: side(number) });
        let id = conversation_id(&row, "id")?.ok_or(sqlx::Error::RowNotFound)?;
        Ok(StoredConversation { id, tip, active_turn: row.try_get("active_turn")? })
    })
    .transpose()
}

pub(super) async fn turn(
    pool: &SqlitePool,
    account: AccountId,
    name: &str,
) -> sqlx::Result<Option<StoredTurn>> {
    let row = sqlx::query(
        "SELECT t.*, c.name AS conversation_name, c.dialect, coalesce(p.question_id, '') AS parent_question, \
         coalesce(p.answer_id, '') AS parent_answer \
         FROM turns t JOIN conversations c ON c.id = t.conversation LEFT JOIN turns p ON p.id = t.parent_turn \
         WHERE t.account = ? AND t.name = ?",
    )
    .bind(account.as_bytes().as_slice())
    .bind(name)
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        let transcript = Transcript {
            text: row.try_get("answer")?,
            reasoning: row.try_get("reasoning")?,
            pieces: row.try_get("pieces")?,
            evidence: evidence(&row)?,
        };
        Ok(StoredTurn {
            dialect: dialect(&row)?,
            head: head(&row)?,
            question: row.try_get("question")?,
            transcript,
            end: end(&row)?,
        })
    })
    .transpose()
}

fn head(row: &SqliteRow) -> sqlx::Result<TurnHead> {
    let absent = || sqlx::Error::RowNotFound;
    let parent_side: Option<i64> = row.try_get("parent_side")?;
    let parent_id = match parent_side.map(side) {
        None => None,
        Some(Side::Question) => Some(row.try_get("parent_question")?),
        Some(Side::Answer) => Some(row.try_get("parent_answer")?),
    };
    Ok(TurnHead {
        turn: turn_id(row, "id")?.ok_or_else(absent)?,
        account: account_id(row, "account")?.ok_or_else(absent)?,
        name: row.try_get("name")?,
        conversation: conversation_id(row, "conversation")?.ok_or_else(absent)?,
        conversation_name: row.try_get("conversation_name")?,
        question_id: row.try_get("question_id")?,
        answer_id: row.try_get("answer_id")?,
        parent_id,
        asked: ModelName { provider: row.try_get("asked_provider")?, model: row.try_get("asked_model")? },
        answered_by: answered_by(row)?.ok_or_else(absent)?,
        opened_at: time(row.try_get("opened_at")?),
    })
}

/// A message's place and id on the selected path.
struct Step {
    at: MessageRef,
    id: String,
}

pub(super) async fn history(
    pool: &SqlitePool,
    account: AccountId,
    conversation: ConversationId,
    before: Option<&str>,
    limit: usize,
) -> sqlx::Result<Option<HistoryPage>> {
    // One transaction sees one state, whatever is committed in between.
    let mut db = pool.begin().await?;
    let steps = selected_path(&mut db, account, conversation).await?;
    let newest = match before {
        None => 0,
        Some(id) => match steps.iter().position(|step| step.id == id) {
            Some(at) => at + 1,
            None => return Ok(None),
        },
    };
    let page = &steps[newest.min(steps.len())..steps.len().min(newest + limit)];
    let older = steps.len() > newest + page.len();
    let mut messages = Vec::with_capacity(page.len());
    for step in page.iter().rev() {
        messages.push(history_message(&mut db, account, conversation, step).await?);
    }
    let next_before = messages.first().filter(|_| older).map(|message: &HistoryMessage| message.id.clone());
    Ok(Some(HistoryPage { messages, next_before }))
}

/// Newest first.
async fn selected_path(
    db: &mut SqliteConnection,
    account: AccountId,
    conversation: ConversationId,
) -> sqlx::Result<Vec<Step>> {
    let rows = sqlx::query(
        "WITH RECURSIVE up (turn, side, depth) AS ( \
             SELECT tip_turn, tip_side, 0 FROM conversations WHERE id = ?1 AND account = ?2 \
             UNION ALL \
             SELECT t.parent_turn, t.parent_side, up.depth + 1 FROM up JOIN turns t ON t.id = up.turn \
             WHERE t.parent_turn IS NOT NULL) \
         SELECT t.id, up.side AS up_side, t.question_id, t.answer_id FROM up JOIN turns t ON t.id = up.turn \
         ORDER BY up.depth",
    )
    .bind(conversation.as_bytes().as_slice())
    .bind(account.as_bytes().as_slice())
    .fetch_all(db)
    .await?;
    let mut steps = Vec::with_capacity(rows.len() * 2);
    for row in &rows {
        let turn = turn_id(row, "id")?.ok_or(sqlx::Error::RowNotFound)?;
        if side(row.try_get("up_side")?) == Side::Answer
            && let Some(id) = row.try_get::<Option<String>, _>("answer_id")?
        {
            steps.push(Step { at: MessageRef { turn, side: Side::Answer }, id });
        }
        if let Some(id) = row.try_get::<Option<String>, _>("question_id")? {
            steps.push(Step { at: MessageRef { turn, side: Side::Question }, id });
        }
    }
    Ok(steps)
}

async fn history_message(
    db: &mut SqliteConnection,
    account: AccountId,
    conversation: ConversationId,
    step: &Step,
) -> sqlx::Result<HistoryMessage> {
    let row = sqlx::query(
        "SELECT t.*, p.question_id AS parent_question, p.answer_id AS parent_answer \
         FROM turns t LEFT JOIN turns p ON p.id = t.parent_turn WHERE t.id = ? AND t.account = ?",
    )
    .bind(step.at.turn.as_bytes().as_slice())
    .bind(account.as_bytes().as_slice())
    .fetch_one(&mut *db)
    .await?;
    let own_question: Option<String> = row.try_get("question_id")?;
    let answers_own = step.at.side == Side::Answer && own_question.is_some();
    let outer_parent = turn_id(&row, "parent_turn")?
        .zip(row.try_get::<Option<i64>, _>("parent_side")?)
        .map(|(turn, number)| MessageRef { turn, side: side(number) });
    let parent = if answers_own {
        Some(MessageRef { turn: step.at.turn, side: Side::Question })
    } else {
        outer_parent
    };
    let parent_id = match (answers_own, outer_parent.map(|parent| parent.side)) {
        (true, _) => own_question,
        (false, None) => None,
        (false, Some(Side::Question)) => row.try_get("parent_question")?,
        (false, Some(Side::Answer)) => row.try_get("parent_answer")?,
    };
    let sibling_ids = children(db, conversation, parent).await?;
    let imported = row.try_get::<Option<&str>, _>("outcome")? == Some(IMPORTED);
    let (role, content, state) = match step.at.side {
        Side::Question => (
            Role::User,
            row.try_get::<Option<String>, _>("question")?.unwrap_or_default(),
            MessageState::Given,
        ),
        Side::Answer => {
            let state = match outcome(&row)? {
                _ if imported => MessageState::Given,
                None => MessageState::Running,
                Some(outcome) => MessageState::Ended(outcome),
            };
            (Role::Assistant, row.try_get("answer")?, state)
        }
    };
    let ended = matches!(state, MessageState::Ended(_));
    Ok(HistoryMessage {
        id: step.id.clone(),
        role,
        content,
        created_at: time(row.try_get("opened_at")?),
        parent_id,
        sibling_ids,
        turn: row.try_get("name")?,
        answered_by: if role == Role::Assistant { answered_by(&row)? } else { None },
        usage: if ended { Some(usage(&row)?) } else { None },
        evidence: if ended { evidence(&row)? } else { None },
        state,
    })
}

/// The ids of the messages that follow `parent`, in order of birth: an answer of the same turn comes first.
async fn children(
    db: &mut SqliteConnection,
    conversation: ConversationId,
    parent: Option<MessageRef>,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT id FROM ( \
             SELECT coalesce(question_id, answer_id) AS id, seq FROM turns \
             WHERE conversation = ?1 AND parent_turn IS ?2 AND (parent_turn IS NULL OR parent_side = ?3) \
             UNION ALL \
             SELECT answer_id, seq FROM turns WHERE id = ?2 AND ?3 = 0 AND conversation = ?1) \
         WHERE id IS NOT NULL ORDER BY seq",
    )
    .bind(conversation.as_bytes().as_slice())
    .bind(parent.as_ref().map(|parent| parent.turn.as_bytes().as_slice()))
    .bind(parent.map(|parent| side_number(parent.side)))
    .fetch_all(db)
    .await
}
