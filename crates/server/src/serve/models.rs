//! Which models can answer, from the configuration and from what is installed, and the sentence that says why.

use std::collections::BTreeMap;
use std::sync::Arc;

use chat::models::{ModelCatalog, ProviderEntry};
use chat::provider::Provider;
use chat::turn::ModelName;
use knowledge::embed::Embedder;
use knowledge::embed::endpoint::Endpoint;
use providers::anthropic::Anthropic;
use providers::extractive::{self, Extractive};
use providers::openai::OpenAi;
use providers::settings::{Kind, ProviderSettings};

use super::StartError;
use crate::config::{self, Config, ConfigError};

const OPENAI_KEY: &str = "OPENAI_API_KEY";
const ANTHROPIC_KEY: &str = "ANTHROPIC_API_KEY";
/// The provider of the embedded model.
const LOCAL: &str = "local";
const NO_MODEL: &str = "no model is installed or configured: run `cargo xtask models` to install the small one, or set \
                        OPENAI_API_KEY or ANTHROPIC_API_KEY, and restart";

type Settings = BTreeMap<String, ProviderSettings>;

pub(super) struct Models {
    pub(super) catalog: ModelCatalog,
    /// Which one answers, and why.
    pub(super) reason: String,
}

pub(super) fn catalog(config: &Config) -> Result<Models, StartError> {
    let (settings, from_environment) = provider_settings(config);
    let default = config.models.default.as_deref().map(|name| model_name("models.default", name, &settings));
    let (default, aliases) = (default.transpose()?, aliases(config, &settings)?);
    let mut providers = Vec::new();
    for (name, settings) in &settings {
        providers.push(provider_entry(name, settings)?);
    }
    let (local, missing) = local_entry(config);
    // The embedded model is too small to be trusted with documents.
    let weak = local
        .as_ref()
        .map(|entry| ModelName { provider: LOCAL.to_owned(), model: entry.default_model.clone() });
    providers.extend(local);
    let missing = missing.unwrap_or_else(|| NO_MODEL.to_owned());
    let extractive = Some(extractive_entry());
    let catalog = ModelCatalog { default, aliases, providers, extractive, weak, missing };
    let reason = reason(&catalog, config, from_environment);
    Ok(Models { catalog, reason })
}

/// What is configured; without any provider, one for each vendor whose key is in the environment.
fn provider_settings(config: &Config) -> (Settings, bool) {
    if !config.providers.is_empty() {
        return (config.providers.clone(), false);
    }
    let vendor = |name: &str, kind, variable| {
        let api_key = config::vendor_key(variable)?;
        Some((name.to_owned(), ProviderSettings { api_key: Some(api_key), ..ProviderSettings::new(kind) }))
    };
    let openai = vendor("openai", Kind::OpenAi, OPENAI_KEY);
    let anthropic = vendor("anthropic", Kind::Anthropic, ANTHROPIC_KEY);
    (openai.into_iter().chain(anthropic).collect(), true)
}

fn provider_entry(name: &str, settings: &ProviderSettings) -> Result<ProviderEntry, StartError> {
    let failed = |source| StartError::Provider { name: name.to_owned(), source };
    let provider: Arc<dyn Provider> = match settings.kind {
        Kind::OpenAi => Arc::new(OpenAi::new(name, settings).map_err(failed)?),
        Kind::Anthropic => Arc::new(Anthropic::new(name, settings).map_err(failed)?),
    };
    let settings = settings.clone();
    Ok(ProviderEntry {
        provider,
        default_model: settings.default_model().to_owned(),
        answers_for: Box::new(move |model| settings.answers_for(model)),
    })
}

/// The embedded model if its weights are there; else what to say about it.
#[cfg(feature = "embedded-llm")]
fn local_entry(config: &Config) -> (Option<ProviderEntry>, Option<String>) {
    use providers::embedded::{Embedded, MODEL};
    match Embedded::load(&config.model_dir) {
        Ok(embedded) => {
            let entry = ProviderEntry {
                provider: Arc::new(embedded),
                default_model: MODEL.to_owned(),
                answers_for: Box::new(|model| model == MODEL),
            };
            (Some(entry), None)
        }
        Err(error) => {
            tracing::warn!("{error}; `cargo xtask models` installs the small model");
            (None, None)
        }
    }
}

#[cfg(not(feature = "embedded-llm"))]
fn local_entry(_: &Config) -> (Option<ProviderEntry>, Option<String>) {
    let built_without = "no model is configured, and this build has no embedded one: set OPENAI_API_KEY or \
                         ANTHROPIC_API_KEY and restart, or build with the feature embedded-llm and run `cargo xtask models`";
    (None, Some(built_without.to_owned()))
}

/// What quotes documents, which needs no weights.
fn extractive_entry() -> ProviderEntry {
    ProviderEntry {
        provider: Arc::new(Extractive),
        default_model: extractive::MODEL.to_owned(),
        answers_for: Box::new(|model| model == extractive::MODEL),
    }
}

/// What makes the vectors of documents: the endpoint that is configured, or else the embedded model.
pub(super) fn embedder(config: &Config) -> Result<Option<Arc<dyn Embedder>>, StartError> {
    match &config.embedding {
        Some(embedding) => Ok(Some(Arc::new(Endpoint::new(&embedding.settings())?))),
        None => Ok(embedded_embedder(config)),
    }
}

/// The embedded model, if its weights are there.
#[cfg(feature = "embedded-vectors")]
fn embedded_embedder(config: &Config) -> Option<Arc<dyn Embedder>> {
    use knowledge::embed::minilm::{FILE, MiniLm};
    match MiniLm::load(&config.model_dir.join(FILE)) {
        Ok(model) => Some(Arc::new(model)),
        Err(error) => {
            tracing::warn!("documents are found by their words alone: {error}");
            None
        }
    }
}

#[cfg(not(feature = "embedded-vectors"))]
fn embedded_embedder(_: &Config) -> Option<Arc<dyn Embedder>> {
    None
}

fn aliases(config: &Config, settings: &Settings) -> Result<BTreeMap<String, ModelName>, StartError> {
    let alias = |(name, target): (&String, &String)| {
        Ok((name.clone(), model_name(&format!("models.aliases.{name}"), target, settings)?))
    };
    config.models.aliases.iter().map(alias).collect()
}

/// A model of a provider that is there; the embedded one may be missing.
fn model_name(setting: &str, value: &str, settings: &Settings) -> Result<ModelName, StartError> {
    let known = |provider: &str| provider == LOCAL || settings.contains_key(provider);
    match value.split_once('/') {
        Some((provider, model)) if known(provider) => {
            Ok(ModelName { provider: provider.to_owned(), model: model.to_owned() })
        }
        _ => Err(ConfigError::ModelName { setting: setting.to_owned(), value: value.to_owned() }.into()),
    }
}

fn reason(catalog: &ModelCatalog, config: &Config, from_environment: bool) -> String {
    let Some(answering) = catalog.fallback() else { return catalog.missing.clone() };
    let name = answering.name();
    let why = match (name.provider.as_str(), &config.models.default) {
        (_, Some(_)) => "models.default says so",
        (LOCAL, None) => "its weights are installed and no provider is configured",
        ("openai", None) if from_environment => "OPENAI_API_KEY is set",
        ("anthropic", None) if from_environment => "ANTHROPIC_API_KEY is set",
        (_, None) => "it is the first provider of the configuration",
    };
    format!("{name} answers: {why}")
}
