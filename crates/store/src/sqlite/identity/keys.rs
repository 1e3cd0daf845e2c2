//! API keys in rows.

use chat::{Scope, Scopes};
use identity::store::{KeyOwner, NewKey, StoredKey};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::accounts::allowance;
use crate::sqlite::quota::window_begins;
use crate::sqlite::rows::{account_id, time};

/// How exactly the last use is known, in milliseconds.
const USE_PRECISION: i64 = 60_000;

pub(super) async fn add_key(db: &mut SqliteConnection, key: &NewKey) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO api_keys (id, account, label, hash, scopes, created_at, expires_at, message_limit) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key.id.as_str())
    .bind(key.account.as_bytes().as_slice())
    .bind(key.label.as_str())
    .bind(key.hash.as_slice())
    .bind(key.scopes.iter().map(Scope::name).collect::<Vec<_>>().join(" "))
    .bind(key.created_at.as_millisecond())
    .bind(key.expires_at.map(Timestamp::as_millisecond))
    .bind(key.message_limit)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn revoke_key(db: &mut SqliteConnection, id: &str, now: Timestamp) -> sqlx::Result<bool> {
    let revoked = sqlx::query("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?")
        .bind(now.as_millisecond())
        .bind(id)
        .execute(db)
        .await?;
    Ok(revoked.rows_affected() > 0)
}

pub(super) async fn limit_key(db: &mut SqliteConnection, id: &str, limit: Option<u32>) -> sqlx::Result<bool> {
    let limited = sqlx::query("UPDATE api_keys SET message_limit = ? WHERE id = ?")
        .bind(limit)
        .bind(id)
        .execute(db)
        .await?;
    Ok(limited.rows_affected() > 0)
}

pub(super) async fn note_use(db: &mut SqliteConnection, id: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE api_keys SET last_used_at = ?1 WHERE id = ?2 AND (last_used_at IS NULL OR last_used_at <= ?3)",
    )
    .bind(now.as_millisecond())
    .bind(id)
    .bind(now.as_millisecond() - USE_PRECISION)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn keys(pool: &SqlitePool, now: Timestamp) -> sqlx::Result<Vec<StoredKey>> {
    let rows = sqlx::query(
        "SELECT k.id, a.name AS account, k.label, k.scopes, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, \
         k.message_limit, \
         (SELECT count(*) FROM quota_ledger q WHERE q.key = k.id AND q.reserved_at > ?) AS messages_used \
         FROM api_keys k JOIN accounts a ON a.id = k.account ORDER BY k.seq",
    )
    .bind(window_begins(now))
    .fetch_all(pool)
    .await?;
    let key = |row: SqliteRow| {
        Ok(StoredKey {
            id: row.try_get("id")?,
            account: row.try_get("account")?,
            label: row.try_get("label")?,
            scopes: scopes(row.try_get("scopes")?),
            created_at: time(row.try_get("created_at")?),
            expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(time),
            last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(time),
            revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(time),
            allowance: allowance(&row)?,
        })
    };
    rows.into_iter().map(key).collect()
}

pub(super) async fn key_owner(pool: &SqlitePool, hash: [u8; 32]) -> sqlx::Result<Option<KeyOwner>> {
    let row = sqlx::query(
        "SELECT k.id, k.account, k.scopes, k.expires_at, k.last_used_at, coalesce(p.is_admin, 0) AS is_admin \
         FROM api_keys k LEFT JOIN profiles p ON p.account = k.account \
         WHERE k.hash = ? AND k.revoked_at IS NULL AND p.disabled_at IS NULL",
    )
    .bind(hash.as_slice())
    .fetch_optional(pool)
    .await?;
    let owner = |row: SqliteRow| {
        Ok(KeyOwner {
            key: row.try_get("id")?,
            account: account_id(&row, "account")?.ok_or(sqlx::Error::RowNotFound)?,
            scopes: scopes(row.try_get("scopes")?),
            is_admin: row.try_get("is_admin")?,
            expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(time),
            last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(time),
        })
    };
    row.map(owner).transpose()
}

/// A name that this program does not know gives no right.
fn scopes(names: &str) -> Scopes {
    names.split(' ').filter_map(Scope::from_name).collect()
}
