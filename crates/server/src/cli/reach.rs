//! How commands administer: through the running server or, if none runs, by the same routes over the data directory.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use crate::admin::{self, AdminFile};
use crate::config::Config;
use crate::serve::{StartError, open_administration};

/// Nobody listens there: requests to it stay in this process.
const HERE: &str = "http://localhost";

/// What `()` is in JSON; over HTTP it is no body.
const NOTHING: &[u8] = b"null";

/// Administration, wherever it can be reached.
pub(super) struct Reach {
    address: String,
    token: SecretString,
    way: Way,
}

enum Way {
    Server(reqwest::Client),
    Here { routes: Router, store: Arc<store::SqliteStore> },
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Reach {
    /// Takes the data directory, or finds the server that has it.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        match open_administration(config).await {
            Ok((admin, store)) => {
                let token = admin.token.secret().clone();
                let (routes, _) = admin::router().with_state(admin).split_for_parts();
                Ok(Self { address: HERE.to_owned(), token, way: Way::Here { routes, store } })
            }
            Err(StartError::DataDir(in_use @ store::DataDirError::InUse { .. })) => {
                let found = AdminFile::read(&config.data_dir)
                    .context("the address file of the running server can't be read")?;
                let (address, token) = found.ok_or(in_use).context("a process has it that serves nothing")?;
                Ok(Self { address, token, way: Way::Server(client()?) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the data directory back.
    pub(super) async fn close(self) {
        if let Way::Here { store, .. } = self.way {
            store.close().await;
        }
    }

    /// What is at this path below `/api/admin`, a segment each.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.send(Method::GET, path, &()).await
    }

    /// As [`Reach::get`], with a query.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let mut url = url(&self.address, path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.answer(Method::GET, url, &()).await?.read()
    }

    /// The answer to a request with this body, or with none: `&()`.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.answer(method, url(&self.address, path)?, body).await?.read()
    }

    /// Deletes what is at this path; false if there is nothing.
    pub(super) async fn delete(&self, path: &[&str]) -> anyhow::Result<bool> {
        let answer = self.answer(Method::DELETE, url(&self.address, path)?, &()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        answer.read::<()>()?;
        Ok(true)
    }

    async fn answer(&self, method: Method, url: Url, body: &impl Serialize) -> anyhow::Result<Answer> {
        let authorization = format!("Bearer {}", self.token.expose_secret());
        let mut body = serde_json::to_vec(body)?;
        if body == NOTHING {
            body.clear();
        }
        match &self.way {
            Way::Server(client) => {
                let request = client.request(method, url).header(AUTHORIZATION, authorization);
                let request = request.header(CONTENT_TYPE, "application/json").body(body);
                let response = request.send().await.context("the running server can't be reached")?;
                Ok(Answer { status: response.status(), body: response.bytes().await?.to_vec() })
            }
            Way::Here { routes, .. } => {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                let request = Request::builder().method(method).uri(format!("{}{query}", url.path()));
                let request = request.header(AUTHORIZATION, authorization);
                let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body))?;
                let response = routes.clone().oneshot(request).await?;
                let status = response.status();
                Ok(Answer { status, body: response.into_body().collect().await?.to_bytes().to_vec() })
            }
        }
    }
}

impl Answer {
    /// What it says; anything but success is an error in its own words.
    fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        if !self.status.is_success() {
            let refusal = serde_json::from_slice::<Refusal>(&self.body);
            let status = self.status;
            anyhow::bail!(
                refusal.map_or_else(|_| format!("the server answered {status}"), |said| said.message)
            );
        }
        let body = if self.body.is_empty() { NOTHING } else { &self.body };
        serde_json::from_slice(body)
            .context("the server said something unreadable; is it of another version?")
    }
}

fn url(address: &str, path: &[&str]) -> anyhow::Result<Url> {
    // They would be taken for steps in the path.
    let is_step = |segment: &&&str| ["", ".", ".."].contains(segment);
    if let Some(step) = path.iter().find(is_step) {
        anyhow::bail!("{step:?} names nothing");
    }
    let mut url = Url::parse(address)?;
    let mut segments = url.path_segments_mut().map_err(|()| anyhow::anyhow!("{address} is no address"))?;
    segments.extend(["api", "admin"]).extend(path);
    drop(segments);
    Ok(url)
}

/// The server is on this machine: no proxy, and soon or never.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().connect_timeout(std::time::Duration::from_secs(5)).build()
}
