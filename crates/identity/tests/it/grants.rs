//! The built-in issuer's grants: what good requests get.

use std::sync::Arc;
use std::time::Duration;

use chat::SignIn;
use identity::issuer::LoginError;
use identity::store::{IssuerStore as _, ServiceClient, UserChange};
use identity::tokens::IssuerSettings;
use secrecy::ExposeSecret as _;
use serde_json::json;
use testkit::issuer::FakeIssuer;

use crate::house::{House, PASSWORD, claims, refusal, sign_in_form};

#[tokio::test]
async fn a_password_signs_in_and_the_token_is_taken() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let answer = house.sign_in("ADA@example.com", PASSWORD).await.unwrap();

    let principal = house.identity.authenticate(&answer.access_token).await.unwrap();
    assert_eq!((principal.account(), principal.sign_in()), (ada, SignIn::Token));
    assert!(!principal.is_admin());
    assert_eq!((answer.expires_in, answer.refresh_expires_in), (300, 1800));
    assert_eq!(answer.scope, "email profile codemie");
    assert!(answer.id_token.is_none() && answer.refresh_token.is_some());

    let mut said = claims(&answer.access_token);
    assert_eq!(said["sid"], json!(answer.session_state));
    let said = said.as_object_mut().unwrap();
    said.remove("sid");
    assert!(said.remove("jti").is_some_and(|id| id.is_string()));
    let expected = json!({
        "iss": "http://localhost:3000/auth/realms/codemie-prod", "sub": ada.to_string(), "aud": "latimer",
        "azp": "codemie-sdk", "typ": "Bearer", "iat": 1_767_225_600, "exp": 1_767_225_900,
        "scope": "email profile codemie", "preferred_username": "ada", "email": "ada@example.com",
        "realm_access": {"roles": []}, "applications": [], "applications_admin": [], "user_type": "regular",
    });
    assert_eq!(json!(said), expected);

    house.clock.advance(Duration::from_secs(300));
    let refused = house.identity.authenticate(&answer.access_token).await.unwrap_err();
    assert_eq!(refused.to_string(), "the token is expired");
}

#[tokio::test]
async fn an_id_token_comes_with_its_scope_and_is_no_access_token() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let scope = [("scope", "profile openid")];
    let answer = house.ask(&[&sign_in_form("ada", PASSWORD)[..], &scope].concat()).await.unwrap();
    assert_eq!(answer.scope, "openid email profile codemie");
    let id_token = answer.id_token.unwrap();
    let said = claims(&id_token);
    assert_eq!((&said["typ"], &said["aud"]), (&json!("ID"), &json!("codemie-sdk")));
    for token in [&id_token, &answer.refresh_token.unwrap()] {
        let refused = house.identity.authenticate(token).await.unwrap_err();
        assert_eq!(refused.to_string(), "the token is not an access token");
    }
    assert_eq!(house.identity.authenticate(&answer.access_token).await.unwrap().account(), ada);
}

#[tokio::test]
async fn a_refresh_token_gives_new_ones_until_the_sign_in_ends() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let mut answer = house.sign_in("ada", PASSWORD).await.unwrap();
    let session = answer.session_state.clone();
    for _ in 0..20 {
        house.clock.advance(Duration::from_secs(29 * 60));
        answer = house.refresh(&answer.refresh_token.unwrap()).await.unwrap();
        assert_eq!(answer.session_state, session);
        assert_eq!(house.identity.authenticate(&answer.access_token).await.unwrap().account(), ada);
    }
    // 9:40 h of 10 are over.
    assert_eq!((answer.expires_in, answer.refresh_expires_in), (300, 20 * 60));
    house.clock.advance(Duration::from_secs(20 * 60));
    let refused = refusal(house.refresh(&answer.refresh_token.unwrap()).await);
    assert_eq!(refused, (400, "invalid_grant", "Token is not active".to_owned()));
}

#[tokio::test]
async fn a_client_gets_its_service_accounts_token() {
    let house = House::new().await;
    let rights = ServiceClient { service_account: true, ..ServiceClient::default() };
    let robot = house.identity.directory.add_client("robot", rights).await.unwrap();
    let service = house.identity.directory.user("service-account-robot").await.unwrap();
    let project = house.identity.directory.ensure_project("demo").await.unwrap();
    house.identity.directory.set_member(&project, service.account, false).await.unwrap();

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "robot"),
        ("client_secret", robot.secret.expose_secret()),
    ];
    let answer = house.ask(&form).await.unwrap();
    assert!(answer.refresh_token.is_none() && answer.session_state.is_none());
    assert_eq!((answer.expires_in, answer.refresh_expires_in), (300, 0));
    let said = claims(&answer.access_token);
    assert_eq!(said["preferred_username"], "service-account-robot");
    assert_eq!((&said["client_id"], &said["sid"]), (&json!("robot"), &json!(null)));
    assert_eq!(said["realm_access"]["roles"], json!(["developer"]));
    assert_eq!((&said["applications"], &said["applications_admin"]), (&json!(["demo"]), &json!([])));
    let principal = house.identity.authenticate(&answer.access_token).await.unwrap();
    assert_eq!(principal.account(), service.account);

    house.identity.directory.delete_client("robot").await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    let refused = house.identity.authenticate(&answer.access_token).await.unwrap_err();
    assert_eq!(refused.to_string(), "the token is revoked");
}

#[tokio::test]
async fn exchanges() {
    let issuer = FakeIssuer::new("https://elsewhere.example/realms/prod");
    let mut settings = IssuerSettings::new(issuer.name());
    settings.name = "elsewhere".to_owned();
    let house = House::with_issuers(vec![settings], Arc::new(issuer.clone())).await;
    let ada = house.user("ada").await;
    let rights = ServiceClient {
        service_account: true,
        password_grant: true,
        token_exchange: true,
        may_impersonate: true,
    };
    let robot = house.identity.directory.add_client("robot", rights).await.unwrap();
    let client = [("client_id", "robot"), ("client_secret", robot.secret.expose_secret())];
    let exchange = async |more: &[(&str, &str)]| {
        let grant = [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")];
        let answer = house.ask(&[&grant, &client[..], more].concat()).await.unwrap();
        assert_eq!(answer.issued_token_type, Some("urn:ietf:params:oauth:token-type:access_token"));
        assert!(answer.refresh_token.is_none() && answer.refresh_expires_in == 0);
        house.identity.authenticate(&answer.access_token).await.unwrap().account()
    };
    let kind = ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token");

    let grant = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)];
    let own = house.ask(&[&grant[..], &client].concat()).await.unwrap().access_token;
    assert_eq!(exchange(&[("subject_token", own.expose_secret()), kind]).await, ada);

    let service = house.ask(&[&[("grant_type", "client_credentials")], &client[..]].concat()).await.unwrap();
    let service = ("subject_token", service.access_token.expose_secret());
    let id = ada.to_string();
    assert_eq!(exchange(&[service, ("requested_subject", &id)]).await, ada);
    assert_eq!(exchange(&[("requested_subject", "Ada")]).await, ada);
    let may_look_up = async |token: &str| {
        let principal = house.identity.authenticate(&token.into()).await.unwrap();
        house.identity.issuer.may_look_up_users(&principal).await.unwrap()
    };
    assert!(may_look_up(service.1).await);
    assert!(!may_look_up(own.expose_secret()).await);

    let foreign = issuer.sign(&issuer.claims(&house.clock, "bob"));
    let bob = house.identity.authenticate(&foreign).await.unwrap().account();
    for name in ["elsewhere", issuer.name()] {
        let form = [("subject_token", foreign.expose_secret()), kind, ("subject_issuer", name)];
        assert_eq!(exchange(&form).await, bob);
    }
}

#[tokio::test]
async fn an_exchanged_token_outlives_neither_the_other_nor_its_sign_in() {
    let house = House::new().await;
    house.user("ada").await;
    let rights = ServiceClient { password_grant: true, token_exchange: true, ..ServiceClient::default() };
    let robot = house.identity.directory.add_client("robot", rights).await.unwrap();
    let client = [("client_id", "robot"), ("client_secret", robot.secret.expose_secret())];
    let grant = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)];
    let first = house.ask(&[&grant[..], &client].concat()).await.unwrap();
    house.clock.advance(Duration::from_secs(100));
    let exchange = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", first.access_token.expose_secret()),
    ];
    let second = house.ask(&[&exchange[..], &client].concat()).await.unwrap();
    assert_eq!(second.expires_in, 200);
    house.identity.issuer.sign_out("robot", first.refresh_token.unwrap().expose_secret()).await.unwrap();
    let refused = house.identity.authenticate(&second.access_token).await.unwrap_err();
    assert_eq!(refused.to_string(), "the token is revoked");
}

#[tokio::test]
async fn our_own_tokens_cannot_be_forged() {
    let house = House::new().await;
    let first = house.identity.first_start(None).await.unwrap().unwrap();
    let admin = house.identity.authenticate(&first.key.secret).await.unwrap().account().to_string();
    let forger = FakeIssuer::new(house.identity.issuer.issuer());
    let good = forger.claims(&house.clock, &admin);
    let kid = house.identity.issuer.jwks()["keys"][0]["kid"].clone();
    for (header, refusal) in [
        (json!({"alg": "none", "kid": kid}), "the token's algorithm is not allowed"),
        (json!({"alg": "HS256", "kid": kid}), "the token's algorithm is not allowed"),
        (json!({"alg": "PS256", "kid": kid}), "the token's algorithm is not allowed"),
        (json!({"alg": "RS256", "kid": "key-1"}), "the token's key is not known"),
        (json!({"alg": "RS256"}), "the token's key is not known"),
        (json!({"alg": "RS256", "kid": kid}), "the token's signature is wrong"),
        (
            json!({"alg": "RS256", "kid": kid, "jwk": forger.key_set()["keys"][2]}),
            "the token's signature is wrong",
        ),
    ] {
        let refused = house.identity.authenticate(&forger.sign_with(&header, &good)).await.unwrap_err();
        assert_eq!(refused.to_string(), refusal, "{header}");
    }
}

#[tokio::test]
async fn keys_rotate_without_breaking_live_tokens() {
    let house = House::new().await;
    house.user("ada").await;
    let kids = |house: &House| {
        let keys = house.identity.issuer.jwks();
        let keys = keys["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = kids(&house);
    assert_eq!(first.len(), 1);
    let before = house.sign_in("ada", PASSWORD).await.unwrap();

    house.identity.issuer.rotate_keys().await.unwrap();
    let both = kids(&house);
    assert_eq!((both.len(), &both[1]), (2, &first[0]));
    house.identity.authenticate(&before.access_token).await.unwrap();
    house.refresh(before.refresh_token.as_ref().unwrap()).await.unwrap();
    let after = house.sign_in("ada", PASSWORD).await.unwrap();

    let house = house.restart().await;
    assert_eq!(kids(&house), both, "kept over a restart");
    house.identity.authenticate(&before.access_token).await.unwrap();
    house.identity.authenticate(&after.access_token).await.unwrap();
    house.clock.advance(Duration::from_secs(10 * 60 * 60));
    assert_eq!(kids(&house), both[..1]);
    house.identity.issuer.rotate_keys().await.unwrap();
    assert_eq!(kids(&house).len(), 2, "what is out of publication is gone");
}

#[tokio::test]
async fn a_key_out_of_publication_proves_nothing() {
    let house = House::new().await;
    let ada = house.user("ada").await.to_string();
    let key = house.store.signing_keys().await.unwrap().remove(0);
    let name = house.identity.issuer.issuer();
    let thief = FakeIssuer::with_stolen_key(name, &key.id, key.private_key.expose_secret());
    house.identity.issuer.rotate_keys().await.unwrap();
    let token = || thief.sign(&thief.claims(&house.clock, &ada));
    house.identity.authenticate(&token()).await.unwrap();
    house.clock.advance(Duration::from_secs(10 * 60 * 60));
    let refused = house.identity.authenticate(&token()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the token's key is not known");
}

#[tokio::test]
async fn a_local_login() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let login =
        async |password: &str| house.identity.issuer.local_login("Ada@example.com", &password.into()).await;
    let answer = login(PASSWORD).await.unwrap();
    assert_eq!(answer.profile.account, ada);
    house.clock.advance(Duration::from_secs(9 * 60 * 60));
    assert_eq!(house.identity.authenticate(&answer.access_token).await.unwrap().account(), ada);
    house.identity.directory.set_password(ada, &"another horse".into()).await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    assert!(house.identity.authenticate(&answer.access_token).await.is_err(), "a new password ends it");

    for _ in 0..5 {
        let refused = login("wrong horse").await.unwrap_err();
        assert_eq!(refused.to_string(), "Invalid email or password");
    }
    let refused = login("another horse").await.unwrap_err();
    assert!(refused.to_string().starts_with("Too many attempts"), "{refused}");
    let LoginError::Throttled { retry_after } = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Duration::from_secs(15 * 60));
}

#[tokio::test]
async fn tries_at_once_are_no_way_around_the_throttle() {
    let house = House::new().await;
    house.user("ada").await;
    let password = "wrong horse".into();
    let tries = (0..40).map(|_| house.identity.issuer.local_login("ada", &password));
    let refused = futures::future::join_all(tries).await;
    let wrong = refused.iter().filter(|refused| matches!(refused, Err(LoginError::Wrong)));
    assert_eq!(wrong.count(), 5);
}

#[tokio::test]
async fn the_first_start_happens_once() {
    let house = House::new().await;
    let first = house.identity.first_start(None).await.unwrap().unwrap();
    let password = first.password.unwrap();
    let answer = house.sign_in("admin", password.expose_secret()).await.unwrap();
    assert!(house.identity.authenticate(&answer.access_token).await.unwrap().is_admin());
    assert!(house.identity.first_start(None).await.unwrap().is_none());
    let house = house.restart().await;
    assert!(house.identity.first_start(Some(PASSWORD.into())).await.unwrap().is_none());
    house.sign_in("admin", password.expose_secret()).await.unwrap();
}

#[tokio::test]
async fn a_user_is_found_by_the_whole_address_only() {
    let house = House::new().await;
    let (bob, _) = (house.user("bob").await, house.user("abob").await);
    let find = async |email: &str| house.identity.issuer.user_by_email(email).await.unwrap();
    assert_eq!(find("BOB@example.com").await.map(|profile| profile.account), Some(bob));
    assert_eq!(find("ob@example.com").await, None);
    assert_eq!(find("").await, None);
}

#[tokio::test]
async fn the_documents_say_where_everything_is() {
    let house = House::new().await;
    let issuer = &house.identity.issuer;
    let document = issuer.discovery("http://127.0.1.1:3000/");
    assert_eq!(document["issuer"], "http://localhost:3000/auth/realms/codemie-prod");
    let token = "http://127.0.1.1:3000/auth/realms/codemie-prod/protocol/openid-connect/token";
    assert_eq!(document["token_endpoint"], token);
    let keys = issuer.jwks();
    let mut names: Vec<_> = keys["keys"][0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"], "nothing private");
}

#[tokio::test]
async fn secrets_show_themselves_to_no_log() {
    let house = House::new().await;
    let first = house.identity.first_start(None).await.unwrap().unwrap();
    let rights = ServiceClient { service_account: true, ..ServiceClient::default() };
    let client = house.identity.directory.add_client("robot", rights).await.unwrap();
    let shown = format!("{first:?} {client:?}");
    let answer = house.sign_in("admin", first.password.unwrap().expose_secret()).await.unwrap();
    let shown = format!("{shown} {answer:?}");
    for secret in [&first.key.secret, &client.secret, &answer.access_token, &answer.refresh_token.unwrap()] {
        assert!(!shown.contains(secret.expose_secret()), "{shown}");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_locks_nobody_out() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    house.clock.advance(Duration::from_secs(60 * 60));
    house.identity.directory.set_password(ada, &PASSWORD.into()).await.unwrap();
    house.clock.set_back(Duration::from_secs(60 * 60));
    let answer = house.sign_in("ada", PASSWORD).await.unwrap();
    assert_eq!(house.identity.authenticate(&answer.access_token).await.unwrap().account(), ada);
}

#[tokio::test]
async fn a_recalled_token_is_refused() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let set = async |disabled| {
        let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
        house.identity.directory.change_user(ada, change).await.unwrap();
    };
    let token = house.sign_in("ada", PASSWORD).await.unwrap().access_token;
    house.clock.advance(Duration::from_secs(1));
    set(true).await;
    set(false).await;
    assert!(house.identity.authenticate(&token).await.is_err(), "it was out when the account was shut out");
    let token = house.sign_in("ada", PASSWORD).await.unwrap().access_token;
    house.identity.authenticate(&token).await.unwrap();
}

#[tokio::test]
async fn a_services_token_is_recalled_too() {
    let house = House::new().await;
    let rights = ServiceClient { service_account: true, ..ServiceClient::default() };
    let robot = house.identity.directory.add_client("robot", rights).await.unwrap();
    let service = house.identity.directory.user("service-account-robot").await.unwrap().account;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "robot"),
        ("client_secret", robot.secret.expose_secret()),
    ];
    let before = house.ask(&form).await.unwrap().access_token;
    house.clock.advance(Duration::from_secs(1));
    for disabled in [true, false] {
        let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
        house.identity.directory.change_user(service, change).await.unwrap();
        assert_eq!(house.ask(&form).await.is_err(), disabled);
    }
    assert!(house.identity.authenticate(&before).await.is_err());
    let after = house.ask(&form).await.unwrap().access_token;
    assert_eq!(house.identity.authenticate(&after).await.unwrap().account(), service);
}
