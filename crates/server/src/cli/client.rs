//! The running server as `latimer ask` and `latimer knowledge` reach it: by the address file, or by `--server` and a key.

use anyhow::Context;
use http::header::ORIGIN;
use http::{Method, StatusCode};
use reqwest::{RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::reach;
use crate::admin::AdminFile;
use crate::config::{self, Config};

const NO_SERVER: &str = "no server runs on this data directory; start one: latimer serve";

/// A server that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    address: String,
    key: Option<SecretString>,
    /// Its address was found in the data directory, and may be that of a dead process.
    is_found: bool,
}

/// Anything but success.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {status}{said}")]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    said: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Client {
    /// The server at this address, by the key of the environment; else the one that runs on the data directory.
    pub(super) fn open(config: &Config, server: Option<&str>) -> anyhow::Result<Self> {
        let http = reach::client()?;
        if let Some(address) = server {
            let address = address.trim_end_matches('/').to_owned();
            return Ok(Self { http, address, key: config::client_key(), is_found: false });
        }
        let found = AdminFile::read(&config.data_dir).context("the address file can't be read")?;
        let (address, token) = found.context(NO_SERVER)?;
        Ok(Self { http, address, key: Some(token), is_found: true })
    }

    /// A request to what is at this path, a segment each.
    pub(super) fn request(&self, method: Method, path: &[&str]) -> anyhow::Result<RequestBuilder> {
        Ok(self.with_key(self.http.request(method, self.url(path)?)))
    }

    /// A request for what is at this path, a segment each, with a query.
    pub(super) fn find(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<RequestBuilder> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(self.with_key(self.http.get(url)))
    }

    fn url(&self, path: &[&str]) -> anyhow::Result<Url> {
        let no_address = || format!("{} is no address", self.address);
        let mut url = Url::parse(&self.address).with_context(no_address)?;
        url.path_segments_mut().map_err(|()| anyhow::Error::msg(no_address()))?.extend(path);
        Ok(url)
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    /// Without a key, forms are taken from pages of the server only.
    pub(super) fn as_own_page(&self, request: RequestBuilder) -> RequestBuilder {
        if self.key.is_some() { request } else { request.header(ORIGIN, self.address.as_str()) }
    }

    /// The answer to a request; anything but success is an error that says what the server said.
    pub(super) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = match request.send().await {
            // A server that was killed has left its address behind.
            Err(error) if error.is_connect() && self.is_found => anyhow::bail!(NO_SERVER),
            response => response.with_context(|| format!("{} can't be reached", self.address))?,
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let refusal = response.json::<Refusal>().await;
        let said = refusal.map_or_else(|_| String::new(), |refusal| format!(": {}", refusal.message));
        Err(Refused { status, said }.into())
    }

    /// As [`Client::send`], with the JSON that it answers.
    pub(super) async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.send(request).await?;
        response.json().await.context("the server said something unreadable; is it of another version?")
    }
}
