//! Identity in a fresh data directory, and short forms of what tests ask of it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat::Tasks;
use identity::issuer::{GrantError, PasswordCost, Refusal, TokenResponse};
use identity::tokens::{FetchError, IssuerSettings, KeySetSource};
use identity::{Identity, IssuerConfig, Parts, User};
use secrecy::{ExposeSecret as _, SecretString};
use store::{DataDir, SqliteStore};
use tempfile::TempDir;
use testkit::ManualClock;

pub(crate) const PASSWORD: &str = "correct horse";

/// Nobody there.
struct NoSource;

#[async_trait]
impl KeySetSource for NoSource {
    async fn get(&self, _: &str) -> Result<Vec<u8>, FetchError> {
        Err(FetchError::Status(404))
    }
}

pub(crate) struct House {
    pub(crate) identity: Identity,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: ManualClock,
    dir: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with_issuers(Vec::new(), Arc::new(NoSource)).await
    }

    pub(crate) async fn with_issuers(issuers: Vec<IssuerSettings>, source: Arc<dyn KeySetSource>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::open(dir, ManualClock::new(), issuers, source).await
    }

    /// The same data directory, in a new process with no other issuers.
    pub(crate) async fn restart(self) -> Self {
        self.store.close().await;
        let Self { identity, store, clock, dir } = self;
        drop(identity);
        drop(store);
        Self::open(dir, clock, Vec::new(), Arc::new(NoSource)).await
    }

    async fn open(
        dir: TempDir,
        clock: ManualClock,
        issuers: Vec<IssuerSettings>,
        source: Arc<dyn KeySetSource>,
    ) -> Self {
        let store = SqliteStore::open(DataDir::lock(dir.path()).unwrap(), &clock).await;
        let store = Arc::new(store.unwrap());
        let mut config = IssuerConfig::new("http://localhost:3000");
        config.password_cost = PasswordCost { memory: 64, passes: 1 };
        let identity = Identity::start(Parts {
            keys: store.clone(),
            accounts: store.clone(),
            issuer: store.clone(),
            tickets: store.clone(),
            clock: Arc::new(clock.clone()),
            tasks: Tasks::new(),
            config,
            issuers,
            source,
        });
        Self { identity: identity.await.unwrap(), store, clock, dir }
    }

    /// Adds a person who signs in by [`PASSWORD`].
    pub(crate) async fn user(&self, username: &str) -> chat::ids::AccountId {
        let user = User {
            username: username.to_owned(),
            email: format!("{username}@example.com"),
            ..User::default()
        };
        self.identity.directory.add_user(user, &PASSWORD.into()).await.unwrap()
    }

    /// Asks the token endpoint with a form.
    pub(crate) async fn ask(&self, form: &[(&str, &str)]) -> Result<TokenResponse, GrantError> {
        self.identity.issuer.token(&owned(form), None).await
    }

    /// What the token endpoint refuses a form with.
    pub(crate) async fn refusal(&self, form: &[(&str, &str)]) -> (u16, &'static str, String) {
        refusal(self.ask(form).await)
    }

    pub(crate) async fn refresh(&self, token: &SecretString) -> Result<TokenResponse, GrantError> {
        let token = ("refresh_token", token.expose_secret());
        self.ask(&[("grant_type", "refresh_token"), ("client_id", "codemie-sdk"), token]).await
    }

    /// Signs in by the SDK's client.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) -> Result<TokenResponse, GrantError> {
        self.ask(&sign_in_form(username, password)).await
    }
}

pub(crate) fn sign_in_form<'form>(
    username: &'form str,
    password: &'form str,
) -> [(&'form str, &'form str); 4] {
    [("grant_type", "password"), ("client_id", "codemie-sdk"), ("username", username), ("password", password)]
}

pub(crate) fn owned(form: &[(&str, &str)]) -> Vec<(String, String)> {
    form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn refusal(answer: Result<TokenResponse, GrantError>) -> (u16, &'static str, String) {
    match answer {
        Err(GrantError::Refused(Refusal { status, error, description })) => (status, error, description),
        other => panic!("not refused: {other:?}"),
    }
}

/// The claims of a token, unproved.
pub(crate) fn claims(token: &SecretString) -> serde_json::Value {
    use base64::Engine as _;
    let payload = token.expose_secret().split('.').nth(1).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// What was logged, of every level.
#[derive(Clone, Default)]
pub(crate) struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    /// Listens on this thread, which is the only one of a test.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
