//! Opening a turn: everything that is checked, reserved and stored for it in the writer's transaction.

use chat::ids::{ConversationId, TurnId};
use chat::provider::Role;
use chat::store::{NewMessage, NewTurn, OpenError, OpenTurn, Opened, Place};
use chat::turn::{MessageRef, Side, TurnHead};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::quota::{Reached, window_begins};
use super::rows::{IMPORTED, conversation_id, dialect_name, side, side_number, turn_id};

/// How long an idempotency key counts.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The message that the new turn follows.
#[derive(Clone)]
struct Parent {
    at: MessageRef,
    id: String,
}

/// What one look into the tables says about a request.
struct Found {
    conversation: Option<ConversationId>,
    tip: Option<Parent>,
    /// The request hash of a turn of the same name.
    same_name: Option<Vec<u8>>,
    /// The message of the question's id, if it is there.
    same_message: Option<SameMessage>,
    /// The limits that leave no message.
    reached: Reached,
}

enum SameMessage {
    /// It is this very question of this conversation: answer it anew.
    Asked(Parent),
    /// It is something else.
    Other,
}

/// Logical refusals come before the first write, so that nothing has to be undone.
pub(super) async fn open_turn(
    db: &mut SqliteConnection,
    open: &OpenTurn,
) -> sqlx::Result<Result<Opened, OpenError>> {
    if let Some(known) = idempotent_repeat(db, open).await? {
        return Ok(known);
    }
    let found = look(db, open).await?;
    if let Some(hash) = &found.same_name {
        return Ok(repeat_or(hash, open, &open.name, "this turnId was used for another request"));
    }
    if open.must_exist && found.conversation.is_none() {
        return Ok(Err(OpenError::ConversationNotFound));
    }
    let (mut parent, question) = match (found.same_message, &open.question) {
        (Some(SameMessage::Other), _) => {
            return Ok(Err(OpenError::Conflict("this messageId is another message's")));
        }
        (Some(SameMessage::Asked(asked)), _) => (Some(asked), None),
        (None, question) => match find_parent(db, open, found.conversation, found.tip).await? {
            Ok(parent) => (parent, question.as_ref()),
            Err(error) => return Ok(Err(error)),
        },
    };
    if let Some(refusal) = found.reached.refusal(db, open).await? {
        return Ok(Err(refusal));
    }

    let conversation = found.conversation.unwrap_or(open.conversation);
    if open.keep {
        match found.conversation {
            Some(id) => select_path(db, open, id).await?,
            None => insert_conversation(db, open).await?,
        }
        for import in &open.imports {
            insert_import(db, open, conversation, parent.as_ref(), import).await?;
            let side = if import.role == Role::User { Side::Question } else { Side::Answer };
            let at = MessageRef { turn: import.turn, side };
            parent = Some(Parent { at, id: import.message.id.clone() });
        }
        insert_turn(db, open, conversation, parent.as_ref(), question).await?;
        remember_key(db, open).await?;
    } else {
        reserve(db, open).await?;
    }
    let head = TurnHead {
        turn: open.turn,
        account: open.account,
        name: open.name.clone(),
        conversation,
        conversation_name: open.conversation_name.clone(),
        question_id: question.map(|question| question.id.clone()),
        answer_id: open.answer_id.clone(),
        parent_id: parent.as_ref().map(|parent| parent.id.clone()),
        asked: open.asked.clone(),
        answered_by: open.answered_by.clone(),
        opened_at: open.opened_at,
    };
    Ok(Ok(Opened::New(Box::new(NewTurn { head, follows: parent.map(|parent| parent.at) }))))
}

fn repeat_or(hash: &[u8], open: &OpenTurn, name: &str, conflict: &'static str) -> Result<Opened, OpenError> {
    if hash == open.request_hash {
        Ok(Opened::Repeat { name: name.to_owned() })
    } else {
        Err(OpenError::Conflict(conflict))
    }
}

async fn idempotent_repeat(
    db: &mut SqliteConnection,
    open: &OpenTurn,
) -> sqlx::Result<Option<Result<Opened, OpenError>>> {
    let Some(idempotency) = &open.idempotency else { return Ok(None) };
    let row = sqlx::query(
        "SELECT request_hash, turn_name FROM idempotency_keys \
         WHERE account = ? AND route = ? AND key = ? AND created_at > ?",
    )
    .bind(open.account.as_bytes().as_slice())
    .bind(idempotency.route)
    .bind(idempotency.key.as_str())
    .bind(open.opened_at.as_millisecond() - DAY_MS)
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let hash: &[u8] = row.try_get("request_hash")?;
        Ok(repeat_or(
            hash,
            open,
            row.try_get("turn_name")?,
            "this Idempotency-Key was used for another request",
        ))
    })
    .transpose()
}

async fn remember_key(db: &mut SqliteConnection, open: &OpenTurn) -> sqlx::Result<()> {
    let Some(idempotency) = &open.idempotency else { return Ok(()) };
    let now = open.opened_at.as_millisecond();
    sqlx::query("DELETE FROM idempotency_keys WHERE account = ? AND created_at <= ?")
        .bind(open.account.as_bytes().as_slice())
        .bind(now - DAY_MS)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO idempotency_keys (account, route, key, request_hash, turn_name, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(open.account.as_bytes().as_slice())
    .bind(idempotency.route)
    .bind(idempotency.key.as_str())
    .bind(open.request_hash.as_slice())
    .bind(open.name.as_str())
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

async fn look(db: &mut SqliteConnection, open: &OpenTurn) -> sqlx::Result<Found> {
    let question_id = open.question.as_ref().map(|question| question.id.as_str());
    let row = sqlx::query(
        "SELECT c.id AS conversation, c.tip_turn AS turn, c.tip_side AS side, \
             p.question_id AS question_id, p.answer_id AS answer_id, n.request_hash AS same_name, \
             q.id AS same_turn, q.conversation AS same_conversation, q.question AS same_question, \
             a.id AS same_answer, \
             coalesce(o.message_limit, ?7) AS account_limit, k.message_limit AS key_limit, \
             CASE WHEN coalesce(o.message_limit, ?7) IS NULL THEN 0 ELSE coalesce(o.message_limit, ?7) <= \
                 (SELECT count(*) FROM quota_ledger WHERE account = ?1 AND reserved_at > ?6) END AS account_full, \
             CASE WHEN k.message_limit IS NULL THEN 0 ELSE k.message_limit <= \
                 (SELECT count(*) FROM quota_ledger WHERE key = ?8 AND reserved_at > ?6) END AS key_full \
         FROM (SELECT 1) \
         LEFT JOIN accounts o ON o.id = ?1 \
         LEFT JOIN api_keys k ON k.id = ?8 \
         LEFT JOIN conversations c ON c.account = ?1 AND c.dialect = ?2 AND c.name = ?3 \
         LEFT JOIN turns p ON p.id = c.tip_turn \
         LEFT JOIN turns n ON n.account = ?1 AND n.name = ?4 \
         LEFT JOIN turns q ON q.account = ?1 AND q.question_id = ?5 \
         LEFT JOIN turns a ON a.account = ?1 AND a.answer_id = ?5",
    )
    .bind(open.account.as_bytes().as_slice())
    .bind(dialect_name(open.dialect))
    .bind(open.conversation_name.as_str())
    .bind(open.name.as_str())
    .bind(question_id)
    .bind(window_begins(open.opened_at))
    .bind(open.message_limit)
    .bind(open.key.as_deref())
    .fetch_one(db)
    .await?;
    let conversation = conversation_id(&row, "conversation")?;
    Ok(Found {
        conversation,
        tip: parent(&row)?,
        same_name: row.try_get("same_name")?,
        same_message: same_message(&row, open)?,
        reached: Reached::from_row(&row)?,
    })
}

fn same_message(row: &SqliteRow, open: &OpenTurn) -> sqlx::Result<Option<SameMessage>> {
    if turn_id(row, "same_answer")?.is_some() {
        return Ok(Some(SameMessage::Other));
    }
    let (Some(turn), Some(question)) = (turn_id(row, "same_turn")?, &open.question) else { return Ok(None) };
    let here = conversation_id(row, "same_conversation")? == conversation_id(row, "conversation")?;
    let same_text = row.try_get::<Option<&str>, _>("same_question")? == Some(question.content.as_str());
    let asked = Parent { at: MessageRef { turn, side: Side::Question }, id: question.id.clone() };
    Ok(Some(if here && same_text { SameMessage::Asked(asked) } else { SameMessage::Other }))
}

async fn find_parent(
    db: &mut SqliteConnection,
    open: &OpenTurn,
    conversation: Option<ConversationId>,
    tip: Option<Parent>,
) -> sqlx::Result<Result<Option<Parent>, OpenError>> {
    let found = match &open.place {
        Place::Tip => return Ok(Ok(tip)),
        Place::Root => return Ok(Ok(None)),
        Place::After(at) => {
            sqlx::query(
                "SELECT id AS turn, ?1 AS side, question_id, answer_id \
             FROM turns WHERE id = ?2 AND account = ?3 AND conversation = ?4",
            )
            .bind(side_number(at.side))
            .bind(at.turn.as_bytes().as_slice())
            .bind(open.account.as_bytes().as_slice())
            .bind(conversation.as_ref().map(|id| id.as_bytes().as_slice()))
            .fetch_optional(db)
            .await?
        }
        Place::AfterId(id) => {
            sqlx::query(
                "SELECT id AS turn, answer_id IS ?1 AS side, question_id, answer_id, conversation \
                 FROM turns WHERE account = ?2 AND question_id = ?1 AND conversation = ?3 \
                 UNION ALL SELECT id, 1, question_id, answer_id, conversation \
                 FROM turns WHERE account = ?2 AND answer_id = ?1 AND conversation = ?3",
            )
            .bind(id.as_str())
            .bind(open.account.as_bytes().as_slice())
            .bind(conversation.as_ref().map(|id| id.as_bytes().as_slice()))
            .fetch_optional(db)
            .await?
        }
    };
    let parent = found.map(|row| parent(&row)).transpose()?.flatten();
    Ok(parent.map(Some).ok_or(OpenError::ParentNotFound))
}

/// Reads the columns `turn`, `side`, `question_id` and `answer_id`.
fn parent(row: &SqliteRow) -> sqlx::Result<Option<Parent>> {
    let Some(turn) = turn_id(row, "turn")? else { return Ok(None) };
    let at = MessageRef { turn, side: side(row.try_get("side")?) };
    let id = match at.side {
        Side::Question => row.try_get::<Option<String>, _>("question_id")?,
        Side::Answer => row.try_get("answer_id")?,
    };
    Ok(id.map(|id| Parent { at, id }))
}

/// Makes the conversation, its path selected up to the new turn.
async fn insert_conversation(db: &mut SqliteConnection, open: &OpenTurn) -> sqlx::Result<()> {
    let now = open.opened_at.as_millisecond();
    sqlx::query(
        "INSERT INTO conversations (id, account, dialect, name, title, tip_turn, tip_side, created_at, updated_at) \
         VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)",
    )
    .bind(open.conversation.as_bytes().as_slice())
    .bind(open.account.as_bytes().as_slice())
    .bind(dialect_name(open.dialect))
    .bind(open.conversation_name.as_str())
    .bind(open.title.as_str())
    .bind(open.turn.as_bytes().as_slice())
    .bind(now)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

async fn insert_import(
    db: &mut SqliteConnection,
    open: &OpenTurn,
    conversation: ConversationId,
    parent: Option<&Parent>,
    import: &chat::store::ImportedMessage,
) -> sqlx::Result<()> {
    let NewMessage { id, content } = &import.message;
    let asked = (import.role == Role::User).then_some((id.as_str(), content.as_str()));
    let answered = (import.role != Role::User).then_some((id.as_str(), content.as_str()));
    let now = open.opened_at.as_millisecond();
    sqlx::query(
        "INSERT INTO turns (id, account, conversation, parent_turn, parent_side, question_id, question, answer_id, \
         answer, outcome, opened_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(import.turn.as_bytes().as_slice())
    .bind(open.account.as_bytes().as_slice())
    .bind(conversation.as_bytes().as_slice())
    .bind(parent.map(|parent| parent.at.turn.as_bytes().as_slice()))
    .bind(parent.map(|parent| side_number(parent.at.side)))
    .bind(asked.map(|(id, _)| id))
    .bind(asked.map(|(_, text)| text))
    .bind(answered.map(|(id, _)| id))
    .bind(answered.map_or("", |(_, text)| text))
    .bind(IMPORTED)
    .bind(now)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Stores the turn and reserves its message of the quota. Two statements in one call, since each call is a way to the
/// database's thread and back, which costs more than the statement.
async fn insert_turn(
    db: &mut SqliteConnection,
    open: &OpenTurn,
    conversation: ConversationId,
    parent: Option<&Parent>,
    question: Option<&NewMessage>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO turns (id, account, conversation, name, parent_turn, parent_side, question_id, question, \
         markup, assistant, answer_id, asked_provider, asked_model, answered_provider, answered_model, opened_at, \
         owner, request_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); \
         INSERT INTO quota_ledger (turn, account, key, reserved_at) VALUES (?, ?, ?, ?)",
    )
    .bind(open.turn.as_bytes().as_slice())
    .bind(open.account.as_bytes().as_slice())
    .bind(conversation.as_bytes().as_slice())
    .bind(open.name.as_str())
    .bind(parent.map(|parent| parent.at.turn.as_bytes().as_slice()))
    .bind(parent.map(|parent| side_number(parent.at.side)))
    .bind(question.map(|question| question.id.as_str()))
    .bind(question.map(|question| question.content.as_str()))
    .bind(open.markup.as_deref())
    .bind(open.assistant.as_deref())
    .bind(open.answer_id.as_str())
    .bind(open.asked.provider.as_str())
    .bind(open.asked.model.as_str())
    .bind(open.answered_by.provider.as_str())
    .bind(open.answered_by.model.as_str())
    .bind(open.opened_at.as_millisecond())
    .bind(open.owner.as_str())
    .bind(open.request_hash.as_slice())
    .bind(open.turn.as_bytes().as_slice())
    .bind(open.account.as_bytes().as_slice())
    .bind(open.key.as_deref())
    .bind(open.opened_at.as_millisecond())
    .execute(db)
    .await?;
    Ok(())
}

/// Reserves the message of a turn that is not kept.
async fn reserve(db: &mut SqliteConnection, open: &OpenTurn) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO quota_ledger (turn, account, key, provider, model, reserved_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(open.turn.as_bytes().as_slice())
    .bind(open.account.as_bytes().as_slice())
    .bind(open.key.as_deref())
    .bind(open.answered_by.provider.as_str())
    .bind(open.answered_by.model.as_str())
    .bind(open.opened_at.as_millisecond())
    .execute(db)
    .await?;
    Ok(())
}

/// The newest turn's answer ends the selected path.
async fn select_path(
    db: &mut SqliteConnection,
    open: &OpenTurn,
    conversation: ConversationId,
) -> sqlx::Result<()> {
    let turn: TurnId = open.turn;
    sqlx::query("UPDATE conversations SET tip_turn = ?, tip_side = 1, updated_at = ? WHERE id = ?")
        .bind(turn.as_bytes().as_slice())
        .bind(open.opened_at.as_millisecond())
        .bind(conversation.as_bytes().as_slice())
        .execute(db)
        .await?;
    Ok(())
}
