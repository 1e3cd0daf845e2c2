//! Documents whose vectors come from a configured endpoint.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use server::Server;
use server::config::{Config, EmbeddingConfig, Overrides};
use tempfile::TempDir;
use testkit::upstream::{Reply, Upstream};

use crate::harness::{TestServer, message};

#[tokio::test]
async fn documents_are_found_by_the_meaning_that_an_endpoint_sees() {
    // Given an endpoint that sees all texts alike, and one document,
    let endpoint = Upstream::start().await;
    endpoint.always(Reply::json(200, &json!({ "data": [{ "index": 0, "embedding": [3, 4] }] })));
    let base_url = format!("{}/v1", endpoint.base_url());
    let server = TestServer::start_with(|config, _| config.embedding = Some(embedding(&base_url))).await;
    let owner = server.key("owner").await;
    let document = json!({
        "projectId": "shop", "type": "doc", "filePath": "kettle.md",
        "content": "The kettle has a warranty of 7 years.",
    });
    posted(&server, &owner, "/api/knowledge/documents", &document).await;

    // when it has its vector,
    while status(&server, &owner).await["vectors"] != 1 {}
    assert_eq!(status(&server, &owner).await["embedder"], "endpoint/near/2");
    let asked = endpoint.wait_request(0).await;
    assert_eq!(asked.header("authorization"), Some("Bearer sk-embedding"));

    // then words that it does not have find it,
    assert_eq!(found(&server, &owner, "Garantie").await, ["kettle.md"]);
    // but how near this model sees them says nothing of whether it answers.
    let mut question = message("Wie lange gilt die Garantie?");
    question["projectId"] = json!("shop");
    assert_eq!(posted(&server, &owner, "/api/chat", &question).await["refused"], true);
    assert_eq!(server.upstream.requests().len(), 0);

    // And when the endpoint is gone, its words still do.
    drop(endpoint);
    assert_eq!(found(&server, &owner, "warranty of the kettle").await, ["kettle.md"]);
    assert_eq!(found(&server, &owner, "Garantie").await, Vec::<String>::new());
    server.stop().await;
}

#[tokio::test]
async fn settings_of_an_endpoint_that_cannot_work_keep_the_server_from_starting() {
    let data = TempDir::new().expect("a temporary directory");
    let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() };
    config.server.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    config.embedding = Some(embedding("localhost/v1"));
    let refused = Server::start(config).await.err().expect("it does not start");
    assert_eq!(
        refused.to_string(),
        "embedding: base_url \"localhost/v1\" is no http or https address with a host and without user, query or fragment"
    );

    for (settings, expected) in [
        (
            &["embedding.base_url=\"http://localhost/v1\"", "embedding.dimensions=2"][..],
            "missing field `model`",
        ),
        (
            &["embedding.base_url=\"http://localhost/v1\"", "embedding.model=near"],
            "missing field `dimensions`",
        ),
        (
            &["embedding.base_url=\"http://localhost/v1\"", "embedding.model=near", "embedding.dimensions=0"],
            "embedding.dimensions: ",
        ),
        (&["embedding.modell=near"], "unknown field: found `modell`"),
    ] {
        let set = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let refused = Config::load(&Overrides { set, ..Overrides::default() }).expect_err("it does not load");
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

fn embedding(base_url: &str) -> EmbeddingConfig {
    EmbeddingConfig {
        base_url: base_url.to_owned(),
        api_key: Some("sk-embedding".into()),
        model: "near".to_owned(),
        dimensions: 2.try_into().expect("it is not 0"),
        timeout: None,
    }
}

async fn posted(server: &TestServer, owner: &SecretString, path: &str, body: &Value) -> Value {
    let answer = server.post(path, body).bearer_auth(owner.expose_secret()).send().await;
    let answer = answer.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("JSON")
}

async fn status(server: &TestServer, owner: &SecretString) -> Value {
    let request = server.get("/api/knowledge/projects/shop/status").bearer_auth(owner.expose_secret());
    request.send().await.expect("an answer").json().await.expect("JSON")
}

/// The paths of what is found.
async fn found(server: &TestServer, owner: &SecretString, query: &str) -> Vec<String> {
    let hits = posted(server, owner, "/api/knowledge/projects/shop/search", &json!({ "query": query })).await;
    let path = |hit: &Value| hit["document"]["metadata"]["filePath"].as_str().map(str::to_owned);
    hits.as_array().expect("a list").iter().filter_map(path).collect()
}
