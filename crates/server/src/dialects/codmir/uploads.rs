//! Files and web pages into a project: a form with files, or a list of addresses.

use axum::extract::{FromRequest as _, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chat::{Error, ErrorKind};
use http::StatusCode;
use knowledge::store::{DocumentType, TaskKind};
use knowledge::work::{NewFile, Origin, ReceiveError, Received};

use super::knowledge::named_type;
use super::{CodmirError, Query, wire as dialect};
use crate::app::App;
use crate::auth::Caller;
use crate::body::{BodyError, Json, PathId, check_text};
use crate::knowledge::{AskedTask, document_id};
use crate::multipart::{Multipart, MultipartError, Part, is_multipart};

mod wire;

/// Files, or addresses, of one request.
const MOST_FILES: usize = 1_000;
/// Bytes of a field that is no file.
const LARGEST_FIELD: usize = 4 << 10;
/// So much is read on behind a file that is too large, since most clients read the answer only when they have sent all.
const MOST_DISCARDED: usize = 1 << 30;

/// Puts files into a project: a form with any number of them, the name of each its path in the project, or a list of
/// addresses of web pages. An archive becomes its files. Answers when all can be found, or at once with `wait=false`; what
/// was taken on goes on without the caller.
#[utoipa::path(post, path = "/api/knowledge/projects/{projectId}/documents", tag = "codmir",
    params(
        ("projectId" = String, Path, description = "The project; one that is not there is made"),
        ("wait" = Option<bool>, Query, description = "Whether to answer when all is done, as by default"),
    ),
    request_body(content((wire::Addresses = "application/json"), (wire::Form = "multipart/form-data"))),
    responses(
        (status = 201, description = "All files are read, or have failed", body = wire::Added<'_>),
        (status = 202, description = "Taken on", body = wire::Added<'_>),
        (status = 413, description = "A file is too large; none was taken", body = dialect::ErrorBody<'_>),
        (status = "4XX", description = "Refused", body = dialect::ErrorBody<'_>),
    ))]
pub(super) async fn upload(
    State(app): State<App>,
    Caller(principal): Caller,
    PathId(project, _): PathId,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, CodmirError> {
    let query = Query::parse(query.as_deref())?;
    let waits = match query.once("wait")? {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(CodmirError::field("wait", "wait must be true or false")),
    };
    app.documents.check_may_add(&principal, &project).await?;
    let files = if is_multipart(request.headers()) {
        received(&app, request).await?
    } else {
        let body: Json<wire::Addresses> = Json::from_request(request, &app).await?;
        addressed(body.value)?
    };
    let asked =
        AskedTask { project, kind: TaskKind::AddDocuments, repository: None, include_tests: true, files };
    let task = app.documents.start(&principal, asked).await?;
    if waits {
        app.documents.work.ended(&task.id).await.map_err(Error::from)?;
    }
    let task = app.documents.task(&principal, &task.id).await?;
    let files = app.documents.work.files(&task.id).await.map_err(Error::from)?;
    let status = if task.end.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, axum::Json(wire::Added::new(&task, &files))).into_response())
}

fn addressed(body: wire::Addresses) -> Result<Vec<NewFile>, CodmirError> {
    let tags = body.tags.unwrap_or_default();
    tags.iter().try_for_each(|tag| check_text("tags", tag))?;
    let kind = body.kind.map(|kind| named_type("type", &kind)).transpose()?;
    if !(1..=MOST_FILES).contains(&body.urls.len()) {
        return Err(CodmirError::field("urls", format!("urls must be 1 to {MOST_FILES} addresses")));
    }
    let file = |url: String| {
        check_text("urls", &url)?;
        Ok(NewFile { path: url.clone(), kind, tags: tags.clone(), from: Origin::Address(url) })
    };
    body.urls.into_iter().map(file).collect()
}

/// What has come of a form.
#[derive(Default)]
struct Form {
    files: Vec<(String, Received)>,
    kind: Option<DocumentType>,
    tags: Vec<String>,
    /// Of the first file that is.
    too_large: Option<String>,
    discarded: usize,
}

/// Receives the files of a form. All of it is read before anything is said, but for what can't be read on.
async fn received(app: &App, request: Request) -> Result<Vec<NewFile>, CodmirError> {
    let mut multipart = Multipart::of(request, app.body_timeout)?;
    let mut form = Form::default();
    while let Some(part) = multipart.next().await? {
        match part {
            Part { file_name: Some(name), .. } => form.receive(app, &mut multipart, name).await?,
            Part { name, .. } => form.take(&name, &mut multipart).await?,
        }
    }
    form.files()
}

impl Form {
    async fn receive(
        &mut self,
        app: &App,
        multipart: &mut Multipart,
        name: String,
    ) -> Result<(), CodmirError> {
        if self.files.len() == MOST_FILES {
            return Err(CodmirError::field("body", format!("at most {MOST_FILES} files are taken at once")));
        }
        let mut receiving = app.documents.work.receive().await.map_err(|error| refused(&name, error))?;
        while let Some(bytes) = multipart.chunk().await? {
            match receiving.write(&bytes).await {
                Ok(()) => {}
                Err(error @ ReceiveError::TooLarge { .. }) => {
                    self.too_large.get_or_insert_with(|| format!("{}: the file is {error}", shown(&name)));
                    return self.discard(multipart, &bytes).await;
                }
                Err(error) => return Err(refused(&name, error)),
            }
        }
        let received = receiving.finish().await.map_err(|error| refused(&name, error))?;
        self.files.push((name, received));
        Ok(())
    }

    /// Reads the rest of a part to nowhere.
    async fn discard(&mut self, multipart: &mut Multipart, first: &Bytes) -> Result<(), CodmirError> {
        self.discarded += first.len();
        while let Some(bytes) = multipart.chunk().await? {
            self.discarded += bytes.len();
            if self.discarded > MOST_DISCARDED {
                return Err(BodyError::TooLarge(self.too_large.take().unwrap_or_default()).into());
            }
        }
        Ok(())
    }

    /// Takes a field that is no file; unknown ones are ignored.
    async fn take(&mut self, name: &str, multipart: &mut Multipart) -> Result<(), CodmirError> {
        let mut value = Vec::new();
        while let Some(bytes) = multipart.chunk().await? {
            value.extend_from_slice(&bytes);
            if value.len() > LARGEST_FIELD {
                let message = format!("a field that is no file must be at most {LARGEST_FIELD} bytes");
                return Err(CodmirError::field("body", message));
            }
        }
        let value =
            String::from_utf8(value).map_err(|_| CodmirError::field("body", "fields must be UTF-8"))?;
        check_text("body", &value)?;
        match name {
            "type" => self.kind = Some(named_type("type", &value)?),
            "tags" => self.tags.push(value),
            _ => {}
        }
        Ok(())
    }

    fn files(self) -> Result<Vec<NewFile>, CodmirError> {
        let Self { files, kind, tags, too_large, .. } = self;
        if let Some(reason) = too_large {
            return Err(BodyError::TooLarge(format!("{reason}; nothing of this upload was kept")).into());
        }
        if files.is_empty() {
            return Err(CodmirError::field("body", "the form has no file; give a part a filename"));
        }
        let file =
            |(path, received)| NewFile { path, kind, tags: tags.clone(), from: Origin::Received(received) };
        Ok(files.into_iter().map(file).collect())
    }
}

impl From<MultipartError> for CodmirError {
    fn from(error: MultipartError) -> Self {
        Self::field("body", error.to_string())
    }
}

/// A name as it may be quoted in a sentence.
fn shown(name: &str) -> String {
    knowledge::extract::shown_path(name)
}

fn refused(name: &str, error: ReceiveError) -> CodmirError {
    match error {
        ReceiveError::TooLarge { .. } => BodyError::TooLarge(format!("{}: {error}", shown(name))).into(),
        ReceiveError::Failed(cause) if cause.kind() == std::io::ErrorKind::StorageFull => {
            let message = "the server's disk is full; nothing was stored";
            Error::new(ErrorKind::StorageFull, message).because(cause).into()
        }
        ReceiveError::Failed(cause) => {
            Error::new(ErrorKind::Internal, "the file could not be stored").because(cause).into()
        }
    }
}

/// The id of the document that a file became.
fn id_of(state: &knowledge::store::FileState) -> Option<String> {
    match state {
        knowledge::store::FileState::Ready(document) => Some(document_id(*document)),
        knowledge::store::FileState::Waiting
        | knowledge::store::FileState::Reading
        | knowledge::store::FileState::Failed(_) => None,
    }
}
