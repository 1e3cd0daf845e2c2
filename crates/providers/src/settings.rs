//! What configuration says about a provider, and the defaults for what it leaves out.

use std::time::Duration;

use outbound::BaseUrlError;
use reqwest::Url;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use crate::fit::{self, FitRule};

/// One configured provider. Everything but its kind may be left out.
///
/// ```
/// use providers::settings::{Kind, ProviderSettings};
///
/// let settings: ProviderSettings = serde_json::from_str(r#"{"kind": "openai", "api_key": "sk-1"}"#).unwrap();
/// assert_eq!(settings.kind, Kind::OpenAi);
/// assert_eq!(settings.default_model(), "gpt-5");
/// assert!(settings.answers_for("gpt-5-mini"));
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// Whose API it speaks.
    pub kind: Kind,
    /// Where the API is: up to and without `/chat/completions` for OpenAI and those compatible with it
    /// (`https://api.openai.com/v1`), up to and without `/v1/messages` for Anthropic (`https://api.anthropic.com`).
    pub base_url: Option<String>,
    /// The vendor's key; local servers need none.
    pub api_key: Option<SecretString>,
    /// The model that answers when a request names none; `gpt-5` or `claude-sonnet-4-5`.
    pub default_model: Option<String>,
    /// The models it answers for, as patterns in which `*` stands for anything. By default those of the vendor, if
    /// `base_url` is the vendor's own, and else none.
    pub models: Option<Vec<String>>,
    /// How many tokens its models read and write in all, where known.
    pub context_tokens: Option<u32>,
    /// How long the first token may take, in seconds.
    #[serde(default = "default_first_token_timeout", deserialize_with = "seconds")]
    pub first_token_timeout: Duration,
    /// How long it may be silent while it answers, in seconds.
    #[serde(default = "default_idle_timeout", deserialize_with = "seconds")]
    pub idle_timeout: Duration,
    /// The limit of completion tokens for requests that bring none. Anthropic demands one: 4096.
    pub max_tokens: Option<u32>,
    /// How requests are fitted to models. The first rule that matches and has an opinion decides; the built-in rules
    /// come after these.
    #[serde(default)]
    pub fit: Vec<FitRule>,
}

/// Whose API a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// OpenAI's chat completions, which most other servers speak too.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// Why settings make no provider.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings are for another kind of provider.
    #[error("the settings are of kind {0:?}")]
    Kind(Kind),
    /// The address can't be used.
    #[error("base_url {0}")]
    BaseUrl(#[from] BaseUrlError),
    /// The key can't be sent.
    #[error("api_key holds characters that a header can't carry")]
    ApiKey(#[source] InvalidHeaderValue),
    /// A time-out of zero would end everything at once.
    #[error("first_token_timeout and idle_timeout must be at least 1 second")]
    Timeout,
    /// A limit of zero would leave no room for an answer.
    #[error("max_tokens must be at least 1")]
    MaxTokens,
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

impl ProviderSettings {
    /// The defaults of a kind.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            base_url: None,
            api_key: None,
            default_model: None,
            models: None,
            context_tokens: None,
            first_token_timeout: default_first_token_timeout(),
            idle_timeout: default_idle_timeout(),
            max_tokens: None,
            fit: Vec::new(),
        }
    }

    /// The model for requests that name none.
    pub fn default_model(&self) -> &str {
        self.default_model.as_deref().unwrap_or(match self.kind {
            Kind::OpenAi => "gpt-5",
            Kind::Anthropic => "claude-sonnet-4-5",
        })
    }

    /// Whether requests for `model` go to this provider.
    pub fn answers_for(&self, model: &str) -> bool {
        match &self.models {
            Some(patterns) => patterns.iter().any(|pattern| fit::matches(pattern, model)),
            None => {
                self.is_own_address() && self.kind.models().iter().any(|pattern| fit::matches(pattern, model))
            }
        }
    }

    /// Checks what the types can't, for a constructor of `kind`, and gives the address with `path` added.
    pub(crate) fn endpoint(&self, kind: Kind, path: &str) -> Result<Url, SettingsError> {
        if self.kind != kind {
            return Err(SettingsError::Kind(self.kind));
        }
        if self.first_token_timeout.is_zero() || self.idle_timeout.is_zero() {
            return Err(SettingsError::Timeout);
        }
        if self.max_tokens == Some(0) {
            return Err(SettingsError::MaxTokens);
        }
        Ok(outbound::below(self.base_url()?, path))
    }

    /// The key, if there is one.
    pub(crate) fn api_key(&self) -> Option<&SecretString> {
        self.api_key.as_ref().filter(|key| !key.expose_secret().is_empty())
    }

    /// Whether it is the vendor itself and not a server that speaks like it.
    pub(crate) fn is_own_address(&self) -> bool {
        self.base_url().is_ok_and(|url| url.host_str() == Some(self.kind.host()))
    }

    fn base_url(&self) -> Result<Url, BaseUrlError> {
        outbound::base_url(self.base_url.as_deref().unwrap_or(self.kind.base_url()))
    }
}

impl Kind {
    fn base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
        }
    }

    fn host(self) -> &'static str {
        match self {
            Self::OpenAi => "api.openai.com",
            Self::Anthropic => "api.anthropic.com",
        }
    }

    fn models(self) -> &'static [&'static str] {
        match self {
            Self::OpenAi => &["gpt-*", "chatgpt-*", "o1*", "o3*", "o4*"],
            Self::Anthropic => &["claude-*"],
        }
    }
}

/// A header value that no log shows.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, SettingsError> {
    let mut value = HeaderValue::from_str(value).map_err(SettingsError::ApiKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn default_first_token_timeout() -> Duration {
    Duration::from_secs(60)
}

fn default_idle_timeout() -> Duration {
    Duration::from_secs(120)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(u32::deserialize(deserializer)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base_url: &str) -> ProviderSettings {
        ProviderSettings { base_url: Some(base_url.to_owned()), ..ProviderSettings::new(Kind::OpenAi) }
    }

    #[test]
    fn an_address_is_plain_http_with_a_host() {
        let endpoint = |base_url| at(base_url).endpoint(Kind::OpenAi, "/chat/completions").map(String::from);
        assert_eq!(endpoint("http://[::1]:8000/v1/").unwrap(), "http://[::1]:8000/v1/chat/completions");
        assert_eq!(endpoint("https://models.example").unwrap(), "https://models.example/chat/completions");
        for bad in
            ["", "models.example/v1", "ftp://a/v1", "http://a/v1?key=1", "http://a/#x", "http://u:hush@a/"]
        {
            let error = endpoint(bad).unwrap_err().to_string();
            assert!(
                error.starts_with("base_url") && !error.contains("hush") && !error.contains("key=1"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_vendors_models_are_the_vendors_own() {
        assert!(ProviderSettings::new(Kind::OpenAi).answers_for("o3-mini"));
        assert!(ProviderSettings::new(Kind::Anthropic).answers_for("claude-opus-4-1"));
        assert!(!ProviderSettings::new(Kind::Anthropic).answers_for("gpt-5"));
        assert!(!at("http://localhost:11434/v1").answers_for("gpt-5"));
        let named =
            ProviderSettings { models: Some(vec!["llama*".into()]), ..at("http://localhost:11434/v1") };
        assert!(named.answers_for("llama3.2:1b"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        let parsed = serde_json::from_str::<ProviderSettings>(r#"{"kind": "openai", "modell": "gpt-5"}"#);
        assert!(parsed.unwrap_err().to_string().contains("modell"));
    }

    #[test]
    fn a_key_is_never_shown() {
        let parsed =
            serde_json::from_str::<ProviderSettings>(r#"{"kind": "openai", "api_key": "hush"}"#).unwrap();
        assert!(!format!("{parsed:?}").contains("hush"));
    }
}
