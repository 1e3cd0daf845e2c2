//! The built-in issuer's clients, sign-ins and keys, in rows.

use identity::store::{
    NewSignIn, NewSigningKey, ServiceClient, StoredClient, StoredSignIn, StoredSigningKey,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::accounts;
use crate::sqlite::rows::{account_id, time};

/// How long a sign-in is remembered beyond its end: longer than a stream that began in it stays open.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn add_client(db: &mut SqliteConnection, client: &StoredClient) -> sqlx::Result<bool> {
    let is_there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM clients WHERE id = ?)")
        .bind(client.id.as_str())
        .fetch_one(&mut *db)
        .await?;
    if is_there {
        return Ok(false);
    }
    let account = match client.account {
        None => None,
        Some(account) => {
            let username = format!("service-account-{}", client.id);
            match accounts::add_service(db, account, &username, client.created_at).await? {
                None => return Ok(false),
                some => some,
            }
        }
    };
    sqlx::query(
        "INSERT INTO clients (id, account, secret_hash, password_grant, service_account, token_exchange, \
         may_impersonate, created_at, disabled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(client.id.as_str())
    .bind(account.as_ref().map(|account| account.as_bytes().as_slice()))
    .bind(client.secret_hash.as_ref().map(<[u8; 32]>::as_slice))
    .bind(client.rights.password_grant)
    .bind(client.rights.service_account)
    .bind(client.rights.token_exchange)
    .bind(client.rights.may_impersonate)
    .bind(client.created_at.as_millisecond())
    .bind(client.disabled_at.map(Timestamp::as_millisecond))
    .execute(db)
    .await?;
    Ok(true)
}

pub(super) async fn clients(pool: &SqlitePool) -> sqlx::Result<Vec<StoredClient>> {
    let rows = sqlx::query("SELECT * FROM clients ORDER BY id").fetch_all(pool).await?;
    rows.iter().map(row_client).collect()
}

pub(super) async fn client(pool: &SqlitePool, id: &str) -> sqlx::Result<Option<StoredClient>> {
    let row = sqlx::query("SELECT * FROM clients WHERE id = ?").bind(id).fetch_optional(pool).await?;
    row.as_ref().map(row_client).transpose()
}

pub(super) async fn set_client_secret(
    db: &mut SqliteConnection,
    id: &str,
    hash: &[u8; 32],
) -> sqlx::Result<bool> {
    let set = sqlx::query("UPDATE clients SET secret_hash = ? WHERE id = ? AND secret_hash IS NOT NULL")
        .bind(hash.as_slice())
        .bind(id)
        .execute(db)
        .await?;
    Ok(set.rows_affected() > 0)
}

pub(super) async fn set_client_rights(
    db: &mut SqliteConnection,
    id: &str,
    rights: &ServiceClient,
) -> sqlx::Result<bool> {
    let set = sqlx::query(
        "UPDATE clients SET password_grant = ?, service_account = ?, token_exchange = ?, may_impersonate = ? \
         WHERE id = ?",
    )
    .bind(rights.password_grant)
    .bind(rights.service_account)
    .bind(rights.token_exchange)
    .bind(rights.may_impersonate)
    .bind(id)
    .execute(db)
    .await?;
    Ok(set.rows_affected() > 0)
}

pub(super) async fn disable_client(
    db: &mut SqliteConnection,
    id: &str,
    disabled_at: Option<Timestamp>,
) -> sqlx::Result<bool> {
    let set = sqlx::query("UPDATE clients SET disabled_at = ? WHERE id = ?")
        .bind(disabled_at.map(Timestamp::as_millisecond))
        .bind(id)
        .execute(db)
        .await?;
    Ok(set.rows_affected() > 0)
}

pub(super) async fn delete_client(db: &mut SqliteConnection, id: &str, now: Timestamp) -> sqlx::Result<bool> {
    let row = sqlx::query("DELETE FROM clients WHERE id = ? RETURNING account")
        .bind(id)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(false) };
    sqlx::query("DELETE FROM sign_ins WHERE client = ?").bind(id).execute(&mut *db).await?;
    if let Some(account) = account_id(&row, "account")? {
        accounts::delete_user(db, account, now).await?;
    }
    Ok(true)
}

pub(super) async fn add_sign_in(db: &mut SqliteConnection, sign_in: &NewSignIn) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM sign_ins WHERE expires_at <= ?")
        .bind((sign_in.now - KEPT_FOR).as_millisecond())
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO sign_ins (id, account, client, expires_at) VALUES (?, ?, ?, ?)")
        .bind(sign_in.id.as_str())
        .bind(sign_in.account.as_bytes().as_slice())
        .bind(sign_in.client.as_str())
        .bind(sign_in.expires_at.as_millisecond())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn sign_in(
    pool: &SqlitePool,
    id: &str,
    now: Timestamp,
) -> sqlx::Result<Option<StoredSignIn>> {
    let row = sqlx::query(
        "SELECT account, client, expires_at FROM sign_ins WHERE id = ? AND ended_at IS NULL AND expires_at > ?",
    )
    .bind(id)
    .bind(now.as_millisecond())
    .fetch_optional(pool)
    .await?;
    let sign_in = |row: SqliteRow| {
        Ok(StoredSignIn {
            account: account_id(&row, "account")?.ok_or(sqlx::Error::RowNotFound)?,
            client: row.try_get("client")?,
            expires_at: time(row.try_get("expires_at")?),
        })
    };
    row.map(sign_in).transpose()
}

pub(super) async fn end_sign_in(db: &mut SqliteConnection, id: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE sign_ins SET ended_at = coalesce(ended_at, ?) WHERE id = ?")
        .bind(now.as_millisecond())
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn signing_keys(pool: &SqlitePool) -> sqlx::Result<Vec<StoredSigningKey>> {
    let rows = sqlx::query(
        "SELECT id, private_key, published_until FROM signing_keys \
         ORDER BY published_until IS NULL DESC, created_at DESC",
    )
    .fetch_all(pool)
    .await?;
    let key = |row: SqliteRow| {
        Ok(StoredSigningKey {
            id: row.try_get("id")?,
            private_key: row.try_get::<Vec<u8>, _>("private_key")?.into(),
            published_until: row.try_get::<Option<i64>, _>("published_until")?.map(time),
        })
    };
    rows.into_iter().map(key).collect()
}

pub(super) async fn add_signing_key(db: &mut SqliteConnection, key: &NewSigningKey) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM signing_keys WHERE published_until <= ?")
        .bind(key.created_at.as_millisecond())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE signing_keys SET published_until = ? WHERE published_until IS NULL")
        .bind(key.others_published_until.as_millisecond())
        .execute(&mut *db)
        .await?;
    sqlx::query("INSERT INTO signing_keys (id, private_key, created_at) VALUES (?, ?, ?)")
        .bind(key.id.as_str())
        .bind(key.private_key.expose_secret())
        .bind(key.created_at.as_millisecond())
        .execute(db)
        .await?;
    Ok(())
}

fn row_client(row: &SqliteRow) -> sqlx::Result<StoredClient> {
    let secret_hash: Option<&[u8]> = row.try_get("secret_hash")?;
    let hash = |bytes: &[u8]| bytes.try_into().map_err(|_| sqlx::Error::Decode("a hash has 32 bytes".into()));
    Ok(StoredClient {
        id: row.try_get("id")?,
        account: account_id(row, "account")?,
        secret_hash: secret_hash.map(hash).transpose()?,
        rights: ServiceClient {
            password_grant: row.try_get("password_grant")?,
            service_account: row.try_get("service_account")?,
            token_exchange: row.try_get("token_exchange")?,
            may_impersonate: row.try_get("may_impersonate")?,
        },
        created_at: time(row.try_get("created_at")?),
        disabled_at: row.try_get::<Option<i64>, _>("disabled_at")?.map(time),
    })
}
