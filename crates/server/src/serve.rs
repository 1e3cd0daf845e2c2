//! Puts the parts together, runs them, and takes them apart again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat::clock::{Clock, SystemClock};
use chat::store::TurnStore;
use chat::{Chat, Tasks};
use identity::Keys;
use identity::store::KeyStore;
use store::{DataDir, SqliteStore};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admin::AdminFile;
use crate::app::{App, Parts};
use crate::auth::AdminToken;
use crate::config::{Config, ConfigError};
use crate::listen::{self, Connections};
use crate::router;

mod models;

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
    /// The accounts.
    #[error(transparent)]
    Keys(#[from] identity::KeysError),
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
    /// An address.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The file that tells commands on this machine how to reach the server.
    #[error("can't write the address file into the data directory: {0}")]
    AdminFile(std::io::Error),
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
    _admin_file: AdminFile,
}

impl Server {
    /// Starts with the system's clock.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Arc::new(SystemClock)).await
    }

    /// Starts, and returns once it accepts connections.
    pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let store = open_store(&config.data_dir, clock.as_ref()).await?;
        let server = Self::start_over(config, clock, store.clone(), store.clone()).await?;
        Ok(Self { store: Some(store), ..server })
    }

    /// Starts over stores that the caller opened, and closes once the server has stopped.
    pub async fn start_over(
        config: Config,
        clock: Arc<dyn Clock>,
        turns: Arc<dyn TurnStore>,
        keys: Arc<dyn KeyStore>,
    ) -> Result<Self, StartError> {
        let keys = Keys::new(keys, clock.clone()).await?;
        let models = models::catalog(&config)?;
        let chat = Chat::start(turns, models.catalog, clock, config.turn.settings(), Tasks::new()).await?;
        let mut listeners = Vec::with_capacity(config.server.listen.len());
        for address in &config.server.listen {
            let failed = |source| StartError::Listen { address: *address, source };
            listeners.push(listen::bind(*address).map_err(failed)?);
        }
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let admin_token = AdminToken::new();
        let admin_file =
            AdminFile::write(&config.data_dir, &addresses, &admin_token).map_err(StartError::AdminFile)?;
        let app = App::new(Parts {
            chat: chat.clone(),
            keys,
            auth: config.auth,
            admin_token,
            listening: addresses.clone(),
            allowed_hosts: config.server.allowed_hosts,
            heartbeat_interval: Duration::from_millis(config.server.heartbeat_interval_ms.max(1)),
            body_timeout: Duration::from_millis(config.server.body_timeout_ms),
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

    /// Turns and streams that are at work: none, when nobody asks anything.
    pub fn tasks(&self) -> (usize, usize) {
        (self.chat.running_turns(), self.connections.running())
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

/// Opens the store of a data directory, whose lock it takes.
pub(crate) async fn open_store(data_dir: &Path, clock: &dyn Clock) -> Result<Arc<SqliteStore>, StartError> {
    Ok(Arc::new(SqliteStore::open(DataDir::lock(data_dir)?, clock).await?))
}
