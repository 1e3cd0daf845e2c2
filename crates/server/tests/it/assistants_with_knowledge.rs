//! Assistants and bots that name projects: what their answers rest on, and for whom.

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::TestServer;

const ASSISTANTS: &str = "/code-assistant-api/v1/assistants";
const QUESTION: &str = "How long is the warranty of the kettle?";
const FACT: &str = "The kettle has a warranty of 7 years.";

/// A server where the owner's project `shop` knows a fact, and a guest is in no project.
struct Shop {
    server: TestServer,
    owner: SecretString,
    guest: SecretString,
    document: String,
}

impl Shop {
    async fn open() -> Self {
        let server = TestServer::start().await;
        server.upstream.always(openai_stream(&[FACT]));
        let (owner, guest) = (server.key("owner").await, server.key("guest").await);
        let mut shop = Self { server, owner, guest, document: String::new() };
        let content = format!("# Warranty\n\n{FACT}\n");
        let document =
            json!({ "projectId": "shop", "type": "doc", "content": content, "filePath": "warranty.md" });
        let added = shop.post(&shop.owner, "/api/knowledge/documents", &document).await;
        shop.document = added["id"].as_str().expect("an id").to_owned();
        shop
    }

    fn by(key: &SecretString, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(key.expose_secret())
    }

    async fn try_post(&self, key: &SecretString, path: &str, body: &Value) -> (u16, Value) {
        let answer = Self::by(key, self.server.post(path, body)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn post(&self, key: &SecretString, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_post(key, path, body).await;
        assert!(status < 300, "{status}: {answer}");
        answer
    }

    async fn get(&self, key: &SecretString, path: &str) -> Value {
        let answer = Self::by(key, self.server.get(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }

    /// A new assistant of the owner's.
    async fn assistant(&self, context: &Value) -> String {
        let body = json!({ "name": "Helper", "description": "", "context": context });
        let made = self.post(&self.owner, ASSISTANTS, &body).await;
        made["assistantId"].as_str().expect("an id").to_owned()
    }

    /// Asks an assistant of CodeMie's API; gives what its model was told.
    async fn asked(&self, key: &SecretString, assistant: &str) -> String {
        let path = format!("{ASSISTANTS}/{assistant}/model");
        let answer = self.post(key, &path, &json!({ "text": QUESTION })).await;
        assert_eq!(answer["generated"], FACT);
        self.prompt()
    }

    /// Asks a bot of Cody's API; gives the answer's sources and its text.
    async fn ask_bot(&self, key: &SecretString, bot: &str, question: &str) -> (Value, Value) {
        let conversation = json!({ "name": "Kettles", "bot_id": bot });
        let conversation = self.post(key, "/api/v1/conversations", &conversation).await;
        let question = json!({ "content": question, "conversation_id": conversation["data"]["id"] });
        let answer = self.post(key, "/api/v1/messages?includes=sources", &question).await;
        (answer["data"]["sources"]["data"].clone(), answer["data"]["content"].clone())
    }

    /// Asks it what is known; gives the answer's sources and what its model was told.
    async fn asked_bot(&self, key: &SecretString, bot: &str) -> (Value, String) {
        let (sources, answer) = self.ask_bot(key, bot, QUESTION).await;
        assert_eq!(answer, FACT);
        (sources, self.prompt())
    }

    fn prompt(&self) -> String {
        self.server.upstream.requests().pop().expect("the model was asked").json()["messages"].to_string()
    }
}

#[tokio::test]
async fn an_assistant_answers_from_the_project_that_its_context_names() {
    let shop = Shop::open().await;
    let context = json!([{ "context_type": "knowledge_base", "name": "shop" }]);
    let reader = shop.assistant(&context).await;
    let other = shop.assistant(&json!([])).await;

    assert!(shop.asked(&shop.owner, &reader).await.contains(FACT));
    assert!(!shop.asked(&shop.owner, &other).await.contains(FACT), "another assistant reads nothing");

    let shown = shop.get(&shop.owner, &format!("{ASSISTANTS}/id/{reader}")).await;
    assert_eq!(shown["context"], context);
    let path = shop.server.url(&format!("{ASSISTANTS}/{reader}"));
    for (change, reads) in [
        (json!({ "name": "Reader" }), true),
        (json!({ "context": context }), true),
        (json!({ "context": [] }), false),
    ] {
        let changed = Shop::by(&shop.owner, shop.server.client.put(&path)).json(&change).send().await;
        assert_eq!(changed.expect("an answer").status(), 200);
        assert_eq!(shop.asked(&shop.owner, &reader).await.contains(FACT), reads, "{change}");
    }
    shop.server.stop().await;
}

#[tokio::test]
async fn nobody_makes_an_assistant_read_a_project_that_they_are_not_in() {
    let shop = Shop::open().await;
    for (name, key) in [("shop", &shop.guest), ("nowhere", &shop.owner)] {
        let context = json!([{ "context_type": "knowledge_base", "name": name }]);
        let body = json!({ "name": "Spy", "description": "", "context": context });
        let (status, refused) = shop.try_post(key, ASSISTANTS, &body).await;
        assert_eq!(status, 422, "{refused}");
        let said = format!("you are in no project named {name}");
        assert!(refused.to_string().contains(&said), "{refused}");
    }
    for kind in ["code", "provider"] {
        let body = json!({ "name": "Spy", "context": [{ "context_type": kind, "name": "shop" }] });
        let (status, refused) = shop.try_post(&shop.owner, ASSISTANTS, &body).await;
        let said = format!("context of the type {kind} is not supported by this server");
        assert_eq!((status, &refused["error"]["message"]), (501, &json!(said)));
    }
    let body = json!({ "name": "Spy", "knowledge": ["nowhere"] });
    let refused = shop.server.administer("POST", "/api/admin/assistants", &body).await;
    assert_eq!(refused.status(), 400);
    let refused: Value = refused.json().await.expect("JSON");
    assert_eq!(refused["message"], "there is no project nowhere", "{refused}");
    shop.server.stop().await;
}

#[tokio::test]
async fn a_bot_answers_from_its_projects_those_who_may_read_them() {
    let shop = Shop::open().await;
    let new = json!({ "name": "Clerk", "knowledge": ["shop"] });
    let bot = shop.server.administered("POST", "/api/admin/assistants", &new).await;
    assert_eq!(bot["knowledge"][0]["name"], "shop");
    let (id, bot_id) = (bot["id"].as_str().expect("an id"), bot["botId"].as_str().expect("an id"));

    let (sources, prompt) = shop.asked_bot(&shop.owner, bot_id).await;

    assert!(prompt.contains(FACT), "{prompt}");
    let source = &sources[0];
    assert_eq!((sources.as_array().map(Vec::len), &source["type"]), (Some(1), &json!("written")));
    assert_eq!(source["document_id"], shop.document.as_str());
    assert_eq!(source["document_name"], "Warranty");
    assert!(source["created_at"].as_i64().is_some_and(|at| at > 1_600_000_000), "{source}");
    let url = source["document_url"].as_str().expect("an address");
    let text = Shop::by(&shop.owner, shop.server.client.get(url)).send().await.expect("an answer");
    assert!(text.text().await.expect("text").contains(FACT));

    let silence = "The documents of this project do not say.";
    let (_, answer) = shop.ask_bot(&shop.owner, bot_id, "Who won the championship of 1998?").await;
    assert_eq!(answer, silence, "nobody makes anything up");
    let path = format!("{ASSISTANTS}/{id}/model");
    let question = json!({ "text": "Who won the championship of 1998?" });
    assert_eq!(shop.post(&shop.owner, &path, &question).await["generated"], silence);

    let (sources, prompt) = shop.asked_bot(&shop.guest, bot_id).await;
    assert!(!prompt.contains(FACT), "the bot is the guest's to ask, the project is not: {prompt}");
    assert_eq!(sources, json!([]));
    assert!(!shop.asked(&shop.guest, id).await.contains(FACT), "nor in the other API");
    assert_eq!(shop.get(&shop.guest, &format!("{ASSISTANTS}/id/{id}")).await["context"], json!([]));

    let path = format!("/api/admin/assistants/{bot_id}");
    shop.server.administered("PATCH", &path, &json!({ "knowledge": [] })).await;
    assert!(!shop.asked_bot(&shop.owner, bot_id).await.1.contains(FACT), "it reads no more");
    shop.server.stop().await;
}
