//! What every handler may use.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use chat::assistants::Assistants;
use chat::clock::Clock;
use chat::conversations::Conversations;
use chat::usage::UsageStore;
use chat::{Chat, Error, Principal};
use identity::Identity;

use crate::auth::AdminToken;
use crate::body::BodyTimeout;
use crate::config::AuthConfig;
use crate::knowledge::Documents;
use crate::prices::Prices;
use crate::public_address::Hosts;
use crate::rate_limit::RateLimit;

/// The parts that are there for the life of the server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    inner: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) chat: Chat,
    pub(crate) assistants: Assistants,
    pub(crate) conversations: Conversations,
    pub(crate) documents: Documents,
    pub(crate) identity: Identity,
    pub(crate) usage: Arc<dyn UsageStore>,
    pub(crate) prices: Prices,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) auth: AuthConfig,
    pub(crate) rate_limit: RateLimit,
    pub(crate) admin_token: AdminToken,
    pub(crate) hosts: Hosts,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) recheck_interval: Duration,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { inner: Arc::new(parts) }
    }
}

impl App {
    /// What the caller signs in as, and the full name. An account that only keys belong to has neither.
    pub(crate) async fn names_of(&self, principal: &Principal) -> Result<(String, String), Error> {
        let profile = self.identity.directory.profile(principal).await.map_err(Error::from)?;
        Ok(profile.map(|profile| (profile.username, profile.name)).unwrap_or_default())
    }
}

impl FromRef<App> for BodyTimeout {
    fn from_ref(app: &App) -> Self {
        Self(app.body_timeout)
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.inner
    }
}
