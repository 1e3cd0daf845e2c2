//! Tokens that attackers send, over HTTP: each is a 401 with its reason in `WWW-Authenticate`, on every kind of route.

use http::header::WWW_AUTHENTICATE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::ManualClock;
use testkit::issuer::FakeIssuer;
use testkit::upstream::{Reply, Upstream, openai_stream};

use crate::harness::{TestServer, message};

const ISSUER: &str = "https://elsewhere.example/realms/prod";
const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";

/// A server that trusts an issuer, that issuer, and where it publishes its keys.
struct Stage {
    server: TestServer,
    issuer: FakeIssuer,
    published: Upstream,
    clock: ManualClock,
}

impl Stage {
    async fn new() -> Self {
        let issuer = FakeIssuer::new(ISSUER);
        let published = Upstream::start().await;
        published.always(Reply::json(200, &issuer.key_set()));
        let trusted = json!({ "issuer": ISSUER, "jwks_uri": format!("{}/certs", published.base_url()) });
        let server = TestServer::start_with(|config, _| {
            config.auth.issuers.push(serde_json::from_value(trusted).expect("a setting"));
        })
        .await;
        server.upstream.always(openai_stream(&["Hello."]));
        Self { server, issuer, published, clock: ManualClock::at_present() }
    }

    /// The claims of a good token, with these in place of its own.
    fn claims(&self, other: &Value) -> Value {
        let mut claims = self.issuer.claims(&self.clock, "ada");
        for (name, value) in other.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        claims
    }

    /// One request of each dialect and of administration.
    fn requests(&self) -> [reqwest::RequestBuilder; 4] {
        [
            self.server.get("/code-assistant-api/v1/user"),
            self.server.post(ASSISTANT, &json!({ "text": "hi" })),
            self.server.post("/api/chat", &message("hi")),
            self.server.get("/api/admin/users"),
        ]
    }

    async fn check_refused(&self, token: &SecretString, reason: &str) {
        for request in self.requests() {
            let answer = request.bearer_auth(token.expose_secret()).send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{reason}: {}", answer.url());
            let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().expect("text").to_owned();
            let expected = format!("Bearer error=\"invalid_token\", error_description=\"{reason}\"");
            assert_eq!(challenge, expected, "{}", answer.url());
        }
    }
}

#[tokio::test]
async fn forged_tokens_are_refused_with_their_reason() {
    let stage = Stage::new().await;
    let good = stage.issuer.sign(&stage.claims(&json!({})));
    let taken = stage.server.get("/code-assistant-api/v1/user").bearer_auth(good.expose_secret());
    assert_eq!(taken.send().await.expect("an answer").status(), 200, "the unforged one is taken");
    let asked = stage.published.requests().len();

    let evil = FakeIssuer::new("https://evil.example");
    let jwk = evil.key_set()["keys"][2].clone();
    let (unknown_key, signature) = ("the token's key is not known", "the token's signature is wrong");
    let not_allowed = "the token's algorithm is not allowed";
    for (header, reason) in [
        (json!({ "alg": "none", "kid": "key-1" }), not_allowed),
        (json!({ "alg": "HS256", "kid": "key-1" }), not_allowed),
        (json!({ "alg": "RS256", "kid": "key-9" }), unknown_key),
        (json!({ "alg": "RS256", "kid": "'; DROP TABLE profiles; --" }), unknown_key),
        (json!({ "alg": "RS256", "kid": "../../../../dev/null" }), unknown_key),
        (json!({ "alg": "RS256", "kid": "k".repeat(257) }), "the token can't be read"),
    ] {
        stage.check_refused(&stage.issuer.sign_with(&header, &stage.claims(&json!({}))), reason).await;
    }
    for header in [
        json!({ "alg": "RS256", "kid": "key-1", "jwk": jwk }),
        json!({ "alg": "RS256", "kid": "key-1", "jku": "https://evil.example/certs" }),
        json!({ "alg": "RS256", "kid": "key-1", "x5u": "https://evil.example/chain.pem" }),
    ] {
        stage.check_refused(&evil.sign_with(&header, &stage.claims(&json!({}))), signature).await;
    }
    assert!(
        stage.published.requests().len() <= asked + 1,
        "within ten seconds the keys are fetched once at most"
    );
    stage.server.stop().await;
}

#[tokio::test]
async fn tokens_with_wrong_claims_are_refused_with_their_reason() {
    let stage = Stage::new().await;
    let now = stage.claims(&json!({}))["iat"].as_i64().expect("a number");
    let unreadable = "the token can't be read";
    for (claims, reason) in [
        (json!({ "iss": "https://evil.example" }), "the token's issuer is not trusted here"),
        (json!({ "aud": "account" }), "the token is not meant for this server"),
        (json!({ "aud": 7 }), unreadable),
        (json!({ "sub": 7 }), unreadable),
        (json!({ "realm_access": { "roles": "admin" } }), unreadable),
        (json!({ "exp": now - 31 }), "the token is expired"),
        (json!({ "nbf": now + 120 }), "the token is not valid yet"),
        (json!({ "nbf": (now + 120).to_string() }), unreadable),
        (json!({ "typ": "ID" }), "the token is not an access token"),
        (json!({ "typ": "Refresh" }), "the token is not an access token"),
        (json!({ "picture": "x".repeat(16 << 10) }), "the token is too large"),
    ] {
        stage.check_refused(&stage.issuer.sign(&stage.claims(&claims)), reason).await;
    }
    assert!(stage.server.upstream.requests().is_empty(), "no model was asked");
    stage.server.stop().await;
}

#[tokio::test]
async fn without_credentials_no_reason_is_made_up() {
    let stage = Stage::new().await;
    let [user, assistant, _, administration] = stage.requests();
    for request in [user, assistant, administration] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()[WWW_AUTHENTICATE]),
            (401, &"Bearer".parse().expect("a value"))
        );
    }
    stage.server.stop().await;
}
