//! `oidc-provider`, run as a process of its own.

use chat::ids::random_base62;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::node::{self, PATIENCE};

/// A running `oidc-provider`; killed when it is dropped.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    process: Child,
    secret: String,
    /// Its keys are what outlives it.
    data: TempDir,
}

/// What it gave at one sign-in of its service and its person.
pub(crate) struct Given(Value);

impl Provider {
    pub(crate) async fn start() -> Self {
        let (data, secret) = (TempDir::new().expect("a temporary directory"), random_base62(20));
        let (process, issuer) = listening("0", &secret, &data).await;
        Self { issuer, process, secret, data }
    }

    /// Ends it and starts it again in the same place, with a new key in front of the old one.
    pub(crate) async fn restart(&mut self) {
        self.process.kill().await.expect("it ran");
        let port = self.issuer.rsplit(':').next().expect("an issuer has a port");
        let (process, issuer) = listening(port, &self.secret, &self.data).await;
        assert_eq!(issuer, self.issuer);
        self.process = process;
    }

    pub(crate) async fn sign_in(&self) -> Given {
        let values = [("ISSUER", self.issuer.as_str()), ("SECRET", &self.secret)];
        let printed = node::run("sign_in.mjs", &values).await;
        Given(serde_json::from_str(&printed).expect("it prints JSON"))
    }
}

impl Given {
    pub(crate) fn token(&self, name: &str) -> &str {
        self.0[name].as_str().expect("there is one of this name")
    }
}

/// The process, and the issuer that it printed.
async fn listening(port: &str, secret: &str, data: &TempDir) -> (Child, String) {
    let keys = data.path().join("keys.json");
    let keys = keys.to_str().expect("the path is UTF-8");
    let values = [("PORT", port), ("SECRET", secret), ("KEYS", keys)];
    let mut process = node::node("provider.mjs", &values).spawn().expect("node starts");
    let stdout = process.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    let printed = timeout(PATIENCE, lines.next_line()).await.expect("it does not hang");
    (process, printed.expect("it prints UTF-8").expect("the provider listens"))
}
