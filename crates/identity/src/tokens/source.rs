//! Where discovery documents and key sets come from: a small port, and HTTP behind it.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode, redirect};

/// A key set has some kilobytes.
const MAX_BODY: usize = 1 << 20;

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not reached, or not in time.
    #[error("it can't be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Reached, and refused.
    #[error("it answers with status {0}")]
    Status(u16),
    /// Too much.
    #[error("it has more than 1 MiB")]
    TooLarge,
    /// Not what it should be.
    #[error("it is not what it should be")]
    Malformed,
    /// No key that verifies signatures.
    #[error("it has no key for signatures")]
    NoKeys,
    /// The document is another issuer's.
    #[error(
        "it names another issuer, {0}; an issuer's name must be written in the configuration as its tokens have it"
    )]
    OtherIssuer(String),
}

/// Fetches what an issuer publishes. It must end within seconds.
#[async_trait]
pub trait KeySetSource: Send + Sync + 'static {
    /// The body of the document at `url`, of at most 1 MiB.
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError>;
}

/// Over HTTP, without redirects and without proxies of the environment.
#[derive(Debug, Clone)]
pub struct HttpKeySets {
    client: Client,
}

impl HttpKeySets {
    /// A fetch takes at most `timeout`, all in all.
    pub fn new(timeout: Duration) -> Result<Self, FetchError> {
        let client = Client::builder()
            .user_agent(concat!("latimer/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build();
        client.map(|client| Self { client }).map_err(unreachable)
    }
}

#[async_trait]
impl KeySetSource for HttpKeySets {
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let mut response = self.client.get(url).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(unreachable)? {
            if body.len() + bytes.len() > MAX_BODY {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }
}

fn unreachable(error: reqwest::Error) -> FetchError {
    FetchError::Unreachable(Box::new(error))
}
