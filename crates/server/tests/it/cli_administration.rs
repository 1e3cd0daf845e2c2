//! Administration on the command line: the same lines whether a server runs or not, and what they do counts.

use std::path::Path;

use tempfile::TempDir;

use crate::cli::refusal;
use crate::program::{Ended, Program, run, run_reading};

fn home() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// Runs a command that must work; gives the fields of its lines.
#[track_caller]
fn lines(home: &Path, arguments: &[&str]) -> Vec<Vec<String>> {
    fields(&run(home, arguments))
}

/// As [`lines`], of the only one.
#[track_caller]
fn line(home: &Path, arguments: &[&str]) -> Vec<String> {
    let mut lines = lines(home, arguments);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[track_caller]
fn fields(ended: &Ended) -> Vec<Vec<String>> {
    assert!(ended.status.success(), "{ended:?}");
    ended.stdout.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The line of this user, without its id.
#[track_caller]
fn user(home: &Path, username: &str) -> Vec<String> {
    let users = lines(home, &["users", "list"]);
    users.into_iter().find(|user| user[1] == username).expect("it is listed").split_off(1)
}

async fn sign_in(program: &Program, form: &[(&str, &str)]) -> u16 {
    let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(program.url("/auth/realms/codemie-prod/protocol/openid-connect/token"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
    request.send().await.expect("an answer").status().as_u16()
}

async fn sign_in_user(program: &Program, username: &str, password: &str) -> u16 {
    let user = [("username", username), ("password", password)];
    sign_in(program, &[&[("grant_type", "password"), ("client_id", "codemie-sdk")], &user[..]].concat()).await
}

async fn sign_in_client(program: &Program, id: &str, secret: &str) -> u16 {
    sign_in(program, &[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)])
        .await
}

/// What an administrator does in a morning; gives Ada's password and the robot's secret.
#[track_caller]
fn administer(home: &Path) -> (String, String) {
    let added = line(home, &["users", "add", "Ada", "--name", "Ada Lovelace", "--email", "ada@example.com"]);
    let [id, username, _generated] = &added[..] else { panic!("id, name, password: {added:?}") };
    assert_eq!(username, "ada");
    assert_eq!(
        user(home, "ada"),
        ["ada", "person", "developer", "Ada Lovelace", "ada@example.com", "enabled", "-", "0"]
    );
    let changed =
        ["users", "change", id, "--role", "admin", "--role", "developer", "--email", "", "--disable"];
    let changed = line(home, &changed);
    assert_eq!((changed[3].as_str(), changed[5].as_str()), ("admin,developer", ""));
    assert!(changed[6].starts_with("disabled 20"), "{changed:?}");
    let changed = line(home, &["users", "change", "ada", "--enable", "--no-roles", "--external", "true"]);
    assert_eq!((changed[3].as_str(), changed[6].as_str()), ("-", "enabled"));
    let password = line(home, &["users", "password", "ada"]).remove(0);

    let robot = line(home, &["clients", "create", "robot", "--token-exchange", "--may-impersonate=true"]);
    assert_eq!((robot.len(), robot[0].as_str()), (2, "robot"), "id and secret");
    let rotated = line(home, &["clients", "rotate", "robot"]);
    assert_ne!(rotated, robot);
    let changed = line(home, &["clients", "change", "robot", "--may-impersonate=false"]);
    assert_eq!(changed[..3], ["robot", "service-account,token-exchange", "secret"]);
    assert!(line(home, &["clients", "disable", "robot"])[4].starts_with("disabled 20"));
    assert_eq!(line(home, &["clients", "enable", "robot"])[4], "enabled");
    let clients: Vec<String> =
        lines(home, &["clients", "list"]).into_iter().map(|mut client| client.remove(0)).collect();
    assert_eq!(clients, ["codemie-sdk", "robot"]);

    let told = home.join("instructions.txt");
    std::fs::write(&told, "Be kind.").expect("a file");
    let file = told.to_str().expect("a path");
    let pirate =
        line(home, &["assistants", "create", "Pirate", "--instructions-file", file, "--model", "gpt-5"]);
    assert_eq!(pirate[2..], ["Pirate", "gpt-5", "everyone", "-"]);
    let changed = line(
        home,
        &["assistants", "change", &pirate[1], "--name", "Captain", "--model", "", "--global", "false"],
    );
    assert_eq!(changed[2..], ["Captain", "-", "some", "-"]);
    assert_eq!(lines(home, &["assistants", "list"]).len(), 2, "one came with the server");
    line(home, &["projects", "create", "ships"]);
    let reads = |knowledge: &str| line(home, &["assistants", "change", &pirate[1], "--knowledge", knowledge]);
    assert_eq!(reads("ships")[5], "ships");
    assert_eq!(reads("")[5], "-");
    lines(home, &["assistants", "delete", &pirate[0]]);
    assert_eq!(lines(home, &["assistants", "list"])[0][2], "Assistant");
    let project = line(home, &["projects", "create", "demo"]);
    assert_eq!(lines(home, &["projects", "list"])[0], project);
    lines(home, &["projects", "add-member", "demo", "ada"]);
    lines(home, &["projects", "add-member", &project[0], id, "--admin"]);
    assert_eq!(line(home, &["projects", "members", "demo"]), [id, "ada", "admin", "administration"]);
    (password, rotated[1].clone())
}

/// What it refuses, in the same words wherever it is done.
#[track_caller]
fn check_refusals(home: &Path) {
    for (arguments, said) in [
        (&["users", "add", "ada"][..], "username is taken"),
        (&["users", "change", "nobody", "--disable"], "user not found"),
        (&["users", "delete", "no/../body"], "there is no user no/../body"),
        (&["users", "delete", ".."], "\"..\" names nothing"),
        (&["users", "delete", "service-account-robot"], "user: belongs to a client; delete that"),
        (&["clients", "create", "robot"], "client id is taken"),
        (&["clients", "rotate", "codemie-sdk"], "client with a secret not found"),
        (&["clients", "delete", "nobody"], "there is no client nobody"),
        (&["projects", "members", "nothing"], "project not found"),
        (&["assistants", "change", "nothing", "--name", "x"], "assistant not found"),
        (&["assistants", "delete", "nothing"], "there is no assistant nothing"),
        (
            &["projects", "remove-member", "demo", "nobody"],
            "nobody is not a member of demo by administration",
        ),
        (
            &["keys", "create", "--account", "ada", "--expires", "2020-01-01T00:00:00Z"],
            "expiresAt must be in the future",
        ),
    ] {
        assert_eq!(refusal(&run(home, arguments)), said, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_administered() {
    let home = home();
    let program = Program::serve(home.path(), &[]);

    let (password, secret) = administer(home.path());

    check_refusals(home.path());
    assert_eq!(sign_in_user(&program, "ada", &password).await, 200);
    assert_eq!(sign_in_client(&program, "robot", &secret).await, 200);
    lines(home.path(), &["clients", "delete", "robot"]);
    lines(home.path(), &["projects", "remove-member", "demo", "ada"]);
    assert_eq!(lines(home.path(), &["projects", "members", "demo"]).len(), 0);
    assert_eq!(line(home.path(), &["users", "delete", "ada"]), ["deleted ada"]);
    assert_eq!(sign_in_user(&program, "ada", &password).await, 401);
    assert_eq!(sign_in_client(&program, "robot", &secret).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_without_a_server_is_administered() {
    let home = home();

    let (password, secret) = administer(home.path());

    check_refusals(home.path());
    assert!(!home.path().join("data/first-start.txt").exists(), "nothing was started");
    let program = Program::serve(home.path(), &[]);
    assert_eq!(sign_in_user(&program, "ada", &password).await, 200);
    assert_eq!(sign_in_client(&program, "robot", &secret).await, 200);
    assert!(!program.banner().contains("first start"), "there is somebody already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_read_from_standard_input() {
    let home = home();
    let add = ["users", "add", "ada", "--password-stdin"];

    let short = run_reading(home.path(), &add, "short\n");
    assert_eq!(refusal(&short), "password: must have 8 to 1024 bytes");
    assert_eq!(refusal(&run_reading(home.path(), &add, "")), "there is no password on standard input");
    let added = fields(&run_reading(home.path(), &add, "correct horse\r\nnot this line\n"));
    assert_eq!((added[0].len(), added[0][1].as_str()), (2, "ada"), "what was given is not printed");

    let program = Program::serve(home.path(), &[]);
    assert_eq!(sign_in_user(&program, "ada", "correct horse").await, 200);
    let set = run_reading(home.path(), &["users", "password", "ada", "--password-stdin"], "battery staple");
    assert_eq!((set.status.code(), set.stdout.as_str()), (Some(0), ""));
    assert_eq!(sign_in_user(&program, "ada", "correct horse").await, 401);
    assert_eq!(sign_in_user(&program, "ada", "battery staple").await, 200);
}

#[test]
fn limits_are_set_and_taken_away() {
    let home = home();
    lines(home.path(), &["users", "add", "ada", "--limit", "100"]);
    lines(home.path(), &["keys", "create", "--account", "ada", "--limit", "7"]);
    let key = line(home.path(), &["keys", "list"]);
    assert_eq!((user(home.path(), "ada")[6..].join(" "), key[8..].join(" ")), ("100 0".into(), "7 0".into()));

    let ada = line(home.path(), &["users", "change", "ada", "--limit", "none"]);
    let key = line(home.path(), &["keys", "change", &key[0], "--limit", "0"]);

    assert_eq!((ada[7..].join(" "), key[8..].join(" ")), ("- 0".into(), "0 0".into()));
    let unknown = run(home.path(), &["keys", "change", "key_9", "--limit", "1"]);
    assert_eq!(refusal(&unknown), "key not found");
    let wrong = run(home.path(), &["users", "change", "ada", "--limit", "-1"]);
    assert!(!wrong.status.success(), "{wrong:?}");
}

/// How it is asked for; what it then tells is in `usage.rs`.
#[test]
fn usage_is_asked_for_by_days() {
    let home = home();
    let days = ["usage", "--from", "2026-01-01", "--to", "2026-01-31", "--by", "day,model,user"];
    let price = ["--set", "prices.openai/gpt-*.prompt=0.25"];

    let usage = run(home.path(), &[&days[..], &price].concat());

    assert_eq!((usage.status.code(), usage.stdout.as_str()), (Some(0), ""));
    let said = "2026-01-01 to 2026-01-31: 0 turns, 0 tokens read, 0 written, 0 credits\n";
    assert_eq!(usage.stderr, said);
    let refused = run(home.path(), &["usage", "--from", "soon"]);
    assert_eq!(refusal(&refused), "from must be a day such as 2026-01-31");
    let refused = run(home.path(), &["usage", "--set", "prices.gpt-5.prompt=1"]);
    let said = "prices.\"gpt-5\": prices are of provider/model, such as \"openai/gpt-*\", and not below 0";
    assert_eq!(refusal(&refused), said);
}

#[test]
fn keys_are_made_for_less_than_everything() {
    let home = home();
    let create = ["keys", "create", "--account", "ada", "--scope", "documents", "--scope", "chat"];
    let create = [&create[..], &["--expires", "2099-01-01T00:00:00+01:00"]].concat();
    lines(home.path(), &create);

    let key = line(home.path(), &["keys", "list"]);

    assert_eq!(key[4..], ["valid", "chat,documents", "2098-12-31T23:00:00Z", "-", "-", "0"]);
    let unknown = run(home.path(), &["keys", "create", "--account", "ada", "--scope", "root"]);
    assert!(unknown.stderr.contains("chat, documents, assistants, admin"), "{unknown:?}");
    assert!(!unknown.status.success());
}
