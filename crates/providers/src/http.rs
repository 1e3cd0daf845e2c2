//! The way to a vendor: its HTTP client, and the exchange that every vendor's API shares.

use std::sync::Arc;
use std::time::Duration;

use chat::provider::{CompletionError, CompletionEvent};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, Url};
use secrecy::{ExposeSecret as _, SecretString};

use crate::decode::{self, ByteStream, Decoder};
use crate::failure::{self, VendorError};

/// How much of an error response is read.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// A client for streams from `url`, and for no other host: it bounds each wait by `idle_timeout` and never the whole,
/// follows no redirect (our key is for one address) and takes no proxy from the environment.
pub(crate) fn client(
    url: &Url,
    idle_timeout: Duration,
    headers: HeaderMap,
) -> Result<reqwest::Client, reqwest::Error> {
    outbound::client_builder(url).default_headers(headers).read_timeout(idle_timeout).build()
}

/// One vendor's address and how to understand what comes back from it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The provider's name, for the log.
    pub(crate) name: String,
    pub(crate) client: reqwest::Client,
    pub(crate) url: Url,
    /// Already among the client's headers; kept to keep it out of what the vendor says.
    pub(crate) api_key: Option<SecretString>,
    /// Reads an error response of the vendor's.
    pub(crate) explain: fn(&[u8]) -> Option<VendorError>,
}

impl Endpoint {
    /// Posts `body`, which is JSON, and decodes the event stream that answers it.
    pub(crate) fn stream(
        self: &Arc<Self>,
        body: Vec<u8>,
        decoder: impl Decoder,
    ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>> {
        let endpoint = Arc::clone(self);
        let api_key = self.api_key.clone();
        async move { Ok(decode::completion(endpoint.open(body).await?, decoder)) }
            .try_flatten_stream()
            .map_err(move |error| {
                failure::presentable(error, api_key.as_ref().map(|key| key.expose_secret()))
            })
            .boxed()
    }

    async fn open(self: Arc<Self>, body: Vec<u8>) -> Result<ByteStream, CompletionError> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|error| self.before_answer(error))?;
        if response.status().is_success() && is_event_stream(&response) {
            return Ok(response.bytes_stream().map_err(move |error| self.during_answer(error)).boxed());
        }
        Err(self.refusal(response).await)
    }

    /// Tells why a response is not the stream that was asked for.
    async fn refusal(&self, response: Response) -> CompletionError {
        let status = response.status();
        let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|value| failure::retry_after(value, header(DATE)));
        let explanation = (self.explain)(&error_body(response).await);
        if status.is_success() {
            return explanation.map_or(CompletionError::Malformed, |error| error.classify(retry_after));
        }
        let error = explanation.unwrap_or_else(|| VendorError::unexplained(status.as_u16()));
        VendorError { status: status.as_u16(), ..error }.classify(retry_after)
    }

    fn before_answer(&self, error: reqwest::Error) -> CompletionError {
        let is_timeout = error.is_timeout() && !error.is_connect();
        self.log(error);
        if is_timeout { CompletionError::Timeout } else { CompletionError::Unreachable }
    }

    fn during_answer(&self, error: reqwest::Error) -> CompletionError {
        let is_timeout = error.is_timeout();
        self.log(error);
        if is_timeout { CompletionError::Timeout } else { CompletionError::Truncated }
    }

    /// Logs the cause here, since the core's error keeps none.
    fn log(&self, error: reqwest::Error) {
        let error = error.without_url();
        tracing::warn!(
            provider.name = self.name,
            error = &error as &dyn std::error::Error,
            "the connection to a provider failed"
        );
    }
}

fn is_event_stream(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// As much of an error response as is worth reading; what breaks off is used as far as it came.
async fn error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        let room = MAX_ERROR_BODY - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if body.len() == MAX_ERROR_BODY {
            break;
        }
    }
    body
}
