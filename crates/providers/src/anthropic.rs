//! Anthropic's messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chat::provider::{CompletionError, CompletionEvent, CompletionRequest, FinishReason, Provider};
use futures::Stream;
use futures::stream::BoxStream;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;

use crate::decode::{self, ByteStream, Decoder, Progress};
use crate::fit::{Fit, TokenLimitField};
use crate::http::{self, Endpoint};
use crate::settings::{Kind, ProviderSettings, SettingsError, secret_header};

mod wire;

const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The vendor demands a limit; this one holds for every model it offers.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// A server that speaks Anthropic's messages.
///
/// The system message becomes the top-level `system` text, and neighbours of one role become one message. A prompt that
/// begins with the assistant is sent so, and refused by the vendor: no first question is made up for it.
#[derive(Debug)]
pub struct Anthropic {
    endpoint: Arc<Endpoint>,
    fit: Fit,
    max_tokens: u32,
    context_tokens: Option<u32>,
    first_token_timeout: Duration,
}

impl Anthropic {
    /// A provider called `name`, for settings of kind [`Kind::Anthropic`].
    pub fn new(name: impl Into<String>, settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let url = settings.endpoint(Kind::Anthropic, "/v1/messages")?;
        let mut headers =
            HeaderMap::from_iter([("anthropic-version".parse().expect("a header name"), VERSION)]);
        if let Some(key) = settings.api_key() {
            headers.insert("x-api-key", secret_header(key.expose_secret())?);
        }
        let endpoint = Endpoint {
            name: name.into(),
            client: http::client(&url, settings.idle_timeout, headers)?,
            url,
            api_key: settings.api_key().cloned(),
            explain: wire::explain,
        };
        Ok(Self {
            endpoint: Arc::new(endpoint),
            fit: Fit::new(&settings.fit, TokenLimitField::MaxTokens),
            max_tokens: settings.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            context_tokens: settings.context_tokens,
            first_token_timeout: settings.first_token_timeout,
        })
    }
}

impl Provider for Anthropic {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn first_token_deadline(&self) -> Option<Duration> {
        Some(self.first_token_timeout)
    }

    fn context_tokens(&self, _model: &str) -> Option<u32> {
        self.context_tokens
    }

    fn stream(
        &self,
        request: CompletionRequest,
    ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>> {
        let sampling = self.fit.sampling(&request);
        let max_tokens = request.max_tokens.unwrap_or(self.max_tokens);
        let body = wire::request(&request, sampling, max_tokens);
        self.endpoint.stream(body, EventDecoder::default())
    }
}

/// Decodes the body of a message stream that is at hand already, such as a recorded one.
pub fn decode(body: ByteStream) -> impl Stream<Item = Result<CompletionEvent, CompletionError>> + Send {
    decode::completion(body, EventDecoder::default())
}

/// Follows one stream. Tokens are counted in `message_start` and again, as far as they changed, in `message_delta`.
#[derive(Debug, Default)]
struct EventDecoder {
    stop_reason: Option<FinishReason>,
    usage: Option<wire::Usage>,
}

impl Decoder for EventDecoder {
    fn decode(
        &mut self,
        data: &str,
        events: &mut VecDeque<CompletionEvent>,
    ) -> Result<Progress, CompletionError> {
        if data.is_empty() {
            return Ok(Progress::Ongoing);
        }
        let event = wire::event(data)?;
        match event.kind {
            wire::EventKind::MessageStart => {
                self.count(event.message.and_then(|message| message.usage));
            }
            wire::EventKind::ContentBlockStart | wire::EventKind::ContentBlockDelta => {
                let delta = event.delta.or(event.content_block).unwrap_or_default();
                let thinking = delta.thinking.filter(|text| !text.is_empty());
                events.extend(thinking.map(CompletionEvent::ReasoningDelta));
                let text = delta.text.filter(|text| !text.is_empty());
                events.extend(text.map(CompletionEvent::TextDelta));
            }
            wire::EventKind::MessageDelta => {
                let stop_reason = event.delta.and_then(|delta| delta.stop_reason);
                self.stop_reason = stop_reason.map(FinishReason::from).or(self.stop_reason);
                self.count(event.usage);
            }
            wire::EventKind::MessageStop => {
                let reason = self.stop_reason.unwrap_or(FinishReason::Stop);
                events.push_back(CompletionEvent::Finished { reason, usage: self.usage.map(Into::into) });
                return Ok(Progress::Ended);
            }
            wire::EventKind::Error => {
                return Err(wire::vendor_error(event.error.unwrap_or_default()).classify(None));
            }
            wire::EventKind::Other => {}
        }
        Ok(Progress::Ongoing)
    }

    fn end(&mut self) -> Result<CompletionEvent, CompletionError> {
        Err(CompletionError::Truncated)
    }
}

impl EventDecoder {
    fn count(&mut self, usage: Option<wire::Usage>) {
        if let Some(usage) = usage {
            self.usage = Some(self.usage.unwrap_or_default().updated(usage));
        }
    }
}
