//! What the token endpoint answers to mistakes: the table of a real Keycloak 26.4, row by row.

use std::time::Duration;

use identity::store::{ServiceClient, UserChange};
use identity::{IssuedSecret, User};
use secrecy::{ExposeSecret as _, SecretString};

use crate::house::{House, PASSWORD, owned, refusal, sign_in_form};

const EXCHANGE: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
const WRONG_CLIENT: &str = "Invalid client or Invalid client credentials";

async fn client(house: &House, id: &str, rights: ServiceClient) -> IssuedSecret {
    house.identity.directory.add_client(id, rights).await.unwrap()
}

fn row(status: u16, error: &'static str, description: &str) -> (u16, &'static str, String) {
    (status, error, description.to_owned())
}

#[tokio::test]
async fn wrong_or_missing_password_and_unknown_user() {
    let house = House::new().await;
    house.user("ada").await;
    let wrong = row(401, "invalid_grant", "Invalid user credentials");
    assert_eq!(refusal(house.sign_in("ada", "wrong horse").await), wrong);
    assert_eq!(refusal(house.sign_in("ada", "").await), wrong);
    assert_eq!(refusal(house.sign_in("ada", &"x".repeat(100_000)).await), wrong);
    assert_eq!(refusal(house.sign_in("eve", PASSWORD).await), wrong);
    assert_eq!(refusal(house.sign_in(&"x".repeat(100_000), PASSWORD).await), wrong);
    let missing = [("grant_type", "password"), ("client_id", "codemie-sdk"), ("username", "ada")];
    assert_eq!(house.refusal(&missing).await, wrong);
}

#[tokio::test]
async fn locked_out() {
    let house = House::new().await;
    house.user("ada").await;
    let wrong = row(401, "invalid_grant", "Invalid user credentials");
    for name in ["ada", "ADA", "ada@example.com", "ada", "Ada@Example.com"] {
        assert_eq!(refusal(house.sign_in(name, "wrong horse").await), wrong);
        house.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(refusal(house.sign_in("ada", PASSWORD).await), wrong, "locked out looks the same");
    house.clock.advance(Duration::from_secs(10 * 60));
    house.sign_in("ada", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn no_username() {
    let house = House::new().await;
    let form = [("grant_type", "password"), ("client_id", "codemie-sdk"), ("password", PASSWORD)];
    assert_eq!(house.refusal(&form).await, row(401, "invalid_request", "Missing parameter: username"));
}

#[tokio::test]
async fn unknown_disabled_or_missing_client() {
    let house = House::new().await;
    let expected = row(401, "invalid_client", WRONG_CLIENT);
    for grant in ["password", "client_credentials", "refresh_token", EXCHANGE.1] {
        assert_eq!(house.refusal(&[("grant_type", grant)]).await, expected);
        assert_eq!(house.refusal(&[("grant_type", grant), ("client_id", "nobody")]).await, expected);
    }
    house.identity.directory.disable_client("codemie-sdk", true).await.unwrap();
    assert_eq!(refusal(house.sign_in("ada", PASSWORD).await), expected);
}

#[tokio::test]
async fn wrong_or_missing_secret_of_a_known_client() {
    let house = House::new().await;
    let rights = ServiceClient { service_account: true, ..ServiceClient::default() };
    let issued = client(&house, "robot", rights).await;
    let expected = row(401, "unauthorized_client", WRONG_CLIENT);
    let form = [("grant_type", "client_credentials"), ("client_id", "robot")];
    assert_eq!(house.refusal(&form).await, expected);
    for secret in ["", "wrong"] {
        assert_eq!(house.refusal(&[form[0], form[1], ("client_secret", secret)]).await, expected);
    }
    house.identity.directory.rotate_client("robot").await.unwrap();
    let old = [form[0], form[1], ("client_secret", issued.secret.expose_secret())];
    assert_eq!(house.refusal(&old).await, expected, "a secret that was replaced");
}

#[tokio::test]
async fn no_grant_type_before_anything_else() {
    let house = House::new().await;
    let expected = row(400, "invalid_request", "Missing form parameter: grant_type");
    assert_eq!(house.refusal(&[]).await, expected);
    assert_eq!(house.refusal(&[("client_id", "nobody"), ("client_id", "nobody")]).await, expected);
}

#[tokio::test]
async fn unknown_grant_before_the_client() {
    let house = House::new().await;
    let expected = row(400, "unsupported_grant_type", "Unsupported grant_type");
    for grant in ["", "Password", "implicit"] {
        assert_eq!(house.refusal(&[("grant_type", grant), ("client_id", "nobody")]).await, expected);
    }
}

#[tokio::test]
async fn password_grant_off() {
    let house = House::new().await;
    house.user("ada").await;
    let issued = client(&house, "robot", ServiceClient::default()).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "robot"),
        ("client_secret", issued.secret.expose_secret()),
        ("username", "ada"),
        ("password", PASSWORD),
        ("scope", "unknown"),
    ];
    let expected = row(400, "unauthorized_client", "Client not allowed for direct access grants");
    assert_eq!(house.refusal(&form).await, expected);
}

#[tokio::test]
async fn client_credentials_of_a_public_client_or_without_a_service_account() {
    let house = House::new().await;
    let public = [("grant_type", "client_credentials"), ("client_id", "codemie-sdk")];
    let expected = row(401, "unauthorized_client", "Public client not allowed to retrieve service account");
    assert_eq!(house.refusal(&public).await, expected);

    let issued = client(&house, "robot", ServiceClient::default()).await;
    let off = [public[0], ("client_id", "robot"), ("client_secret", issued.secret.expose_secret())];
    let expected = row(401, "unauthorized_client", "Client not enabled to retrieve service account");
    assert_eq!(house.refusal(&off).await, expected);
}

#[tokio::test]
async fn unknown_scope() {
    let house = House::new().await;
    house.user("ada").await;
    let scope = [("scope", "openid nonsense email")];
    let form = [&sign_in_form("ada", "wrong horse")[..], &scope].concat();
    let expected = row(400, "invalid_scope", "Invalid scopes: openid nonsense email");
    assert_eq!(house.refusal(&form).await, expected);
}

#[tokio::test]
async fn repeated_parameter_after_the_client() {
    let house = House::new().await;
    let again = [("username", "eve")];
    let form = [&sign_in_form("ada", PASSWORD)[..], &again].concat();
    assert_eq!(house.refusal(&form).await, row(400, "invalid_request", "duplicated parameter"));
    let stranger = [("grant_type", "password"), ("client_id", "nobody"), ("client_id", "nobody")];
    assert_eq!(house.refusal(&stranger).await, row(401, "invalid_client", WRONG_CLIENT));
}

#[tokio::test]
async fn refresh_tokens_that_are_missing_garbage_or_over() {
    let house = House::new().await;
    house.user("ada").await;
    let answer = house.sign_in("ada", PASSWORD).await.unwrap();
    let form = [("grant_type", "refresh_token"), ("client_id", "codemie-sdk")];
    assert_eq!(house.refusal(&form).await, row(400, "invalid_request", "No refresh token"));

    let with = async |token: &str| house.refusal(&[form[0], form[1], ("refresh_token", token)]).await;
    let invalid = row(400, "invalid_grant", "Invalid refresh token");
    for garbage in ["", "garbage", "a.b.c", answer.access_token.expose_secret()] {
        assert_eq!(with(garbage).await, invalid);
    }
    house.clock.advance(Duration::from_secs(1800));
    let refresh = answer.refresh_token.unwrap();
    assert_eq!(with(refresh.expose_secret()).await, row(400, "invalid_grant", "Token is not active"));
}

#[tokio::test]
async fn refresh_after_the_sign_in_has_ended() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let expected = row(400, "invalid_grant", "Session not active");
    let sign_in = async || house.sign_in("ada", PASSWORD).await.unwrap().refresh_token.unwrap();

    let token = sign_in().await;
    house.identity.issuer.sign_out("robot", token.expose_secret()).await.unwrap();
    house.refresh(&token).await.unwrap();
    house.identity.issuer.sign_out("codemie-sdk", token.expose_secret()).await.unwrap();
    house.identity.issuer.sign_out("codemie-sdk", token.expose_secret()).await.unwrap();
    assert_eq!(refusal(house.refresh(&token).await), expected);

    let token = sign_in().await;
    house.identity.directory.set_password(ada, &"another horse".into()).await.unwrap();
    assert_eq!(refusal(house.refresh(&token).await), expected);
    house.identity.directory.set_password(ada, &PASSWORD.into()).await.unwrap();

    let token = sign_in().await;
    house.identity.directory.delete_user(ada).await.unwrap();
    assert_eq!(refusal(house.refresh(&token).await), expected);
}

#[tokio::test]
async fn refresh_token_of_another_client() {
    let house = House::new().await;
    house.user("ada").await;
    let issued = client(&house, "robot", ServiceClient::default()).await;
    let token = house.sign_in("ada", PASSWORD).await.unwrap().refresh_token.unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "robot"),
        ("client_secret", issued.secret.expose_secret()),
        ("refresh_token", token.expose_secret()),
    ];
    let description = "Invalid refresh token. Token client and authorized client don't match";
    assert_eq!(house.refusal(&form).await, row(400, "invalid_grant", description));
}

#[tokio::test]
async fn exchanges_that_are_not_allowed() {
    let house = House::new().await;
    house.user("ada").await;
    let on = ServiceClient { token_exchange: true, ..ServiceClient::default() };
    let (robot, other) =
        (client(&house, "robot", on).await, client(&house, "other", Default::default()).await);
    let token = house.sign_in("ada", PASSWORD).await.unwrap().access_token;
    let exchange = async |issued: &IssuedSecret, more: &[(&str, &str)]| {
        let client = [
            EXCHANGE,
            ("client_id", issued.client.as_str()),
            ("client_secret", issued.secret.expose_secret()),
        ];
        house.refusal(&[&client, more].concat()).await
    };
    let subject = ("subject_token", token.expose_secret());
    let off = "Standard token exchange is not enabled for the requested client";
    let invalid = row(400, "invalid_request", "Invalid token");
    let not_allowed = row(403, "access_denied", "Client not allowed to exchange");

    let foreign = row(403, "access_denied", "Client is not within the token audience");
    assert_eq!(exchange(&robot, &[subject]).await, foreign);
    assert_eq!(exchange(&robot, &[("subject_token", "garbage")]).await, invalid);
    assert_eq!(exchange(&other, &[subject]).await, row(400, "invalid_request", off));
    let public = [EXCHANGE, ("client_id", "codemie-sdk"), subject];
    assert_eq!(house.refusal(&public).await, row(400, "invalid_request", off));

    let ada = ("requested_subject", "ada");
    assert_eq!(exchange(&robot, &[subject, ada]).await, not_allowed);
    assert_eq!(house.refusal(&[EXCHANGE, ("client_id", "codemie-sdk"), ada]).await, not_allowed);
    let unknown = ("subject_issuer", "nobody");
    let expected = row(400, "invalid_issuer", "Invalid subject_issuer parameter");
    assert_eq!(exchange(&robot, &[subject, unknown]).await, expected);
    assert_eq!(exchange(&other, &[subject, unknown]).await, not_allowed);
}

#[tokio::test]
async fn impersonation_that_is_not_allowed() {
    let house = House::new().await;
    let admin = house.identity.first_start(Some("admin's horse".into())).await.unwrap().unwrap();
    assert!(admin.password.is_none());
    let eve = house.user("eve").await;
    let shut_out = UserChange { disabled: Some(true), ..UserChange::default() };
    house.identity.directory.change_user(eve, shut_out).await.unwrap();
    let rights = ServiceClient { may_impersonate: true, ..ServiceClient::default() };
    let robot = client(&house, "robot", rights).await;
    let secret = robot.secret.expose_secret();
    for subject in ["admin", "eve", "nobody", "00000000-0000-7000-8000-000000000000"] {
        let form =
            [EXCHANGE, ("client_id", "robot"), ("client_secret", secret), ("requested_subject", subject)];
        let expected = row(403, "access_denied", "Client not allowed to exchange");
        assert_eq!(house.refusal(&form).await, expected, "{subject}");
    }
}

#[tokio::test]
async fn a_disabled_user_with_the_right_password() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let shut_out = UserChange { disabled: Some(true), ..UserChange::default() };
    house.identity.directory.change_user(ada, shut_out).await.unwrap();
    assert_eq!(refusal(house.sign_in("ada", PASSWORD).await), row(400, "invalid_grant", "Account disabled"));
    let wrong = row(401, "invalid_grant", "Invalid user credentials");
    assert_eq!(refusal(house.sign_in("ada", "wrong horse").await), wrong);
}

#[tokio::test]
async fn the_header_counts_before_the_form() {
    let house = House::new().await;
    let rights = ServiceClient { service_account: true, ..ServiceClient::default() };
    let robot = client(&house, "my-robot", rights).await;
    let form = owned(&[("grant_type", "client_credentials"), ("client_id", "codemie-sdk")]);
    let basic = |id: &str, secret: SecretString| Some((id.to_owned(), secret));
    let token = async |basic| house.identity.issuer.token(&form, basic).await;
    token(basic("my-robot", robot.secret.clone())).await.unwrap();
    token(basic("my%2Drobot", robot.secret.clone())).await.unwrap();
    let wrong = refusal(token(basic("my-robot", "wrong".into())).await);
    assert_eq!(wrong, row(401, "unauthorized_client", WRONG_CLIENT));
}

#[tokio::test]
async fn names_that_would_mislead_are_refused() {
    let house = House::new().await;
    house.user("ada").await;
    let add = async |username: &str, email: &str| {
        let user = User { username: username.to_owned(), email: email.to_owned(), ..User::default() };
        house.identity.directory.add_user(user, &PASSWORD.into()).await.unwrap_err().to_string()
    };
    assert_eq!(add("ADA", "").await, "username is taken");
    assert_eq!(add("bob", "Ada@Example.com").await, "email is taken");
    for username in
        ["", "local", "Local", "service-account-robot", "a b", "a|b", "00000000-0000-7000-8000-000000000000"]
    {
        assert!(add(username, "").await.starts_with("username: must have no blank"), "{username}");
    }
    assert_eq!(add("bob", "no address").await, "email: is no e-mail address");
    let bob = User { username: "bob".to_owned(), ..User::default() };
    let short = house.identity.directory.add_user(bob, &"short".into()).await.unwrap_err();
    assert_eq!(short.to_string(), "password: must have 8 to 1024 bytes");
}
