//! A model behind an endpoint that speaks OpenAI's embeddings, as most gateways and local servers do.

use std::time::Duration;

use async_trait::async_trait;
use outbound::{BaseUrlError, ClientError};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::{EmbedError, Embedder, Purpose, normalise};

mod wire;

/// What one request asks for at most.
const MOST_TEXTS: usize = 64;
const MOST_BYTES: usize = 256 * 1024;
/// Of a longer text only so much is sent. No token is shorter than a byte, so this fits OpenAI's models whatever it says.
const LONGEST_TEXT: usize = 8 * 1024;
/// How much of an answer is read: so much for each number, and for all that is around them.
const NUMBER: usize = 40;
const AROUND: usize = 64 * 1024;

/// Where an endpoint is, and what it gives.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Up to and without `/embeddings`.
    pub base_url: String,
    /// Its key; local servers need none.
    pub api_key: Option<SecretString>,
    /// Which of its models.
    pub model: String,
    /// How many numbers a vector of this model has.
    pub dimensions: usize,
    /// How long an answer may take in all.
    pub timeout: Duration,
}

/// Why settings make no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointSettingsError {
    /// The address can't be used.
    #[error("base_url {0}")]
    BaseUrl(#[from] BaseUrlError),
    /// The key can't be sent.
    #[error("api_key holds characters that a header can't carry")]
    ApiKey,
    /// No model is named.
    #[error("model is empty")]
    Model,
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up")]
    Client(#[source] ClientError),
}

/// Why an endpoint gave no vectors, as the end of a sentence. It says nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No connection, or one that broke.
    #[error("can't be reached")]
    Unreachable,
    /// The time was over.
    #[error("took longer than embedding.timeout")]
    Timeout,
    /// No success.
    #[error("answered with HTTP status {0}")]
    Status(u16),
    /// Something else came.
    #[error("answered with something that is no list of vectors")]
    Malformed,
    /// Not one vector for each text.
    #[error("gave {given} vectors for {asked} texts, or not one for each")]
    Count {
        /// How many texts there were.
        asked: usize,
        /// How many vectors came.
        given: usize,
    },
    /// Vectors of another size.
    #[error("gave a vector of {given} numbers, while embedding.dimensions is {expected}")]
    Dimensions {
        /// As configured.
        expected: usize,
        /// As it came.
        given: usize,
    },
    /// Numbers that nothing can be computed with.
    #[error("gave a vector with numbers that are not finite")]
    NotFinite,
}

/// The model behind an endpoint.
#[derive(Debug)]
pub struct Endpoint {
    name: String,
    model: String,
    dimensions: usize,
    url: Url,
    client: Client,
}

impl Endpoint {
    /// Checks the settings; asks nothing yet.
    pub fn new(settings: &EndpointSettings) -> Result<Self, EndpointSettingsError> {
        let EndpointSettings { model, dimensions, .. } = settings;
        if model.trim().is_empty() {
            return Err(EndpointSettingsError::Model);
        }
        let url = outbound::below(outbound::base_url(&settings.base_url)?, "/embeddings");
        let mut headers = HeaderMap::new();
        if let Some(key) = settings.api_key.as_ref().filter(|key| !key.expose_secret().is_empty()) {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()));
            let mut value = value.map_err(|_| EndpointSettingsError::ApiKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = outbound::client_builder(&url).default_headers(headers).timeout(settings.timeout);
        Ok(Self {
            name: format!("endpoint/{model}/{dimensions}"),
            model: model.clone(),
            dimensions: *dimensions,
            client: client.build().map_err(EndpointSettingsError::Client)?,
            url,
        })
    }

    async fn ask(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EndpointError> {
        let request = self.client.post(self.url.clone()).json(&wire::request(&self.model, texts));
        let response = request.send().await.map_err(disconnected)?;
        let status = response.status();
        if !status.is_success() {
            return Err(EndpointError::Status(status.as_u16()));
        }
        let body = whole(response, AROUND + texts.len() * self.dimensions * NUMBER).await?;
        let vectors = wire::vectors(&body).map_err(|_| EndpointError::Malformed)?;
        self.in_order(vectors, texts.len())
    }

    /// One vector for each of `asked` texts, each as the settings promise, at unit length.
    fn in_order(
        &self,
        mut vectors: Vec<(usize, Vec<f32>)>,
        asked: usize,
    ) -> Result<Vec<Vec<f32>>, EndpointError> {
        vectors.sort_by_key(|(place, _)| *place);
        if !vectors.iter().map(|(place, _)| *place).eq(0..asked) {
            return Err(EndpointError::Count { asked, given: vectors.len() });
        }
        let checked = vectors.into_iter().map(|(_, mut vector)| {
            if vector.len() != self.dimensions {
                return Err(EndpointError::Dimensions { expected: self.dimensions, given: vector.len() });
            }
            if !vector.iter().map(|value| value * value).sum::<f32>().is_finite() {
                return Err(EndpointError::NotFinite);
            }
            normalise(&mut vector);
            Ok(vector)
        });
        checked.collect()
    }
}

#[async_trait]
impl Embedder for Endpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn batch(&self) -> usize {
        MOST_TEXTS
    }

    async fn embed(&self, _: Purpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let texts: Vec<&str> = texts.iter().map(|text| beginning(text)).collect();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut left = texts.as_slice();
        while !left.is_empty() {
            let (batch, rest) = left.split_at(fitting(left));
            vectors.extend(self.ask(batch).await?);
            left = rest;
        }
        Ok(vectors)
    }
}

/// How many of these texts one request takes; at least one.
fn fitting(texts: &[&str]) -> usize {
    let mut bytes = 0;
    let fits = |text: &&&str| {
        bytes += text.len();
        bytes <= MOST_BYTES
    };
    texts.iter().take(MOST_TEXTS).take_while(fits).count().max(1)
}

async fn whole(mut response: Response, most: usize) -> Result<Vec<u8>, EndpointError> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(disconnected)? {
        if body.len() + bytes.len() > most {
            return Err(EndpointError::Malformed);
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

/// Logs the cause here, without the address, since what is told to others has none.
fn disconnected(error: ClientError) -> EndpointError {
    let error = error.without_url();
    tracing::debug!(
        error = &error as &dyn std::error::Error,
        "the connection to the embedding endpoint failed"
    );
    if error.is_timeout() && !error.is_connect() {
        EndpointError::Timeout
    } else {
        EndpointError::Unreachable
    }
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}
