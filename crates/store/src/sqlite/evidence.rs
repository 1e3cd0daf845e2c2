//! What answers rest on, in the columns `refused` and `citations`: the latter a JSON list.

use chat::grounding::{Citation, Evidence, Passage};
use chat::ids::AccountId;
use chat::store::CloseTurn;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

/// Writes it for a turn that still runs. A statement of its own, since most turns have none.
pub(super) async fn write(db: &mut SqliteConnection, close: &CloseTurn) -> sqlx::Result<()> {
    let Some(evidence) = &close.transcript.evidence else { return Ok(()) };
    let citations: Vec<Value> = evidence.citations.iter().map(encode).collect();
    sqlx::query("UPDATE turns SET refused = ?, citations = ? WHERE id = ? AND outcome IS NULL")
        .bind(evidence.refused)
        .bind(Value::from(citations).to_string())
        .bind(close.turn.as_bytes().as_slice())
        .execute(db)
        .await?;
    Ok(())
}

/// The citations of answers after the turn of this number, of one account or of all.
pub(super) async fn citations(
    pool: &SqlitePool,
    account: Option<AccountId>,
    after: u64,
    limit: u32,
) -> sqlx::Result<Vec<(u64, Vec<Citation>)>> {
    let rows = sqlx::query(
        "SELECT seq, refused, citations FROM turns \
         WHERE seq > ?1 AND citations <> '[]' AND (?2 IS NULL OR account = ?2) ORDER BY seq LIMIT ?3",
    )
    .bind(i64::try_from(after).unwrap_or(i64::MAX))
    .bind(account.map(|account| account.as_bytes().to_vec()))
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let cited = |row: &SqliteRow| {
        let number: i64 = row.try_get("seq")?;
        let evidence = evidence(row)?.unwrap_or_default();
        Ok((number.unsigned_abs(), evidence.citations))
    };
    rows.iter().map(cited).collect()
}

/// Reads the columns `refused` and `citations`.
pub(super) fn evidence(row: &SqliteRow) -> sqlx::Result<Option<Evidence>> {
    let Some(refused) = row.try_get::<Option<bool>, _>("refused")? else { return Ok(None) };
    let list: Option<&str> = row.try_get("citations")?;
    let list = serde_json::from_str::<Vec<Value>>(list.unwrap_or("[]"));
    let list = list.map_err(|error| sqlx::Error::Decode(error.into()))?;
    let citations = list.iter().map(decode).collect::<Option<_>>();
    let citations = citations.ok_or_else(|| sqlx::Error::Decode("a citation is not readable".into()))?;
    Ok(Some(Evidence { refused, citations }))
}

fn encode(Citation { passage, verified, answer }: &Citation) -> Value {
    json!({
        "id": passage.id,
        "document": passage.document,
        "path": passage.path,
        "title": passage.title,
        "page": passage.page,
        "span": [passage.span.start, passage.span.end],
        "text": passage.text,
        "score": passage.score,
        "verified": verified,
        "answer": [answer.start, answer.end],
    })
}

fn decode(stored: &Value) -> Option<Citation> {
    let text = |name: &str| stored[name].as_str().map(str::to_owned);
    let range = |name: &str| {
        let end = |at: usize| stored[name][at].as_u64().and_then(|end| usize::try_from(end).ok());
        Some(end(0)?..end(1)?)
    };
    let passage = Passage {
        id: text("id")?,
        document: text("document")?,
        path: text("path")?,
        title: text("title")?,
        page: stored["page"].as_u64().and_then(|page| u32::try_from(page).ok()),
        span: range("span")?,
        text: text("text")?,
        score: stored["score"].as_f64()? as f32,
    };
    Some(Citation { passage, verified: stored["verified"].as_bool()?, answer: range("answer")? })
}
