//! Puts the parts together, runs them, and takes them apart again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat::assistants::{AssistantStore, Assistants};
use chat::clock::{Clock, SystemClock};
use chat::conversations::{ConversationStore, Conversations};
use chat::store::TurnStore;
use chat::usage::UsageStore;
use chat::{Chat, Tasks};
use identity::store::{AccountStore, IssuerStore, KeyStore, TicketStore};
use identity::tokens::HttpKeySets;
use identity::{FirstStart, Identity, IssuerConfig};
use knowledge::embed::endpoint::EndpointSettingsError;
use knowledge::extract::Extractor;
use knowledge::library::Library;
use knowledge::store::{KnowledgeStore, TaskStore};
use knowledge::work::{self, Work};
use outbound::{Outbound, Resolve};
use store::{DataDir, SqliteStore};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin, AdminFile};
use crate::app::{App, Parts};
use crate::auth::AdminToken;
use crate::config::{self, Config, ConfigError};
use crate::knowledge::{Documents, LibraryGrounding};
use crate::listen::{self, Connections};
use crate::prices::Prices;
use crate::public_address::Hosts;
use crate::rate_limit::RateLimit;
use crate::router;

pub(crate) mod first_start;
mod models;

/// In the data directory: files that were received and wait to be read.
const RECEIVED: &str = "received";
/// A key set is small; an issuer that takes longer is out.
const KEY_SET_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connections may take at least to end once the turns have; then they are cut.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] store::DataDirError),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::OpenStoreError),
    /// The accounts and the built-in issuer.
    #[error(transparent)]
    Identity(#[from] identity::Fault),
    /// The first user.
    #[error(transparent)]
    FirstUser(#[from] identity::DirectoryError),
    /// The client that fetches key sets.
    #[error("key sets of issuers can't be fetched")]
    KeySets(#[source] identity::tokens::FetchError),
    /// The turns.
    #[error(transparent)]
    Chat(#[from] chat::Error),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A provider's settings.
    #[error("providers.{name}: {source}")]
    Provider {
        /// Which.
        name: String,
        /// Why.
        source: providers::settings::SettingsError,
    },
    /// The embedding endpoint's settings.
    #[error("embedding: {0}")]
    Embedding(#[from] EndpointSettingsError),
    /// An address.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The client for addresses that requests name.
    #[error("the client for web pages can't be made")]
    Outbound(#[source] outbound::ClientError),
    /// The work on documents.
    #[error(transparent)]
    Work(#[from] work::StartError),
    /// The running program, which reads documents as its own child process.
    #[error("can't tell which program is running, which it must start again to read documents: {0}")]
    Program(std::io::Error),
    /// The file that tells commands on this machine how to reach the server.
    #[error("can't write the address file into the data directory: {0}")]
    AdminFile(std::io::Error),
}

/// Everything durable that a server needs.
pub struct Stores {
    /// Turns and conversations.
    pub turns: Arc<dyn TurnStore>,
    /// Accounts and keys.
    pub keys: Arc<dyn KeyStore>,
    /// People, services and projects.
    pub accounts: Arc<dyn AccountStore>,
    /// What the built-in issuer keeps.
    pub issuer: Arc<dyn IssuerStore>,
    /// Tickets.
    pub tickets: Arc<dyn TicketStore>,
    /// Assistants.
    pub assistants: Arc<dyn AssistantStore>,
    /// Conversations as a whole.
    pub conversations: Arc<dyn ConversationStore>,
    /// What turns have cost.
    pub usage: Arc<dyn UsageStore>,
    /// Documents.
    pub knowledge: Arc<dyn KnowledgeStore>,
    /// Work on documents.
    pub tasks: Arc<dyn TaskStore>,
}

/// What a server finds around it; what is left out is the system's.
#[derive(Default)]
pub struct Surroundings {
    /// The program that is started to read files, which must be this one.
    pub program: Option<PathBuf>,
    /// Where the names of hosts are looked up that requests name.
    pub names: Option<Arc<dyn Resolve>>,
}

/// A running server.
pub struct Server {
    chat: Chat,
    /// `None` where whoever started the server owns the store.
    store: Option<Arc<SqliteStore>>,
    connections: Tasks,
    cut: CancellationToken,
    grace: Duration,
    addresses: Vec<SocketAddr>,
    answers: String,
    first_start: Option<FirstStart>,
    first_start_file: Option<PathBuf>,
    _admin_file: AdminFile,
}

impl Server {
    /// Starts with the system's clock.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Arc::new(SystemClock)).await
    }

    /// Starts, and returns once it accepts connections.
    pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::start_in(config, clock, Surroundings::default()).await
    }

    /// As [`Server::start_with`], in surroundings of the caller's.
    pub async fn start_in(
        config: Config,
        clock: Arc<dyn Clock>,
        surroundings: Surroundings,
    ) -> Result<Self, StartError> {
        let store = open_store(&config.data_dir, clock.as_ref()).await?;
        let stores = Stores {
            turns: store.clone(),
            keys: store.clone(),
            accounts: store.clone(),
            issuer: store.clone(),
            tickets: store.clone(),
            assistants: store.clone(),
            conversations: store.clone(),
            usage: store.clone(),
            knowledge: store.clone(),
            tasks: store.clone(),
        };
        let server = Self::start_parts(config, clock, stores, surroundings).await?;
        Ok(Self { store: Some(store), ..server })
    }

    /// Starts over stores that the caller opened, and closes once the server has stopped.
    pub async fn start_over(
        config: Config,
        clock: Arc<dyn Clock>,
        stores: Stores,
    ) -> Result<Self, StartError> {
        Self::start_parts(config, clock, stores, Surroundings::default()).await
    }

    async fn start_parts(
        config: Config,
        clock: Arc<dyn Clock>,
        stores: Stores,
        surroundings: Surroundings,
    ) -> Result<Self, StartError> {
        let Stores {
            turns,
            keys,
            accounts,
            issuer,
            tickets,
            assistants,
            conversations,
            usage,
            knowledge,
            tasks: task_store,
        } = stores;
        let prices = Prices::new(&config.prices)?;
        let assistants = Assistants::new(assistants, clock.clone()).await?;
        let models = models::catalog(&config)?;
        let turn_tasks = Tasks::new();
        let library = Library::new(knowledge, models::embedder(&config)?, clock.clone());
        library.start(&turn_tasks);
        let chat = Chat::start(chat::Parts {
            store: turns,
            models: models.catalog,
            grounding: Some(Arc::new(LibraryGrounding::new(library.clone()))),
            clock: clock.clone(),
            settings: config.chat_settings(),
            tasks: turn_tasks.clone(),
        })
        .await?;
        let conversations = Conversations::new(conversations, chat.clone(), clock.clone());
        let mut listeners = Vec::with_capacity(config.server.listen.len());
        for address in &config.server.listen {
            let failed = |source| StartError::Listen { address: *address, source };
            listeners.push(listen::bind(*address).map_err(failed)?);
        }
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let public_url = config.server.public_url.clone();
        let parts = identity::Parts {
            keys,
            accounts,
            issuer,
            tickets,
            clock: clock.clone(),
            tasks: turn_tasks.clone(),
            config: IssuerConfig::new(public_url.clone().unwrap_or_else(|| reached_at(&addresses))),
            issuers: config.auth.trusted_issuers()?,
            source: key_sets()?,
        };
        let identity = Identity::start(parts).await?;
        let first_start = identity.first_start(config::admin_password()).await?;
        let first_start_file =
            first_start.as_ref().and_then(|first| first_start::write_down(&config.data_dir, first));
        let program = surroundings.program.map_or_else(std::env::current_exe, Ok);
        let program = program.map_err(StartError::Program)?;
        let extractor = Extractor::new(program, config.documents.limits(), &turn_tasks);
        let work = work::Parts {
            store: task_store,
            library: library.clone(),
            extractor: extractor.clone(),
            outbound: way_out(&config, surroundings.names)?,
            clock: clock.clone(),
            folder: config.data_dir.join(RECEIVED),
            largest_file: config.documents.limits().file,
        };
        let work = Work::start(work, &turn_tasks).await?;
        let documents = Documents { extractor, directory: identity.directory.clone(), library, work };
        let tokens = identity.tokens.clone();
        turn_tasks.spawn(async move { tokens.warm_up().await });
        let admin_token = AdminToken::new();
        let admin_file =
            AdminFile::write(&config.data_dir, &addresses, &admin_token).map_err(StartError::AdminFile)?;
        let recheck_interval = Duration::from_millis(config.auth.recheck_interval_ms.max(1));
        let app = App::new(Parts {
            chat: chat.clone(),
            assistants,
            conversations,
            identity,
            hosts: Hosts {
                public_url,
                listening: addresses.clone(),
                trusted_proxies: config.server.trusted_proxies()?,
                allowed: config.server.allowed_hosts,
            },
            usage,
            documents,
            prices,
            clock,
            auth: config.auth,
            rate_limit: RateLimit::new(config.limits.requests_per_minute),
            admin_token,
            heartbeat_interval: Duration::from_millis(config.server.heartbeat_interval_ms.max(1)),
            body_timeout: Duration::from_millis(config.server.body_timeout_ms),
            recheck_interval,
        });
        let tasks = Tasks::new();
        let cut = CancellationToken::new();
        let connections = Connections {
            service: router::service(app),
            slots: Arc::new(Semaphore::new(config.server.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
            header_timeout: Duration::from_millis(config.server.header_timeout_ms),
            tasks: tasks.clone(),
            cut: cut.clone(),
        };
        listeners.into_iter().for_each(|listener| tasks.spawn(connections.clone().accept(listener)));
        let grace = Duration::from_millis(config.server.shutdown_grace_ms);
        Ok(Self {
            chat,
            store: None,
            connections: tasks,
            cut,
            grace,
            addresses,
            answers: models.reason,
            first_start,
            first_start_file,
            _admin_file: admin_file,
        })
    }

    /// The addresses that are listened on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Which model answers, and why: one sentence for the operator.
    pub fn answers(&self) -> &str {
        &self.answers
    }

    /// What the first start has made: shown once.
    pub fn first_start(&self) -> Option<&FirstStart> {
        self.first_start.as_ref()
    }

    /// Where that is written down, for the owner only.
    pub fn first_start_file(&self) -> Option<&Path> {
        self.first_start_file.as_deref()
    }

    /// Lets running turns finish within the grace time, ends the others with their text kept, then closes everything.
    /// True if no task had to be left behind.
    pub async fn stop(self) -> bool {
        // Accepting ends at once; what is being answered ends with its turn.
        let grace_ends = Instant::now() + self.grace;
        self.connections.closing().cancel();
        let turns_ended = self.chat.shutdown(self.grace).await;
        // Slow readers have the grace too.
        let patience = grace_ends.duration_since(Instant::now()).max(LAST_WRITES);
        if !self.connections.close(patience).await {
            tracing::warn!(
                connections = self.connections.running(),
                "cut connections whose clients were stuck"
            );
            self.cut.cancel();
        }
        let connections_ended = self.connections.close(LAST_WRITES).await;
        if let Some(store) = &self.store {
            store.close().await;
        }
        turns_ended && connections_ended
    }
}

/// Where the built-in issuer says that it is, unless it is configured.
fn reached_at(addresses: &[SocketAddr]) -> String {
    addresses.first().map(|address| admin::reachable(*address)).unwrap_or_default()
}

/// Opens the store of a data directory, whose lock it takes.
async fn open_store(data_dir: &Path, clock: &dyn Clock) -> Result<Arc<SqliteStore>, StartError> {
    Ok(Arc::new(SqliteStore::open(DataDir::lock(data_dir)?, clock).await?))
}

/// Administration of a data directory that no server has: what is served there, without the serving. Nobody is made, and
/// other issuers are not asked.
pub(crate) async fn open_administration(config: &Config) -> Result<(Admin, Arc<SqliteStore>), StartError> {
    let (clock, prices) = (Arc::new(SystemClock), Prices::new(&config.prices)?);
    let store = open_store(&config.data_dir, clock.as_ref()).await?;
    let identity = Identity::start(identity::Parts {
        keys: store.clone(),
        accounts: store.clone(),
        issuer: store.clone(),
        tickets: store.clone(),
        clock: clock.clone(),
        tasks: Tasks::new(),
        config: IssuerConfig::new(""),
        issuers: Vec::new(),
        source: key_sets()?,
    })
    .await?;
    let assistants = Assistants::new(store.clone(), clock.clone()).await?;
    let (token, usage, body_timeout) = (AdminToken::new(), store.clone(), Duration::MAX);
    let admin = Admin { identity, assistants, token, usage, prices, clock, body_timeout };
    Ok((admin, store))
}

/// The client for addresses that requests name.
fn way_out(config: &Config, names: Option<Arc<dyn Resolve>>) -> Result<Outbound, StartError> {
    let settings = config.outbound.settings()?;
    let outbound = match names {
        Some(names) => Outbound::with_names(settings, names),
        None => Outbound::new(settings),
    };
    outbound.map_err(StartError::Outbound)
}

fn key_sets() -> Result<Arc<HttpKeySets>, StartError> {
    Ok(Arc::new(HttpKeySets::new(KEY_SET_TIMEOUT).map_err(StartError::KeySets)?))
}
