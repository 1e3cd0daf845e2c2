//! Codmir's tasks: knowledge from repositories, and what a project is.

use serde_json::{Value, json};
use testkit::upstream::Reply;

use crate::files::{tar_gz, zip};
use crate::uploads::Shop;

/// Takes a task on and waits for its end.
async fn run(shop: &Shop, mut body: Value) -> Value {
    body["projectId"] = json!("shop");
    let answer = shop.by_owner(shop.server.post("/api/tasks", &body)).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let task: Value = answer.json().await.expect("JSON");
    let keys: Vec<&String> = task.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["createdAt", "id", "projectId", "status", "type"]);
    assert_eq!((&task["status"], &task["projectId"]), (&json!("queued"), &json!("shop")));
    let path = format!("/api/tasks/{}", task["id"].as_str().expect("an id"));
    let events = shop.by_owner(shop.server.get(&format!("{path}/events"))).send().await.expect("an answer");
    events.text().await.expect("a whole stream");
    shop.get(&path).await
}

const REPOSITORY: &[(&str, &[u8])] = &[
    ("kettle-main/README.md", b"# Kettle\n\nIt boils water."),
    ("kettle-main/Cargo.toml", b"[package]\nname = \"kettle\"\n\n[dependencies]\ntokio = \"1\"\n"),
    ("kettle-main/src/main.rs", b"fn main() {\n    boil();\n}\n"),
    ("kettle-main/tests/boils.rs", b"#[test]\nfn it_boils_indeed() {}\n"),
    ("kettle-main/logo.png", b"\x89PNG\r\n"),
];

#[tokio::test]
async fn a_repository_becomes_documents() {
    let shop = Shop::with_site().await;
    shop.server.upstream.always(Reply::status(200).body(tar_gz(REPOSITORY, &[])));
    let address = "http://docs.example/ada/kettle/archive/main.tar.gz";
    let task =
        json!({ "type": "generate-knowledge-base", "repoUrl": address, "config": { "includeTests": false } });

    let done = run(&shop, task).await;

    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["result"]["chunksGenerated"], 3);
    assert!(done["result"]["generatedAt"].is_string() && done["startedAt"].is_string(), "{done}");
    let mut paths: Vec<String> =
        shop.list().await.iter().map(|file| file["filePath"].as_str().expect("a path").to_owned()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["Cargo.toml", "README.md", "src/main.rs"]);
    assert_eq!(shop.search("fn main").await[0], "src/main.rs");

    let again = run(&shop, json!({ "type": "generate-knowledge-base", "repoUrl": address })).await;
    assert_eq!(again["result"]["chunksGenerated"], 4);
    assert_eq!(shop.list().await.len(), 4, "nothing is doubled, and the tests are there now");
    let listed = shop.get("/api/tasks?projectId=shop").await;
    assert_eq!(listed[0], again, "the newest first");
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    shop.server.stop().await;
}

#[tokio::test]
async fn a_project_is_analyzed_by_its_documents() {
    let shop = Shop::with_site().await;
    shop.server.upstream.always(Reply::status(200).body(zip(&REPOSITORY[..4])));

    let task = json!({ "type": "analyze-project", "repoUrl": "http://docs.example/kettle.zip" });
    let mut done = run(&shop, task).await;

    assert_eq!(done["status"], "completed", "{done}");
    assert!(done["result"]["analyzedAt"].take().is_string());
    let result = &done["result"];
    assert_eq!(result["structure"]["documents"], 4);
    assert_eq!(result["structure"]["folders"][0], json!({ "name": "src", "documents": 1 }));
    assert_eq!(result["techStack"]["languages"][0]["name"], "Rust");
    assert_eq!(result["techStack"]["tools"], json!(["Cargo", "Tokio"]));
    assert_eq!(result["techStack"]["dependencies"], json!([{ "name": "tokio", "manifest": "Cargo.toml" }]));
    assert_eq!(result["architecture"]["entryPoints"], json!(["src/main.rs"]));
    assert_eq!(result["architecture"]["documentation"], json!(["README.md"]));
    assert_eq!(result["architecture"]["tests"], 1);
    let mut again = run(&shop, json!({ "type": "analyze-project" })).await;
    again["result"]["analyzedAt"].take();
    assert_eq!(again["result"], *result, "the same documents give the same words");
    shop.server.stop().await;
}

#[tokio::test]
async fn what_is_no_archive_ends_as_failed_and_says_what_to_do_instead() {
    let shop = Shop::with_site().await;
    shop.server.upstream.always(Reply::status(200).body("<html>A page</html>".to_owned()));
    for (address, said) in [
        ("https://github.com/ada/kettle", "https://github.com/ada/kettle/archive/refs/heads/next.tar.gz"),
        ("git@github.com:ada/kettle.git", "https://github.com/ada/kettle/archive/refs/heads/next.tar.gz"),
        ("ssh://git@git.example/ada/kettle", "upload the archive"),
        ("http://docs.example/kettle", "is no archive"),
        ("http://127.0.0.1/kettle.zip", "no public server is found"),
        ("http://[::1]/kettle.zip", "no public server is found"),
        ("nonsense", "the address must begin with"),
    ] {
        for kind in ["generate-knowledge-base", "analyze-project"] {
            let done = run(&shop, json!({ "type": kind, "repoUrl": address, "branch": "next" })).await;
            assert_eq!(done["status"], "failed", "{address}");
            assert!(done["error"].as_str().expect("a sentence").contains(said), "{address}: {done}");
        }
    }
    shop.server.stop().await;
}

#[tokio::test]
async fn without_a_repository_the_documents_that_are_there_count() {
    let shop = Shop::open().await;
    let empty = run(&shop, json!({ "type": "generate-knowledge-base" })).await;
    assert_eq!(empty["result"]["chunksGenerated"], 0);
    shop.add(&[("a.md", b"The kettle is red."), ("a_test.go", b"func TestKettle() {}")]).await;
    let all = run(&shop, json!({ "type": "generate-knowledge-base" })).await;
    assert_eq!(all["result"]["chunksGenerated"], 2);
    let some = json!({ "type": "generate-knowledge-base", "config": { "includeTests": false } });
    assert_eq!(run(&shop, some).await["result"]["chunksGenerated"], 1);
    shop.server.stop().await;
}
