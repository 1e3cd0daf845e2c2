//! Fitting a request to a model: vendors refuse parameters that other models of theirs require.

use chat::provider::CompletionRequest;
use serde::Deserialize;

/// How requests for some models are fitted. What a rule leaves out, a later rule decides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRule {
    /// The models, as a pattern in which `*` stands for anything.
    pub models: String,
    /// What becomes of the temperature, and with it of `top_p`.
    pub temperature: Option<TemperatureFit>,
    /// The field that carries the token limit; only OpenAI has two.
    pub token_limit: Option<TokenLimitField>,
}

/// What becomes of a temperature, which callers give on a scale from 0 to 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemperatureFit {
    /// It is sent as it is.
    Keep,
    /// It is left out, and so is `top_p`: the model takes neither.
    Omit,
    /// It is halved, for models whose scale ends at 1; beside it `top_p` is left out, since they take one of the two.
    ScaleToOne,
}

/// The field of OpenAI's API that carries the token limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimitField {
    /// The old one, which most compatible servers know.
    MaxTokens,
    /// The new one, which OpenAI's newer models demand.
    MaxCompletionTokens,
}

/// How words are chosen, as a model takes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) temperature: Option<f32>,
    pub(crate) top_p: Option<f32>,
}

/// The rules of one provider, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Fit {
    rules: Vec<FitRule>,
    default_token_limit: TokenLimitField,
}

impl Fit {
    /// The configured rules, then the built-in ones.
    pub(crate) fn new(configured: &[FitRule], default_token_limit: TokenLimitField) -> Self {
        let omitting = ["gpt-5*", "o1*", "o3*", "o4*"].map(|models| (models, TemperatureFit::Omit));
        let built_in =
            omitting.into_iter().chain([("claude-*", TemperatureFit::ScaleToOne)]).map(|(models, fit)| {
                FitRule { models: models.to_owned(), temperature: Some(fit), token_limit: None }
            });
        Self { rules: configured.iter().cloned().chain(built_in).collect(), default_token_limit }
    }

    /// What to send of the request's temperature and `top_p`.
    pub(crate) fn sampling(&self, request: &CompletionRequest) -> Sampling {
        let CompletionRequest { temperature, top_p, .. } = *request;
        match self.first(&request.model, |rule| rule.temperature).unwrap_or(TemperatureFit::Keep) {
            TemperatureFit::Keep => Sampling { temperature, top_p },
            TemperatureFit::Omit => Sampling { temperature: None, top_p: None },
            TemperatureFit::ScaleToOne => Sampling {
                temperature: temperature.map(|temperature| temperature / 2.0),
                top_p: top_p.filter(|_| temperature.is_none()),
            },
        }
    }

    /// The field for the token limit of `model`.
    pub(crate) fn token_limit(&self, model: &str) -> TokenLimitField {
        self.first(model, |rule| rule.token_limit).unwrap_or(self.default_token_limit)
    }

    fn first<T>(&self, model: &str, opinion: impl Fn(&FitRule) -> Option<T>) -> Option<T> {
        self.rules.iter().filter(|rule| matches(&rule.models, model)).find_map(opinion)
    }
}

/// Whether `pattern`, in which `*` stands for any characters or none, matches the whole of `name`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(head) else { return false };
    // After a star the pattern may go on at any place of the name.
    name.char_indices()
        .map(|(position, _)| position)
        .chain([name.len()])
        .any(|start| matches(rest, &name[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("gpt-5*", "gpt-5", true),
            ("gpt-5*", "gpt-5-mini", true),
            ("gpt-5*", "my-gpt-5", false),
            ("*", "", true),
            ("*llama*b", "meta/llama-3-8b", true),
            ("*llama*b", "meta/llama-3-8b-q4", false),
            ("ü*", "über", true),
            ("gpt", "gpt-5", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_first_opinion_decides() {
        let rule = |models: &str, temperature, token_limit| FitRule {
            models: models.into(),
            temperature,
            token_limit,
        };
        let configured = [
            rule("*", None, Some(TokenLimitField::MaxCompletionTokens)),
            rule("gpt-5-chat*", Some(TemperatureFit::Keep), None),
        ];
        let fit = Fit::new(&configured, TokenLimitField::MaxTokens);
        let sent = |model: &str, temperature, top_p| {
            let request = CompletionRequest {
                model: model.to_owned(),
                messages: Vec::new(),
                temperature,
                top_p,
                max_tokens: None,
                extract: None,
            };
            let sampling = fit.sampling(&request);
            (sampling.temperature, sampling.top_p)
        };
        assert_eq!(sent("gpt-5-chat-latest", Some(0.7), Some(0.5)), (Some(0.7), Some(0.5)));
        assert_eq!(sent("gpt-5-mini", Some(0.7), Some(0.5)), (None, None));
        assert_eq!(sent("claude-sonnet-4-5", Some(0.7), Some(0.5)), (Some(0.35), None));
        assert_eq!(sent("claude-sonnet-4-5", None, Some(0.5)), (None, Some(0.5)));
        assert_eq!(sent("llama3", Some(1.5), None), (Some(1.5), None));
        assert_eq!(fit.token_limit("llama3"), TokenLimitField::MaxCompletionTokens);
        assert_eq!(
            Fit::new(&[], TokenLimitField::MaxTokens).token_limit("gpt-5"),
            TokenLimitField::MaxTokens
        );
    }
}
