//! What was taken on survives `kill -9`: the next start goes on with it and ends, and nothing is doubled.

use std::path::Path;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{client, home};
use crate::files::zip;
use crate::program::Program;
use crate::uploads::{BOUNDARY, form};

/// Each takes a process to read, so that a kill comes between two of them.
const FILES: usize = 400;
/// All of one archive are read by one process.
const ENTRIES: usize = 300;

/// The real program with a home, asked as the command line asks it.
struct Served {
    home: TempDir,
    program: Program,
    http: Client,
}

impl Served {
    fn start() -> Self {
        let home = home();
        Self { program: Program::serve(home.path(), &[]), home, http: client() }
    }

    fn by(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(admin_token(self.home.path()))
    }

    /// Hands over many files; gives the id of the task.
    async fn upload(&self) -> String {
        let url = self.program.url("/api/knowledge/projects/shop/documents?wait=false");
        let request =
            self.http.post(url).header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let answer = self.by(request).body(files()).send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
        let answer: Value = answer.json().await.expect("JSON");
        answer["task"]["id"].as_str().expect("an id").to_owned()
    }

    /// Follows the task until so many files are ready, or to its end; gives the last that was told.
    async fn follow(&self, task: &str, ready: u64) -> Value {
        let url = self.program.url(&format!("/api/tasks/{task}/events"));
        let mut events = self.by(self.http.get(url)).send().await.expect("an answer");
        assert_eq!(events.status(), 200);
        let (mut text, mut last) = (String::new(), Value::Null);
        while let Some(bytes) = events.chunk().await.expect("the stream goes on") {
            text.push_str(std::str::from_utf8(&bytes).expect("ASCII"));
            while let Some((frame, rest)) = text.split_once("\n\n") {
                if let Some(data) = frame.strip_prefix("data: ") {
                    last = serde_json::from_str(data).expect("JSON");
                }
                text = rest.to_owned();
            }
            if last["files"]["ready"].as_u64().is_some_and(|now| now >= ready) {
                break;
            }
        }
        last
    }

    /// Path, bytes and chunks of each document, by path.
    async fn documents(&self) -> Vec<(String, u64, u64)> {
        let (mut documents, mut after) = (Vec::new(), String::new());
        loop {
            let url = self.program.url(&format!("/api/knowledge/projects/shop/documents?limit=200{after}"));
            let page = self.by(self.http.get(url)).send().await.expect("an answer");
            let page: Value = page.json().await.expect("JSON");
            for document in page["data"].as_array().expect("a list") {
                assert_eq!(document["state"], "ready", "{document}");
                let path = document["filePath"].as_str().expect("a path").to_owned();
                let number = |field: &str| document[field].as_u64().expect("a number");
                documents.push((path, number("bytes"), number("chunks")));
            }
            let Some(next) = page["nextAfter"].as_str() else { break };
            after = format!("&after={next}");
        }
        documents.sort_unstable();
        documents
    }
}

fn admin_token(home: &Path) -> String {
    let reach = std::fs::read(home.join("data/admin.json")).expect("the address file is there");
    let reach: Value = serde_json::from_slice(&reach).expect("it is JSON");
    reach["token"].as_str().expect("it has the token").to_owned()
}

fn files() -> Vec<u8> {
    let text = |at: usize| format!("Word{at} stands here.\n\n").repeat(40 + at % 7);
    let mut files: Vec<(String, Vec<u8>)> =
        (0..FILES).map(|at| (format!("{at}.rtf"), format!("{{\\rtf1 {}}}", text(at)).into_bytes())).collect();
    let entries: Vec<(String, String)> = (0..ENTRIES).map(|at| (format!("{at}.txt"), text(at))).collect();
    let entries: Vec<(&str, &[u8])> =
        entries.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    files.insert(FILES / 2, ("packed/all.zip".to_owned(), zip(&entries)));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    form(&files)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_killed_goes_on_and_nothing_is_doubled() {
    let undisturbed = Served::start();
    let task = undisturbed.upload().await;
    let end = undisturbed.follow(&task, u64::MAX).await;
    assert_eq!(
        (&end["status"], end["files"]["ready"].as_u64()),
        (&"completed".into(), Some((FILES + ENTRIES) as u64))
    );
    let expected = undisturbed.documents().await;
    assert_eq!(expected.len(), FILES + ENTRIES);

    let mut served = Served::start();
    let task = served.upload().await;
    // Amid the files before the archive, amid the archive, and behind it; a quick machine may be done by then.
    for (kills, ready) in [5, FILES / 2 + ENTRIES / 3, FILES / 2 + ENTRIES + 3].into_iter().enumerate() {
        let seen = served.follow(&task, ready as u64).await;
        assert!(kills > 0 || seen["status"] == "running", "nothing was left to go on with: {seen}");
        served.program.kill();
        std::fs::write(served.home.path().join("data/received/orphan"), "cut off")
            .expect("the folder is there");
        served.program = Program::serve(served.home.path(), &[]);
    }
    let end = served.follow(&task, u64::MAX).await;

    assert_eq!(
        (&end["status"], end["files"].clone()),
        (
            &"completed".into(),
            serde_json::json!({
                "total": FILES + ENTRIES, "ready": FILES + ENTRIES, "failed": 0,
            })
        )
    );
    assert_eq!(served.documents().await, expected);
    let received = std::fs::read_dir(served.home.path().join("data/received")).expect("the folder is there");
    assert_eq!(received.count(), 0, "what was received is gone, and so is what nobody waits for");
}
