//! Files in by upload, web pages by address.

use std::io::Write as _;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::{Reply, openai_stream};

use crate::files::zip;
use crate::harness::{TestServer, check_error, message};

pub(crate) const BOUNDARY: &str = "a-boundary-of-the-test";

/// A form with these files.
pub(crate) fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        write!(
            body,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        )
        .expect("a vector takes all");
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// A server with an account that adds files to the project `shop`.
pub(crate) struct Shop {
    pub(crate) server: TestServer,
    key: SecretString,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::over(TestServer::start().await).await
    }

    /// Where `docs.example` leads to the scripted upstream, and is allowed by name.
    pub(crate) async fn with_site() -> Self {
        let server =
            TestServer::start_with(|config, _| config.outbound.allowed = vec!["docs.example".to_owned()])
                .await;
        server.names.lead("docs.example", &[server.upstream.address()]);
        Self::over(server).await
    }

    pub(crate) async fn over(server: TestServer) -> Self {
        let key = server.key("owner").await;
        Self { server, key }
    }

    pub(crate) fn by_owner(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.bearer_auth(self.key.expose_secret())
    }

    pub(crate) fn upload(&self, query: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let url = self.server.url(&format!("/api/knowledge/projects/shop/documents{query}"));
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.by_owner(self.server.client.post(url).header("content-type", content_type).body(body))
    }

    /// What became of these files.
    pub(crate) async fn add(&self, files: &[(&str, &[u8])]) -> Vec<Value> {
        added(self.upload("", form(files))).await
    }

    /// What became of these addresses.
    pub(crate) async fn add_pages(&self, urls: &[&str]) -> Vec<Value> {
        let body = json!({ "urls": urls });
        added(self.by_owner(self.server.post("/api/knowledge/projects/shop/documents", &body))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.by_owner(self.server.get(path)).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn list(&self) -> Vec<Value> {
        let page = self.get("/api/knowledge/projects/shop/documents?limit=200").await;
        page["data"].as_array().expect("a list").clone()
    }

    /// The paths of what is found.
    pub(crate) async fn search(&self, query: &str) -> Vec<String> {
        let body = json!({ "query": query });
        let request = self.by_owner(self.server.post("/api/knowledge/projects/shop/search", &body));
        let hits: Vec<Value> = request.send().await.expect("an answer").json().await.expect("a list");
        let path = |hit: &Value| hit["document"]["metadata"]["filePath"].as_str().expect("a path").to_owned();
        hits.iter().map(path).collect()
    }

    /// Files that were received and lie there still.
    pub(crate) fn received(&self) -> usize {
        std::fs::read_dir(self.server.data_dir().join("received")).expect("the folder is there").count()
    }
}

async fn added(request: reqwest::RequestBuilder) -> Vec<Value> {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let answer: Value = answer.json().await.expect("JSON");
    assert!(answer["task"]["id"].as_str().expect("an id").starts_with("ai_task_"), "{answer}");
    answer["documents"].as_array().expect("a list").clone()
}

/// Path, state and error of each.
pub(crate) fn states(files: &[Value]) -> Vec<[&str; 3]> {
    let state = |file: &'_ Value, field: &str| file[field].as_str().unwrap_or_default().len();
    assert!(files.iter().all(|file| state(file, "filePath") > 0 && state(file, "state") > 0), "{files:?}");
    files
        .iter()
        .map(|file| ["filePath", "state", "error"].map(|field| file[field].as_str().unwrap_or("")))
        .collect()
}

#[tokio::test]
async fn files_of_any_kind_are_found_once_the_upload_has_answered() {
    let shop = Shop::open().await;
    let archive =
        zip(&[("a/steam.md", b"# Steam\n\nSteam leaves by the spout."), ("lid.txt", b"The lid is blue.")]);

    let files = shop
        .add(&[
            ("manual/kettle.md", b"# Kettle\n\nThe kettle boils."),
            ("notes.rtf", b"{\\rtf1 Pears are sweet.}"),
            ("packed/all.zip", &archive),
        ])
        .await;

    assert_eq!(
        states(&files),
        [
            ["manual/kettle.md", "ready", ""],
            ["notes.rtf", "ready", ""],
            ["packed/a/steam.md", "ready", ""],
            ["packed/lid.txt", "ready", ""],
        ]
    );
    assert_eq!(shop.search("pears").await, ["notes.rtf"]);
    assert_eq!(shop.search("spout").await, ["packed/a/steam.md"]);
    let listed = shop.list().await;
    assert_eq!(listed.len(), 4);
    let kettle = listed.iter().find(|file| file["filePath"] == "manual/kettle.md").expect("it is listed");
    assert_eq!(
        (&kettle["state"], &kettle["id"], &kettle["chunks"]),
        (&json!("ready"), &files[0]["id"], &json!(1))
    );
    assert_eq!(shop.received(), 0, "what was received is gone once it is read");
    shop.server.stop().await;
}

#[tokio::test]
async fn one_file_that_cant_be_read_fails_alone_and_says_why() {
    let shop = Shop::open().await;
    let files = shop
        .add(&[
            ("../../etc/passwd", b"root"),
            ("good.md", b"All is well."),
            ("good.md", b"Twice."),
            ("report.docx", b"%PDF-1.7 and no more"),
            ("empty.txt", b""),
        ])
        .await;
    let told = states(&files);
    let state = |at: usize| (told[at][0], told[at][1]);
    assert_eq!(state(0), ("../../etc/passwd", "failed"));
    assert!(told[0][2].contains("leads out of the folder"), "{told:?}");
    assert_eq!(state(1), ("good.md", "ready"));
    assert!(told[2][2].contains("same path"), "{told:?}");
    assert!(told[3][2].contains("give it the ending .pdf"), "{told:?}");
    assert!(told[4][2].contains("no text"), "{told:?}");

    let failed = |listed: &[Value]| listed.iter().filter(|file| file["state"] == "failed").count();
    assert_eq!(failed(&shop.list().await), 3, "of the path that came twice there is a document");
    shop.add(&[("empty.txt", b"It has words now.")]).await;
    assert_eq!(failed(&shop.list().await), 2, "what is mended is not listed as failed any more");
    shop.server.stop().await;
}

#[tokio::test]
async fn a_replaced_file_is_found_by_its_new_text_only() {
    let shop = Shop::open().await;
    let first = shop.add(&[("a.md", b"The kettle is red.")]).await;
    let again = shop.add(&[("a.md", b"The teapot is green.")]).await;
    assert_eq!(first[0]["id"], again[0]["id"]);
    assert_eq!(shop.search("kettle").await, Vec::<String>::new());
    assert_eq!(shop.search("teapot").await, ["a.md"]);
    shop.server.stop().await;
}

#[tokio::test]
async fn a_caller_that_does_not_wait_follows_the_task() {
    let shop = Shop::open().await;
    let answer = shop.upload("?wait=false", form(&[("a.md", b"The kettle is red.")])).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 202);
    let answer: Value = answer.json().await.expect("JSON");
    let task = answer["task"]["id"].as_str().expect("an id");

    let path = format!("/api/tasks/{task}/events");
    let events = shop.by_owner(shop.server.get(&path)).send().await.expect("an answer");
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let events = events.text().await.expect("a whole stream");

    let last = events.trim_end().rsplit("data: ").next().expect("a frame");
    let last: Value = serde_json::from_str(last).expect("JSON");
    let files = json!({ "total": 1, "ready": 1, "failed": 0 });
    assert_eq!(last, json!({ "status": "completed", "files": files, "chunks": 1, "vectors": 0 }));
    assert_eq!(shop.search("kettle").await, ["a.md"]);
    let late = shop.by_owner(shop.server.get(&path)).send().await.expect("an answer");
    let late = late.text().await.expect("a whole stream");
    assert_eq!(late, events[events.len() - late.len()..], "a late reader gets the end at once");
    assert_eq!(late.matches("data: ").count(), 1);
    shop.server.stop().await;
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_and_nothing_of_it_is_kept() {
    let server = TestServer::start_with(|config, _| config.documents.max_file_mib = 1).await;
    let shop = Shop::over(server).await;
    let large = vec![b'a'; (1 << 20) + 1];
    let refused = shop.upload("", form(&[("small.txt", b"Hi"), ("large.txt", &large)])).send().await;
    let refused = check_error(refused.expect("an answer"), 413, "PAYLOAD_TOO_LARGE").await;
    let message = refused["message"].as_str().expect("a sentence");
    assert!(message.starts_with("large.txt: the file is larger than 1 MiB; split it"), "{message}");
    assert_eq!(shop.received(), 0);
    assert_eq!(shop.list().await, Vec::<Value>::new());
    assert_eq!(shop.add(&[("exact.txt", &large[1..])]).await[0]["state"], "ready");
    shop.server.stop().await;
}

#[tokio::test]
async fn a_form_that_is_none_is_refused() {
    let shop = Shop::open().await;
    let url = shop.server.url("/api/knowledge/projects/shop/documents");
    let form_without_file =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--{BOUNDARY}--");
    for body in [form_without_file.into_bytes(), b"no form".to_vec(), form(&[("a.md", b"Hi")])[..60].to_vec()]
    {
        let refused = shop.upload("", body).send().await.expect("an answer");
        check_error(refused, 400, "VALIDATION_ERROR").await;
    }
    let no_boundary =
        shop.by_owner(shop.server.client.post(&url).header("content-type", "multipart/form-data"));
    check_error(no_boundary.send().await.expect("an answer"), 400, "VALIDATION_ERROR").await;
    let refused = shop.upload("?wait=maybe", form(&[("a.md", b"Hi")])).send().await.expect("an answer");
    check_error(refused, 400, "VALIDATION_ERROR").await;
    assert_eq!(shop.received(), 0);
    shop.server.stop().await;
}

/// A page elsewhere can make a browser send a form here without asking first; the browser says which page it is.
#[tokio::test]
async fn without_a_key_a_form_is_not_taken_from_pages_elsewhere() {
    let server = TestServer::start().await;
    let upload = |origin: Option<String>| {
        let request = server.client.post(server.url("/api/knowledge/projects/shop/documents"));
        let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let request = request.body(form(&[("a.md", b"The kettle is red.")]));
        origin.into_iter().fold(request, |request, origin| request.header("origin", origin)).send()
    };
    for foreign in ["https://evil.example", "null"] {
        let refused = upload(Some(foreign.to_owned())).await.expect("an answer");
        check_error(refused, 401, "UNAUTHORIZED").await;
    }
    for own in [None, Some(server.url("")), Some("http://localhost:1".to_owned())] {
        assert_eq!(upload(own).await.expect("an answer").status(), 201);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_web_page_is_a_document_that_is_called_by_its_address() {
    let shop = Shop::with_site().await;
    let page = Reply::status(200).header("content-type", "text/html; charset=utf-8");
    shop.server
        .upstream
        .enqueue(page.body("<html><title>Ferry</title><p>The ferry leaves at nine.</p></html>".to_owned()));

    let files = shop.add_pages(&["http://Docs.Example/ferry?day=1#times"]).await;

    assert_eq!(states(&files), [["http://docs.example/ferry?day=1", "ready", ""]]);
    assert_eq!(shop.search("When does the ferry leave?").await, ["http://docs.example/ferry?day=1"]);
    let hit = shop.list().await.remove(0);
    assert_eq!((&hit["title"], &hit["state"]), (&json!("Ferry"), &json!("ready")));
    shop.server.stop().await;
}

#[tokio::test]
async fn what_is_not_public_is_not_fetched_whatever_it_is_called() {
    let shop = Shop::with_site().await;
    let names = &shop.server.names;
    let own = shop.server.upstream.address();
    names.lead("inside.example", &["10.0.0.7:80".parse().expect("an address")]);
    names.lead("rebound.example", &["93.184.216.34:80".parse().expect("an address"), own]);
    names.lead("metadata.example", &["169.254.169.254:80".parse().expect("an address")]);
    let port = own.port();
    let urls = [
        "http://127.0.0.1/".to_owned(),
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        "http://10.1.2.3/".to_owned(),
        "http://192.168.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://[::ffff:7f00:1]/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://2130706433/".to_owned(),
        "http://0x7f.1/".to_owned(),
        "http://127.1/".to_owned(),
        "http://ada@docs.example/".to_owned(),
        "http://docs.example:22/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://docs.example/".to_owned(),
        "http://inside.example/".to_owned(),
        "http://rebound.example/".to_owned(),
        "http://metadata.example/".to_owned(),
        "http://nowhere.example/".to_owned(),
    ];
    let files = shop.add_pages(&urls.each_ref().map(String::as_str)).await;
    for [path, state, error] in states(&files) {
        assert_eq!(state, "failed", "{path}");
        let is_clear =
            error.contains("no public server is found") || error.contains("the address must begin with");
        assert!(is_clear, "{path}: {error}");
    }
    assert_eq!(files.len(), urls.len());
    assert!(shop.server.upstream.requests().is_empty(), "nothing was asked for");
    shop.server.stop().await;
}

#[tokio::test]
async fn a_redirect_to_what_is_not_public_is_not_followed() {
    let shop = Shop::with_site().await;
    let port = shop.server.upstream.address().port();
    for location in
        [format!("http://127.0.0.1:{port}/"), "http://169.254.169.254/".to_owned(), "/once-more".to_owned()]
    {
        shop.server.upstream.always(Reply::status(302).header("location", &location));
        let files = shop.add_pages(&["http://docs.example/"]).await;
        assert_eq!(files[0]["state"], "failed", "{location}");
    }
    let paths: Vec<String> =
        shop.server.upstream.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(&paths[..3], ["/", "/", "/"], "{paths:?}");
    assert!(paths[3..].iter().all(|path| path == "/once-more"), "{paths:?}");
    shop.server.stop().await;
}

/// The name leads to a public place when it is judged first, and to this machine when it is asked for again.
#[tokio::test]
async fn a_name_that_changes_its_mind_leads_nowhere() {
    let shop = Shop::with_site().await;
    let names = &shop.server.names;
    names.lead("fickle.example", &["10.0.0.7:80".parse().expect("an address")]);
    names.lead("fickle.example", &[shop.server.upstream.address()]);
    for _ in 0..2 {
        assert_eq!(shop.add_pages(&["http://fickle.example/"]).await[0]["state"], "failed");
    }
    assert_eq!(names.asked(), ["fickle.example"; 2], "what is judged is what is connected to");
    assert!(shop.server.upstream.requests().is_empty());
    shop.server.stop().await;
}

#[tokio::test]
async fn a_page_that_is_too_large_fails_alone() {
    let shop = Shop::with_site().await;
    shop.server.upstream.enqueue(Reply::status(200).body("a".repeat(11 << 20)));
    let files = shop.add_pages(&["http://docs.example/large", "http://10.0.0.1/"]).await;
    assert!(files[0]["error"].as_str().expect("a reason").contains("larger than"), "{files:?}");
    shop.server.stop().await;
}

#[tokio::test]
async fn work_goes_on_after_a_restart() {
    let mut shop = Shop::open().await;
    let many: Vec<(String, Vec<u8>)> = (0..60)
        .map(|at| (format!("{at}.rtf"), format!("{{\\rtf1 Word{at} stands here.}}").into_bytes()))
        .collect();
    let files: Vec<(&str, &[u8])> =
        many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let answer = shop.upload("?wait=false", form(&files)).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let path = format!("/api/tasks/{}/events", answer["task"]["id"].as_str().expect("an id"));

    shop.server.restart().await;

    let events = shop.by_owner(shop.server.get(&path)).send().await.expect("an answer");
    let events = events.text().await.expect("a whole stream");
    let end =
        r#"data: {"status":"completed","files":{"total":60,"ready":60,"failed":0},"chunks":60,"vectors":0}"#;
    assert!(events.trim_end().ends_with(end), "{events}");
    assert_eq!(shop.list().await.len(), 60);
    assert_eq!(shop.received(), 0);
    shop.server.stop().await;
}

#[tokio::test]
async fn what_uploads_and_tasks_bring_in_stays_in_its_project() {
    let shop = Shop::with_site().await;
    shop.add(&[("secret.md", b"The code word of the kettle is zanzibar.")]).await;
    let page = Reply::status(200).header("content-type", "text/plain");
    shop.server.upstream.enqueue(page.body("The code word of the kettle is quagmire."));
    shop.add_pages(&["http://docs.example/secret.txt"]).await;
    let archive = zip(&[("secret.txt", b"The code word of the kettle is pomegranate.")]);
    shop.server.upstream.enqueue(Reply::status(200).body(archive));
    let body = json!({ "projectId": "shop", "type": "generate-knowledge-base", "repoUrl": "http://docs.example/a.zip" });
    let task = shop.by_owner(shop.server.post("/api/tasks", &body)).send().await.expect("an answer");
    let task: Value = task.json().await.expect("JSON");
    let task = task["id"].as_str().expect("an id");
    let events = shop.by_owner(shop.server.get(&format!("/api/tasks/{task}/events"))).send().await;
    events.expect("an answer").text().await.expect("a whole stream");
    assert_eq!(shop.search("code word of the kettle").await.len(), 3);
    let brought_in = shop.server.upstream.requests().len();

    shop.server.upstream.always(openai_stream(&["I do not know."]));
    let other = shop.server.key("other").await;
    let by_other = |request: reqwest::RequestBuilder| request.bearer_auth(other.expose_secret());
    let body =
        json!({ "projectId": "shop", "type": "doc", "content": "The kettle is red.", "filePath": "a.md" });
    let added = by_other(shop.server.post("/api/knowledge/documents", &body)).send().await;
    assert_eq!(added.expect("an answer").status(), 201);
    let mut told = Vec::new();
    for question in ["What is the code word of the kettle?", "Is the kettle red?"] {
        let mut question = message(question);
        question["projectId"] = json!("shop");
        let asked = by_other(shop.server.post("/api/chat", &question)).send().await.expect("an answer");
        told.push(asked.text().await.expect("a body"));
    }
    for path in ["search", "context"] {
        let query = json!({ "query": "code word of the kettle" });
        let found =
            by_other(shop.server.post(&format!("/api/knowledge/projects/shop/{path}"), &query)).send().await;
        told.push(found.expect("an answer").text().await.expect("a body"));
    }
    for path in
        ["/api/tasks?projectId=shop", "/api/knowledge/projects/shop/documents", &format!("/api/tasks/{task}")]
    {
        let seen = by_other(shop.server.get(path)).send().await.expect("an answer");
        told.push(seen.text().await.expect("a body"));
    }
    let prompts = shop.server.upstream.requests().split_off(brought_in);
    assert!(prompts.iter().any(|prompt| prompt.json().to_string().contains("The kettle is red.")));
    told.extend(prompts.iter().map(|prompt| prompt.json().to_string()));
    for secret in ["zanzibar", "quagmire", "pomegranate", "secret", task] {
        assert!(told.iter().all(|told| !told.contains(secret)), "{secret}: {told:?}");
    }
    shop.server.stop().await;
}
