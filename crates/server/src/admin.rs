//! Administration over HTTP: users, service clients, projects, keys and assistants, for administrators and for the commands on this
//! machine, which ask a running server or, if none runs, the same routes over the data directory.

use std::time::Duration;

use axum::extract::FromRef;
use chat::assistants::Assistants;
use identity::{DirectoryError, Identity, KeysError};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::AdminToken;
use crate::body::BodyTimeout;
use crate::dialects::codmir::CodmirError;

pub(crate) mod assistants;
mod clients;
mod file;
mod keys;
mod projects;
mod users;
pub(crate) mod wire;

pub(crate) use file::{AdminFile, reachable};

/// What administration needs: less than a whole server.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) identity: Identity,
    pub(crate) assistants: Assistants,
    pub(crate) token: AdminToken,
    pub(crate) body_timeout: Duration,
}

impl Admin {
    /// Of a running server.
    pub(crate) fn of(app: &App) -> Self {
        let (identity, assistants) = (app.identity.clone(), app.assistants.clone());
        Self { identity, assistants, token: app.admin_token.clone(), body_timeout: app.body_timeout }
    }
}

impl FromRef<Admin> for BodyTimeout {
    fn from_ref(admin: &Admin) -> Self {
        Self(admin.body_timeout)
    }
}

impl From<DirectoryError> for CodmirError {
    fn from(error: DirectoryError) -> Self {
        chat::Error::from(error).into()
    }
}

impl From<KeysError> for CodmirError {
    fn from(error: KeysError) -> Self {
        chat::Error::from(error).into()
    }
}

pub(crate) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new()
        .merge(users::router())
        .merge(clients::router())
        .merge(projects::router())
        .merge(keys::router())
        .merge(assistants::router())
}
