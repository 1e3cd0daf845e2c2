//! OpenAI's chat completions, which most gateways and local servers speak too.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chat::provider::{CompletionError, CompletionEvent, CompletionRequest, FinishReason, Provider, Usage};
use futures::Stream;
use futures::stream::BoxStream;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::ExposeSecret as _;

use crate::decode::{self, ByteStream, Decoder, Progress};
use crate::fit::{Fit, TokenLimitField};
use crate::http::{self, Endpoint};
use crate::settings::{Kind, ProviderSettings, SettingsError, secret_header};

mod wire;

/// A server that speaks OpenAI's chat completions.
#[derive(Debug)]
pub struct OpenAi {
    endpoint: Arc<Endpoint>,
    fit: Fit,
    max_tokens: Option<u32>,
    context_tokens: Option<u32>,
    first_token_timeout: Duration,
}

impl OpenAi {
    /// A provider called `name`, for settings of kind [`Kind::OpenAi`].
    pub fn new(name: impl Into<String>, settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let url = settings.endpoint(Kind::OpenAi, "/chat/completions")?;
        let mut headers = HeaderMap::new();
        if let Some(key) = settings.api_key() {
            headers.insert(AUTHORIZATION, secret_header(&format!("Bearer {}", key.expose_secret()))?);
        }
        let token_limit = match settings.is_own_address() {
            true => TokenLimitField::MaxCompletionTokens,
            false => TokenLimitField::MaxTokens,
        };
        let endpoint = Endpoint {
            name: name.into(),
            client: http::client(&url, settings.idle_timeout, headers)?,
            url,
            api_key: settings.api_key().cloned(),
            explain: wire::explain,
        };
        Ok(Self {
            endpoint: Arc::new(endpoint),
            fit: Fit::new(&settings.fit, token_limit),
            max_tokens: settings.max_tokens,
            context_tokens: settings.context_tokens,
            first_token_timeout: settings.first_token_timeout,
        })
    }
}

impl Provider for OpenAi {
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
        let max_tokens = request.max_tokens.or(self.max_tokens);
        let body = wire::request(&request, sampling, max_tokens, self.fit.token_limit(&request.model));
        self.endpoint.stream(body, ChunkDecoder::default())
    }
}

/// Decodes the body of a chat completion stream that is at hand already, such as a recorded one.
pub fn decode(body: ByteStream) -> impl Stream<Item = Result<CompletionEvent, CompletionError>> + Send {
    decode::completion(body, ChunkDecoder::default())
}

/// Follows one stream. The finish reason and the usage come in chunks of their own, before the end.
#[derive(Debug, Default)]
struct ChunkDecoder {
    finish_reason: Option<FinishReason>,
    has_refused: bool,
    usage: Option<Usage>,
}

impl Decoder for ChunkDecoder {
    fn decode(
        &mut self,
        data: &str,
        events: &mut VecDeque<CompletionEvent>,
    ) -> Result<Progress, CompletionError> {
        match data.trim_ascii() {
            "" => return Ok(Progress::Ongoing),
            "[DONE]" => {
                events.push_back(self.end()?);
                return Ok(Progress::Ended);
            }
            _ => {}
        }
        let chunk = wire::chunk(data)?;
        if let Some(error) = chunk.error {
            return Err(wire::vendor_error(&error).classify(None));
        }
        self.usage = chunk.usage.map(Usage::from).or(self.usage);
        for choice in chunk.choices.unwrap_or_default() {
            self.finish_reason = choice.finish_reason.map(FinishReason::from).or(self.finish_reason);
            let delta = choice.delta.unwrap_or_default();
            let reasoning = delta.reasoning_content.or(delta.reasoning).filter(|text| !text.is_empty());
            let refusal = delta.refusal.filter(|text| !text.is_empty());
            self.has_refused |= refusal.is_some();
            events.extend(reasoning.map(CompletionEvent::ReasoningDelta));
            events.extend(delta.content.filter(|text| !text.is_empty()).map(CompletionEvent::TextDelta));
            events.extend(refusal.map(CompletionEvent::TextDelta));
        }
        Ok(Progress::Ongoing)
    }

    /// Some compatible servers leave out `[DONE]`; none leaves out the finish reason.
    fn end(&mut self) -> Result<CompletionEvent, CompletionError> {
        let reason = self.finish_reason.ok_or(CompletionError::Truncated)?;
        let reason = if self.has_refused { FinishReason::ContentFilter } else { reason };
        Ok(CompletionEvent::Finished { reason, usage: self.usage })
    }
}
