//! The command line, as its user sees it: what is printed where, and the exit code.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::upstream::{Reply, Upstream, openai_stream};

use crate::harness::message;
use crate::program::{Ended, Program, asking, latimer, run};

const WORDS: [&str; 3] = ["It", " is", " Paris."];
const TEXT: &str = "It is Paris.";
/// The upstream's first chunk has the role, then comes one a word.
const ROLE: usize = 1;

pub(crate) fn home() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// A server that answers nobody without a key.
fn serve_with_keys(home: &Path, upstream: &Upstream) -> Program {
    let mut settings = asking(upstream);
    settings.push("--set=auth.anonymous=never".to_owned());
    Program::serve(home, &settings)
}

async fn status_with(program: &Program, key: &str) -> u16 {
    let request = client().post(program.url("/api/chat")).json(&message("Hi")).bearer_auth(key);
    request.send().await.expect("an answer").status().as_u16()
}

/// Makes a key; gives the key and its id.
#[track_caller]
pub(crate) fn create_key(home: &Path, account: &str) -> (String, String) {
    let made = run(home, &["keys", "create", "--account", account, "--label", "laptop"]);
    assert!(made.status.success(), "{made:?}");
    let key = made.stdout.strip_suffix('\n').expect("a line").to_owned();
    let said = made.stderr.strip_prefix("key ").expect("the id is told");
    let (id, rest) = said.split_once(' ').expect("the account is told");
    assert_eq!(rest, format!("of account {account}; it is not shown again\n"));
    (key, id.to_owned())
}

/// Lists the keys as id, account, label and whether they are valid.
#[track_caller]
fn list_keys(home: &Path) -> Vec<(String, String, String, bool)> {
    let listed = run(home, &["keys", "list"]);
    assert!(listed.status.success(), "{listed:?}");
    let key = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, account, label, created_at, state, scopes, ends, _used, limit, _messages] = fields[..]
        else {
            panic!("ten fields: {line:?}")
        };
        assert_eq!((scopes, ends, limit), ("chat,documents,assistants", "-", "-"), "unless more is said");
        assert!(created_at.ends_with('Z'), "{created_at}");
        assert!(state == "valid" || state.starts_with("revoked 20"), "{state}");
        (id.to_owned(), account.to_owned(), label.to_owned(), state == "valid")
    };
    // The one of the first start is there whatever a test does.
    listed.stdout.lines().filter(|line| !line.contains("\tfirst start\t")).map(key).collect()
}

/// It failed with one sentence, which is given.
#[track_caller]
pub(crate) fn refusal(ended: &Ended) -> &str {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let sentence = ended.stderr.strip_prefix("error: ").and_then(|said| said.strip_suffix('\n'));
    let sentence = sentence.unwrap_or_else(|| panic!("one sentence: {ended:?}"));
    assert!(!sentence.contains('\n'), "one line: {sentence:?}");
    sentence
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_revoked_while_the_server_runs() {
    let (home, upstream) = (home(), Upstream::start().await);
    upstream.always(openai_stream(&WORDS));
    let program = serve_with_keys(home.path(), &upstream);

    let (key, id) = create_key(home.path(), "mobile");

    assert_eq!(status_with(&program, &key).await, 200);
    let listed = |valid| vec![(id.clone(), "mobile".to_owned(), "laptop".to_owned(), valid)];
    assert_eq!(list_keys(home.path()), listed(true));
    let revoked = run(home.path(), &["keys", "revoke", &id]);
    assert_eq!((revoked.status.code(), revoked.stdout), (Some(0), format!("revoked {id}\n")));
    assert_eq!(status_with(&program, &key).await, 401, "it counts at once");
    assert_eq!(list_keys(home.path()), listed(false));
    assert_eq!(
        refusal(&run(home.path(), &["keys", "revoke", "key_of/nobody"])),
        "there is no key key_of/nobody"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_revoked_while_no_server_runs() {
    let (home, upstream) = (home(), Upstream::start().await);
    upstream.always(openai_stream(&WORDS));

    let (kept, kept_id) = create_key(home.path(), "mobile");
    let (revoked, revoked_id) = create_key(home.path(), "desktop");
    assert!(run(home.path(), &["keys", "revoke", &revoked_id]).status.success());

    let listed =
        |id: &str, account: &str, valid| (id.to_owned(), account.to_owned(), "laptop".to_owned(), valid);
    let expected = [listed(&kept_id, "mobile", true), listed(&revoked_id, "desktop", false)];
    assert_eq!(list_keys(home.path()), expected);
    assert_eq!(refusal(&run(home.path(), &["keys", "revoke", "key_nobodys"])), "there is no key key_nobodys");
    let program = serve_with_keys(home.path(), &upstream);
    assert_eq!(status_with(&program, &kept).await, 200);
    assert_eq!(status_with(&program, &revoked).await, 401);
    assert_eq!(list_keys(home.path()), expected, "the server says the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_prints_the_answer_as_it_comes_and_names_the_session() {
    let (home, upstream) = (home(), Upstream::start().await);
    let _program = Program::serve(home.path(), &asking(&upstream));
    let (reply, gate) = openai_stream(&["One line.\n", "Another."]).paced();
    upstream.enqueue(reply);
    gate.release(ROLE + 1);

    let mut ask = latimer(home.path());
    ask.args(["ask", "Where", "am I?"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut ask = ask.spawn().expect("the program starts");
    let mut printed = BufReader::new(ask.stdout.take().expect("it is piped"));
    let mut text = String::new();
    printed.read_line(&mut text).expect("it prints UTF-8");
    assert_eq!(text, "One line.\n", "before the model has gone on");
    gate.open();
    printed.read_to_string(&mut text).expect("it prints UTF-8");
    let ended = ask.wait_with_output().expect("it ends");

    assert_eq!((ended.status.code(), text.as_str()), (Some(0), "One line.\nAnother.\n"));
    let said = String::from_utf8(ended.stderr).expect("it prints UTF-8");
    let session = said.strip_prefix("session ").expect("the session").trim_end();
    assert!(session.starts_with("sess_"), "{session}");
    upstream.enqueue(openai_stream(&WORDS));
    let next =
        run(home.path(), &["ask", "--session", session, "--system", "Be brief.", "And where is that?"]);
    assert_eq!((next.stdout.as_str(), next.stderr), ("It is Paris.\n", said));
    let read: Value = upstream.requests()[1].json()["messages"].clone();
    let message = |role: &str, content: &str| json!({ "role": role, "content": content });
    let expected = [
        message("system", "Be brief."),
        message("user", "Where am I?"),
        message("assistant", "One line.\nAnother."),
        message("user", "And where is that?"),
    ];
    assert_eq!(read, json!(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_fails_with_one_sentence_when_no_server_runs() {
    let home = home();
    let no_server = "no server runs on this data directory; start one: latimer serve";
    assert_eq!(refusal(&run(home.path(), &["ask", "Anybody?"])), no_server);

    Program::serve(home.path(), &[]).kill();

    let after_a_crash = run(home.path(), &["ask", "Anybody?"]);
    assert!(home.path().join("data/admin.json").exists(), "the dead process left its address");
    assert_eq!(refusal(&after_a_crash), no_server);
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_fails_with_one_sentence_when_the_model_fails() {
    let (home, upstream) = (home(), Upstream::start().await);
    let program = Program::serve(home.path(), &asking(&upstream));

    upstream.enqueue(Reply::status(500).body("{}"));
    let refused = run(home.path(), &["ask", "Hi"]);
    assert!(refusal(&refused).starts_with("the server answered 502 Bad Gateway: "), "{refused:?}");
    assert_eq!(refused.stdout, "");

    let reply = openai_stream(&WORDS);
    let length = reply.length();
    upstream.enqueue(reply.cut_after(length - 200));
    let broken = run(home.path(), &["ask", "Hi"]);
    refusal(&broken);
    let partial = broken.stdout.strip_suffix('\n').expect("the line is ended");
    assert!(TEXT.starts_with(partial) && !partial.is_empty(), "{broken:?}");

    let elsewhere = run(home.path(), &["ask", "--server", "http://127.0.0.1:1", "Hi"]);
    assert!(refusal(&elsewhere).starts_with("http://127.0.0.1:1 can't be reached"), "{elsewhere:?}");
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_reaches_another_server_with_the_key_of_the_environment() {
    let (home, upstream) = (home(), Upstream::start().await);
    upstream.always(openai_stream(&["Hello."]));
    let program = serve_with_keys(home.path(), &upstream);
    let (key, _) = create_key(home.path(), "mobile");
    let elsewhere = TempDir::new().expect("a temporary directory");

    let mut ask = latimer(elsewhere.path());
    ask.args(["ask", "--server", &program.url(""), "Hi"]).env("LATIMER_API_KEY", key);
    let ended = ask.output().expect("the program runs");

    assert_eq!(String::from_utf8_lossy(&ended.stdout), "Hello.\n", "{ended:?}");
}

#[test]
fn a_wrong_setting_is_named() {
    let home = home();
    let file = |text: &str| std::fs::write(home.path().join("wrong.toml"), text).expect("a file");
    // A setting that is taken after all ends at this address, instead of being served for ever.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let serve = |argument: &str| {
        let ended = run(home.path(), &["serve", "--listen", &address, argument]);
        refusal(&ended).to_owned()
    };

    let said = serve("--set=nonsense");
    assert_eq!(said, "--set takes path=value, such as --set turn.head_wait_ms=5000; got \"nonsense\"");
    for setting in ["turn.nonsense=1", "turn.head_wait_ms=soon", "auth.anonymous=perhaps", "nonsense=1"] {
        let said = serve(&format!("--set={setting}"));
        check_names(&said, setting.split('=').next().expect("a path"));
    }
    for (text, setting) in [
        ("[turn]\nnonsense = 1", "turn.nonsense"),
        ("[server]\nmax_connections = \"many\"", "server.max_connections"),
        ("[providers.openai]\nkind = \"oracle\"", "providers.openai.kind"),
        ("[providers.openai]\nbase_url = \"http://127.0.0.1:1\"", "providers.openai"),
    ] {
        file(text);
        let said = serve("--config=wrong.toml");
        check_names(&said, setting);
        assert!(said.contains("wrong.toml"), "the file is named: {said}");
    }
    // What is no TOML is shown with its place, on lines of its own.
    file("[turn\n");
    let said = run(home.path(), &["keys", "list", "--config=wrong.toml"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr.contains("line 1") && said.stderr.contains("wrong.toml"), "{said:?}");
    assert_eq!(serve("--config=missing.toml"), "missing.toml does not exist");
    let said = serve("--set=log.filter=a=b=c");
    assert!(said.starts_with("log.filter: "), "{said}");
    assert_eq!(said.matches("expected one of").count(), 1, "it is said once: {said}");
    assert!(serve("--set=models.default=nobody").starts_with("models.default: \"nobody\" is not "));
    assert!(!home.path().join("data/admin.json").exists(), "nothing serves");
}

#[track_caller]
fn check_names(said: &str, setting: &str) {
    assert!(said.contains(setting), "{setting} is named: {said}");
    assert!(!said.contains(".rs") && !said.contains("default."), "nothing of our own sources: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_banner_names_the_real_address_and_the_model_that_answers() {
    let (home, upstream) = (home(), Upstream::start().await);
    let banner_with = |variable: Option<(&str, &str)>| {
        let mut command = latimer(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).envs(variable);
        Program::start(home.path(), command).banner().to_owned()
    };

    let said = banner_with(Some(("OPENAI_API_KEY", "sk-of-the-operator")));
    assert!(said.contains("\nopenai/gpt-5 answers: OPENAI_API_KEY is set\n"), "{said}");
    assert!(!said.contains("sk-of-the-operator"), "{said}");
    let said = banner_with(Some(("ANTHROPIC_API_KEY", "sk-of-the-operator")));
    assert!(said.contains("\nanthropic/claude-sonnet-4-5 answers: ANTHROPIC_API_KEY is set\n"), "{said}");
    let said = banner_with(None);
    assert!(said.contains("\nno model is ") && said.contains("OPENAI_API_KEY"), "{said}");
    let program = Program::serve(home.path(), &asking(&upstream));
    let said = program.banner();
    assert!(
        said.contains("\nopenai/gpt-5 answers: it is the first provider of the configuration\n"),
        "{said}"
    );
    assert!(!said.contains(":0\n"), "the port is the real one: {said}");
    let answer = client().get(program.url("/readyz")).send().await.expect("it listens there");
    assert_eq!(answer.json::<Value>().await.expect("JSON")["llm"], "openai/gpt-5");
}
