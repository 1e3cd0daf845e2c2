//! Tokens of foreign issuers: whom they are about, and what is refused.

use std::time::Duration;

use chat::ErrorKind;
use chat::clock::Clock as _;
use identity::store::UserChange;
use identity::tokens::{KeysAt, TokenAlgorithm};
use identity::{SignInError, TokenError};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::issuer::{FakeIssuer, Mood};

use crate::elsewhere::{ELSEWHERE, Elsewhere};
use crate::house::Log;

#[tokio::test]
async fn a_foreign_token_is_its_subjects_account() {
    let place = Elsewhere::new().await;
    let ada = place.take(&place.token(json!({}))).await.unwrap();
    let renamed = json!({"preferred_username": "countess", "email": "bob@elsewhere.example"});
    assert_eq!(place.take(&place.token(renamed)).await.unwrap(), ada, "only the subject counts");
    let bob = place.take(&place.token(json!({"sub": "bob"}))).await.unwrap();
    assert_ne!(bob, ada, "the same name and address are nobody's");
    assert!(!ada.is_admin());
    let profile = place.house.identity.directory.profile(&ada).await.unwrap().unwrap();
    assert_eq!((profile.username.as_str(), profile.name.as_str()), ("countess", "ada of elsewhere"));

    let admin = json!({"realm_access": {"roles": ["admin"]}});
    assert!(place.take(&place.token(admin)).await.unwrap().is_admin());
}

#[tokio::test]
async fn a_foreign_admin_is_not_the_admin_here() {
    let place = Elsewhere::new().await;
    let own = place.house.identity.first_start(None).await.unwrap().unwrap();
    let own = place.house.identity.authenticate(&own.key.secret).await.unwrap();
    let claims = json!({"sub": "admin", "preferred_username": "admin", "email": "admin@example.com"});
    assert_ne!(place.take(&place.token(claims)).await.unwrap().account(), own.account());
}

#[tokio::test]
async fn claims_of_projects_come_and_go() {
    let place = Elsewhere::new().await;
    let first = json!({"applications": ["demo, sales"], "applications_admin": "demo,hr"});
    assert_eq!(place.projects(&place.token(first)).await, ["(ada)", "demo*", "hr*", "sales"]);
    let second = json!({"applications": "sales"});
    assert_eq!(place.projects(&place.token(second)).await, ["(ada)", "sales"]);
    let without_role = json!({"applications": "sales", "realm_access": null});
    assert_eq!(place.projects(&place.token(without_role)).await, ["(ada)"]);
}

#[tokio::test]
async fn an_older_token_does_not_take_back_what_a_newer_one_said() {
    let place = Elsewhere::new().await;
    let old = place.token(json!({"applications": "demo", "realm_access": {"roles": ["admin"]}}));
    place.house.clock.advance(Duration::from_secs(1));
    assert_eq!(place.projects(&place.token(json!({"applications": "sales"}))).await, ["(ada)", "sales"]);
    assert_eq!(place.projects(&old).await, ["(ada)", "sales"]);
    assert!(!place.take(&old).await.unwrap().is_admin());
}

#[tokio::test]
async fn a_token_from_the_future_is_not_the_last_word_for_ever() {
    let place = Elsewhere::new().await;
    let now = place.house.clock.now().as_second();
    let future = json!({"applications": "demo", "iat": now + 1_000_000});
    assert_eq!(place.projects(&place.token(future)).await, ["(ada)", "demo"]);
    place.house.clock.advance(Duration::from_secs(1));
    assert_eq!(place.projects(&place.token(json!({"applications": "sales"}))).await, ["(ada)", "sales"]);
}

#[tokio::test]
async fn what_an_administrator_gave_outlives_the_claims() {
    let place = Elsewhere::new().await;
    let ada = place.take(&place.token(json!({"applications": "demo"}))).await.unwrap();
    let directory = &place.house.identity.directory;
    let project = directory.ensure_project("demo").await.unwrap();
    directory.set_member(&project, ada.account(), true).await.unwrap();
    assert_eq!(
        place.projects(&place.token(json!({"applications": "other"}))).await,
        ["(ada)", "demo*", "other"]
    );
    directory.remove_member(&project, ada.account()).await.unwrap();
    place.house.clock.advance(Duration::from_secs(1));
    assert_eq!(place.projects(&place.token(json!({"applications": "demo"}))).await, ["(ada)", "demo"]);
}

#[tokio::test]
async fn user_types() {
    let place = Elsewhere::new().await;
    for (claims, is_external) in [
        (json!({}), false),
        (json!({"user_type": "regular"}), false),
        (json!({"user_type": "external"}), true),
        (json!({"guest": true}), true),
        (json!({"guest": false}), false),
    ] {
        let principal = place.take(&place.token(claims.clone())).await.unwrap();
        let profile = place.house.identity.directory.profile(&principal).await.unwrap().unwrap();
        assert_eq!(profile.is_external, is_external, "{claims}");
    }
    assert_eq!(place.refusal(json!({"user_type": "root"})).await, "the token's user type is unknown");
}

#[tokio::test]
async fn claims_that_are_wrong_are_refused() {
    let place = Elsewhere::new().await;
    let now = place.house.clock.now().as_second();
    let unreadable = "the token can't be read";
    let not_meant = "the token is not meant for this server";
    for (claims, refusal) in [
        (json!({"iss": "https://evil.example"}), "the token's issuer is not trusted here"),
        (json!({"iss": null}), unreadable),
        (json!({"iss": [ELSEWHERE]}), unreadable),
        (json!({"aud": null}), not_meant),
        (json!({"aud": "account"}), not_meant),
        (json!({"aud": ["account", "Latimer"]}), not_meant),
        (json!({"aud": 7}), unreadable),
        (json!({"aud": "account", "azp": "latimer"}), not_meant),
        (json!({"sub": null}), unreadable),
        (json!({"sub": ""}), unreadable),
        (json!({"sub": 7}), unreadable),
        (json!({"sub": "x".repeat(256)}), unreadable),
        (json!({"exp": null}), unreadable),
        (json!({"exp": "4102444800"}), unreadable),
        (json!({"exp": now - 30}), "the token is expired"),
        (json!({"nbf": now + 31}), "the token is not valid yet"),
        (json!({"nbf": (now - 60).to_string()}), unreadable),
        (json!({"nbf": (now + 60).to_string()}), unreadable),
        (json!({"typ": "ID"}), "the token is not an access token"),
        (json!({"typ": "Refresh"}), "the token is not an access token"),
        (json!({"realm_access": {"roles": "admin"}}), unreadable),
        (json!({"applications": {"a": "b"}}), unreadable),
        (json!({"guest": "true"}), unreadable),
    ] {
        assert_eq!(place.refusal(claims.clone()).await, refusal, "{claims}");
    }
    for claims in [
        json!({"exp": now - 29}),
        json!({"nbf": now + 30}),
        json!({"exp": now as f64 + 0.5}),
        json!({"aud": "latimer"}),
        json!({"typ": null}),
    ] {
        let taken = place.take(&place.token(claims.clone())).await;
        assert!(taken.is_ok(), "{claims}: {taken:?}");
    }
}

#[tokio::test]
async fn an_access_token_is_known_by_its_header_or_its_claims() {
    let place = Elsewhere::new().await;
    let take = async |header: &Value, claims: Value| {
        let token = place.issuer.sign_with(header, &place.claims(&claims));
        place.take(&token).await.map(|_| ()).map_err(|error| error.to_string())
    };
    let header = |typ: Value| json!({"alg": "RS256", "kid": "key-1", "typ": typ});
    let silent = json!({"typ": null});
    let with_nonce = json!({"typ": null, "nonce": "n"});
    for (typ, claims) in [
        (json!("at+jwt"), &silent),
        (json!("application/AT+JWT"), &silent),
        (json!("at+jwt"), &with_nonce),
        (json!("at+jwt"), &json!({})),
        (json!("jwt"), &silent),
        (json!(null), &silent),
        // Keycloak's had one for long.
        (json!("JWT"), &json!({"nonce": "n"})),
    ] {
        assert_eq!(take(&header(typ.clone()), claims.clone()).await, Ok(()), "{typ} {claims}");
    }
    for (typ, claims) in [
        (json!("at+jwt"), &json!({"typ": "ID"})),
        (json!("JWT"), &with_nonce),
        (json!(null), &json!({"typ": null, "at_hash": "h"})),
        (json!("JWT"), &json!({"typ": null, "c_hash": "h"})),
        (json!("JWT"), &json!({"typ": null, "s_hash": "h"})),
        (json!("logout+jwt"), &silent),
        (json!("dpop+jwt"), &json!({})),
        (json!(""), &silent),
    ] {
        let refused = Err("the token is not an access token".to_owned());
        assert_eq!(take(&header(typ.clone()), claims.clone()).await, refused, "{typ} {claims}");
    }
}

#[tokio::test]
async fn the_log_names_the_missing_mapper_and_no_token() {
    let place = Elsewhere::new().await;
    let log = Log::default();
    let token = place.token(json!({"aud": "account"}));
    {
        let _guard = log.listen();
        place.take(&token).await.unwrap_err();
        place.issuer.set_mood(Mood::Status(503));
        place.house.clock.advance(Duration::from_secs(100));
        place.take(&token).await.unwrap_err();
        place.house.sign_in("ada", "a wrong horse").await.unwrap_err();
    }
    let text = log.text();
    assert!(text.contains("the issuer lacks an audience mapper that adds `latimer`"), "{text}");
    assert!(text.contains(ELSEWHERE), "{text}");
    let (message, signature) = token.expose_secret().rsplit_once('.').unwrap();
    for secret in [message.split_once('.').unwrap().1, signature, "a wrong horse"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn signatures_that_prove_nothing_are_refused() {
    let place = Elsewhere::new().await;
    let not_allowed = "the token's algorithm is not allowed";
    for (header, refusal) in [
        (json!({"alg": "none", "kid": "key-1"}), not_allowed),
        (json!({"alg": "NONE", "kid": "key-1"}), not_allowed),
        (json!({"alg": "HS256", "kid": "key-1"}), not_allowed),
        (json!({"alg": "EdDSA", "kid": "key-1"}), not_allowed),
        (json!({"alg": "RS512", "kid": "key-1"}), "the token's key is not known"),
        (json!({"alg": "PS256", "kid": "key-1"}), "the token's key is not known"),
        (json!({"alg": "RS256", "kid": "key-2"}), "the token's key is not known"),
        (json!({"alg": "RS256", "kid": "for-encryption"}), "the token's key is not known"),
        (json!({"alg": "RS256", "kid": "'; DROP TABLE profiles; --"}), "the token's key is not known"),
        (json!({"alg": "RS256", "kid": "../../../../dev/null"}), "the token's key is not known"),
        (json!({"alg": "RS256", "kid": "k".repeat(257)}), "the token can't be read"),
        (json!({"alg": "RS256", "kid": 1}), "the token can't be read"),
        (json!({"alg": "RS256", "kid": "key-1", "crit": ["exp"]}), "the token can't be read"),
        (json!({"kid": "key-1"}), "the token can't be read"),
    ] {
        assert_eq!(place.refusal_of(&header).await, refusal, "{header}");
    }
    let good = place.token(json!({}));
    let good = good.expose_secret();
    let stripped = format!("{}.", good.rsplit_once('.').unwrap().0);
    let refused = place.take(&stripped.into()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the token's signature is wrong");
    for text in ["", "a.b", "a.b.c", "a.b.c.d", "..", &good[1..], &format!("{good}.x")] {
        let refused = place.take(&text.into()).await;
        assert!(matches!(refused, Err(TokenError::Malformed)), "{text}: {refused:?}");
    }
    place.take(&good.into()).await.unwrap();
}

#[tokio::test]
async fn keys_that_the_sender_brings_along_are_not_looked_at() {
    let place = Elsewhere::new().await;
    let evil = FakeIssuer::new("https://evil.example");
    let claims = place.claims(&json!({}));
    let key = evil.key_set()["keys"][2].clone();
    for header in [
        json!({"alg": "RS256", "kid": "key-1", "jwk": key}),
        json!({"alg": "RS256", "kid": "key-1", "jku": "https://evil.example/certs"}),
        json!({"alg": "RS256", "kid": "key-1", "x5u": "https://evil.example/chain.pem"}),
        json!({"alg": "RS256", "kid": "key-1", "x5c": ["AAAA"]}),
    ] {
        let refused = place.take(&evil.sign_with(&header, &claims)).await.unwrap_err();
        assert_eq!(refused.to_string(), "the token's signature is wrong", "{header}");
    }
    assert_eq!(evil.fetches(), 0);
    let without_id = evil.sign_with(&json!({"alg": "RS256"}), &claims);
    assert!(matches!(place.take(&without_id).await, Err(TokenError::Signature)));
}

#[tokio::test]
async fn a_large_token_is_refused_unread() {
    let place = Elsewhere::new().await;
    let fits = place.token(json!({"picture": "x".repeat(11_000)}));
    assert!(fits.expose_secret().len() < 16 << 10);
    place.take(&fits).await.unwrap();
    let large = place.token(json!({"picture": "x".repeat(16 << 10)}));
    let refused = place.take(&large).await;
    assert!(matches!(refused, Err(TokenError::TooLarge)), "{refused:?}");
}

#[tokio::test]
async fn curves_and_padding_are_taken_where_they_are_configured() {
    let place = Elsewhere::new().await;
    place.issuer.rotate_to_ec();
    place.take(&place.token(json!({}))).await.unwrap();

    let narrow = Elsewhere::with(|settings| settings.algorithms = vec![TokenAlgorithm::Rs256]).await;
    narrow.issuer.rotate_to_ec();
    assert_eq!(narrow.refusal(json!({})).await, "the token's algorithm is not allowed");
}

#[tokio::test]
async fn settings_of_an_issuer() {
    let place = Elsewhere::with(|settings| settings.accept_azp = true).await;
    place.take(&place.token(json!({"aud": "account", "azp": "latimer"}))).await.unwrap();

    let place = Elsewhere::with(|settings| settings.require_role = true).await;
    let no_role = json!({"realm_access": {"roles": ["offline_access"]}});
    let refused = place.take(&place.token(no_role)).await;
    assert!(matches!(refused, Err(TokenError::RoleRequired)), "{refused:?}");
    let error = chat::Error::from(SignInError::from(refused.unwrap_err()));
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Forbidden, "a role is needed: admin or developer")
    );

    let url = format!("{ELSEWHERE}/protocol/openid-connect/certs");
    let place = Elsewhere::with(|settings| settings.keys = KeysAt::Url(url)).await;
    place.take(&place.token(json!({}))).await.unwrap();
    assert_eq!(place.issuer.fetches(), 1, "without discovery");
}

#[tokio::test]
async fn a_verified_token_is_remembered_for_a_minute() {
    let place = Elsewhere::new().await;
    let token = place.token(json!({}));
    let ada = place.take(&token).await.unwrap();
    let change = UserChange { disabled: Some(true), ..UserChange::default() };
    place.house.identity.directory.change_user(ada.account(), change).await.unwrap();
    place.house.clock.advance(Duration::from_secs(59));
    assert_eq!(place.take(&token).await.unwrap(), ada);
    place.house.clock.advance(Duration::from_secs(1));
    let refused = place.take(&token).await;
    assert!(matches!(refused, Err(TokenError::Revoked)), "{refused:?}");
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_time() {
    let place = Elsewhere::new().await;
    let exp = place.house.clock.now().as_second() + 10;
    let token = place.token(json!({ "exp": exp }));
    place.take(&token).await.unwrap();
    // Within the leeway it is verified anew each time.
    place.house.clock.advance(Duration::from_secs(39));
    place.take(&token).await.unwrap();
    place.house.clock.advance(Duration::from_secs(1));
    let refused = place.take(&token).await;
    assert!(matches!(refused, Err(TokenError::Expired)), "{refused:?}");
}

#[tokio::test]
async fn a_token_that_only_begins_like_a_remembered_one_is_another() {
    let place = Elsewhere::new().await;
    let token = place.token(json!({}));
    place.take(&token).await.unwrap();
    let (message, signature) = token.expose_secret().rsplit_once('.').unwrap();
    let (last, first) = (&signature[1..], &signature[..1]);
    let other = format!("{message}.{}{last}", if first == "A" { "B" } else { "A" });
    let refused = place.take(&other.into()).await;
    assert!(matches!(refused, Err(TokenError::Signature)), "{refused:?}");
}

#[tokio::test]
async fn a_token_is_good_as_it_is_and_with_no_character_changed() {
    let place = Elsewhere::new().await;
    let token = place.token(json!({}));
    let token = token.expose_secret();
    for (index, character) in token.char_indices() {
        let other = if character == 'A' { 'B' } else { 'A' };
        let changed = format!("{}{other}{}", &token[..index], &token[index + 1..]);
        assert!(place.take(&changed.into()).await.is_err(), "{index}");
    }
    place.take(&token.into()).await.unwrap();
}
