//! Configuration: `latimer.toml`, then the environment, then flags, in that order of rising strength.
//!
//! Each setting is defined once, here: its name in the file is its path (`turn.head_wait_ms`), in the environment the
//! same path in capitals (`LATIMER_TURN__HEAD_WAIT_MS`), as a flag `--set turn.head_wait_ms=…`. The only place that
//! reads the environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use identity::tokens::{IssuerSettings, KeysAt, TokenAlgorithm};
use ipnet::IpNet;
use knowledge::embed::endpoint::EndpointSettings;
use knowledge::extract::Limits;
use providers::settings::ProviderSettings;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The file that is read if none is named and it is there.
const DEFAULT_FILE: &str = "latimer.toml";
const PREFIX: &str = "LATIMER_";
/// Not a setting: the key that `latimer ask` sends to another server, without the prefix.
const CLIENT_KEY: &str = "API_KEY";
/// Not a setting either: the password of the user that the first start makes.
const ADMIN_PASSWORD: &str = "ADMIN_PASSWORD";

/// Everything that can be set, with its default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything durable lies.
    pub data_dir: PathBuf,
    /// Where the weights of the embedded model lie.
    pub model_dir: PathBuf,
    /// The HTTP server.
    pub server: ServerConfig,
    /// Who may call.
    pub auth: AuthConfig,
    /// Turns.
    pub turn: TurnConfig,
    /// How much callers may ask for.
    pub limits: LimitsConfig,
    /// Names of models.
    pub models: ModelsConfig,
    /// What models cost, by `provider/model` with `*` for anything; the most exact name counts.
    pub prices: BTreeMap<String, Price>,
    /// The providers by name. Without any, `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` make one each.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// What makes the vectors of documents; by default the embedded model.
    pub embedding: Option<EmbeddingConfig>,
    /// Where requests may send us.
    pub outbound: OutboundConfig,
    /// What reading a file may cost.
    pub documents: DocumentsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// The HTTP server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Addresses to listen on. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Host names that requests may be addressed to, besides loopback names and the addresses listened on.
    pub allowed_hosts: Vec<String>,
    /// Where clients reach the server, such as `https://chat.example.com`: the built-in issuer names itself by it. By
    /// default the first address listened on.
    pub public_url: Option<String>,
    /// Addresses or networks of proxies whose `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` are believed, such as
    /// `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// How long a request's head may take, and how long a connection may idle between requests.
    pub header_timeout_ms: u64,
    /// How long a request's body may take.
    pub body_timeout_ms: u64,
    /// How long a stream is silent before a heartbeat goes out: early enough that no 15 seconds pass without a byte.
    pub heartbeat_interval_ms: u64,
    /// How long running turns may take to finish after SIGTERM.
    pub shutdown_grace_ms: u64,
    /// Threads that serve requests; by default one for each core.
    pub worker_threads: Option<usize>,
}

/// Who may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether a request without a key is answered, in the Codmir dialect.
    pub anonymous: Anonymous,
    /// Origins of web pages that may call without a key, besides the server's own and loopback.
    pub anonymous_origins: Vec<String>,
    /// Issuers whose tokens are taken besides the built-in one's, such as a realm of the company's Keycloak.
    pub issuers: Vec<TrustedIssuer>,
    /// How often an open stream asks whether its reader's credentials are revoked.
    pub recheck_interval_ms: u64,
}

/// An issuer whose tokens are taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// As its tokens name it: `https://keycloak.example.com/realms/codemie-prod`.
    pub issuer: String,
    /// What the claim `aud` must have; by default `latimer`.
    pub audience: Option<String>,
    /// Where its keys are; by default where its discovery document says.
    pub jwks_uri: Option<String>,
    /// How its tokens may be signed; by default RS, PS and ES.
    pub algorithms: Option<Vec<String>>,
    /// Also takes a token that was issued to a client called as the audience.
    #[serde(default)]
    pub accept_azp: bool,
    /// Refuses whoever has none of the roles `admin` and `developer`.
    #[serde(default)]
    pub require_role: bool,
}

impl ServerConfig {
    /// The networks of the proxies; an address alone is a network of one.
    pub(crate) fn trusted_proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let network = |text: &String| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| address()).map_err(|_| ConfigError::Proxy(text.clone()))
        };
        self.trusted_proxies.iter().map(network).collect()
    }
}

impl AuthConfig {
    /// The issuers as identity takes them.
    pub(crate) fn trusted_issuers(&self) -> Result<Vec<IssuerSettings>, ConfigError> {
        self.issuers.iter().map(TrustedIssuer::settings).collect()
    }
}

impl TrustedIssuer {
    /// The issuer of this name, with the defaults for all else.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: None,
            jwks_uri: None,
            algorithms: None,
            accept_azp: false,
            require_role: false,
        }
    }

    fn settings(&self) -> Result<IssuerSettings, ConfigError> {
        let mut settings = IssuerSettings::new(self.issuer.as_str());
        if let Some(audience) = &self.audience {
            settings.audience.clone_from(audience);
        }
        if let Some(url) = &self.jwks_uri {
            settings.keys = KeysAt::Url(url.clone());
        }
        if let Some(names) = &self.algorithms {
            let known = |name: &String| {
                TokenAlgorithm::from_name(name).ok_or_else(|| ConfigError::Algorithm(name.clone()))
            };
            settings.algorithms = names.iter().map(known).collect::<Result<_, _>>()?;
        }
        settings.accept_azp = self.accept_azp;
        settings.require_role = self.require_role;
        Ok(settings)
    }
}

/// Whether requests without a key are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// While every address listened on is loopback.
    Loopback,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Turns.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// How long a status may wait for the first token; then the stream begins.
    pub head_wait_ms: u64,
    /// How long a turn may run that nobody reads.
    pub max_duration_ms: u64,
    /// The most bytes of an answer.
    pub max_answer: usize,
    /// How long the events of an ended turn can be read again.
    pub retention_ms: u64,
    /// Tokens of history sent to a model whose context is not known.
    pub history_tokens: u32,
    /// How often a running turn is saved on the way, at least.
    pub checkpoint_interval_ms: u64,
}

/// How much callers may ask for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Messages in thirty days of an account without a limit of its own; none by default.
    pub messages: Option<u32>,
    /// Requests of an account in a minute; any number by default.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Names of models.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// What answers when nothing more exact is said, as `provider/model`.
    pub default: Option<String>,
    /// Other names for models: name to `provider/model`.
    pub aliases: BTreeMap<String, String>,
}

/// What a model costs: credits for 1,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Those read.
    #[serde(default)]
    pub prompt: f64,
    /// Those written.
    #[serde(default)]
    pub completion: f64,
}

/// An endpoint that speaks OpenAI's embeddings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// Where its API is, up to and without `/embeddings`.
    pub base_url: String,
    /// Its key; local servers need none.
    pub api_key: Option<SecretString>,
    /// Which of its models.
    pub model: String,
    /// How many numbers a vector of this model has.
    pub dimensions: NonZeroU16,
    /// How long an answer may take, in seconds; 60 by default.
    pub timeout: Option<NonZeroU16>,
}

/// Where the addresses may lead that requests name.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// Whether public addresses are reached at all.
    pub public: bool,
    /// The ports of all places that name none.
    pub ports: Vec<u16>,
    /// Hosts, `host:port` and networks that are reached although they are not public.
    pub allowed: Vec<String>,
    /// Networks that are not reached although they are public, or within an allowed one.
    pub refused: Vec<IpNet>,
}

/// What reading a file may cost.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentsConfig {
    /// The size of a file.
    pub max_file_mib: u64,
    /// The text of a document.
    pub max_text_mib: u64,
    /// What comes out of one archive or office file.
    pub max_inflated_mib: u64,
    /// Pages, slides or sheets.
    pub max_pages: usize,
    /// Entries of an archive.
    pub max_entries: usize,
    /// Memory of the process that reads.
    pub reader_memory_mib: u64,
    /// How long a document may take.
    pub document_timeout_ms: u64,
    /// How long an archive may take.
    pub archive_timeout_ms: u64,
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            model_dir: PathBuf::from("models"),
            server: ServerConfig::default(),
            auth: AuthConfig::default(),
            turn: TurnConfig::default(),
            limits: LimitsConfig::default(),
            models: ModelsConfig::default(),
            prices: BTreeMap::new(),
            providers: BTreeMap::new(),
            embedding: None,
            outbound: OutboundConfig::default(),
            documents: DocumentsConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            allowed_hosts: Vec::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            max_connections: 16_384,
            header_timeout_ms: 20_000,
            body_timeout_ms: 60_000,
            heartbeat_interval_ms: 14_500,
            shutdown_grace_ms: 30_000,
            worker_threads: None,
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            anonymous: Anonymous::Loopback,
            anonymous_origins: Vec::new(),
            issuers: Vec::new(),
            recheck_interval_ms: 30_000,
        }
    }
}

impl Default for TurnConfig {
    fn default() -> Self {
        let core = chat::Settings::default();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            head_wait_ms: ms(core.head_wait),
            max_duration_ms: ms(core.max_duration),
            max_answer: core.max_answer,
            retention_ms: ms(core.retention),
            history_tokens: core.history_tokens,
            checkpoint_interval_ms: ms(core.checkpoint_interval),
        }
    }
}

impl Default for OutboundConfig {
    fn default() -> Self {
        let outbound::Settings { public, ports, .. } = outbound::Settings::default();
        Self { public, ports, allowed: Vec::new(), refused: Vec::new() }
    }
}

impl OutboundConfig {
    /// As the client takes it.
    pub(crate) fn settings(&self) -> Result<outbound::Settings, ConfigError> {
        let places = self.allowed.iter().map(|place| place.parse());
        Ok(outbound::Settings {
            public: self.public,
            ports: self.ports.clone(),
            allowed: places.collect::<Result<_, _>>()?,
            refused: self.refused.clone(),
        })
    }
}

impl EmbeddingConfig {
    /// As the model takes it.
    pub(crate) fn settings(&self) -> EndpointSettings {
        EndpointSettings {
            base_url: self.base_url.clone(),
            api_key: self.api_key.clone(),
            model: self.model.clone(),
            dimensions: self.dimensions.get().into(),
            timeout: Duration::from_secs(self.timeout.map_or(60, NonZeroU16::get).into()),
        }
    }
}

impl Default for DocumentsConfig {
    fn default() -> Self {
        let limits = Limits::default();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            max_file_mib: limits.file >> 20,
            max_text_mib: limits.text >> 20,
            max_inflated_mib: limits.inflated >> 20,
            max_pages: limits.pages,
            max_entries: limits.entries,
            reader_memory_mib: limits.memory >> 20,
            document_timeout_ms: ms(limits.time),
            archive_timeout_ms: ms(limits.whole_time),
        }
    }
}

impl DocumentsConfig {
    /// As the reader of files takes it.
    pub(crate) fn limits(&self) -> Limits {
        let bytes = |mib: u64| mib.saturating_mul(1 << 20);
        Limits {
            file: bytes(self.max_file_mib),
            text: bytes(self.max_text_mib),
            inflated: bytes(self.max_inflated_mib),
            pages: self.max_pages,
            entries: self.max_entries,
            memory: bytes(self.reader_memory_mib),
            time: Duration::from_millis(self.document_timeout_ms),
            whole_time: Duration::from_millis(self.archive_timeout_ms),
            ..Limits::default()
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

impl Config {
    /// As the core takes it.
    pub(crate) fn chat_settings(&self) -> chat::Settings {
        chat::Settings { message_limit: self.limits.messages, ..self.turn.settings() }
    }
}

impl TurnConfig {
    fn settings(&self) -> chat::Settings {
        chat::Settings {
            head_wait: Duration::from_millis(self.head_wait_ms),
            max_duration: Duration::from_millis(self.max_duration_ms),
            max_answer: self.max_answer,
            retention: Duration::from_millis(self.retention_ms),
            history_tokens: self.history_tokens,
            checkpoint_interval: Duration::from_millis(self.checkpoint_interval_ms.max(10)),
            ..chat::Settings::default()
        }
    }
}

/// What the command line sets.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The file to read; must exist.
    pub file: Option<PathBuf>,
    /// `path=value`, as `--set` takes it.
    pub set: Vec<String>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--model-dir`.
    pub model_dir: Option<PathBuf>,
    /// `--listen`, each.
    pub listen: Vec<SocketAddr>,
}

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named is not there.
    #[error("{} does not exist", .0.display())]
    NoFile(PathBuf),
    /// `--set` without `=`.
    #[error("--set takes path=value, such as --set turn.head_wait_ms=5000; got {0:?}")]
    Set(String),
    /// A wrong value or an unknown name; the text says where it came from.
    #[error("{0}")]
    Invalid(String),
    /// A way to sign that is not taken.
    #[error(
        "auth.issuers: {0:?} is no algorithm that tokens may be signed by; take RS256, PS256, ES256 or their kin"
    )]
    Algorithm(String),
    /// A proxy that can't be told from others.
    #[error("server.trusted_proxies: {0:?} is neither an address nor a network such as 10.0.0.0/8")]
    Proxy(String),
    /// No place that can be allowed.
    #[error("outbound.allowed: {0}")]
    Place(#[from] outbound::PlaceError),
    /// No price, or not of a model.
    #[error("prices.{0:?}: prices are of provider/model, such as \"openai/gpt-*\", and not below 0")]
    Price(String),
    /// `provider/model` expected.
    #[error("{setting}: {value:?} is not provider/model of a configured provider")]
    ModelName {
        /// Where.
        setting: String,
        /// What stands there.
        value: String,
    },
}

impl Config {
    /// Reads the file, the environment and the command line.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        figment = match &overrides.file {
            Some(file) if !file.is_file() => return Err(ConfigError::NoFile(file.clone())),
            Some(file) => figment.merge(Toml::file_exact(file)),
            None if Path::new(DEFAULT_FILE).is_file() => figment.merge(Toml::file_exact(DEFAULT_FILE)),
            None => figment,
        };
        figment = figment.merge(Env::prefixed(PREFIX).ignore(&[CLIENT_KEY, ADMIN_PASSWORD]).split("__"));
        for setting in &overrides.set {
            let (path, value) = setting.split_once('=').ok_or_else(|| ConfigError::Set(setting.clone()))?;
            let value: figment::value::Value = value.parse().expect("every text is a value");
            figment = figment.merge(Serialized::default(path.trim(), value));
        }
        figment = merge_flag(figment, "data_dir", overrides.data_dir.as_ref());
        figment = merge_flag(figment, "model_dir", overrides.model_dir.as_ref());
        let listen = (!overrides.listen.is_empty()).then_some(&overrides.listen);
        figment = merge_flag(figment, "server.listen", listen);
        figment.extract().map_err(|error| ConfigError::Invalid(in_words(error)))
    }
}

/// Each mistake with its setting and where it came from: a file, the environment, or a flag.
fn in_words(errors: figment::Error) -> String {
    let sentence = |error: figment::Error| {
        let setting = error.path.join(".");
        let origin = error.metadata.as_ref().map(|metadata| match &metadata.source {
            Some(figment::Source::File(file)) => file.display().to_string(),
            Some(_) => "a flag".to_owned(),
            None => metadata.name.to_string(),
        });
        let what = error.kind.to_string();
        match (setting.as_str(), origin) {
            ("", None) => what,
            ("", Some(origin)) => format!("{what} (from {origin})"),
            (setting, None) => format!("{setting}: {what}"),
            (setting, Some(origin)) => format!("{setting}: {what} (from {origin})"),
        }
    };
    errors.into_iter().map(sentence).collect::<Vec<_>>().join("; ")
}

fn merge_flag<T: Serialize>(figment: Figment, path: &str, value: Option<&T>) -> Figment {
    match value {
        Some(value) => figment.merge(Serialized::default(path, value)),
        None => figment,
    }
}

/// A vendor's key from the environment, under the name that the vendor's own tools use.
pub(crate) fn vendor_key(variable: &str) -> Option<SecretString> {
    #[expect(clippy::disallowed_methods, reason = "the one module that reads the environment")]
    let value = std::env::var(variable).ok()?;
    (!value.trim().is_empty()).then(|| value.trim().into())
}

/// An API key for `latimer ask` from the environment.
pub(crate) fn client_key() -> Option<SecretString> {
    vendor_key(&format!("{PREFIX}{CLIENT_KEY}"))
}

/// The password for the user that the first start makes; a random one if there is none.
pub(crate) fn admin_password() -> Option<SecretString> {
    vendor_key(&format!("{PREFIX}{ADMIN_PASSWORD}"))
}
