//! Accounts and who they are, in rows.

use std::collections::HashMap;

use chat::ids::{AccountId, public_id};
use identity::store::{
    Added, Allowance, AppliedClaims, ForeignSignIn, Kind, Login, NewUser, Profile, Roles, UserChange,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::projects;
use crate::sqlite::conversations;
use crate::sqlite::quota::window_begins;
use crate::sqlite::rows::{account_id, time};

const PERSON: &str = "person";
pub(super) const SERVICE: &str = "service";
const FOREIGN: &str = "foreign";
/// Between names in a list; no name has it.
const SEPARATOR: &str = "\n";

pub(super) async fn ensure_account(
    db: &mut SqliteConnection,
    id: AccountId,
    name: &str,
    now: Timestamp,
) -> sqlx::Result<AccountId> {
    let added = sqlx::query(
        "INSERT INTO accounts (id, name, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
    )
    .bind(id.as_bytes().as_slice())
    .bind(name)
    .bind(now.as_millisecond())
    .execute(&mut *db)
    .await?;
    if added.rows_affected() > 0 {
        conversations::add_first(db, id, now).await?;
    }
    let row = sqlx::query("SELECT id FROM accounts WHERE name = ?").bind(name).fetch_one(db).await?;
    account_id(&row, "id")?.ok_or(sqlx::Error::RowNotFound)
}

pub(super) async fn add_user(db: &mut SqliteConnection, user: &NewUser) -> sqlx::Result<Added> {
    let account = ensure_account(db, user.account, &user.username, user.now).await?;
    if name_is_taken(db, account, &user.username).await? {
        return Ok(Added::NameTaken);
    }
    if email_is_taken(db, account, &user.email).await? {
        return Ok(Added::EmailTaken);
    }
    sqlx::query(
        "INSERT INTO profiles (account, kind, username, name, email, is_external, is_admin, is_developer, \
         knowledge_bases, password, tokens_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)",
    )
    .bind(account.as_bytes().as_slice())
    .bind(PERSON)
    .bind(user.username.as_str())
    .bind(user.name.as_str())
    .bind(user.email.as_str())
    .bind(user.is_external)
    .bind(user.roles.admin)
    .bind(user.roles.developer)
    .bind(user.password.expose_secret())
    .bind(user.now.as_millisecond())
    .execute(&mut *db)
    .await?;
    projects::ensure_personal(db, &public_id("proj_"), account, &user.username, user.now).await?;
    Ok(Added::Account(account))
}

/// A service client's own account, a developer's.
pub(super) async fn add_service(
    db: &mut SqliteConnection,
    account: AccountId,
    username: &str,
    now: Timestamp,
) -> sqlx::Result<Option<AccountId>> {
    let account = ensure_account(db, account, username, now).await?;
    if name_is_taken(db, account, username).await? {
        return Ok(None);
    }
    sqlx::query(
        "INSERT INTO profiles (account, kind, username, name, email, is_external, is_admin, is_developer, \
         knowledge_bases, tokens_from) VALUES (?, ?, ?, '', '', 0, 0, 1, '', ?)",
    )
    .bind(account.as_bytes().as_slice())
    .bind(SERVICE)
    .bind(username)
    .bind(now.as_millisecond())
    .execute(&mut *db)
    .await?;
    projects::ensure_personal(db, &public_id("proj_"), account, username, now).await?;
    Ok(Some(account))
}

async fn name_is_taken(db: &mut SqliteConnection, account: AccountId, username: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM profiles WHERE account = ? \
         UNION ALL SELECT 1 FROM profiles WHERE issuer IS NULL AND username = ? COLLATE NOCASE)",
    )
    .bind(account.as_bytes().as_slice())
    .bind(username)
    .fetch_one(db)
    .await
}

async fn email_is_taken(db: &mut SqliteConnection, account: AccountId, email: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM profiles \
         WHERE issuer IS NULL AND email <> '' AND email = ? COLLATE NOCASE AND account <> ?)",
    )
    .bind(email)
    .bind(account.as_bytes().as_slice())
    .fetch_one(db)
    .await
}

pub(super) async fn change_user(
    db: &mut SqliteConnection,
    account: AccountId,
    change: &UserChange,
    now: Timestamp,
) -> sqlx::Result<Added> {
    if let Some(email) = &change.email
        && email_is_taken(db, account, email).await?
    {
        return Ok(Added::EmailTaken);
    }
    let changed = sqlx::query(
        "UPDATE profiles SET name = coalesce(?2, name), email = coalesce(?3, email), \
         is_external = coalesce(?4, is_external), is_admin = coalesce(?5, is_admin), \
         is_developer = coalesce(?6, is_developer), \
         disabled_at = CASE ?7 WHEN 1 THEN coalesce(disabled_at, ?8) WHEN 0 THEN NULL ELSE disabled_at END, \
         tokens_from = CASE ?7 WHEN 1 THEN ?8 ELSE tokens_from END WHERE account = ?1",
    )
    .bind(account.as_bytes().as_slice())
    .bind(change.name.as_deref())
    .bind(change.email.as_deref())
    .bind(change.is_external)
    .bind(change.roles.map(|roles| roles.admin))
    .bind(change.roles.map(|roles| roles.developer))
    .bind(change.disabled)
    .bind(now.as_millisecond())
    .execute(&mut *db)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(Added::Missing);
    }
    if change.disabled == Some(true) {
        end_sign_ins(db, account).await?;
    }
    Ok(Added::Account(account))
}

pub(super) async fn limit_account(
    db: &mut SqliteConnection,
    account: AccountId,
    limit: Option<u32>,
) -> sqlx::Result<bool> {
    let limited = sqlx::query("UPDATE accounts SET message_limit = ? WHERE id = ?")
        .bind(limit)
        .bind(account.as_bytes().as_slice())
        .execute(db)
        .await?;
    Ok(limited.rows_affected() > 0)
}

pub(super) async fn allowances(
    pool: &SqlitePool,
    only: Option<AccountId>,
    now: Timestamp,
) -> sqlx::Result<HashMap<AccountId, Allowance>> {
    let rows = sqlx::query(
        "SELECT a.id, a.message_limit, \
         (SELECT count(*) FROM quota_ledger q WHERE q.account = a.id AND q.reserved_at > ?1) AS messages_used \
         FROM accounts a WHERE ?2 IS NULL OR a.id = ?2",
    )
    .bind(window_begins(now))
    .bind(only.as_ref().map(|account| account.as_bytes().as_slice()))
    .fetch_all(pool)
    .await?;
    let of_account =
        |row: &SqliteRow| Ok((account_id(row, "id")?.ok_or(sqlx::Error::RowNotFound)?, allowance(row)?));
    rows.iter().map(of_account).collect()
}

/// Reads the columns `message_limit` and `messages_used`.
pub(super) fn allowance(row: &SqliteRow) -> sqlx::Result<Allowance> {
    let used: i64 = row.try_get("messages_used")?;
    Ok(Allowance { limit: row.try_get("message_limit")?, used: used.unsigned_abs() })
}

pub(super) async fn set_password(
    db: &mut SqliteConnection,
    account: AccountId,
    password: &SecretString,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let changed =
        sqlx::query("UPDATE profiles SET password = ?, tokens_from = ? WHERE account = ? AND kind = ?")
            .bind(password.expose_secret())
            .bind(now.as_millisecond())
            .bind(account.as_bytes().as_slice())
            .bind(PERSON)
            .execute(&mut *db)
            .await?;
    let is_there = changed.rows_affected() > 0;
    if is_there {
        end_sign_ins(db, account).await?;
    }
    Ok(is_there)
}

pub(super) async fn delete_user(
    db: &mut SqliteConnection,
    account: AccountId,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let id = account.as_bytes().as_slice();
    let deleted = sqlx::query("DELETE FROM profiles WHERE account = ?").bind(id).execute(&mut *db).await?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    end_sign_ins(db, account).await?;
    sqlx::query("DELETE FROM project_members WHERE account = ?").bind(id).execute(&mut *db).await?;
    sqlx::query("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE account = ?")
        .bind(now.as_millisecond())
        .bind(id)
        .execute(&mut *db)
        .await?;
    // Whoever gets the name next must not inherit what was said under it.
    sqlx::query("UPDATE accounts SET name = 'deleted|' || lower(hex(id)) WHERE id = ?")
        .bind(id)
        .execute(db)
        .await?;
    Ok(true)
}

async fn end_sign_ins(db: &mut SqliteConnection, account: AccountId) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM sign_ins WHERE account = ?1; DELETE FROM tickets WHERE account = ?1 AND key IS NULL",
    )
    .bind(account.as_bytes().as_slice())
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn sign_in_foreign(
    db: &mut SqliteConnection,
    sign_in: &ForeignSignIn,
) -> sqlx::Result<AccountId> {
    let known = sqlx::query("SELECT account FROM profiles WHERE issuer = ? AND subject = ?")
        .bind(sign_in.issuer.as_str())
        .bind(sign_in.subject.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let account = match known {
        Some(row) => account_id(&row, "account")?.ok_or(sqlx::Error::RowNotFound)?,
        None => ensure_account(db, sign_in.account, &sign_in.account_name, sign_in.now).await?,
    };
    sqlx::query(
        "INSERT INTO profiles (account, kind, issuer, subject, username, name, email, picture, is_external, is_admin, \
         is_developer, knowledge_bases, tokens_from, claims_hash, claims_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?) \
         ON CONFLICT (account) DO UPDATE SET username = excluded.username, name = excluded.name, \
         email = excluded.email, picture = excluded.picture, is_external = excluded.is_external, \
         is_admin = excluded.is_admin, is_developer = excluded.is_developer, \
         knowledge_bases = excluded.knowledge_bases, claims_hash = excluded.claims_hash, \
         claims_at = excluded.claims_at",
    )
    .bind(account.as_bytes().as_slice())
    .bind(FOREIGN)
    .bind(sign_in.issuer.as_str())
    .bind(sign_in.subject.as_str())
    .bind(sign_in.username.as_str())
    .bind(sign_in.name.as_str())
    .bind(sign_in.email.as_str())
    .bind(sign_in.picture.as_deref())
    .bind(sign_in.is_external)
    .bind(sign_in.roles.admin)
    .bind(sign_in.roles.developer)
    .bind(sign_in.knowledge_bases.join(SEPARATOR))
    .bind(sign_in.claims.hash.as_slice())
    .bind(sign_in.claims.issued_at.as_millisecond())
    .execute(&mut *db)
    .await?;
    projects::ensure_personal(db, &public_id("proj_"), account, &sign_in.username, sign_in.now).await?;
    projects::replace_claimed(db, account, &sign_in.projects, sign_in.now).await?;
    Ok(account)
}

pub(super) async fn profiles(pool: &SqlitePool) -> sqlx::Result<Vec<Profile>> {
    let rows = sqlx::query("SELECT * FROM profiles ORDER BY username COLLATE NOCASE, account")
        .fetch_all(pool)
        .await?;
    rows.iter().map(row_profile).collect()
}

pub(super) async fn profile(pool: &SqlitePool, account: AccountId) -> sqlx::Result<Option<Profile>> {
    let row = sqlx::query("SELECT * FROM profiles WHERE account = ?")
        .bind(account.as_bytes().as_slice())
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(row_profile).transpose()
}

pub(super) async fn profile_by_username(pool: &SqlitePool, username: &str) -> sqlx::Result<Option<Profile>> {
    let row = sqlx::query("SELECT * FROM profiles WHERE issuer IS NULL AND username = ? COLLATE NOCASE")
        .bind(username)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(row_profile).transpose()
}

pub(super) async fn profile_by_email(pool: &SqlitePool, email: &str) -> sqlx::Result<Option<Profile>> {
    let row = sqlx::query(
        "SELECT * FROM profiles WHERE issuer IS NULL AND email <> '' AND email = ? COLLATE NOCASE",
    )
    .bind(email)
    .fetch_optional(pool)
    .await?;
    row.as_ref().map(row_profile).transpose()
}

pub(super) async fn login(pool: &SqlitePool, username_or_email: &str) -> sqlx::Result<Option<Login>> {
    let row = sqlx::query(
        "SELECT account, password, username = ?1 COLLATE NOCASE AS by_name FROM profiles \
         WHERE issuer IS NULL AND password IS NOT NULL \
         AND (username = ?1 COLLATE NOCASE OR (email <> '' AND email = ?1 COLLATE NOCASE)) \
         ORDER BY by_name DESC LIMIT 1",
    )
    .bind(username_or_email)
    .fetch_optional(pool)
    .await?;
    let login = |row: SqliteRow| {
        let account = account_id(&row, "account")?.ok_or(sqlx::Error::RowNotFound)?;
        Ok(Login { account, password: row.try_get::<String, _>("password")?.into() })
    };
    row.map(login).transpose()
}

pub(super) async fn foreign(
    pool: &SqlitePool,
    issuer: &str,
    subject: &str,
) -> sqlx::Result<Option<(Profile, Option<AppliedClaims>)>> {
    let row = sqlx::query("SELECT * FROM profiles WHERE issuer = ? AND subject = ?")
        .bind(issuer)
        .bind(subject)
        .fetch_optional(pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let hash: Option<&[u8]> = row.try_get("claims_hash")?;
    let issued_at: Option<i64> = row.try_get("claims_at")?;
    let applied = hash.and_then(|hash| hash.try_into().ok()).zip(issued_at);
    let applied = applied.map(|(hash, at)| AppliedClaims { hash, issued_at: time(at) });
    Ok(Some((row_profile(&row)?, applied)))
}

fn row_profile(row: &SqliteRow) -> sqlx::Result<Profile> {
    let kind = match row.try_get("kind")? {
        PERSON => Kind::Person,
        SERVICE => Kind::Service,
        _ => Kind::Foreign { issuer: row.try_get("issuer")?, subject: row.try_get("subject")? },
    };
    let knowledge_bases: &str = row.try_get("knowledge_bases")?;
    Ok(Profile {
        account: account_id(row, "account")?.ok_or(sqlx::Error::RowNotFound)?,
        kind,
        username: row.try_get("username")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        picture: row.try_get("picture")?,
        is_external: row.try_get("is_external")?,
        roles: Roles { admin: row.try_get("is_admin")?, developer: row.try_get("is_developer")? },
        knowledge_bases: knowledge_bases.lines().map(str::to_owned).collect(),
        tokens_from: time(row.try_get("tokens_from")?),
        disabled_at: row.try_get::<Option<i64>, _>("disabled_at")?.map(time),
    })
}
