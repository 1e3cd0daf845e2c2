//! The built-in issuer's grants: what good requests get.

use std::time::Duration;

use chat::SignIn;
use serde_json::json;

use crate::house::{House, PASSWORD, claims};

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
