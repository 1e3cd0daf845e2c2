//! Projects and who is in them, in rows.

use chat::ids::{AccountId, public_id};
use identity::store::{Member, Membership, ProjectKind, StoredProject};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::sqlite::rows::{account_id, time};

pub(super) async fn ensure_project(
    db: &mut SqliteConnection,
    id: &str,
    name: &str,
    now: Timestamp,
) -> sqlx::Result<String> {
    sqlx::query(
        "INSERT INTO projects (id, name, created_at) VALUES (?, ?, ?) \
         ON CONFLICT (name) WHERE owner IS NULL DO NOTHING",
    )
    .bind(id)
    .bind(name)
    .bind(now.as_millisecond())
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar("SELECT id FROM projects WHERE owner IS NULL AND name = ?")
        .bind(name)
        .fetch_one(db)
        .await
}

pub(super) async fn ensure_personal(
    db: &mut SqliteConnection,
    id: &str,
    account: AccountId,
    name: &str,
    now: Timestamp,
) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "INSERT INTO projects (id, owner, name, created_at, is_personal) VALUES (?, ?, ?, ?, 1) \
         ON CONFLICT (owner) WHERE is_personal DO UPDATE SET name = excluded.name RETURNING id",
    )
    .bind(id)
    .bind(account.as_bytes().as_slice())
    .bind(name)
    .bind(now.as_millisecond())
    .fetch_one(db)
    .await
}

pub(super) async fn ensure_own(
    db: &mut SqliteConnection,
    id: &str,
    account: AccountId,
    name: &str,
    now: Timestamp,
) -> sqlx::Result<String> {
    sqlx::query(
        "INSERT INTO projects (id, owner, name, created_at) SELECT ?1, ?2, ?3, ?4 \
         WHERE NOT EXISTS (SELECT 1 FROM projects WHERE owner = ?2 AND name = ?3)",
    )
    .bind(id)
    .bind(account.as_bytes().as_slice())
    .bind(name)
    .bind(now.as_millisecond())
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar(
        "SELECT id FROM projects WHERE owner = ? AND name = ? ORDER BY is_personal DESC LIMIT 1",
    )
    .bind(account.as_bytes().as_slice())
    .bind(name)
    .fetch_one(db)
    .await
}

pub(super) async fn projects_called(pool: &SqlitePool, id_or_name: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT id FROM projects WHERE id = ?1 OR name = ?1 ORDER BY created_at, id")
        .bind(id_or_name)
        .fetch_all(pool)
        .await
}

/// What the claims say replaces what they said before; what administrators gave stays.
pub(super) async fn replace_claimed(
    db: &mut SqliteConnection,
    account: AccountId,
    projects: &[(String, bool)],
    now: Timestamp,
) -> sqlx::Result<()> {
    let owner = account.as_bytes().as_slice();
    sqlx::query("DELETE FROM project_members WHERE account = ? AND by_claim = 1")
        .bind(owner)
        .execute(&mut *db)
        .await?;
    for (name, is_admin) in projects {
        let project = ensure_project(db, &public_id("proj_"), name, now).await?;
        sqlx::query(
            "INSERT INTO project_members (project, account, by_claim, is_admin) VALUES (?, ?, 1, ?) \
             ON CONFLICT DO UPDATE SET is_admin = max(is_admin, excluded.is_admin)",
        )
        .bind(project)
        .bind(owner)
        .bind(is_admin)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

pub(super) async fn set_member(
    db: &mut SqliteConnection,
    project: &str,
    account: AccountId,
    is_admin: bool,
) -> sqlx::Result<bool> {
    let set = sqlx::query(
        "INSERT INTO project_members (project, account, by_claim, is_admin) \
         SELECT p.id, a.id, 0, ?3 FROM projects p, accounts a WHERE p.id = ?1 AND p.owner IS NULL AND a.id = ?2 \
         ON CONFLICT DO UPDATE SET is_admin = excluded.is_admin",
    )
    .bind(project)
    .bind(account.as_bytes().as_slice())
    .bind(is_admin)
    .execute(db)
    .await?;
    Ok(set.rows_affected() > 0)
}

pub(super) async fn remove_member(
    db: &mut SqliteConnection,
    project: &str,
    account: AccountId,
) -> sqlx::Result<bool> {
    let removed =
        sqlx::query("DELETE FROM project_members WHERE project = ? AND account = ? AND by_claim = 0")
            .bind(project)
            .bind(account.as_bytes().as_slice())
            .execute(db)
            .await?;
    Ok(removed.rows_affected() > 0)
}

pub(super) async fn projects(pool: &SqlitePool) -> sqlx::Result<Vec<StoredProject>> {
    let rows = sqlx::query("SELECT id, name, created_at FROM projects WHERE owner IS NULL ORDER BY name")
        .fetch_all(pool)
        .await?;
    let project = |row: SqliteRow| {
        let created_at = time(row.try_get("created_at")?);
        Ok(StoredProject { id: row.try_get("id")?, name: row.try_get("name")?, created_at })
    };
    rows.into_iter().map(project).collect()
}

pub(super) async fn projects_of(pool: &SqlitePool, account: AccountId) -> sqlx::Result<Vec<Membership>> {
    let rows = sqlx::query(
        "SELECT id, name, iif(is_personal, 0, 1) AS kind, 1 AS is_admin FROM projects WHERE owner = ?1 \
         UNION ALL \
         SELECT p.id, p.name, 2, max(m.is_admin) FROM project_members m JOIN projects p ON p.id = m.project \
         WHERE m.account = ?1 GROUP BY p.id \
         ORDER BY kind, name",
    )
    .bind(account.as_bytes().as_slice())
    .fetch_all(pool)
    .await?;
    let membership = |row: SqliteRow| {
        Ok(Membership {
            project: row.try_get("id")?,
            name: row.try_get("name")?,
            kind: match row.try_get("kind")? {
                0 => ProjectKind::Personal,
                1 => ProjectKind::Own,
                _ => ProjectKind::Shared,
            },
            is_admin: row.try_get("is_admin")?,
        })
    };
    rows.into_iter().map(membership).collect()
}

pub(super) async fn members(pool: &SqlitePool, project: &str) -> sqlx::Result<Option<Vec<Member>>> {
    let is_there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM projects WHERE id = ? AND owner IS NULL)")
            .bind(project)
            .fetch_one(pool)
            .await?;
    if !is_there {
        return Ok(None);
    }
    let rows = sqlx::query(
        "SELECT a.id, a.name, max(m.is_admin) AS is_admin, min(m.by_claim) AS by_claim \
         FROM project_members m JOIN accounts a ON a.id = m.account WHERE m.project = ? GROUP BY a.id ORDER BY a.name",
    )
    .bind(project)
    .fetch_all(pool)
    .await?;
    let member = |row: SqliteRow| {
        Ok(Member {
            account: account_id(&row, "id")?.ok_or(sqlx::Error::RowNotFound)?,
            account_name: row.try_get("name")?,
            is_admin: row.try_get("is_admin")?,
            by_claim: row.try_get("by_claim")?,
        })
    };
    rows.into_iter().map(member).collect::<sqlx::Result<_>>().map(Some)
}
