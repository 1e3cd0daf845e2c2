//! Writes of assistants, each within the writer's transaction: the right is looked at there, before anything is written.

use chat::assistants::{Assistant, AssistantChange, AssistantWriteError, Slug, Viewer};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{SEPARATOR, assistant, changeable, columns, seen, tables, within};

/// One write, whole.
pub(in crate::sqlite) enum Write {
    Ensure(Box<Assistant>),
    Add { viewer: Viewer, assistant: Box<Assistant>, slug: Slug },
    Change { viewer: Viewer, id: String, change: Box<AssistantChange>, now: Timestamp },
    Delete { viewer: Viewer, id: String },
}

/// What a [`Write`] came to: done, or refused with nothing written.
pub(in crate::sqlite) type Written = Result<(), AssistantWriteError>;

const INSERT: &str = "INSERT INTO assistants (id, account, project, slug, name, folded_name, folded_description, \
     sort_name, description, instructions, model, temperature, top_p, starters, categories, icon_url, is_react, shared, \
     is_global, created_at, updated_at, short_id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
const UPDATE: &str = "UPDATE assistants SET account = ?2, project = ?3, slug = ?4, name = ?5, folded_name = ?6, \
     folded_description = ?7, sort_name = ?8, description = ?9, instructions = ?10, model = ?11, temperature = ?12, \
     top_p = ?13, starters = ?14, categories = ?15, icon_url = ?16, is_react = ?17, shared = ?18, is_global = ?19, \
     created_at = ?20, updated_at = ?21, short_id = ?22 WHERE id = ?1";

pub(in crate::sqlite) async fn apply(db: &mut SqliteConnection, write: &Write) -> sqlx::Result<Written> {
    match write {
        Write::Ensure(assistant) => ensure(db, assistant).await.map(Ok),
        Write::Add { viewer, assistant, slug } => add(db, *viewer, assistant, slug).await,
        Write::Change { viewer, id, change, now } => change_one(db, *viewer, id, change, *now).await,
        Write::Delete { viewer, id } => delete(db, *viewer, id).await,
    }
}

/// Somebody may have taken the slug while an administrator had deleted the assistant.
async fn ensure(db: &mut SqliteConnection, assistant: &Assistant) -> sqlx::Result<()> {
    let is_there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM assistants WHERE id = ?)")
        .bind(assistant.id.as_str())
        .fetch_one(&mut *db)
        .await?;
    if is_there {
        return Ok(());
    }
    let slug = free_slug(db, &assistant.slug).await?;
    store(db, INSERT, &Assistant { slug, ..assistant.clone() }).await
}

async fn add(
    db: &mut SqliteConnection,
    viewer: Viewer,
    assistant: &Assistant,
    slug: &Slug,
) -> sqlx::Result<Written> {
    if !may_put(db, viewer, assistant).await? || !may_read(db, viewer, assistant).await? {
        return Ok(Err(AssistantWriteError::NotInProject));
    }
    if assistant.is_global && !viewer.is_admin {
        return Ok(Err(AssistantWriteError::NotAdmin));
    }
    let slug = match slug {
        Slug::Exactly(slug) if is_taken(db, slug, &assistant.id).await? => {
            return Ok(Err(AssistantWriteError::SlugTaken));
        }
        Slug::Exactly(slug) => slug.clone(),
        Slug::LikeName(slug) => free_slug(db, slug).await?,
    };
    store(db, INSERT, &Assistant { slug, ..assistant.clone() }).await?;
    set_knowledge(db, viewer, assistant).await.map(Ok)
}

async fn change_one(
    db: &mut SqliteConnection,
    viewer: Viewer,
    id: &str,
    change: &AssistantChange,
    now: Timestamp,
) -> sqlx::Result<Written> {
    let before = match changeable_one(db, viewer, id).await? {
        Ok(before) => before,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut after = before.clone();
    change.clone().apply(&mut after);
    after.updated_at = now;
    let project = |assistant: &Assistant| assistant.project.as_ref().map(|project| project.id.clone());
    if project(&after) != project(&before) && !may_put(db, viewer, &after).await? {
        return Ok(Err(AssistantWriteError::NotInProject));
    }
    if change.knowledge.is_some() && !may_read(db, viewer, &after).await? {
        return Ok(Err(AssistantWriteError::NotInProject));
    }
    if after.is_global != before.is_global && !viewer.is_admin {
        return Ok(Err(AssistantWriteError::NotAdmin));
    }
    if is_taken(db, &after.slug, id).await? {
        return Ok(Err(AssistantWriteError::SlugTaken));
    }
    store(db, UPDATE, &after).await?;
    set_knowledge(db, viewer, &after).await.map(Ok)
}

async fn delete(db: &mut SqliteConnection, viewer: Viewer, id: &str) -> sqlx::Result<Written> {
    if let Err(refusal) = changeable_one(db, viewer, id).await? {
        return Ok(Err(refusal));
    }
    sqlx::query("DELETE FROM assistants WHERE id = ?").bind(id).execute(db).await?;
    Ok(Ok(()))
}

/// The assistant, if the viewer may change it.
async fn changeable_one(
    db: &mut SqliteConnection,
    viewer: Viewer,
    id: &str,
) -> sqlx::Result<Result<Assistant, AssistantWriteError>> {
    const SEEN: &str =
        concat!("SELECT ", columns!(), ", a.instructions FROM ", tables!(), " WHERE a.id = ?3 AND ", seen!());
    let row = sqlx::query(SEEN)
        .bind(viewer.account.as_bytes().as_slice())
        .bind(viewer.is_admin)
        .bind(id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(Err(AssistantWriteError::NotFound)) };
    let found = assistant(&row)?;
    Ok(if found.may_change { Ok(found) } else { Err(AssistantWriteError::NotAllowed) })
}

/// Whether the viewer is in the assistant's project.
async fn may_put(db: &mut SqliteConnection, viewer: Viewer, assistant: &Assistant) -> sqlx::Result<bool> {
    is_within(db, viewer, assistant.project.as_ref().map(|project| project.id.as_str())).await
}

/// Whether the viewer is in all projects that the assistant reads.
async fn may_read(db: &mut SqliteConnection, viewer: Viewer, assistant: &Assistant) -> sqlx::Result<bool> {
    for project in &assistant.knowledge {
        if !is_within(db, viewer, Some(&project.id)).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn is_within(db: &mut SqliteConnection, viewer: Viewer, project: Option<&str>) -> sqlx::Result<bool> {
    const WITHIN: &str =
        concat!("SELECT EXISTS (SELECT 1 FROM projects p WHERE p.id = ?3 AND ", within!(), ")");
    sqlx::query_scalar(WITHIN)
        .bind(viewer.account.as_bytes().as_slice())
        .bind(viewer.is_admin)
        .bind(project)
        .fetch_one(db)
        .await
}

/// What the assistant reads of what the viewer sees; the rest stays.
async fn set_knowledge(db: &mut SqliteConnection, viewer: Viewer, assistant: &Assistant) -> sqlx::Result<()> {
    const FORGET: &str = concat!(
        "DELETE FROM assistant_knowledge WHERE assistant = ?3 \
         AND project IN (SELECT p.id FROM projects p WHERE ",
        within!(),
        ")"
    );
    sqlx::query(FORGET)
        .bind(viewer.account.as_bytes().as_slice())
        .bind(viewer.is_admin)
        .bind(assistant.id.as_str())
        .execute(&mut *db)
        .await?;
    for project in &assistant.knowledge {
        sqlx::query(
            "INSERT INTO assistant_knowledge (assistant, project) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(assistant.id.as_str())
        .bind(project.id.as_str())
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn is_taken(db: &mut SqliteConnection, slug: &str, by_other_than: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM assistants WHERE slug = ? AND id <> ?)")
        .bind(slug)
        .bind(by_other_than)
        .fetch_one(db)
        .await
}

async fn free_slug(db: &mut SqliteConnection, slug: &str) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "WITH RECURSIVE tried (slug, number) AS ( \
             SELECT ?1, 1 UNION ALL SELECT ?1 || '-' || (number + 1), number + 1 FROM tried \
             WHERE EXISTS (SELECT 1 FROM assistants a WHERE a.slug = tried.slug)) \
         SELECT slug FROM tried ORDER BY number DESC LIMIT 1",
    )
    .bind(slug)
    .fetch_one(db)
    .await
}

async fn store(db: &mut SqliteConnection, sql: &'static str, assistant: &Assistant) -> sqlx::Result<()> {
    let name = assistant.name.to_lowercase();
    let sort_name: String = name.chars().filter(|letter| letter.is_alphanumeric()).collect();
    sqlx::query(sql)
        .bind(assistant.id.as_str())
        .bind(assistant.creator.as_ref().map(|creator| creator.account.as_bytes().as_slice()))
        .bind(assistant.project.as_ref().map(|project| project.id.as_str()))
        .bind(assistant.slug.as_str())
        .bind(assistant.name.as_str())
        .bind(name)
        .bind(assistant.description.to_lowercase())
        .bind(sort_name)
        .bind(assistant.description.as_str())
        .bind(assistant.instructions.as_str())
        .bind(assistant.model.as_deref())
        .bind(assistant.temperature)
        .bind(assistant.top_p)
        .bind(assistant.conversation_starters.join(SEPARATOR))
        .bind(assistant.categories.join(SEPARATOR))
        .bind(assistant.icon_url.as_deref())
        .bind(assistant.is_react)
        .bind(assistant.shared)
        .bind(assistant.is_global)
        .bind(assistant.created_at.as_millisecond())
        .bind(assistant.updated_at.as_millisecond())
        .bind(assistant.short_id.as_str())
        .execute(db)
        .await?;
    Ok(())
}
