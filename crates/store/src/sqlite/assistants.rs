//! Assistants in rows, and who may do what with them: the two conditions that every statement here repeats.

use async_trait::async_trait;
use chat::assistants::{
    Assistant, AssistantPage, AssistantQuery, AssistantStore, AssistantWriteError, Creator, NamedProject,
    Order, Reach, Slug, Viewer,
};
use chat::store::StoreError;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::rows::{account_id, time};
use super::writer::Operation;
use super::{SqliteStore, store_error};

mod write;

pub(super) use write::{Write, Written, apply};

/// Stands between the items of a list; no item has a control character.
const SEPARATOR: &str = "\u{1f}";

/// Whether a viewer may change the assistant `a`. `?1` account, `?2` whether it is an administrator.
macro_rules! changeable {
    () => {
        "(?2 OR coalesce(a.account = ?1, 0) \
          OR EXISTS (SELECT 1 FROM projects p WHERE p.id = a.project AND p.owner = ?1) \
          OR EXISTS (SELECT 1 FROM project_members m \
                     WHERE m.project = a.project AND m.account = ?1 AND m.is_admin))"
    };
}
/// Whether a viewer sees the assistant `a`. `?1` account, `?2` whether it is an administrator.
macro_rules! seen {
    () => {
        concat!(
            "(a.is_global OR ",
            changeable!(),
            " OR (a.shared AND EXISTS (SELECT 1 FROM project_members m \
                 WHERE m.project = a.project AND m.account = ?1)))"
        )
    };
}
/// Whether a viewer is in the project `p`. `?1` account, `?2` whether it is an administrator.
macro_rules! within {
    () => {
        "(?2 OR coalesce(p.owner = ?1, 0) \
          OR EXISTS (SELECT 1 FROM project_members m WHERE m.project = p.id AND m.account = ?1))"
    };
}
/// All that is read of `a` but its instructions, and what it is joined with.
macro_rules! columns {
    () => {
        concat!(
            "a.id, a.short_id, a.account, a.project, a.slug, a.name, a.description, a.model, a.temperature, a.top_p, \
             a.starters, a.categories, a.icon_url, a.is_react, a.shared, a.is_global, a.created_at, a.updated_at, \
             j.name AS project_name, coalesce(f.username, c.name) AS creator_username, f.name AS creator_name, ",
            "(SELECT json_group_array(json_array(p.id, p.name) ORDER BY p.name, p.id) \
              FROM assistant_knowledge k JOIN projects p ON p.id = k.project WHERE k.assistant = a.id AND ",
            within!(),
            ") AS knowledge, ",
            changeable!(),
            " AS may_change"
        )
    };
}
macro_rules! tables {
    () => {
        "assistants a LEFT JOIN projects j ON j.id = a.project LEFT JOIN accounts c ON c.id = a.account \
         LEFT JOIN profiles f ON f.account = a.account"
    };
}
use {changeable, columns, seen, tables, within};

const BY_ID: &str =
    concat!("SELECT ", columns!(), ", a.instructions FROM ", tables!(), " WHERE a.id = ?3 AND ", seen!());
const BY_SLUG: &str =
    concat!("SELECT ", columns!(), ", a.instructions FROM ", tables!(), " WHERE a.slug = ?3 AND ", seen!());

const BY_SHORT_ID: &str = concat!(
    "SELECT ",
    columns!(),
    ", a.instructions FROM ",
    tables!(),
    " WHERE a.short_id = ?3 AND ",
    seen!()
);

/// What a list is of. `?3` reach; `?4` search, `?5` name, `?6` projects, `?7` creator, `?8` shared, `?9` global, `?10` id,
/// `?11` slug, `?12` categories: each NULL if it is no matter.
macro_rules! listed {
    () => {
        concat!(
            tables!(),
            " WHERE ",
            seen!(),
            " AND CASE ?3 WHEN 'global' THEN a.is_global WHEN 'own' THEN coalesce(a.account = ?1, 0) \
                WHEN 'projects' THEN a.is_global \
                    OR EXISTS (SELECT 1 FROM projects p WHERE p.id = a.project AND p.owner = ?1) \
                    OR EXISTS (SELECT 1 FROM project_members m WHERE m.project = a.project AND m.account = ?1) \
                ELSE 1 END \
              AND (?4 IS NULL OR instr(a.folded_name, ?4) > 0 OR instr(a.folded_description, ?4) > 0) \
              AND (?5 IS NULL OR instr(a.folded_name, ?5) > 0) \
              AND (?6 IS NULL OR instr(char(31) || ?6 || char(31), char(31) || j.name || char(31)) > 0) \
              AND (?7 IS NULL OR f.username = ?7 COLLATE NOCASE OR f.name = ?7 \
                   OR (f.account IS NULL AND c.name = ?7) \
                   OR lower(hex(a.account)) = replace(lower(?7), '-', '')) \
              AND (?8 IS NULL OR a.shared = ?8) AND (?9 IS NULL OR a.is_global = ?9) \
              AND (?10 IS NULL OR a.id = ?10) AND (?11 IS NULL OR a.slug = ?11) \
              AND (?12 IS NULL OR EXISTS ( \
                   WITH RECURSIVE wanted (one, rest) AS ( \
                       SELECT NULL, ?12 || char(31) \
                       UNION ALL SELECT substr(rest, 1, instr(rest, char(31)) - 1), \
                           substr(rest, instr(rest, char(31)) + 1) FROM wanted WHERE rest <> '') \
                   SELECT 1 FROM wanted WHERE one IS NOT NULL \
                       AND instr(char(31) || a.categories || char(31), char(31) || one || char(31)) > 0))"
        )
    };
}
/// `?13` order, `?14` whether it is brief, `?15` limit, `?16` offset.
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    ", iif(?14, '', a.instructions) AS instructions FROM ",
    listed!(),
    " ORDER BY iif(?13 = 'newest', -a.updated_at, 0), iif(?13 = 'name', a.sort_name = '', 0), \
      iif(?13 = 'name', a.sort_name, ''), iif(?13 = 'reversed', a.sort_name <> '', 0), \
      iif(?13 = 'reversed', a.sort_name, '') DESC, a.id LIMIT ?15 OFFSET ?16"
);
/// `?13` is not needed here; the values are bound by one function all the same.
const COUNT: &str = concat!("SELECT count(*) FROM ", listed!());

#[async_trait]
impl AssistantStore for SqliteStore {
    async fn ensure_assistant(&self, assistant: Assistant) -> Result<(), StoreError> {
        match self.write_assistant(Write::Ensure(Box::new(assistant))).await {
            Err(AssistantWriteError::Store(error)) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn add_assistant(
        &self,
        viewer: Viewer,
        assistant: Assistant,
        slug: Slug,
    ) -> Result<(), AssistantWriteError> {
        self.write_assistant(Write::Add { viewer, assistant: Box::new(assistant), slug }).await
    }

    async fn change_assistant(
        &self,
        viewer: Viewer,
        id: &str,
        change: chat::assistants::AssistantChange,
        now: Timestamp,
    ) -> Result<(), AssistantWriteError> {
        let id = id.to_owned();
        self.write_assistant(Write::Change { viewer, id, change: Box::new(change), now }).await
    }

    async fn delete_assistant(&self, viewer: Viewer, id: &str) -> Result<(), AssistantWriteError> {
        self.write_assistant(Write::Delete { viewer, id: id.to_owned() }).await
    }

    async fn assistant(&self, viewer: Viewer, id: &str) -> Result<Option<Assistant>, StoreError> {
        one(&self.readers, BY_ID, viewer, id).await.map_err(|error| store_error(&error))
    }

    async fn assistant_by_slug(&self, viewer: Viewer, slug: &str) -> Result<Option<Assistant>, StoreError> {
        one(&self.readers, BY_SLUG, viewer, slug).await.map_err(|error| store_error(&error))
    }

    async fn assistant_by_short_id(&self, viewer: Viewer, id: &str) -> Result<Option<Assistant>, StoreError> {
        one(&self.readers, BY_SHORT_ID, viewer, id).await.map_err(|error| store_error(&error))
    }

    async fn assistants(&self, viewer: Viewer, query: AssistantQuery) -> Result<AssistantPage, StoreError> {
        page(&self.readers, viewer, &query).await.map_err(|error| store_error(&error))
    }
}

impl SqliteStore {
    async fn write_assistant(&self, write: Write) -> Result<(), AssistantWriteError> {
        self.writer.ask(|reply| Operation::Assistant(write, reply)).await??
    }
}

async fn one(
    pool: &SqlitePool,
    sql: &'static str,
    viewer: Viewer,
    name: &str,
) -> sqlx::Result<Option<Assistant>> {
    let row = sqlx::query(sql)
        .bind(viewer.account.as_bytes().as_slice())
        .bind(viewer.is_admin)
        .bind(name)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(assistant).transpose()
}

/// The page and the count are of one moment.
async fn page(pool: &SqlitePool, viewer: Viewer, query: &AssistantQuery) -> sqlx::Result<AssistantPage> {
    let reach = match query.reach {
        Reach::Visible => "visible",
        Reach::Global => "global",
        Reach::Own => "own",
        Reach::ProjectsAndGlobal => "projects",
    };
    let order = match query.order {
        Order::Newest => "newest",
        Order::Name => "name",
        Order::NameReversed => "reversed",
    };
    let filter = &query.filter;
    let folded = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
    let list = |items: &[String]| (!items.is_empty()).then(|| items.join(SEPARATOR));
    macro_rules! bound {
        ($query:expr) => {
            $query
                .bind(viewer.account.as_bytes().as_slice())
                .bind(viewer.is_admin)
                .bind(reach)
                .bind(folded(&filter.search))
                .bind(folded(&filter.name))
                .bind(list(&filter.projects))
                .bind(filter.created_by.as_deref())
                .bind(filter.shared)
                .bind(filter.is_global)
                .bind(filter.id.as_deref())
                .bind(filter.slug.as_deref())
                .bind(list(&filter.categories))
        };
    }
    let mut moment = pool.begin().await?;
    let total: i64 = bound!(sqlx::query_scalar(COUNT)).fetch_one(&mut *moment).await?;
    let rows = bound!(sqlx::query(LIST))
        .bind(order)
        .bind(query.is_brief)
        .bind(query.limit)
        .bind(i64::try_from(query.offset).unwrap_or(i64::MAX))
        .fetch_all(&mut *moment)
        .await?;
    moment.commit().await?;
    let assistants = rows.iter().map(assistant).collect::<sqlx::Result<_>>()?;
    Ok(AssistantPage { assistants, total: total.unsigned_abs() })
}

fn assistant(row: &SqliteRow) -> sqlx::Result<Assistant> {
    let creator = match account_id(row, "account")? {
        Some(account) => Some(Creator {
            account,
            username: row.try_get::<Option<String>, _>("creator_username")?.unwrap_or_default(),
            name: row.try_get::<Option<String>, _>("creator_name")?.unwrap_or_default(),
        }),
        None => None,
    };
    let project: Option<String> = row.try_get("project")?;
    let project_name: Option<String> = row.try_get("project_name")?;
    Ok(Assistant {
        id: row.try_get("id")?,
        short_id: row.try_get("short_id")?,
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        creator,
        project: project.zip(project_name).map(|(id, name)| NamedProject { id, name }),
        knowledge: knowledge(row.try_get("knowledge")?)?,
        instructions: row.try_get("instructions")?,
        model: row.try_get("model")?,
        temperature: row.try_get("temperature")?,
        top_p: row.try_get("top_p")?,
        conversation_starters: items(row.try_get("starters")?),
        categories: items(row.try_get("categories")?),
        icon_url: row.try_get("icon_url")?,
        is_react: row.try_get("is_react")?,
        shared: row.try_get("shared")?,
        is_global: row.try_get("is_global")?,
        created_at: time(row.try_get("created_at")?),
        updated_at: time(row.try_get("updated_at")?),
        may_change: row.try_get("may_change")?,
    })
}

/// A JSON list of ids with names.
fn knowledge(list: &str) -> sqlx::Result<Vec<NamedProject>> {
    let list: Vec<(String, String)> =
        serde_json::from_str(list).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(list.into_iter().map(|(id, name)| NamedProject { id, name }).collect())
}

fn items(list: &str) -> Vec<String> {
    if list.is_empty() { Vec::new() } else { list.split(SEPARATOR).map(str::to_owned).collect() }
}
