//! Codmir's knowledge: documents in, the passages that fit a question out; and our own calls to list, read and remove.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::X_CONTENT_TYPE_OPTIONS;
use knowledge::library::{self, Query as Search};
use knowledge::store::DocumentType;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CodmirError, Query, uploads, wire as dialect};
use crate::app::App;
use crate::auth::Caller;
use crate::body::{Json, PathId, check_text};
use crate::knowledge::{Entry, NewDocument, document_id};

mod inspect;
mod wire;

/// How many hits a search gives that does not say.
const DEFAULT_HITS: usize = 10;
const MOST_HITS: usize = 100;
/// Passages in a context.
const CONTEXT_PASSAGES: usize = 10;
/// Bytes of passages in a context, and in a search.
const CONTEXT_BYTES: usize = 32 << 10;
const SEARCH_BYTES: usize = 1 << 20;
const DEFAULT_PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;
/// A text that is read at once.
const LARGEST_READ: usize = 4 << 20;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(routes!(search))
        .routes(routes!(context))
        .routes(routes!(list, uploads::upload))
        .routes(routes!(read, remove))
        .merge(inspect::router())
}

/// Puts a text into a project, in the place of the one with its `filePath`. It can be found at once.
#[utoipa::path(post, path = "/api/knowledge/documents", tag = "codmir", request_body = wire::NewDocument,
    responses(
        (status = 201, description = "The document", body = wire::Document<'_>),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn add(
    State(app): State<App>,
    Caller(principal): Caller,
    Json { value: body, .. }: Json<wire::NewDocument>,
) -> Result<Response, CodmirError> {
    for (field, text) in [("projectId", &body.project_id), ("content", &body.content)] {
        check_text(field, text)?;
    }
    let tags = body.tags.unwrap_or_default();
    tags.iter().try_for_each(|tag| check_text("tags", tag))?;
    let kind = named_type("type", &body.kind)?;
    let new = NewDocument { path: body.file_path, kind, tags, text: body.content.clone() };
    let added = app.documents.add(&principal, &body.project_id, new).await?;
    let document = wire::Document {
        id: document_id(added.id),
        project_id: &body.project_id,
        kind: kind.name(),
        content: &body.content,
        file_path: &added.label.path,
        tags: &added.label.tags,
        created_at: app.clock.now().to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(document)).into_response())
}

/// The passages that fit a question best, the best first.
#[utoipa::path(post, path = "/api/knowledge/projects/{projectId}/search", tag = "codmir",
    params(("projectId" = String, Path, description = "The project; one that is not there has no passages")),
    request_body = wire::Search,
    responses(
        (status = 200, description = "Passages", body = Vec<wire::Hit>),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn search(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(project, _): PathId,
    Json { value: body, .. }: Json<wire::Search>,
) -> Result<axum::Json<Vec<wire::Hit>>, CodmirError> {
    check_query(&body.query)?;
    let types = body.types.unwrap_or_default();
    let types = types.iter().map(|name| named_type("types", name)).collect::<Result<Vec<_>, _>>()?;
    let limit = within("topK", body.top_k.unwrap_or(DEFAULT_HITS), MOST_HITS)?;
    let query = Search { text: &body.query, limit, types: &types, budget: SEARCH_BYTES };
    let found = app.documents.search(&principal, &project, query).await?;
    let is_explained = body.explain.unwrap_or_default();
    Ok(axum::Json(found.into_iter().map(|passage| wire::Hit::of(passage, is_explained)).collect()))
}

/// The passages that fit a question best as one text, to be put before a model; empty if there are none.
#[utoipa::path(post, path = "/api/knowledge/projects/{projectId}/context", tag = "codmir",
    params(("projectId" = String, Path, description = "The project; one that is not there has no passages")),
    request_body = wire::ContextRequest,
    responses(
        (status = 200, description = "The context", body = wire::Context),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn context(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(project, _): PathId,
    Json { value: body, .. }: Json<wire::ContextRequest>,
) -> Result<axum::Json<wire::Context>, CodmirError> {
    check_query(&body.query)?;
    let query = Search { text: &body.query, limit: CONTEXT_PASSAGES, types: &[], budget: CONTEXT_BYTES };
    let found = app.documents.search(&principal, &project, query).await?;
    Ok(axum::Json(wire::Context { context: context_text(&found) }))
}

/// The files of a project that are no documents (yet), and then its documents, each the oldest first.
#[utoipa::path(get, path = "/api/knowledge/projects/{projectId}/documents", tag = "codmir",
    params(
        ("projectId" = String, Path, description = "The project; one that is not there has no documents"),
        ("after" = Option<String>, Query, description = "`nextAfter` of the page before"),
        ("limit" = Option<usize>, Query, description = "1 to 200, by default 50"),
    ),
    responses(
        (status = 200, description = "A page", body = wire::Documents),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn list(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(project, _): PathId,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<wire::Documents>, CodmirError> {
    let query = Query::parse(query.as_deref())?;
    let limit = within("limit", number(&query, "limit")?.unwrap_or(DEFAULT_PAGE), LARGEST_PAGE)?;
    let no_place = || CodmirError::field("after", "after must be the nextAfter of a page");
    let after = query.once("after")?.map(|place| place.parse().map_err(|()| no_place())).transpose()?;
    let page: Vec<Entry> = app.documents.list(&principal, &project, after, limit).await?;
    let next_after = page.last().filter(|_| page.len() == limit).map(|last| last.place().to_string());
    let data = page.into_iter().map(wire::ListedDocument::from).collect();
    Ok(axum::Json(wire::Documents { data, next_after }))
}

/// The extracted text of a document, or the bytes `start` to `end` of it: those of a citation are its quote.
#[utoipa::path(get, path = "/api/knowledge/documents/{documentId}", tag = "codmir",
    params(
        ("documentId" = String, Path, description = "The document"),
        ("start" = Option<usize>, Query, description = "The first byte, by default 0"),
        ("end" = Option<usize>, Query, description = "The byte behind the last, by default 4 MiB further"),
    ),
    responses(
        (status = 200, description = "UTF-8 text", content_type = "text/plain", body = String),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
async fn read(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(id, _): PathId,
    RawQuery(query): RawQuery,
) -> Result<Response, CodmirError> {
    let query = Query::parse(query.as_deref())?;
    let start = number(&query, "start")?.unwrap_or_default();
    let end = number(&query, "end")?.unwrap_or_else(|| start.saturating_add(LARGEST_READ));
    if end.saturating_sub(start) > LARGEST_READ {
        return Err(CodmirError::field("end", format!("at most {LARGEST_READ} bytes are read at once")));
    }
    let text = app.documents.text(&principal, &id, start..end).await?;
    // Whoever wrote the document may have meant it for a browser.
    Ok(([(X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response())
}

/// Removes a document; it is found no more once this has answered.
#[utoipa::path(delete, path = "/api/knowledge/documents/{documentId}", tag = "codmir",
    params(("documentId" = String, Path, description = "The document")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "No such document", body = dialect::ErrorBody<'_>),
    ))]
async fn remove(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(id, _): PathId,
) -> Result<StatusCode, CodmirError> {
    app.documents.remove(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn context_text(found: &[library::Passage]) -> String {
    let passage = |passage: &library::Passage| {
        let stored = &passage.stored;
        format!("[{}] {}\n{}", stored.kind.name().to_uppercase(), stored.path, stored.text)
    };
    let passages: Vec<String> = found.iter().map(passage).collect();
    if passages.is_empty() {
        String::new()
    } else {
        format!("## Project Knowledge\n\n{}", passages.join("\n\n"))
    }
}

fn check_query(query: &str) -> Result<(), CodmirError> {
    check_text("query", query)?;
    if query.trim().is_empty() {
        return Err(CodmirError::field("query", "query must not be empty"));
    }
    Ok(())
}

pub(super) fn named_type(field: &str, name: &str) -> Result<DocumentType, CodmirError> {
    let wrong = || {
        let names = DocumentType::ALL.map(DocumentType::name).join(", ");
        CodmirError::field(field, format!("{field} must be one of {names}"))
    };
    DocumentType::from_name(name).ok_or_else(wrong)
}

fn within(field: &str, value: usize, most: usize) -> Result<usize, CodmirError> {
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(CodmirError::field(field, format!("{field} must be 1 to {most}")))
}

fn number(query: &Query, name: &str) -> Result<Option<usize>, CodmirError> {
    let wrong = || CodmirError::field(name, format!("{name} must be a whole number"));
    query.once(name)?.map(|value| value.parse().map_err(|_| wrong())).transpose()
}
