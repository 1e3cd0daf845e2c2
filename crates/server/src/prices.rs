//! What turns cost in credits: the price table of the configuration.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use chat::provider::Usage;
use chat::turn::ModelName;
use chat::usage::DayUsage;
use providers::fit::matches;

use crate::config::{ConfigError, Price};

/// Credits are told in millionths: more digits would only show how computers count.
const FRACTION: f64 = 1e6;

/// What the models' tokens cost. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prices {
    /// By `provider/model`, in which `*` stands for anything; the more exact ones first.
    table: Arc<[(String, Price)]>,
}

/// How many tokens are to be paid for.
pub(crate) struct Tokens {
    prompt: u64,
    completion: u64,
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        Self { prompt: usage.prompt_tokens.into(), completion: usage.completion_tokens.into() }
    }
}

impl From<&DayUsage> for Tokens {
    fn from(usage: &DayUsage) -> Self {
        Self { prompt: usage.prompt_tokens, completion: usage.completion_tokens }
    }
}

impl Prices {
    /// Checks the table.
    pub(crate) fn new(table: &BTreeMap<String, Price>) -> Result<Self, ConfigError> {
        let wrong = |(name, price): &(&String, &Price)| {
            let is_price = |price: f64| price.is_finite() && price >= 0.0;
            !name.contains('/') || !is_price(price.prompt) || !is_price(price.completion)
        };
        if let Some((name, _)) = table.iter().find(wrong) {
            return Err(ConfigError::Price(name.clone()));
        }
        let mut table: Vec<_> = table.iter().map(|(name, price)| (name.clone(), *price)).collect();
        let stars = |name: &str| name.matches('*').count();
        table.sort_by_key(|(name, _)| (Reverse(name.len() - stars(name)), stars(name)));
        Ok(Self { table: table.into() })
    }

    /// What these tokens of the model cost; nothing, if it has no price.
    pub(crate) fn credits(&self, model: &ModelName, tokens: impl Into<Tokens>) -> f64 {
        let name = model.to_string();
        let Some((_, price)) = self.table.iter().find(|(pattern, _)| matches(pattern, &name)) else {
            return 0.0;
        };
        let Tokens { prompt, completion } = tokens.into();
        rounded((prompt as f64 * price.prompt + completion as f64 * price.completion) / 1000.0)
    }
}

/// Credits as they are told.
pub(crate) fn rounded(credits: f64) -> f64 {
    (credits * FRACTION).round() / FRACTION
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(table: &[(&str, f64, f64)]) -> Result<Prices, ConfigError> {
        let price = |(name, prompt, completion): &(&str, f64, f64)| {
            ((*name).to_owned(), Price { prompt: *prompt, completion: *completion })
        };
        Prices::new(&table.iter().map(price).collect())
    }

    #[track_caller]
    fn check(prices: &Prices, model: &str, credits: f64) {
        let (provider, model) = model.split_once('/').expect("provider/model");
        let model = ModelName { provider: provider.to_owned(), model: model.to_owned() };
        let usage = Usage { prompt_tokens: 1234, completion_tokens: 100, ..Usage::default() };
        assert!((prices.credits(&model, &usage) - credits).abs() < f64::EPSILON, "{model:?}");
    }

    #[test]
    fn the_most_exact_price_counts() {
        let prices = prices(&[
            ("*/*", 1.0, 0.0),
            ("openai/*", 2.0, 0.0),
            ("openai/gpt-5", 3.0, 0.0),
            ("openai/gpt-5*", 4.0, 0.0),
            ("openai/*-mini", 0.25, 1.0),
        ]);
        let prices = prices.expect("they are prices");
        check(&prices, "openai/gpt-5", 3.702);
        check(&prices, "openai/gpt-5-mini", 0.4085);
        check(&prices, "openai/gpt-5.1", 4.936);
        check(&prices, "openai/o3", 2.468);
        check(&prices, "other/gpt-5", 1.234);
        check(&Prices::default(), "openai/gpt-5", 0.0);
    }

    #[test]
    fn a_price_is_a_price() {
        for wrong in
            [("gpt-5", 1.0, 1.0), ("a/b", -1.0, 0.0), ("a/b", 0.0, f64::NAN), ("a/b", f64::INFINITY, 0.0)]
        {
            assert!(prices(&[wrong]).is_err(), "{wrong:?}");
        }
    }
}
