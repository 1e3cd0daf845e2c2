//! Signing in at a real Keycloak whose realm came from `deploy/keycloak/`, as people and as services do.
//!
//! A binary of its own, run by `cargo xtask test keycloak`. It is one test, since Keycloak takes a while to start.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use server::config::TrustedIssuer;
use testkit::ManualClock;
use testkit::upstream::openai_stream;

use harness::TestServer;
use keycloak::{ADMINISTRATOR, Keycloak};
use program::latimer;

#[expect(dead_code, reason = "these tests look at less of it")]
#[path = "../it/harness.rs"]
mod harness;
mod keycloak;
#[expect(dead_code, reason = "only commands are run, no server")]
#[path = "../it/program.rs"]
mod program;

const ASSISTANT: &str = "/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model";
const PASSWORD: &str = "correct horse battery";
/// Longer than the least time between two fetches of a key set.
const SOON: Duration = Duration::from_secs(11);
/// Longer than a key set is taken for fresh.
const LATER: Duration = Duration::from_secs(61);

/// Latimer beside Keycloak.
struct Stage {
    server: TestServer,
    keycloak: Keycloak,
    clock: ManualClock,
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_services_of_a_real_keycloak_sign_in_through_rotations_and_outages() {
    let keycloak = Keycloak::start();
    let clock = ManualClock::at_present();
    let server = TestServer::start_by(Arc::new(clock.clone()), |config, _| {
        config.auth.issuers.push(TrustedIssuer::new(keycloak.issuer()));
    })
    .await;
    server.upstream.always(openai_stream(&["Hello."]));
    let mut stage = Stage { server, keycloak, clock };
    let alice = json!({
        "username": "alice", "email": "alice@example.com", "firstName": "Alice", "lastName": "Example",
        "attributes": { "applications": ["demo"], "applications_admin": ["lead"] }, "enabled": true,
        "credentials": [{ "type": "password", "value": PASSWORD, "temporary": false }],
    });
    let alice = stage.keycloak.add("users", &alice).await;

    stage.a_person_without_a_role_has_the_personal_project_alone().await;
    stage.a_person_signs_in_by_password(&alice).await;
    stage.nobody_writes_their_own_projects().await;
    stage.a_service_signs_in_by_the_secret_that_the_command_printed().await;
    stage.the_command_lists_deletes_and_refuses_in_one_sentence().await;
    stage.a_token_without_the_audience_is_refused().await;
    stage.a_rotated_key_is_found_and_the_old_one_stays_good().await;
    stage.an_outage_is_survived().await;
    stage.server.stop().await;
}

impl Stage {
    async fn a_person_without_a_role_has_the_personal_project_alone(&self) {
        let user = self.user(&self.alices_token().await).await;

        assert_eq!(user["applications"], json!(["alice"]), "{user}");
    }

    async fn a_person_signs_in_by_password(&self, alice: &str) {
        let role = self.keycloak.get("roles/developer").await;
        self.keycloak.add(&format!("users/{alice}/role-mappings/realm"), &json!([role])).await;

        let token = self.alices_token().await;

        self.is_answered(&token).await;
        let user = self.user(&token).await;
        let told = (&user["username"], &user["name"], &user["email"], &user["is_admin"], &user["user_type"]);
        let expected = (
            &json!("alice"),
            &json!("Alice Example"),
            &json!("alice@example.com"),
            &json!(false),
            &json!("regular"),
        );
        assert_eq!(told, expected);
        assert_eq!(user["applications"], json!(["alice", "demo", "lead"]), "{user}");
        assert_eq!(user["applications_admin"], json!(["alice", "lead"]), "{user}");
    }

    async fn nobody_writes_their_own_projects(&self) {
        let url = format!("{}/account", self.keycloak.issuer());
        let account = json!({
            "username": "alice", "email": "alice@example.com", "firstName": "Alice", "lastName": "Example",
            "attributes": { "applications": ["treasury"], "user_type": ["external"] },
        });
        let request = self.keycloak.http.post(url).bearer_auth(self.alices_token().await).json(&account);
        request.send().await.expect("an answer");

        let user = self.user(&self.alices_token().await).await;

        assert_eq!(user["applications"], json!(["alice", "demo", "lead"]), "{user}");
        assert_eq!(user["user_type"], "regular");
    }

    async fn a_service_signs_in_by_the_secret_that_the_command_printed(&self) {
        for (id, options, is_admin, projects) in [
            ("api-demo", &["--project", "demo", "--project", "sales"][..], false, json!(["demo", "sales"])),
            ("api-admin", &["--role", "admin", "--email", "ops@example.com"][..], true, json!([])),
        ] {
            let made = self.command(&[&["create", "--kind", "client-secret", "--id", id], options].concat());
            assert!(made.status.success(), "{made:?}");
            let secret = made.stdout.trim_end();

            let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
            let token = self.keycloak.token(&form).await;

            self.is_answered(&token).await;
            let user = self.user(&token).await;
            let name = format!("service-account-{id}");
            assert_eq!((&user["username"], &user["is_admin"]), (&json!(name), &json!(is_admin)));
            assert_eq!(user["name"], json!(format!("Service {id}")));
            let mut expected = vec![json!(name)];
            expected.extend(projects.as_array().expect("a list").iter().cloned());
            assert_eq!(user["applications"], json!(expected), "{user}");
        }
    }

    async fn the_command_lists_deletes_and_refuses_in_one_sentence(&self) {
        let id = "pages-sdk";
        let made =
            ["create", "--kind", "user-password", "--id", id, "--root-url", "https://codemie.example.com"];
        assert!(self.command(&made).status.success());
        let form =
            [("grant_type", "password"), ("client_id", id), ("username", "alice"), ("password", PASSWORD)];
        self.is_answered(&self.keycloak.token(&form).await).await;
        let listed = "api-admin\tclient-secret\napi-demo\tclient-secret\ncodemie-sdk\tuser-password\n";
        assert_eq!(self.command(&["list"]).stdout, format!("{listed}{id}\tuser-password\n"));

        assert!(self.command(&["delete", "--id", id]).status.success());

        assert_eq!(self.command(&["list"]).stdout, listed);
        for (arguments, refusal) in [
            (
                &["create", "--kind", "client-secret", "--id", "api-demo"][..],
                "has a client `api-demo` already",
            ),
            (&["list", "--realm", "nowhere"], "there is no realm `nowhere`"),
            (
                &["create", "--kind", "user-password", "--id", "a", "--realm", "master"],
                "has no client scope `codemie`",
            ),
            (
                &["create", "--kind", "client-secret", "--id", "a", "--realm", "master"],
                "has no role `developer`",
            ),
            (
                &["delete", "--id", "realm-management"],
                "has no client `realm-management` with the scope `codemie`",
            ),
            (
                &["create", "--kind", "client-secret", "--id", "a", "--email", "nowhere"],
                "error-invalid-email",
            ),
        ] {
            let refused = self.command(arguments);
            assert_eq!(refused.status.code(), Some(1), "{refused:?}");
            assert!(refused.stderr.starts_with("error: ") && refused.stderr.contains(refusal), "{refused:?}");
            assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
            assert!(!refused.stderr.contains(&self.keycloak.password), "no password is told");
        }
        assert_eq!(self.command(&["list"]).stdout, listed, "what was refused has left nothing");
        let powerless = self.run_command(&["list", "--admin-token-stdin"], &self.alices_token().await);
        assert!(powerless.stderr.contains("the administrator may not list clients"), "{powerless:?}");
    }

    async fn a_token_without_the_audience_is_refused(&self) {
        let stranger = json!({
            "clientId": "stranger", "publicClient": true, "directAccessGrantsEnabled": true,
            "defaultClientScopes": ["basic", "profile", "email", "roles"],
        });
        self.keycloak.add("clients", &stranger).await;
        let form = [
            ("grant_type", "password"),
            ("client_id", "stranger"),
            ("username", "alice"),
            ("password", PASSWORD),
        ];
        let token = self.keycloak.token(&form).await;
        assert_eq!(claims(&token)["aud"], "account");

        assert_eq!(self.ask(&token).await, 401);
    }

    async fn a_rotated_key_is_found_and_the_old_one_stays_good(&self) {
        let old = self.alices_token().await;
        self.keycloak.rotate("newer").await;
        self.clock.advance(SOON);

        let new = self.alices_token().await;

        assert_ne!(header(&old)["kid"], header(&new)["kid"], "another key signs");
        self.is_answered(&new).await;
        self.is_answered(&old).await;
    }

    async fn an_outage_is_survived(&mut self) {
        let issued_before = self.alices_token().await;
        self.keycloak.stop();
        self.clock.advance(LATER);

        self.is_answered(&issued_before).await;

        self.keycloak.start_again();
        self.keycloak.rotate("newest").await;
        self.clock.advance(SOON);
        self.is_answered(&self.alices_token().await).await;
    }

    async fn alices_token(&self) -> String {
        let form = [
            ("grant_type", "password"),
            ("client_id", "codemie-sdk"),
            ("username", "alice"),
            ("password", PASSWORD),
        ];
        self.keycloak.token(&form).await
    }

    /// The status of a question's answer.
    async fn ask(&self, token: &str) -> u16 {
        let request = self.server.post(ASSISTANT, &json!({ "text": "hi" })).bearer_auth(token);
        request.send().await.expect("an answer").status().as_u16()
    }

    async fn is_answered(&self, token: &str) {
        let request = self.server.post(ASSISTANT, &json!({ "text": "hi" })).bearer_auth(token);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.expect("JSON")["generated"], "Hello.");
    }

    async fn user(&self, token: &str) -> Value {
        let request = self.server.get("/code-assistant-api/v1/user").bearer_auth(token);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// `latimer keycloak-client`, as the administrator. The address has an `/auth` that this Keycloak has not.
    fn command(&self, arguments: &[&str]) -> program::Ended {
        let sign_in = ["--admin-user", ADMINISTRATOR, "--password-stdin"];
        self.run_command(&[arguments, &sign_in].concat(), &self.keycloak.password)
    }

    fn run_command(&self, arguments: &[&str], secret: &str) -> program::Ended {
        let mut command = latimer(Path::new("."));
        command.arg("keycloak-client").args(arguments).arg(format!("--url={}/auth", self.keycloak.url()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().expect("the program runs");
        let mut stdin = running.stdin.take().expect("it is piped");
        // One that refuses its arguments reads nothing.
        let _read = writeln!(stdin, "{secret}");
        drop(stdin);
        let output = running.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
        program::Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn header(token: &str) -> Value {
    part(token, 0)
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).expect("a token has three parts");
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).expect("a part is base64");
    serde_json::from_slice(&json).expect("a part is JSON")
}
