//! A real Keycloak as a process of its own, with the realm of `deploy/keycloak/`: on a free port of loopback, with a
//! database that outlives a stop.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use chat::ids::random_base62;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const REALM: &str = "codemie-prod";
pub(crate) const ADMINISTRATOR: &str = "root";
const REALM_FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/keycloak/codemie-prod-realm.json");
/// On a busy machine a first start takes most of a minute.
const START: Duration = Duration::from_secs(240);

/// A Keycloak, running or not; killed when it is dropped.
pub(crate) struct Keycloak {
    distribution: PathBuf,
    database: TempDir,
    port: u16,
    pub(crate) password: String,
    process: Option<Child>,
    pub(crate) http: reqwest::Client,
}

impl Keycloak {
    /// Starts it from what `cargo xtask test keycloak` has unpacked.
    pub(crate) fn start() -> Self {
        let distribution = distribution();
        let import = distribution.join("data/import");
        fs::create_dir_all(&import).expect("the distribution can be written to");
        fs::copy(REALM_FILE, import.join("codemie-prod-realm.json")).expect("the realm file is there");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let mut keycloak = Self {
            distribution,
            database: TempDir::new().expect("a temporary directory"),
            port: free.expect("there is a free port").port(),
            password: random_base62(20),
            process: None,
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        };
        keycloak.start_again();
        keycloak
    }

    /// Starts it over the database that it left.
    pub(crate) fn start_again(&mut self) {
        let database = self.database.path().join("keycloak");
        let mut process = Command::new(self.distribution.join("bin/kc.sh"))
            .args(["start", "--optimized", "--import-realm", "--cache=local"])
            .args(["--http-enabled=true", "--hostname-strict=false", "--http-host=127.0.0.1"])
            .arg(format!("--http-port={}", self.port))
            .arg(format!("--db-url=jdbc:h2:file:{};NON_KEYWORDS=VALUE", database.display()))
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMINISTRATOR)
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", &self.password)
            .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx512m")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            // The script starts Java beside itself: both get what is sent to the group.
            .process_group(0)
            .spawn()
            .expect("Keycloak's script starts");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        self.process = Some(process);
        let (listens, listening) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if line.contains("Listening on:") {
                    // Nobody waits any more if it took too long.
                    let _waited_for = listens.send(());
                }
            }
        });
        match listening.recv_timeout(START) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("Keycloak ended instead of listening"),
            Err(RecvTimeoutError::Timeout) => panic!("Keycloak does not listen after {START:?}"),
        }
    }

    pub(crate) fn stop(&mut self) {
        self.end("TERM");
    }

    fn end(&mut self, signal: &str) {
        let Some(mut process) = self.process.take() else { return };
        let kill = format!("kill -s {signal} -- -{}", process.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        // Waiting for one that was not told would last for ever.
        if sent.is_ok_and(|status| status.success()) {
            let _status = process.wait();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The realm, as its tokens name it.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/realms/{REALM}", self.url())
    }

    /// A token for this form, as `curl -d … -d …` would ask for it.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> String {
        self.token_of(REALM, form).await
    }

    async fn token_of(&self, realm: &str, form: &[(&str, &str)]) -> String {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let url = format!("{}/realms/{realm}/protocol/openid-connect/token", self.url());
        let request = self.http.post(url).header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(body).send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().expect("a token").to_owned()
    }

    /// Adds something below the realm's administration; gives Keycloak's own id for it.
    pub(crate) async fn add(&self, what: &str, body: &Value) -> String {
        let answer = self.administer(self.http.post(self.administration(what)).json(body)).await;
        let location = answer.headers().get("location").map(|location| location.to_str().expect("text"));
        location.and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned()
    }

    /// Reads something below the realm's administration.
    pub(crate) async fn get(&self, what: &str) -> Value {
        self.administer(self.http.get(self.administration(what))).await.json().await.expect("JSON")
    }

    fn administration(&self, what: &str) -> String {
        format!("{}/admin/realms/{REALM}/{what}", self.url())
    }

    async fn administer(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", ADMINISTRATOR),
            ("password", &self.password),
        ];
        let token = self.token_of("master", &form).await;
        let answer = request.bearer_auth(token).send().await.expect("an answer");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.expect("a body"));
        answer
    }

    /// Signs with a new key from now on; the old one stays published.
    pub(crate) async fn rotate(&self, name: &str) {
        let key = json!({
            "name": name, "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
            "config": { "priority": ["1000"], "active": ["true"], "enabled": ["true"], "algorithm": ["RS256"] },
        });
        self.add("components", &key).await;
    }
}

impl Drop for Keycloak {
    fn drop(&mut self) {
        self.end("KILL");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to be told by where Keycloak is")]
fn distribution() -> PathBuf {
    let distribution = std::env::var_os("KEYCLOAK_DISTRIBUTION");
    distribution.expect("run this by `cargo xtask test keycloak`, which fetches a Keycloak").into()
}
