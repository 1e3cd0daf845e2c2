//! A model without words of its own: it says which sentences of the documents answer best, and nothing else.
//!
//! It never gets wrong what it quotes, which makes it the floor under models that are too small to be trusted with
//! documents.

use std::time::Duration;

use chat::provider::{
    CompletionError, CompletionEvent, CompletionRequest, FinishReason, Provider, Usage, estimate_tokens,
};
use futures::stream::{self, BoxStream, StreamExt};

/// Its id in lists of models and in requests.
pub const MODEL: &str = "local-extractive";

/// The model. It belongs to the provider of what runs in the process.
#[derive(Debug, Default)]
pub struct Extractive;

impl Provider for Extractive {
    fn name(&self) -> &str {
        "local"
    }

    fn first_token_deadline(&self) -> Option<Duration> {
        None
    }

    fn context_tokens(&self, _model: &str) -> Option<u32> {
        None
    }

    fn stream(
        &self,
        request: CompletionRequest,
    ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>> {
        let Some(extract) = request.extract else {
            let reason = "local-extractive only quotes documents: ask something that the documents of a project can \
                          answer and name the project, or choose another model";
            return stream::iter([Err(CompletionError::Refused(reason.to_owned()))]).boxed();
        };
        let completion_tokens = estimate_tokens(&extract);
        let pieces: Vec<String> = extract.split_inclusive(char::is_whitespace).map(str::to_owned).collect();
        let usage = Usage { completion_tokens, estimated: true, ..Usage::default() };
        let end = CompletionEvent::Finished { reason: FinishReason::Stop, usage: Some(usage) };
        let events = pieces.into_iter().map(CompletionEvent::TextDelta).chain([end]);
        stream::iter(events.map(Ok)).boxed()
    }
}
