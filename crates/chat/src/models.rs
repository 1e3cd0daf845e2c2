//! Which model answers: names that callers use, mapped to the providers that are there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::provider::Provider;
use crate::turn::ModelName;

/// The embedded model's ids begin so; asked for by name, nothing else may stand in for them.
const LOCAL_PREFIX: &str = "local-";

/// A provider with the names it answers to.
pub struct ProviderEntry {
    /// The provider.
    pub provider: Arc<dyn Provider>,
    /// The model that answers when its provider is named alone.
    pub default_model: String,
    /// Whether a model's name is one of its own.
    pub answers_for: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// What the configuration says about models.
#[derive(Default)]
pub struct ModelCatalog {
    /// The providers that can answer.
    pub providers: Vec<ProviderEntry>,
    /// What answers when nothing more exact is said; the first provider's default if absent.
    pub default: Option<ModelName>,
    /// Other names for models.
    pub aliases: BTreeMap<String, ModelName>,
    /// What quotes documents: it answers when it is named, and is the floor under a weak model.
    pub extractive: Option<ProviderEntry>,
    /// A model that is not to be trusted with documents: where it would answer a question of theirs without having been
    /// named, the extractive one does.
    pub weak: Option<ModelName>,
    /// What to say when no model can answer: what is missing and the command that installs it.
    pub missing: String,
}

/// A model that answers.
#[derive(Clone)]
pub struct Answering {
    /// Its provider.
    pub provider: Arc<dyn Provider>,
    /// Its name there.
    pub model: String,
}

impl Answering {
    /// Both names.
    pub fn name(&self) -> ModelName {
        ModelName { provider: self.provider.name().to_owned(), model: self.model.clone() }
    }
}

impl ModelCatalog {
    /// The model that answers a caller who names a provider, a model, both or neither. A name that is not configured is
    /// answered by the default; only an embedded model that is not installed is an error, as is having no model at all.
    pub fn resolve(&self, provider: Option<&str>, model: Option<&str>) -> Result<Answering, Error> {
        self.named(provider, model)?.or_else(|| self.fallback()).ok_or_else(|| self.unavailable())
    }

    /// As [`ModelCatalog::resolve`], where the turn is a question of documents: no weak model answers it unless it was
    /// named, and it is answered where there is no other model at all.
    pub fn resolve_over_documents(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
    ) -> Result<Answering, Error> {
        let strong = || self.fallback().filter(|answering| Some(answering.name()) != self.weak);
        let answering = self.named(provider, model)?.or_else(strong);
        answering
            .or_else(|| self.extractive.as_ref().map(answer_by_default))
            .or_else(|| self.fallback())
            .ok_or_else(|| self.unavailable())
    }

    /// The model that a caller names who names one that is there, or a provider that is.
    fn named(&self, provider: Option<&str>, model: Option<&str>) -> Result<Option<Answering>, Error> {
        let named = model.and_then(|model| self.by_model(provider, model));
        if named.is_none() && model.is_some_and(|model| model.starts_with(LOCAL_PREFIX)) {
            return Err(self.unavailable());
        }
        Ok(named.or_else(|| provider.and_then(|name| self.entry(name)).map(answer_by_default)))
    }

    /// The model that answers when nothing is named, if there is one.
    pub fn fallback(&self) -> Option<Answering> {
        let configured = self.default.as_ref().and_then(|name| self.exact(name));
        configured.or_else(|| self.providers.first().map(answer_by_default))
    }

    /// Every model that can be asked for by name, the one that answers by default first.
    pub fn listed(&self) -> Vec<ModelName> {
        let entries = self.providers.iter().chain(&self.extractive);
        let defaults = entries.map(|entry| answer_by_default(entry).name());
        let named =
            self.aliases.keys().map(|alias| ModelName { provider: String::new(), model: alias.clone() });
        let mut models: Vec<ModelName> =
            self.fallback().map(|answering| answering.name()).into_iter().collect();
        for name in defaults.chain(named) {
            if !models.iter().any(|listed| listed.model == name.model) {
                models.push(name);
            }
        }
        models
    }

    fn by_model(&self, provider: Option<&str>, model: &str) -> Option<Answering> {
        if let Some(name) = self.aliases.get(model) {
            return self.exact(name);
        }
        let named_first = provider.and_then(|name| self.entry(name)).into_iter().chain(&self.providers);
        named_first
            .into_iter()
            .chain(&self.extractive)
            .find(|entry| entry.default_model == model || (entry.answers_for)(model))
            .map(|entry| Answering { provider: entry.provider.clone(), model: model.to_owned() })
    }

    fn exact(&self, name: &ModelName) -> Option<Answering> {
        let quotes = self.extractive.as_ref().filter(|entry| answer_by_default(entry).name() == *name);
        let entry = quotes.or_else(|| self.entry(&name.provider))?;
        Some(Answering { provider: entry.provider.clone(), model: name.model.clone() })
    }

    fn entry(&self, provider: &str) -> Option<&ProviderEntry> {
        self.providers.iter().find(|entry| entry.provider.name() == provider)
    }

    fn unavailable(&self) -> Error {
        Error::new(ErrorKind::Unavailable { retry_after: Duration::from_secs(60) }, self.missing.clone())
    }
}

fn answer_by_default(entry: &ProviderEntry) -> Answering {
    Answering { provider: entry.provider.clone(), model: entry.default_model.clone() }
}

#[cfg(test)]
mod tests {
    use futures::stream::BoxStream;

    use super::*;
    use crate::provider::{CompletionError, CompletionEvent, CompletionRequest};

    struct Named(&'static str);

    impl Provider for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn first_token_deadline(&self) -> Option<Duration> {
            None
        }
        fn context_tokens(&self, _model: &str) -> Option<u32> {
            None
        }
        fn stream(
            &self,
            _: CompletionRequest,
        ) -> BoxStream<'static, Result<CompletionEvent, CompletionError>> {
            Box::pin(futures::stream::empty())
        }
    }

    fn catalog(providers: &[(&'static str, &str, &'static str)]) -> ModelCatalog {
        let entry = |&(name, default, prefix): &(&'static str, &str, &'static str)| ProviderEntry {
            provider: Arc::new(Named(name)),
            default_model: default.to_owned(),
            answers_for: Box::new(move |model| model.starts_with(prefix)),
        };
        let alias = ModelName { provider: "openai".to_owned(), model: "gpt-5-mini".to_owned() };
        ModelCatalog {
            providers: providers.iter().map(entry).collect(),
            aliases: BTreeMap::from([("fast".to_owned(), alias)]),
            missing: "run `cargo xtask models`".to_owned(),
            ..ModelCatalog::default()
        }
    }

    #[track_caller]
    fn check(catalog: &ModelCatalog, provider: Option<&str>, model: Option<&str>, expected: &str) {
        let answer = catalog.resolve(provider, model);
        assert_eq!(answer.map_or_else(|error| error.message, |answer| answer.name().to_string()), expected);
    }

    #[test]
    fn every_name_is_answered_by_somebody() {
        let both = catalog(&[("openai", "gpt-5", "gpt-"), ("anthropic", "claude-x", "claude-")]);
        check(&both, None, None, "openai/gpt-5");
        check(&both, Some("anthropic"), None, "anthropic/claude-x");
        check(&both, Some("openai"), Some("gpt-4o"), "openai/gpt-4o");
        check(&both, Some("openai"), Some("claude-4"), "anthropic/claude-4");
        check(&both, Some("anthropic"), Some("mystery"), "anthropic/claude-x");
        check(&both, None, Some("fast"), "openai/gpt-5-mini");
        check(&both, None, Some("local-smollm2"), "run `cargo xtask models`");
    }

    #[test]
    fn one_model_answers_for_all_vendors() {
        let local = catalog(&[("local", "local-smollm2", "local-smollm2")]);
        check(&local, Some("openai"), Some("gpt-5"), "local/local-smollm2");
        check(&local, Some("anthropic"), None, "local/local-smollm2");
        check(&local, None, Some("fast"), "local/local-smollm2");
        check(&local, None, Some("local-other"), "run `cargo xtask models`");
    }

    #[test]
    fn a_weak_model_answers_no_question_of_documents_unless_it_is_named() {
        #[track_caller]
        fn over_documents(catalog: &ModelCatalog, model: Option<&str>, expected: &str) {
            let answer = catalog.resolve_over_documents(Some("openai"), model);
            assert_eq!(
                answer.map_or_else(|error| error.message, |answer| answer.name().to_string()),
                expected
            );
        }
        let quoting = || catalog(&[("local", "local-extractive", "local-extractive")]).providers.pop();
        let smollm2 = ModelName { provider: "local".to_owned(), model: "local-smollm2".to_owned() };
        let weak = ModelCatalog {
            extractive: quoting(),
            weak: Some(smollm2),
            ..catalog(&[("local", "local-smollm2", "local-smollm2")])
        };
        over_documents(&weak, None, "local/local-extractive");
        over_documents(&weak, Some("gpt-5"), "local/local-extractive");
        over_documents(&weak, Some("local-smollm2"), "local/local-smollm2");
        check(&weak, None, None, "local/local-smollm2");
        check(&weak, None, Some("local-extractive"), "local/local-extractive");
        let strong = ModelCatalog { extractive: quoting(), ..catalog(&[("openai", "gpt-5", "gpt-")]) };
        over_documents(&strong, None, "openai/gpt-5");
        let none = ModelCatalog { extractive: quoting(), ..catalog(&[]) };
        over_documents(&none, None, "local/local-extractive");
        check(&none, None, None, "run `cargo xtask models`");
    }

    #[test]
    fn without_a_model_the_command_is_named() {
        check(&catalog(&[]), Some("openai"), Some("gpt-5"), "run `cargo xtask models`");
    }
}
