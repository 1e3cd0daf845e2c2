//! Which model answers: names, aliases, defaults, and what is said when none can.

use std::process::Stdio;

use providers::settings::ProviderSettings;
use serde_json::{Value, json};
use server::Server;
use server::config::Config;
use tempfile::TempDir;
use testkit::upstream::{Upstream, anthropic_stream, openai_stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::harness::{TestServer, anthropic, check_error, message};

#[tokio::test]
async fn without_any_model_the_server_says_what_to_do() {
    let server = TestServer::start_with(|config, _| config.providers.clear()).await;

    assert!(server.running().answers().contains("cargo xtask models"), "{}", server.running().answers());
    let ready = server.get("/readyz").send().await.expect("an answer");
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json::<Value>().await.expect("JSON"), json!({ "status": "ok", "llm": "none" }));
    for (path, body) in [
        ("/api/chat", message("Hi")),
        ("/api/chat/stream", message("Hi")),
        ("/api/chat/reason", message("Hi")),
        ("/api/ai/chat", json!({ "message": "Hi" })),
        ("/api/ai/chat/stream", json!({ "message": "Hi" })),
    ] {
        let answer = server.post(path, &body).send().await.expect("an answer");
        assert_eq!(answer.headers().get("retry-after").expect("a time to retry"), "60");
        let body = check_error(answer, 503, "UNAVAILABLE").await;
        let said = body["message"].as_str().expect("text");
        assert!(said.contains("cargo xtask models") && said.contains("OPENAI_API_KEY"), "{said}");
    }
    server.stop().await;
}

/// Two providers that answer for their vendors' names, though both are the upstream.
async fn two_vendors(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(|config, upstream| {
        let anthropic = ProviderSettings { models: Some(vec!["claude-*".to_owned()]), ..anthropic(upstream) };
        config.providers.insert("anthropic".to_owned(), anthropic);
        let openai = config.providers.get_mut("openai").expect("it is there");
        openai.models = Some(vec!["gpt-*".to_owned()]);
        change(config);
    })
    .await
}

/// Asks for a provider and a model, and checks who answered, what it was asked for, and that the names are echoed.
async fn check(server: &TestServer, provider: Option<&str>, model: Option<&str>, expected: &str) {
    let anthropic = expected.starts_with("anthropic/");
    server.upstream.enqueue(if anthropic { anthropic_stream(&["Hi."]) } else { openai_stream(&["Hi."]) });
    let mut body = message("Hi");
    body["provider"] = json!(provider);
    body["model"] = json!(model);

    let answer = server.post("/api/chat", &body).send().await.expect("an answer");

    assert_eq!(answer.status(), 200, "{provider:?} {model:?}");
    assert_eq!(answer.headers()["x-latimer-model"], expected, "{provider:?} {model:?}");
    let answer: Value = answer.json().await.expect("JSON");
    let (_, answering) = expected.split_once('/').expect("provider/model");
    assert_eq!(answer["provider"], provider.unwrap_or("openai"));
    assert_eq!(answer["model"], model.unwrap_or(answering));
    let asked = server.upstream.requests().pop().expect("the model was asked");
    assert_eq!(asked.json()["model"], answering);
    assert_eq!(asked.path, if anthropic { "/v1/messages" } else { "/v1/chat/completions" });
}

#[tokio::test]
async fn names_go_to_the_vendor_that_has_them() {
    let server = two_vendors(|_| ()).await;
    check(&server, None, None, "openai/gpt-5").await;
    check(&server, Some("openai"), None, "openai/gpt-5").await;
    check(&server, Some("anthropic"), None, "anthropic/claude-sonnet-4-5").await;
    check(&server, Some("openai"), Some("gpt-4o"), "openai/gpt-4o").await;
    check(&server, Some("anthropic"), Some("claude-opus-4-1"), "anthropic/claude-opus-4-1").await;
    check(&server, Some("openai"), Some("claude-opus-4-1"), "anthropic/claude-opus-4-1").await;
    check(&server, None, Some("claude-sonnet-4-5"), "anthropic/claude-sonnet-4-5").await;
    check(&server, Some("anthropic"), Some("mystery"), "anthropic/claude-sonnet-4-5").await;
    check(&server, None, Some("mystery"), "openai/gpt-5").await;
    server.stop().await;
}

#[tokio::test]
async fn every_route_says_which_model_answers() {
    let server = two_vendors(|_| ()).await;
    for (path, mut body) in [
        ("/api/chat", message("Hi")),
        ("/api/chat/stream", message("Hi")),
        ("/api/chat/reason", message("Hi")),
        ("/api/ai/chat", json!({ "message": "Hi" })),
        ("/api/ai/chat/stream", json!({ "message": "Hi" })),
    ] {
        server.upstream.enqueue(anthropic_stream(&["Hi."]));
        body["model"] = json!("claude-opus-4-1");
        let answer = server.post(path, &body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["x-latimer-model"], "anthropic/claude-opus-4-1", "{path}");
        answer.bytes().await.expect("a whole answer");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_alias_is_a_name_for_a_model() {
    let server = two_vendors(|config| {
        config.models.aliases.insert("fast".to_owned(), "openai/gpt-5-nano".to_owned());
        config.models.aliases.insert("gpt-4".to_owned(), "anthropic/claude-opus-4-1".to_owned());
    })
    .await;
    check(&server, None, Some("fast"), "openai/gpt-5-nano").await;
    check(&server, Some("anthropic"), Some("fast"), "openai/gpt-5-nano").await;
    check(&server, Some("openai"), Some("gpt-4"), "anthropic/claude-opus-4-1").await;
    check(&server, Some("openai"), Some("FAST"), "openai/gpt-5").await;
    server.stop().await;
}

#[tokio::test]
async fn the_default_of_the_configuration_answers_whoever_names_nothing() {
    let server =
        two_vendors(|config| config.models.default = Some("anthropic/claude-opus-4-1".to_owned())).await;
    assert_eq!(server.running().answers(), "anthropic/claude-opus-4-1 answers: models.default says so");
    let ready: Value = server.get("/readyz").send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(ready["llm"], "anthropic/claude-opus-4-1");
    // The SDK's calls name no provider.
    server.upstream.enqueue(anthropic_stream(&["Hi."]));
    let answer = server.post("/api/ai/chat", &json!({ "message": "Hi" })).send().await.expect("an answer");
    assert_eq!(answer.headers()["x-latimer-model"], "anthropic/claude-opus-4-1");
    check(&server, Some("openai"), Some("gpt-4o"), "openai/gpt-4o").await;
    server.stop().await;
}

#[tokio::test]
async fn an_embedded_model_that_is_not_there_is_never_replaced() {
    let server = two_vendors(|_| ()).await;
    let mut body = message("Hi");
    body["model"] = json!("local-smollm2");
    let answer = server.post("/api/chat", &body).send().await.expect("an answer");
    assert_eq!(answer.headers().get("retry-after").expect("a time to retry"), "60");
    let said = check_error(answer, 503, "UNAVAILABLE").await;
    assert!(said["message"].as_str().is_some_and(|said| said.contains("cargo xtask models")), "{said}");
    assert!(server.upstream.requests().is_empty(), "no model was asked");
    server.stop().await;
}

#[tokio::test]
async fn a_name_of_no_provider_keeps_the_server_from_starting() {
    let upstream = Upstream::start().await;
    for (change, expected) in [
        (
            (|config| config.models.default = Some("azure/gpt-5".to_owned())) as fn(&mut Config),
            "models.default: \"azure/gpt-5\" is not provider/model of a configured provider",
        ),
        (
            |config| config.models.default = Some("gpt-5".to_owned()),
            "models.default: \"gpt-5\" is not provider/model of a configured provider",
        ),
        (
            |config| drop(config.models.aliases.insert("fast".to_owned(), "azure/gpt-5".to_owned())),
            "models.aliases.fast: \"azure/gpt-5\" is not provider/model of a configured provider",
        ),
        (
            |config| {
                let openai = config.providers.get_mut("anthropic").expect("it is there");
                openai.base_url = Some("ftp://example.org".to_owned());
            },
            "providers.anthropic: base_url \"ftp://example.org\" is no http or https address with a host and without \
             user, query or fragment",
        ),
    ] {
        let data = TempDir::new().expect("a temporary directory");
        let mut config = Config { data_dir: data.path().to_owned(), ..Config::default() };
        config.server.listen = vec!["127.0.0.1:0".parse().expect("an address")];
        config.providers.insert("anthropic".to_owned(), anthropic(&upstream));
        change(&mut config);
        let refused = Server::start(config).await.err().expect("it does not start");
        assert_eq!(refused.to_string(), expected);
    }
}

/// The program itself, in an environment of its own.
async fn run_program(data: &TempDir, environment: &[(&str, &str)], arguments: &[&str]) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_latimer"));
    program.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path()).args(arguments);
    program.current_dir(data.path()).env_clear().envs(environment.iter().copied());
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut program = program.spawn().expect("the program starts");
    let mut output = BufReader::new(program.stdout.take().expect("its output is read"));
    let mut banner = String::new();
    while !banner.contains("Try it:") {
        assert_ne!(output.read_line(&mut banner).await.expect("text"), 0, "it ended: {banner}");
    }
    program.stdout = Some(output.into_inner());
    (program, banner)
}

async fn terminate(mut program: Child) {
    let id = program.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.expect("kill is there").success());
    let mut rest = String::new();
    let mut output = program.stdout.take().expect("its output is read");
    output.read_to_string(&mut rest).await.expect("text");
    assert!(program.wait().await.expect("it ends").success(), "{rest}");
    assert!(rest.ends_with("stopped\n"), "{rest}");
}

#[tokio::test]
async fn a_vendors_key_in_the_environment_is_enough() {
    for (environment, arguments, expected) in [
        (&[("OPENAI_API_KEY", "sk-1")][..], &[][..], "openai/gpt-5 answers: OPENAI_API_KEY is set\n"),
        (
            &[("ANTHROPIC_API_KEY", "sk-2"), ("OPENAI_API_KEY", " ")],
            &[],
            "anthropic/claude-sonnet-4-5 answers: ANTHROPIC_API_KEY is set\n",
        ),
        (
            &[("OPENAI_API_KEY", "sk-1"), ("LATIMER_MODELS__DEFAULT", "openai/gpt-5-mini")],
            &[],
            "openai/gpt-5-mini answers: models.default says so\n",
        ),
        (
            &[("LATIMER_MODELS__DEFAULT", "openai/gpt-5-mini"), ("OPENAI_API_KEY", "sk-1")],
            &["--set", "models.default=openai/gpt-4o"],
            "openai/gpt-4o answers: models.default says so\n",
        ),
        (&[], &[], "cargo xtask models"),
    ] {
        let data = TempDir::new().expect("a temporary directory");
        let (program, banner) = run_program(&data, environment, arguments).await;
        assert!(banner.contains(expected), "{banner}");
        assert!(!banner.contains("sk-"), "keys are shown to nobody: {banner}");
        terminate(program).await;
    }
}

#[tokio::test]
async fn a_configured_provider_stands_before_the_environment() {
    let data = TempDir::new().expect("a temporary directory");
    let file = "[providers.house]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ndefault_model = \"qwen\"\n";
    std::fs::write(data.path().join("latimer.toml"), file).expect("a file can be written");
    let (program, banner) = run_program(&data, &[("OPENAI_API_KEY", "sk-1")], &[]).await;
    assert!(
        banner.contains("house/qwen answers: it is the first provider of the configuration\n"),
        "{banner}"
    );
    terminate(program).await;
}
