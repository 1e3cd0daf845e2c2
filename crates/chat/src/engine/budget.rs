//! How many tokens of a model's context the parts of a prompt may take.

use super::Settings;
use crate::models::Answering;
use crate::turn::TurnRequest;

/// Tokens kept free for the answer where the caller sets no limit.
const ANSWER_TOKENS: u32 = 512;
/// Passages may take one part of so many of the prompt.
const PASSAGES_SHARE: u32 = 2;

/// Tokens for the whole prompt. A quarter of a known context stays free, since the tokens are estimated.
pub(super) fn of_prompt(answering: &Answering, request: &TurnRequest, settings: &Settings) -> u32 {
    match answering.provider.context_tokens(&answering.model) {
        None => settings.history_tokens,
        Some(context) => {
            let answer = request.max_tokens.unwrap_or(ANSWER_TOKENS).min(context / 2);
            (context - answer) / 4 * 3
        }
    }
}

/// Tokens for passages, where there are any.
pub(super) fn of_passages(answering: &Answering, request: &TurnRequest, settings: &Settings) -> u32 {
    of_prompt(answering, request, settings) / PASSAGES_SHARE
}
