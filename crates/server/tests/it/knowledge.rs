//! Documents in, cited passages out, as Codmir's clients see it.

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::openai_stream;

use crate::harness::{TestServer, check_error, frames, message};

const WARRANTY: &str = "# Warranty\n\nThe kettle has a warranty of 7 years. Ask for it at the counter.\n";
const SHIPPING: &str = "# Shipping\n\nParcels leave on Tuesdays. Nothing is shipped to islands.\n";

/// A project with two documents, and whose it is.
struct Shop {
    server: TestServer,
    owner: SecretString,
    warranty: String,
}

impl Shop {
    async fn open() -> Self {
        let server = TestServer::start().await;
        let owner = server.key("owner").await;
        let shop = Self { server, owner, warranty: String::new() };
        let warranty = shop.add("docs/warranty.md", WARRANTY).await;
        shop.add("docs/shipping.md", SHIPPING).await;
        Self { warranty: warranty["id"].as_str().expect("an id").to_owned(), ..shop }
    }

    async fn add(&self, path: &str, content: &str) -> Value {
        let body = json!({
            "projectId": "shop", "type": "doc", "content": content, "filePath": path, "tags": ["public"],
        });
        let added = self.by_owner(self.server.post("/api/knowledge/documents", &body)).send().await;
        let added = added.expect("an answer");
        assert_eq!(added.status(), 201);
        added.json().await.expect("JSON")
    }

    fn by_owner(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.owner.expose_secret())
    }

    async fn search(&self, query: &str) -> Vec<Value> {
        let body = json!({ "query": query });
        found(self.by_owner(self.server.post("/api/knowledge/projects/shop/search", &body))).await
    }

    async fn ask(&self, question: &str, project: &str) -> Value {
        let mut body = message(question);
        body["projectId"] = json!(project);
        let answer = self.by_owner(self.server.post("/api/chat", &body)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    }

    /// The bytes `start` to `end` of a document.
    async fn bytes(&self, id: &str, start: &Value, end: &Value) -> String {
        let path = format!("/api/knowledge/documents/{id}?start={start}&end={end}");
        let text = self.by_owner(self.server.get(&path)).send().await.expect("an answer");
        assert_eq!(text.status(), 200);
        assert_eq!(text.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(text.headers()["x-content-type-options"], "nosniff");
        text.text().await.expect("text")
    }
}

async fn found(request: RequestBuilder) -> Vec<Value> {
    request.send().await.expect("an answer").json().await.expect("a list")
}

fn paths(hits: &[Value]) -> Vec<&str> {
    hits.iter().map(|hit| hit["document"]["metadata"]["filePath"].as_str().expect("a path")).collect()
}

#[tokio::test]
async fn a_document_is_found_as_soon_as_it_is_in() {
    let shop = Shop::open().await;

    let hits = shop.search("How long is the warranty of the kettle?").await;

    assert_eq!(paths(&hits)[0], "docs/warranty.md");
    let best = &hits[0];
    assert_eq!(best["id"], shop.warranty.as_str());
    assert_eq!(best["document"]["type"], "doc");
    assert_eq!(best["document"]["metadata"]["language"], "markdown");
    let score = best["score"].as_f64().expect("a score");
    assert!((0.0..=1.0).contains(&score), "{score}");
    let metadata = &best["document"]["metadata"];
    let stored = shop.bytes(&shop.warranty, &metadata["start"], &metadata["end"]).await;
    assert_eq!(best["document"]["content"], stored.as_str());
    shop.server.stop().await;
}

#[tokio::test]
async fn a_context_is_one_text_and_empty_where_nothing_fits() {
    let shop = Shop::open().await;
    let context = async |project: &str, query: &str| {
        let body = json!({ "query": query });
        let path = format!("/api/knowledge/projects/{project}/context");
        let answer = shop.by_owner(shop.server.post(&path, &body)).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        answer["context"].as_str().expect("a text").to_owned()
    };
    assert_eq!(
        context("shop", "islands").await,
        format!("## Project Knowledge\n\n[DOC] docs/shipping.md\n{}", SHIPPING.trim_end())
    );
    assert_eq!(context("shop", "zanzibar").await, "");
    assert_eq!(context("no-such-project", "islands").await, "");
    shop.server.stop().await;
}

#[tokio::test]
async fn an_answer_rests_on_the_documents_and_says_on_which_bytes() {
    let shop = Shop::open().await;
    shop.server
        .upstream
        .always(openai_stream(&["Gerne! \u{1f600} ", "The kettle has a warranty of 7 years."]));

    let answer = shop.ask("How long is the warranty of the kettle?", "shop").await;

    let asked = shop.server.upstream.requests().pop().expect("the model was asked").json();
    let prompt = asked["messages"].to_string();
    assert!(prompt.contains("warranty of 7 years"), "the passage is in the prompt: {prompt}");
    assert_eq!(answer["refused"], false);
    let citations = answer["citations"].as_array().expect("a list");
    assert_eq!(citations.len(), 1, "{answer}");
    let citation = &citations[0];
    assert_eq!(citation["documentId"], shop.warranty.as_str());
    assert_eq!(citation["filePath"], "docs/warranty.md");
    assert_eq!(citation["quote"], "The kettle has a warranty of 7 years.");
    assert_eq!(citation["verified"], true);
    let stored = shop.bytes(&shop.warranty, &citation["start"], &citation["end"]).await;
    assert_eq!(citation["quote"], stored.as_str());
    let content: Vec<u16> = answer["content"].as_str().expect("text").encode_utf16().collect();
    let at = |end: &str| citation["answer"][end].as_u64().expect("a place") as usize;
    let said = String::from_utf16(&content[at("start")..at("end")]).expect("whole characters");
    assert_eq!(said, "The kettle has a warranty of 7 years.");
    shop.server.stop().await;
}

#[tokio::test]
async fn a_numbered_stream_carries_its_citations_and_so_does_the_history() {
    let shop = Shop::open().await;
    shop.server.upstream.always(openai_stream(&["Parcels leave on Tuesdays."]));
    let mut body = message("When do parcels leave?");
    body["projectId"] = json!("shop");
    body["sessionId"] = json!("session-of-the-shop");

    let told = shop.by_owner(shop.server.v2_request(&body)).send().await.expect("an answer");
    let told = frames(&told.text().await.expect("a whole stream"));

    let cited: Vec<&Value> =
        told.iter().map(|frame| &frame.data).filter(|data| data["type"] == "citation").collect();
    assert_eq!(cited.len(), 1, "{told:?}");
    assert_eq!(cited[0]["citation"]["quote"], "Parcels leave on Tuesdays.");
    let path = "/api/chat/sessions/session-of-the-shop/messages";
    let history = shop.by_owner(shop.server.get(path)).send().await.expect("an answer");
    let history: Value = history.json().await.expect("JSON");
    assert_eq!(history["data"][1]["citations"], json!([cited[0]["citation"]]));
    shop.server.stop().await;
}

#[tokio::test]
async fn what_the_documents_have_nothing_for_is_answered_by_the_model_alone() {
    let shop = Shop::open().await;
    shop.server.upstream.always(openai_stream(&["Hello."]));
    for (question, project) in [("Hello!", "shop"), ("How long is the warranty?", "no-such-project")] {
        let answer = shop.ask(question, project).await;
        assert_eq!(answer["content"], "Hello.", "{question}");
        assert_eq!(answer.get("citations"), None, "{question}");
    }
    shop.server.stop().await;
}

#[tokio::test]
async fn a_replaced_document_is_found_by_its_new_text_only_and_a_removed_one_not_at_all() {
    let shop = Shop::open().await;
    let again = shop.add("docs/warranty.md", "# Warranty\n\nThe teapot has a guarantee of 9 years.\n").await;
    assert_eq!(again["id"], shop.warranty.as_str(), "it is the same document");
    assert_eq!(shop.search("kettle").await, Vec::<Value>::new());
    assert_eq!(paths(&shop.search("teapot").await), ["docs/warranty.md"]);

    let path = format!("/api/knowledge/documents/{}", shop.warranty);
    let removed = shop.by_owner(shop.server.client.delete(shop.server.url(&path))).send().await;
    assert_eq!(removed.expect("an answer").status(), 204);
    assert_eq!(shop.search("teapot").await, Vec::<Value>::new());
    let gone = shop.by_owner(shop.server.get(&path)).send().await.expect("an answer");
    check_error(gone, 404, "NOT_FOUND").await;
    shop.server.stop().await;
}

#[tokio::test]
async fn documents_outlive_the_server() {
    let mut shop = Shop::open().await;
    shop.server.restart().await;
    assert_eq!(paths(&shop.search("islands").await), ["docs/shipping.md"]);
    shop.server.stop().await;
}

#[tokio::test]
async fn two_projects_of_one_name_never_see_each_other() {
    let shop = Shop::open().await;
    shop.server.upstream.always(openai_stream(&["I do not know."]));
    let other = shop.server.key("other").await;
    let by_other = |request: RequestBuilder| request.bearer_auth(other.expose_secret());
    let body = json!({
        "projectId": "shop", "type": "remark", "content": "The kettle is red.", "filePath": "docs/warranty.md",
    });
    let added = by_other(shop.server.post("/api/knowledge/documents", &body)).send().await;
    assert_eq!(added.expect("an answer").status(), 201);

    let query = json!({ "query": "kettle warranty" });
    let theirs = found(by_other(shop.server.post("/api/knowledge/projects/shop/search", &query))).await;
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0]["document"]["content"], "The kettle is red.");
    let mut question = message("What is the kettle like?");
    question["projectId"] = json!("shop");
    let answer = by_other(shop.server.post("/api/chat", &question)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let prompt = shop.server.upstream.requests().pop().expect("a request").json().to_string();
    assert!(prompt.contains("The kettle is red.") && !prompt.contains("7 years"), "{prompt}");
    let hits = shop.search("kettle").await;
    assert!(!json!(hits).to_string().contains("red"), "{hits:?}");
    shop.server.stop().await;
}

#[tokio::test]
async fn hits_can_be_kept_to_types() {
    let shop = Shop::open().await;
    let code = json!({
        "projectId": "shop", "type": "code", "content": "fn warranty() -> u32 { 7 }", "filePath": "src/kettle.rs",
    });
    let added = shop.by_owner(shop.server.post("/api/knowledge/documents", &code)).send().await;
    assert_eq!(added.expect("an answer").status(), 201);
    let search = async |types: Value| {
        let body = json!({ "query": "warranty", "types": types });
        found(shop.by_owner(shop.server.post("/api/knowledge/projects/shop/search", &body))).await
    };
    let hits = search(json!(["code"])).await;
    assert_eq!(paths(&hits), ["src/kettle.rs"]);
    assert_eq!(hits[0]["document"]["metadata"]["language"], "rust");
    assert_eq!(paths(&search(json!(["doc", "remark"])).await), ["docs/warranty.md"]);
    shop.server.stop().await;
}

#[tokio::test]
async fn documents_are_listed_page_by_page() {
    let shop = Shop::open().await;
    let list = async |query: &str| {
        let path = format!("/api/knowledge/projects/shop/documents{query}");
        let page = shop.by_owner(shop.server.get(&path)).send().await.expect("an answer");
        page.json::<Value>().await.expect("JSON")
    };
    let first = list("?limit=1").await;
    assert_eq!(first["data"][0]["tags"], json!(["public"]));
    let after = first["nextAfter"].as_str().expect("more");
    let second = list(&format!("?after={after}")).await;
    // Which of two documents of one millisecond is the older is not known.
    let mut listed = [&first, &second].map(|page| {
        let document = &page["data"][0];
        (document["filePath"].as_str().expect("a path"), document["bytes"].as_u64().expect("a size"))
    });
    listed.sort_unstable();
    let sizes = [("docs/shipping.md", SHIPPING.len() as u64), ("docs/warranty.md", WARRANTY.len() as u64)];
    assert_eq!(listed, sizes);
    assert_eq!(second["nextAfter"], Value::Null);
    shop.server.stop().await;
}
