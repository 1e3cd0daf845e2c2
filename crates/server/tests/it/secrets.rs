//! What a busy server writes: in its most talkative log and in its refusals stands no password, key, token, prompt or
//! answer.

use std::path::Path;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream, openai_stream};

use crate::cli::{client, create_key, home};
use crate::harness::message;
use crate::program::{Ended, Program, run};

const TOKEN: &str = "/auth/realms/codemie-prod/protocol/openid-connect/token";
const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
const TEXTS: [&str; 5] = [
    "prompt-of-the-user",
    "instructions-of-the-caller",
    "answer-of-the-model",
    "-of-the-model",
    "title-of-the-conversation",
];

/// A server whose log tells everything, and what must not be told.
struct Busy {
    program: Program,
    secrets: Vec<String>,
    refusals: Vec<String>,
}

impl Busy {
    /// Sends; a refusal's body is kept to be looked at.
    async fn send(&mut self, request: RequestBuilder, status: u16) -> Value {
        let answer = request.send().await.expect("an answer");
        let (got, text) = (answer.status().as_u16(), answer.text().await.expect("a body"));
        assert_eq!(got, status, "{text}");
        let body = serde_json::from_str(&text).unwrap_or_default();
        if status >= 400 {
            self.refusals.push(text);
        }
        body
    }

    /// Asks the token endpoint; the tokens are secrets from then on.
    async fn token(&mut self, form: &[(&str, &str)], status: u16) -> String {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = client().post(self.program.url(TOKEN)).body(body);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = self.send(request, status).await;
        for token in ["access_token", "refresh_token"] {
            let parts = answer[token].as_str().into_iter().flat_map(|token| token.split('.').skip(1));
            // Half a token is as bad as a whole one; the header is no secret.
            self.secrets.extend(parts.map(str::to_owned));
        }
        answer["access_token"].as_str().unwrap_or_default().to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        client().post(self.program.url(path)).json(body)
    }
}

fn file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("JSON")
}

/// The last field of what a command has printed.
fn printed(ended: &Ended) -> String {
    let field = ended.stdout.trim_end().rsplit('\t').next();
    field.expect("it prints a secret at the end of the line").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_tells_no_secret() {
    // Given a server with users, services and keys,
    let (home, upstream) = (home(), Upstream::start().await);
    let settings = format!(
        "[log]\nfilter = \"trace\"\n[auth]\nanonymous = \"never\"\n\
         [providers.openai]\nkind = \"openai\"\nbase_url = \"{}/v1\"\napi_key = \"sk-the-vendors\"\n",
        upstream.base_url()
    );
    std::fs::write(home.path().join("latimer.toml"), settings).expect("a file");
    upstream.always(openai_stream(&["answer", "-of-the-model"]));
    let program = Program::serve(home.path(), &[]);
    let admin = file(&home.path().join("data/admin.json"))["token"].as_str().expect("a token").to_owned();
    let (key, _) = create_key(home.path(), "mobile");
    let password = printed(&run(home.path(), &["users", "add", "ada"]));
    let secret = printed(&run(home.path(), &["clients", "create", "robot", "--token-exchange"]));
    assert!(password.len() == 22 && secret.len() == 43);
    let wrong = ["lat_wrong-key", "wrong-password", "wrong-secret", "not.a.token-at-all"].map(str::to_owned);
    let mut secrets = vec!["sk-the-vendors".to_owned(), admin, key.clone(), password.clone(), secret.clone()];
    secrets.extend(wrong);
    let mut busy = Busy { program, secrets, refusals: Vec::new() };

    // when everybody signs in, rightly and wrongly,
    let by_password = |password| {
        [
            ("grant_type", "password"),
            ("client_id", "codemie-sdk"),
            ("username", "ada"),
            ("password", password),
        ]
    };
    let by_secret =
        |secret| [("grant_type", "client_credentials"), ("client_id", "robot"), ("client_secret", secret)];
    let adas = busy.token(&by_password(password.as_str()), 200).await;
    busy.token(&by_password("wrong-password"), 401).await;
    busy.token(&by_secret(secret.as_str()), 200).await;
    busy.token(&by_secret("wrong-secret"), 401).await;
    busy.token(
        &[
            ("grant_type", "refresh_token"),
            ("client_id", "codemie-sdk"),
            ("refresh_token", "not.a.token-at-all"),
        ],
        400,
    )
    .await;
    let exchange = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", "robot"),
        ("client_secret", secret.as_str()),
        ("subject_token", "not.a.token-at-all"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    busy.token(&exchange, 400).await;
    let login = |password: &str| json!({ "email": "ada", "password": password });
    let local = "/code-assistant-api/v1/local-auth/login";
    let signed_in = busy.send(busy.post(local, &login(&password)), 200).await;
    let token = signed_in["access_token"].as_str().expect("a token");
    busy.secrets.extend(token.split('.').skip(1).map(str::to_owned));
    busy.send(busy.post(local, &login("wrong-password")), 401).await;

    // and asks, and is refused,
    assert_eq!(run(home.path(), &["ask", "prompt-of-the-user"]).stdout, "answer-of-the-model\n");
    let mut body = message("prompt-of-the-user");
    body["systemPrompt"] = json!("instructions-of-the-caller");
    let stream = "/api/chat/stream";
    busy.send(busy.post(stream, &body).bearer_auth(&key), 200).await;
    let ask = json!({ "text": "prompt-of-the-user", "conversationId": "c-1", "systemPrompt": "instructions-of-the-caller" });
    busy.send(busy.post(ASSISTANT, &ask).bearer_auth(&adas), 200).await;
    let conversation = busy.program.url("/code-assistant-api/v1/conversations/c-1");
    let rename = json!({ "name": "title-of-the-conversation" });
    busy.send(client().put(conversation).json(&rename).bearer_auth(&adas), 200).await;
    for credential in ["lat_wrong-key", "not.a.token-at-all"] {
        busy.send(busy.post(stream, &body).bearer_auth(credential), 401).await;
        busy.send(busy.post(ASSISTANT, &ask).bearer_auth(credential), 401).await;
    }
    let forged = format!("{}x", &adas[..adas.len() - 1]);
    busy.send(busy.post(ASSISTANT, &ask).bearer_auth(forged), 401).await;
    busy.send(busy.post(stream, &body).basic_auth("robot", Some(&secret)), 401).await;
    busy.send(
        busy.post("/api/admin/users", &json!({ "username": "ada", "password": "wrong-password" }))
            .bearer_auth(&adas),
        403,
    )
    .await;
    upstream.enqueue(Reply::json(401, &json!({ "error": { "message": "wrong key sk-the-vendors" } })));
    busy.send(busy.post(stream, &body).bearer_auth(&key), 502).await;

    // then neither the log nor a refusal tells any of it.
    let Busy { program, secrets, refusals } = busy;
    program.terminate();
    let log = program.ended().await.stderr;
    assert!(log.contains("TRACE") && log.contains("turn ended"), "the log is talkative");
    let basic = base64_of(&format!("robot:{secret}"));
    for secret in secrets.iter().map(String::as_str).chain(TEXTS).chain([basic.as_str()]) {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None, "the log holds {secret}");
        let refusal = refusals.iter().find(|refusal| refusal.contains(secret));
        assert_eq!(refusal, None, "a refusal holds {secret}");
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
