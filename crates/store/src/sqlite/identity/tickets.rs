//! Tickets, in rows.

use identity::store::StoredTicket;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::sqlite::rows::{account_id, time};

/// How long a ticket is remembered: longer than anybody may read by it.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn add(
    db: &mut SqliteConnection,
    hash: &[u8; 32],
    ticket: &StoredTicket,
) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM tickets WHERE issued_at <= ?; \
         INSERT INTO tickets (hash, account, turn, key, issued_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind((ticket.issued_at - KEPT_FOR).as_millisecond())
    .bind(hash.as_slice())
    .bind(ticket.account.as_bytes().as_slice())
    .bind(ticket.turn.as_str())
    .bind(ticket.key.as_deref())
    .bind(ticket.issued_at.as_millisecond())
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn get(pool: &SqlitePool, hash: [u8; 32]) -> sqlx::Result<Option<StoredTicket>> {
    let row = sqlx::query(
        "SELECT t.* FROM tickets t LEFT JOIN profiles p ON p.account = t.account \
         LEFT JOIN api_keys k ON k.id = t.key \
         WHERE t.hash = ? AND p.disabled_at IS NULL \
             AND (t.key IS NULL OR k.id IS NOT NULL AND k.revoked_at IS NULL)",
    )
    .bind(hash.as_slice())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredTicket {
        account: account_id(&row, "account")?.ok_or(sqlx::Error::RowNotFound)?,
        turn: row.try_get("turn")?,
        key: row.try_get("key")?,
        issued_at: time(row.try_get("issued_at")?),
        delivered_at: row.try_get::<Option<i64>, _>("delivered_at")?.map(time),
    }))
}

pub(super) async fn deliver(db: &mut SqliteConnection, hash: &[u8; 32], now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE tickets SET delivered_at = coalesce(delivered_at, ?) WHERE hash = ?")
        .bind(now.as_millisecond())
        .bind(hash.as_slice())
        .execute(db)
        .await?;
    Ok(())
}
