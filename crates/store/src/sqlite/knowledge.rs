//! Documents, their chunks and vectors in rows. Every statement names the project.

use std::ops::Range;

use ::knowledge::chunk::Chunk;
use ::knowledge::search::{Packed, Terms};
use ::knowledge::store::{
    DocumentType, Entry, Key, KnowledgeStore, Label, Listed, Status, StoredDocument, StoredPassage, Summary,
};
use async_trait::async_trait;
use chat::ids::DocumentId;
use chat::store::StoreError;
use serde_json::Value;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::writer::Operation;
use super::{SqliteStore, store_error, tasks};

/// Bytes of a piece of a document's text.
const PIECE: usize = 64 << 10;

/// One write, whole.
pub(super) enum Write {
    Put(String, StoredDocument),
    Remove(String, DocumentId),
    Vectors(String, String, Vec<(Key, Packed)>),
}

/// The project's version after a change of its documents, if there was one.
pub(super) async fn apply(db: &mut SqliteConnection, write: &Write) -> sqlx::Result<Option<u64>> {
    match write {
        Write::Put(project, document) => put(db, project, document).await.map(Some),
        Write::Remove(project, document) => remove(db, project, *document).await,
        Write::Vectors(project, model, vectors) => {
            save_vectors(db, project, model, vectors).await.map(|()| None)
        }
    }
}

async fn put(db: &mut SqliteConnection, project: &str, document: &StoredDocument) -> sqlx::Result<u64> {
    let known: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT id FROM documents WHERE project = ? AND path = ?")
            .bind(project)
            .bind(document.label.path.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let old_keys = match known {
        Some(id) => take_out(db, project, &id).await?,
        None => Vec::new(),
    };
    let id = document.id.as_bytes().as_slice();
    sqlx::query(
        "INSERT INTO documents (id, project, path, type, tags, title, bytes, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id)
    .bind(project)
    .bind(document.label.path.as_str())
    .bind(document.label.kind.name())
    .bind(Value::from(document.label.tags.as_slice()).to_string())
    .bind(document.title.as_deref())
    .bind(document.text.len() as i64)
    .bind(document.key.as_slice())
    .execute(&mut *db)
    .await?;
    for (number, piece) in (0_i64..).zip(document.text.as_bytes().chunks(PIECE)) {
        sqlx::query("INSERT INTO document_texts (document, number, piece) VALUES (?, ?, ?)")
            .bind(id)
            .bind(number)
            .bind(piece)
            .execute(&mut *db)
            .await?;
    }
    for (number, stored) in (0_i64..).zip(&document.chunks) {
        let chunk = &stored.chunk;
        sqlx::query(
            "INSERT INTO chunks (document, number, span_start, span_end, page, line, headings, header_start, \
             header_end, context, terms, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(number)
        .bind(chunk.span.start as i64)
        .bind(chunk.span.end as i64)
        .bind(chunk.page.map(|page| page as i64))
        .bind(chunk.line as i64)
        .bind(Value::from(chunk.path.as_slice()).to_string())
        .bind(chunk.header.as_ref().map(|header| header.start as i64))
        .bind(chunk.header.as_ref().map(|header| header.end as i64))
        .bind(stored.context.as_str())
        .bind(stored.entry.terms.to_bytes())
        .bind(stored.entry.key.as_slice())
        .execute(&mut *db)
        .await?;
    }
    drop_unused(db, project, old_keys).await?;
    tasks::settle(db, project, &document.label.path, None).await?;
    changed(db, project).await
}

async fn remove(db: &mut SqliteConnection, project: &str, document: DocumentId) -> sqlx::Result<Option<u64>> {
    let id = document.as_bytes().as_slice();
    let is_here: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM documents WHERE id = ? AND project = ?)")
            .bind(id)
            .bind(project)
            .fetch_one(&mut *db)
            .await?;
    if !is_here {
        return Ok(None);
    }
    let keys = take_out(db, project, id).await?;
    drop_unused(db, project, keys).await?;
    changed(db, project).await.map(Some)
}

/// Removes a document; gives the keys of its chunks.
async fn take_out(db: &mut SqliteConnection, project: &str, id: &[u8]) -> sqlx::Result<Vec<Vec<u8>>> {
    let keys = sqlx::query_scalar("SELECT DISTINCT key FROM chunks WHERE document = ?")
        .bind(id)
        .fetch_all(&mut *db)
        .await?;
    sqlx::query("DELETE FROM documents WHERE id = ? AND project = ?")
        .bind(id)
        .bind(project)
        .execute(&mut *db)
        .await?;
    Ok(keys)
}

/// Removes the vectors that no chunk of the project has a use for any more.
async fn drop_unused(db: &mut SqliteConnection, project: &str, keys: Vec<Vec<u8>>) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM vectors WHERE project = ?1 AND key IN (SELECT unhex(value) FROM json_each(?2)) \
         AND NOT EXISTS (SELECT 1 FROM chunks c JOIN documents d ON d.id = c.document \
                         WHERE c.key = vectors.key AND d.project = ?1)",
    )
    .bind(project)
    .bind(list(&keys))
    .execute(db)
    .await?;
    Ok(())
}

async fn changed(db: &mut SqliteConnection, project: &str) -> sqlx::Result<u64> {
    let version: i64 = sqlx::query_scalar(
        "UPDATE projects SET documents_version = documents_version + 1 WHERE id = ? \
         RETURNING documents_version",
    )
    .bind(project)
    .fetch_one(db)
    .await?;
    Ok(version.unsigned_abs())
}

async fn save_vectors(
    db: &mut SqliteConnection,
    project: &str,
    model: &str,
    vectors: &[(Key, Packed)],
) -> sqlx::Result<()> {
    for (key, vector) in vectors {
        // The document may be gone by now.
        sqlx::query(
            "INSERT OR REPLACE INTO vectors (project, key, model, vector) SELECT ?1, ?2, ?3, ?4 \
             WHERE EXISTS (SELECT 1 FROM chunks c JOIN documents d ON d.id = c.document \
                           WHERE c.key = ?2 AND d.project = ?1)",
        )
        .bind(project)
        .bind(key.as_slice())
        .bind(model)
        .bind(vector.to_bytes())
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

#[async_trait]
impl KnowledgeStore for SqliteStore {
    async fn version(&self, project: &str) -> Result<u64, StoreError> {
        let version: Option<i64> = read(
            sqlx::query_scalar("SELECT documents_version FROM projects WHERE id = ?")
                .bind(project)
                .fetch_optional(&self.readers)
                .await,
        )?;
        Ok(version.unwrap_or_default().unsigned_abs())
    }

    async fn put(&self, project: &str, document: StoredDocument) -> Result<u64, StoreError> {
        let version = self.write_knowledge(Write::Put(project.to_owned(), document)).await?;
        Ok(version.unwrap_or_default())
    }

    async fn remove(&self, project: &str, document: DocumentId) -> Result<Option<u64>, StoreError> {
        self.write_knowledge(Write::Remove(project.to_owned(), document)).await
    }

    async fn find(&self, project: &str, path: &str) -> Result<Option<Summary>, StoreError> {
        let row = sqlx::query("SELECT id, key FROM documents WHERE project = ? AND path = ?")
            .bind(project)
            .bind(path)
            .fetch_optional(&self.readers)
            .await;
        let summary = |row: SqliteRow| Ok(Summary { id: document(&row)?, key: key(&row)? });
        read(row.and_then(|row| row.map(summary).transpose()))
    }

    async fn project_of(&self, document: DocumentId) -> Result<Option<String>, StoreError> {
        read(
            sqlx::query_scalar("SELECT project FROM documents WHERE id = ?")
                .bind(document.as_bytes().as_slice())
                .fetch_optional(&self.readers)
                .await,
        )
    }

    async fn documents(
        &self,
        project: &str,
        model: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.id, d.path, d.type, d.tags, d.title, d.bytes,              (SELECT count(*) FROM chunks c WHERE c.document = d.id) AS chunks,              (SELECT count(*) FROM chunks c JOIN vectors v               ON v.project = d.project AND v.key = c.key AND v.model = ?2 WHERE c.document = d.id) AS vectors              FROM documents d WHERE d.project = ?1 AND (?3 IS NULL OR d.id > ?3) ORDER BY d.id LIMIT ?4",
        )
        .bind(project)
        .bind(model)
        .bind(after.map(|after| after.as_bytes().to_vec()))
        .bind(limit as i64)
        .fetch_all(&self.readers)
        .await;
        read(rows.and_then(|rows| rows.iter().map(listed).collect()))
    }

    async fn text(
        &self,
        project: &str,
        document: DocumentId,
        span: Range<usize>,
    ) -> Result<Option<String>, StoreError> {
        read(stretch(&self.readers, project, document, span).await)
    }

    async fn page(
        &self,
        project: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<(DocumentId, Vec<Entry>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.id, c.terms, c.key FROM \
             (SELECT id FROM documents WHERE project = ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3) d \
             LEFT JOIN chunks c ON c.document = d.id ORDER BY d.id, c.number",
        )
        .bind(project)
        .bind(after.map(|after| after.as_bytes().to_vec()))
        .bind(limit as i64)
        .fetch_all(&self.readers)
        .await;
        read(rows.and_then(|rows| pages(&rows)))
    }

    async fn chunks(&self, project: &str, document: DocumentId) -> Result<Vec<StoredPassage>, StoreError> {
        read(all_passages(&self.readers, project, document).await)
    }

    async fn passages(
        &self,
        project: &str,
        wanted: &[(DocumentId, Range<usize>)],
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let mut found = Vec::with_capacity(wanted.len());
        for (document, numbers) in wanted {
            found.extend(read(passage(&self.readers, project, *document, numbers).await)?);
        }
        Ok(found)
    }

    async fn lacking(&self, model: &str, limit: usize) -> Result<Vec<(String, DocumentId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.project, d.id FROM documents d WHERE EXISTS (\
             SELECT 1 FROM chunks c WHERE c.document = d.id AND NOT EXISTS (\
             SELECT 1 FROM vectors v WHERE v.project = d.project AND v.key = c.key AND v.model = ?1)) \
             ORDER BY d.id LIMIT ?2",
        )
        .bind(model)
        .bind(limit as i64)
        .fetch_all(&self.readers)
        .await;
        let lacking = |row: &SqliteRow| Ok((row.try_get("project")?, document(row)?));
        read(rows.and_then(|rows| rows.iter().map(lacking).collect()))
    }

    async fn vectors(
        &self,
        project: &str,
        model: &str,
        keys: &[Key],
    ) -> Result<Vec<(Key, Packed)>, StoreError> {
        let rows = sqlx::query(
            "SELECT key, vector FROM vectors WHERE project = ?1 AND model = ?2 \
             AND key IN (SELECT unhex(value) FROM json_each(?3))",
        )
        .bind(project)
        .bind(model)
        .bind(list(keys))
        .fetch_all(&self.readers)
        .await;
        let vector = |row: &SqliteRow| {
            let packed = Packed::from_bytes(row.try_get("vector")?);
            Ok((key(row)?, packed.ok_or_else(|| unreadable("a vector"))?))
        };
        read(rows.and_then(|rows| rows.iter().map(vector).collect()))
    }

    async fn save_vectors(
        &self,
        project: &str,
        model: &str,
        vectors: Vec<(Key, Packed)>,
    ) -> Result<(), StoreError> {
        let write = Write::Vectors(project.to_owned(), model.to_owned(), vectors);
        self.write_knowledge(write).await.map(drop)
    }

    async fn status(&self, project: &str, model: &str) -> Result<Status, StoreError> {
        let row = sqlx::query(
            "SELECT count(DISTINCT d.id) AS documents, count(c.key) AS chunks, count(v.key) AS vectors \
             FROM documents d LEFT JOIN chunks c ON c.document = d.id \
             LEFT JOIN vectors v ON v.project = d.project AND v.key = c.key AND v.model = ?2 \
             WHERE d.project = ?1",
        )
        .bind(project)
        .bind(model)
        .fetch_one(&self.readers)
        .await;
        let status = |row: SqliteRow| {
            Ok(Status {
                documents: size(&row, "documents")?,
                chunks: size(&row, "chunks")?,
                vectors: size(&row, "vectors")?,
            })
        };
        read(row.and_then(status))
    }
}

impl SqliteStore {
    async fn write_knowledge(&self, write: Write) -> Result<Option<u64>, StoreError> {
        self.writer.ask(|reply| Operation::Knowledge(Box::new(write), reply)).await?
    }
}

/// Rows of documents with their chunks, by document.
fn pages(rows: &[SqliteRow]) -> sqlx::Result<Vec<(DocumentId, Vec<Entry>)>> {
    let mut pages: Vec<(DocumentId, Vec<Entry>)> = Vec::new();
    for row in rows {
        let id = document(row)?;
        if pages.last().is_none_or(|(last, _)| *last != id) {
            pages.push((id, Vec::new()));
        }
        // A document without words has no chunk.
        let Some(terms) = row.try_get::<Option<&[u8]>, _>("terms")? else { continue };
        let terms = Terms::from_bytes(terms).ok_or_else(|| unreadable("the words of a chunk"))?;
        if let Some((_, entries)) = pages.last_mut() {
            entries.push(Entry { terms, key: key(row)? });
        }
    }
    Ok(pages)
}

fn listed(row: &SqliteRow) -> sqlx::Result<Listed> {
    let tags: &str = row.try_get("tags")?;
    let tags = serde_json::from_str(tags).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Listed {
        id: document(row)?,
        label: Label { path: row.try_get("path")?, kind: kind(row)?, tags },
        title: row.try_get("title")?,
        bytes: size(row, "bytes")?,
        chunks: size(row, "chunks")?,
        vectors: size(row, "vectors")?,
    })
}

async fn stretch(
    readers: &SqlitePool,
    project: &str,
    document: DocumentId,
    span: Range<usize>,
) -> sqlx::Result<Option<String>> {
    let id = document.as_bytes().as_slice();
    // One view of the file for both statements: the document may be replaced between them.
    let mut view = readers.begin().await?;
    let bytes: Option<i64> = sqlx::query_scalar("SELECT bytes FROM documents WHERE id = ? AND project = ?")
        .bind(id)
        .bind(project)
        .fetch_optional(&mut *view)
        .await?;
    let Some(bytes) = bytes else { return Ok(None) };
    let end = span.end.min(usize::try_from(bytes).unwrap_or_default());
    if span.start > end {
        return Ok(None);
    }
    text(&mut view, id, &(span.start..end)).await
}

async fn passage(
    readers: &SqlitePool,
    project: &str,
    document: DocumentId,
    numbers: &Range<usize>,
) -> sqlx::Result<Option<StoredPassage>> {
    let id = document.as_bytes().as_slice();
    // One view of the file for both statements: the document may be replaced between them.
    let mut view = readers.begin().await?;
    let row = sqlx::query(
        "SELECT d.path, d.type, d.title, c.number, c.span_start, l.span_end, c.page, c.line, c.headings, \
         c.header_start, c.header_end, c.context, c.key \
         FROM documents d JOIN chunks c ON c.document = d.id AND c.number = ?3 \
         JOIN chunks l ON l.document = d.id AND l.number = ?4 WHERE d.id = ?1 AND d.project = ?2",
    )
    .bind(id)
    .bind(project)
    .bind(numbers.start as i64)
    .bind(numbers.end as i64 - 1)
    .fetch_optional(&mut *view)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let text = text(&mut view, id, &span(&row)?).await?;
    text.map(|text| stored(&row, document, text)).transpose()
}

/// All chunks of a document, each a passage.
async fn all_passages(
    readers: &SqlitePool,
    project: &str,
    document: DocumentId,
) -> sqlx::Result<Vec<StoredPassage>> {
    let id = document.as_bytes().as_slice();
    // One view of the file for both statements: the document may be replaced between them.
    let mut view = readers.begin().await?;
    let rows = sqlx::query(
        "SELECT d.path, d.type, d.title, d.bytes, c.number, c.span_start, c.span_end, c.page, c.line, c.headings, \
         c.header_start, c.header_end, c.context, c.key \
         FROM documents d JOIN chunks c ON c.document = d.id WHERE d.id = ?1 AND d.project = ?2 ORDER BY c.number",
    )
    .bind(id)
    .bind(project)
    .fetch_all(&mut *view)
    .await?;
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let whole = text(&mut view, id, &(0..size(first, "bytes")?)).await?.unwrap_or_default();
    let passage = |row: &SqliteRow| {
        let text = whole.get(span(row)?).ok_or_else(|| unreadable("the span of a chunk"))?;
        stored(row, document, text.to_owned())
    };
    rows.iter().map(passage).collect()
}

fn span(row: &SqliteRow) -> sqlx::Result<Range<usize>> {
    Ok(size(row, "span_start")?..size(row, "span_end")?)
}

fn stored(row: &SqliteRow, document: DocumentId, text: String) -> sqlx::Result<StoredPassage> {
    let headings: &str = row.try_get("headings")?;
    let header = match row.try_get::<Option<i64>, _>("header_start")? {
        Some(_) => Some(size(row, "header_start")?..size(row, "header_end")?),
        None => None,
    };
    let page: Option<i64> = row.try_get("page")?;
    Ok(StoredPassage {
        document,
        path: row.try_get("path")?,
        kind: kind(row)?,
        title: row.try_get("title")?,
        number: size(row, "number")?,
        chunk: Chunk {
            span: span(row)?,
            page: page.and_then(|page| usize::try_from(page).ok()),
            line: size(row, "line")?,
            path: serde_json::from_str(headings).map_err(|error| sqlx::Error::Decode(error.into()))?,
            header,
        },
        text,
        context: row.try_get("context")?,
        key: key(row)?,
    })
}

/// Bytes of a document's text; nothing if it has none there.
async fn text(
    db: &mut SqliteConnection,
    document: &[u8],
    span: &Range<usize>,
) -> sqlx::Result<Option<String>> {
    let first = span.start / PIECE;
    let pieces: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT piece FROM document_texts WHERE document = ? AND number BETWEEN ? AND ? ORDER BY number",
    )
    .bind(document)
    .bind(first as i64)
    .bind((span.end.saturating_sub(1) / PIECE) as i64)
    .fetch_all(db)
    .await?;
    let bytes = pieces.concat();
    let bytes = bytes.get(span.start - first * PIECE..span.end - first * PIECE);
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
}

/// A JSON list of hexadecimal keys, which a statement takes apart again.
fn list(keys: &[impl AsRef<[u8]>]) -> String {
    let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Value::from_iter(keys.iter().map(|key| hex(key.as_ref()))).to_string()
}

fn read<T>(result: sqlx::Result<T>) -> Result<T, StoreError> {
    result.map_err(|error| store_error(&error))
}

fn document(row: &SqliteRow) -> sqlx::Result<DocumentId> {
    bytes(row, "id").map(DocumentId::from_bytes)
}

fn kind(row: &SqliteRow) -> sqlx::Result<DocumentType> {
    DocumentType::from_name(row.try_get("type")?).ok_or_else(|| unreadable("the type of a document"))
}

fn key(row: &SqliteRow) -> sqlx::Result<Key> {
    bytes(row, "key")
}

fn bytes<const N: usize>(row: &SqliteRow, column: &str) -> sqlx::Result<[u8; N]> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| unreadable(column))
}

fn size(row: &SqliteRow, column: &str) -> sqlx::Result<usize> {
    let number: i64 = row.try_get(column)?;
    usize::try_from(number).map_err(|_| unreadable(column))
}

fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} is not readable").into())
}
