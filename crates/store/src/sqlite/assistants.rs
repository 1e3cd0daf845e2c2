//! Assistants in rows.

use chat::assistants::Assistant;
use chat::ids::AccountId;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::rows::time;

/// Stores an assistant unless there is one of its id.
pub(super) async fn ensure(db: &mut SqliteConnection, assistant: &Assistant) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO assistants (id, slug, name, description, project, instructions, model, temperature, \
         for_everyone, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(assistant.id.as_str())
    .bind(assistant.slug.as_str())
    .bind(assistant.name.as_str())
    .bind(assistant.description.as_str())
    .bind(assistant.project.as_str())
    .bind(assistant.instructions.as_str())
    .bind(assistant.model.as_deref())
    .bind(assistant.temperature)
    .bind(assistant.for_everyone)
    .bind(assistant.created_at.as_millisecond())
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn by_id(
    pool: &SqlitePool,
    account: AccountId,
    id: &str,
) -> sqlx::Result<Option<Assistant>> {
    let row = sqlx::query("SELECT * FROM assistants WHERE id = ? AND (for_everyone OR account = ?)")
        .bind(id)
        .bind(account.as_bytes().as_slice())
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(assistant).transpose()
}

pub(super) async fn by_slug(
    pool: &SqlitePool,
    account: AccountId,
    slug: &str,
) -> sqlx::Result<Option<Assistant>> {
    let row = sqlx::query("SELECT * FROM assistants WHERE slug = ? AND (for_everyone OR account = ?)")
        .bind(slug)
        .bind(account.as_bytes().as_slice())
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(assistant).transpose()
}

fn assistant(row: &SqliteRow) -> sqlx::Result<Assistant> {
    Ok(Assistant {
        id: row.try_get("id")?,
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        project: row.try_get("project")?,
        instructions: row.try_get("instructions")?,
        model: row.try_get("model")?,
        temperature: row.try_get("temperature")?,
        for_everyone: row.try_get("for_everyone")?,
        created_at: time(row.try_get("created_at")?),
    })
}
