//! `latimer knowledge` and `latimer ask --project`, as their user sees them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use testkit::upstream::{Upstream, openai_stream};

use crate::cli::{client, home, refusal};
use crate::program::{Ended, Program, asking, latimer, run};

const WARRANTY: &str = "# Warranty\n\nThe kettle has a warranty of 7 years. Ask for it at the counter.\n";
const SHIPPING: &str = "# Shipping\n\nParcels leave on Tuesdays. Nothing is shipped to islands.\n";

/// A running server whose project `shop` has two documents.
struct Shop {
    home: TempDir,
    upstream: Upstream,
    program: Program,
}

impl Shop {
    async fn open() -> Self {
        let (home, upstream) = (home(), Upstream::start().await);
        let program = Program::serve(home.path(), &asking(&upstream));
        let shop = Self { home, upstream, program };
        shop.put("docs/warranty.md", WARRANTY).await;
        shop.put("docs/shipping.md", SHIPPING).await;
        shop
    }

    async fn put(&self, path: &str, content: &str) {
        let body = json!({ "projectId": "shop", "type": "doc", "content": content, "filePath": path });
        let request = client().post(self.program.url("/api/knowledge/documents")).json(&body);
        assert_eq!(request.send().await.expect("an answer").status(), 201);
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ended {
        run(self.home.path(), arguments)
    }

    /// What it prints where it succeeds, line by line.
    #[track_caller]
    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.run(arguments);
        assert!(ended.status.success(), "{ended:?}");
        ended.stdout.lines().map(str::to_owned).collect()
    }

    async fn ask(&self, answer: &'static str) -> Vec<String> {
        self.upstream.enqueue(openai_stream(&[answer]));
        self.lines(&["ask", "--project", "shop", "How long is the warranty of the kettle?"])
    }
}

/// Makes SQL's changes to the database behind the server's back.
async fn tamper(home: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(home.join("data/latimer.db"));
    let mut database = options.connect().await.expect("the database opens");
    database.execute(sql).await.expect("it is changed");
    database.close().await.expect("it closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_with_a_project_prints_the_answer_and_where_it_stands() {
    let shop = Shop::open().await;

    let printed = shop.ask("The kettle has a warranty of 7 years.").await;

    assert_eq!(
        printed,
        [
            "The kettle has a warranty of 7 years.",
            "[1] docs/warranty.md:3  \"The kettle has a warranty of 7 years.\""
        ]
    );
    let prompt = shop.upstream.requests().pop().expect("the model was asked").json().to_string();
    assert!(prompt.contains("Ask for it at the counter."), "{prompt}");
    shop.upstream.enqueue(openai_stream(&["Hello."]));
    let ended = shop.run(&["ask", "--project", "shop", "Hello!"]);
    assert_eq!(ended.stdout, "Hello.\n");
    assert!(ended.stderr.contains("the answer cites nothing\n"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_not_there_is_named() {
    let shop = Shop::open().await;
    for arguments in [
        &["ask", "--project", "nowhere", "Hi"][..],
        &["knowledge", "list", "nowhere"],
        &["knowledge", "search", "nowhere", "kettle"],
        &["knowledge", "remove", "nowhere", "--all"],
        &["knowledge", "status", "nowhere", "--wait"],
        &["knowledge", "verify", "nowhere"],
    ] {
        let said = "there is no project nowhere; make it by: latimer knowledge add nowhere PATH";
        assert_eq!(refusal(&shop.run(arguments)), said, "{arguments:?}");
    }
    let no_server = "no server runs on this data directory; start one: latimer serve";
    assert_eq!(refusal(&run(home().path(), &["knowledge", "list", "shop"])), no_server);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_listed_counted_and_removed() {
    let shop = Shop::open().await;
    shop.put("notes.md", "Remember the milk.").await;
    let listed = |lines: Vec<String>| {
        let mut lines = lines;
        lines.sort_unstable();
        lines.iter().map(|line| line.split('\t').next().expect("a path").to_owned()).collect::<Vec<_>>()
    };
    let list = ["knowledge", "list", "shop"];
    assert_eq!(listed(shop.lines(&list)), ["docs/shipping.md", "docs/warranty.md", "notes.md"]);
    let status = shop.lines(&["knowledge", "status", "shop", "--wait"]);
    assert_eq!(status[..2], ["documents\t3", "chunks\t3"]);

    let absent = shop.run(&["knowledge", "remove", "shop", "notes.md", "doc"]);
    assert_eq!(refusal(&absent), "there is no document doc in shop; nothing is removed");
    assert_eq!(shop.lines(&["knowledge", "remove", "shop", "notes.md"]), ["removed notes.md"]);
    assert_eq!(listed(shop.lines(&list)), ["docs/shipping.md", "docs/warranty.md"]);
    assert_eq!(
        shop.lines(&["knowledge", "remove", "shop", "docs/"]).len(),
        2,
        "a folder is all that is in it"
    );
    shop.put("notes.md", "Remember the milk.").await;
    assert_eq!(shop.lines(&["knowledge", "remove", "shop", "--all"]), ["removed notes.md"]);
    assert_eq!(shop.lines(&list), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn search_says_what_it_found_and_why_it_stands_there() {
    let shop = Shop::open().await;
    let found = shop.lines(&["knowledge", "search", "shop", "kettle", "warranty"]);
    assert!(found[0].starts_with("[1] ") && found[0].ends_with("  docs/warranty.md:1"), "{found:?}");
    assert_eq!(found[1], "    # Warranty The kettle has a warranty of 7 years. Ask for it at the counter.");

    let explained = shop.lines(&["knowledge", "search", "shop", "--explain", "--top", "1", "islands"]);

    assert_eq!(explained.len(), 3, "{explained:?}");
    assert!(
        explained[1].starts_with("    words 1.00") && explained[1].contains("document 1.00"),
        "{explained:?}"
    );
    let nothing = shop.run(&["knowledge", "search", "shop", "zanzibar"]);
    assert_eq!((nothing.status.code(), nothing.stdout.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_what_was_changed_from_what_is_damaged() {
    let shop = Shop::open().await;
    shop.ask("The kettle has a warranty of 7 years.").await;
    let verify = ["knowledge", "verify", "shop"];
    let whole = shop.run(&verify);
    assert_eq!((whole.status.code(), whole.stdout.as_str()), (Some(0), ""));
    assert_eq!(whole.stderr, "looked at 2 documents, 2 chunks and 1 citations\n");

    shop.put("docs/warranty.md", "# Warranty\n\nThere is none any more.\n").await;
    assert_eq!(shop.lines(&verify), ["citation\tdocs/warranty.md\t12-49\treplaced"]);
    shop.put("docs/warranty.md", WARRANTY).await;
    assert_eq!(shop.lines(&verify), Vec::<String>::new(), "it is again what was cited");

    tamper(
        shop.home.path(),
        "UPDATE document_texts SET piece = CAST(replace(CAST(piece AS TEXT), '7 years', '9 years') AS BLOB)",
    )
    .await;
    let damaged = shop.run(&verify);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert_eq!(
        damaged.stdout,
        "document\tdocs/warranty.md\t-\tdamaged\ncitation\tdocs/warranty.md\t12-49\tdamaged\n"
    );
    assert!(damaged.stderr.contains("error: 2 of them are damaged"), "{damaged:?}");

    shop.lines(&["knowledge", "remove", "shop", "docs/warranty.md"]);
    assert_eq!(shop.lines(&verify), ["citation\tdocs/warranty.md\t12-49\tremoved"]);
}

/// A folder `docs` in the home directory, with a file that is none of what its name says.
fn write_docs(home: &Path) {
    let write = |path: &str, content: &str| {
        let file = home.join("docs").join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, content).expect("a file");
    };
    write("warranty.md", WARRANTY);
    write("more/shipping.md", SHIPPING);
    write(".hidden.md", "Nobody reads this.");
    write(".gitignore", "*.log\n/drafts\n");
    write("server.log", "Nobody reads this.");
    write("drafts/one.md", "Nobody reads this.");
    #[cfg(unix)]
    std::os::unix::fs::symlink("warranty.md", home.join("docs/link.md")).expect("a link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_added_asked_and_shown_at_the_cited_bytes() {
    let (home, upstream) = (home(), Upstream::start().await);
    let shop = Shop { program: Program::serve(home.path(), &asking(&upstream)), home, upstream };
    write_docs(shop.home.path());

    let mut added = shop.lines(&["knowledge", "add", "shop", "./docs"]);

    added.sort_unstable();
    assert_eq!(added, ["ready\tdocs/more/shipping.md", "ready\tdocs/warranty.md"]);
    let asked = shop.ask("The kettle has a warranty of 7 years.").await;
    assert_eq!(asked[1], "[1] docs/warranty.md:3  \"The kettle has a warranty of 7 years.\"");

    std::fs::write(shop.home.path().join("docs/report.pdf"), "This is no PDF.").expect("a file");
    let again = shop.run(&["knowledge", "add", "shop", "docs"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let failed = again.stdout.lines().find(|line| line.starts_with("failed\t")).expect("one has failed");
    assert!(failed.starts_with("failed\tdocs/report.pdf\t"), "{failed}");
    assert!(again.stderr.ends_with("error: 1 of 3 have failed\n"), "{again:?}");
    assert!(again.stderr.contains("2 of 3 added; shop has 2 documents, 2 chunks"), "{again:?}");
    let elsewhere = shop.home.path().join("docs/more");
    let elsewhere = elsewhere.to_str().expect("a path");
    assert_eq!(shop.lines(&["knowledge", "add", "shop", elsewhere]), ["ready\tmore/shipping.md"]);
    assert_eq!(
        refusal(&shop.run(&["knowledge", "add", "shop", "no-such-folder"])).split(": ").next(),
        Some("there is no file or folder no-such-folder")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_watched_is_followed() {
    let (home, upstream) = (home(), Upstream::start().await);
    let shop = Shop { program: Program::serve(home.path(), &asking(&upstream)), home, upstream };
    write_docs(shop.home.path());
    let mut command = latimer(shop.home.path());
    command
        .args(["knowledge", "add", "shop", "docs", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut watching = command.spawn().expect("the program starts");
    let mut said = BufReader::new(watching.stderr.take().expect("it is piped")).lines();
    let mut told = BufReader::new(watching.stdout.take().expect("it is piped")).lines();
    assert!(said.any(|line| line.expect("text") == "watching; Ctrl-C ends it"));
    let file = |name: &str| shop.home.path().join("docs").join(name);
    let mut until = |wanted: &str| assert!(told.any(|line| line.expect("text") == wanted), "{wanted}");

    std::fs::write(file("teapot.md"), "The teapot is blue.").expect("a file");
    until("ready\tdocs/teapot.md");
    std::fs::write(file("warranty.md"), "The kettle has none.").expect("a file");
    until("ready\tdocs/warranty.md");
    std::fs::remove_file(file("more/shipping.md")).expect("it is there");
    until("removed\tdocs/more/shipping.md");

    watching.kill().expect("it runs");
    watching.wait().expect("it is our child");
    let mut listed: Vec<String> = shop.lines(&["knowledge", "list", "shop"]);
    listed.iter_mut().for_each(|line| line.truncate(line.find('\t').expect("fields")));
    listed.sort_unstable();
    assert_eq!(listed, ["docs/teapot.md", "docs/warranty.md"]);
    let found = shop.lines(&["knowledge", "search", "shop", "kettle"]);
    assert_eq!(found[1], "    The kettle has none.");
}
