//! The vendor's Python SDK against the server: what its users call, and what they get back.
//!
//! A binary of its own, run by `cargo xtask test python-sdk`.

use serde_json::{Value, json};
use server::config::Config;
use testkit::upstream::{Upstream, openai_stream};

use harness::TestServer;
use sdk::Sdk;

mod answers;
mod assistants;
mod conversations;
#[cfg(feature = "embedded-llm")]
mod embedded;
#[expect(dead_code, reason = "these tests look at less of it")]
#[path = "../it/harness.rs"]
mod harness;
mod sdk;
mod sign_in;

/// The assistant that is there from the first start.
const ASSISTANT: &str = "05959338-06de-477d-9cc3-08369f858057";
const PASSWORD: &str = "correct horse battery";

/// A server where Ada is known.
struct Desk {
    server: TestServer,
}

impl Desk {
    async fn open() -> Self {
        Self::open_with(|_, _| ()).await
    }

    /// Opens with this changed in the configuration. The SDK signs in by password at an address that contains `127.0.0.1`
    /// in a way of its own, so the server listens on another address of loopback too.
    async fn open_with(change: impl FnOnce(&mut Config, &Upstream)) -> Self {
        let server = TestServer::start_with(|config, upstream| {
            config.server.listen.push("127.0.1.1:0".parse().expect("an address"));
            change(config, upstream);
        })
        .await;
        let ada = json!({
            "username": "ada", "name": "Ada Lovelace", "email": "ada@example.com", "password": PASSWORD,
        });
        server.administered("POST", "/api/admin/users", &ada).await;
        Self { server }
    }

    /// Where the SDK takes the server for one of elsewhere, and where for one of the same machine.
    fn api_domains(&self) -> [String; 2] {
        let addresses = self.server.running().addresses();
        [addresses[1], addresses[0]].map(|address| format!("http://{address}/code-assistant-api"))
    }

    fn api_domain(&self) -> String {
        let [elsewhere, _here] = self.api_domains();
        elsewhere
    }

    /// Makes a client with these arguments besides those that say where the server is.
    async fn client(&self, arguments: Value) -> Result<Sdk, Value> {
        self.client_at(&self.api_domain(), arguments).await
    }

    async fn client_at(&self, api_domain: &str, mut arguments: Value) -> Result<Sdk, Value> {
        arguments["auth_server_url"] = json!(self.server.url("/auth"));
        arguments["auth_realm_name"] = json!("codemie-prod");
        arguments["codemie_api_domain"] = json!(api_domain);
        Sdk::sign_in(&arguments).await
    }

    /// A client whose credentials are good.
    async fn signed_in(&self, credentials: Value) -> Sdk {
        let client = self.client(credentials).await;
        client.unwrap_or_else(|raised| panic!("signing in raised {raised}"))
    }

    async fn ada(&self) -> Sdk {
        self.signed_in(json!({ "username": "ada", "password": PASSWORD })).await
    }

    /// The secret of a new service.
    async fn service(&self, id: &str, rights: Value) -> String {
        let mut client = rights;
        client["id"] = json!(id);
        let made = self.server.administered("POST", "/api/admin/clients", &client).await;
        made["secret"].as_str().expect("it is shown").to_owned()
    }

    /// The model will answer like this.
    fn model_says(&self, answers: &[&str]) {
        for answer in answers {
            self.server.upstream.enqueue(openai_stream(&[answer]));
        }
    }

    /// What the model was given to read in its n-th call: the instructions, and what was said.
    fn read(&self, call: usize) -> (String, Vec<String>) {
        let body = self.server.upstream.requests()[call].json();
        let messages = body["messages"].as_array().expect("messages").iter();
        let mut texts = messages.map(|message| message["content"].as_str().expect("text").to_owned());
        let instructions = texts.next().expect("the assistant's instructions lead");
        (instructions, texts.collect())
    }

    fn models_calls(&self) -> usize {
        self.server.upstream.requests().len()
    }

    async fn close(self) {
        self.server.stop().await;
    }
}
