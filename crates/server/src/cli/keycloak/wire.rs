//! The JSON of Keycloak's administration.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the token endpoint gives.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: SecretString,
}

/// Why something was refused; routes differ in how they say it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    #[serde(rename = "errorMessage")]
    pub(super) error_message: Option<String>,
    pub(super) error_description: Option<String>,
    pub(super) error: Option<String>,
}

/// What anybody may know of a realm.
#[derive(Debug, Deserialize)]
pub(super) struct PublicRealm {
    pub(super) realm: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scope {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserProfile {
    pub(super) unmanaged_attribute_policy: Option<String>,
}

/// A client, as far as it tells its kind.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Client {
    /// Keycloak's own name for it.
    pub(super) id: String,
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) public_client: bool,
    #[serde(default)]
    pub(super) direct_access_grants_enabled: bool,
    #[serde(default)]
    pub(super) service_accounts_enabled: bool,
    #[serde(default)]
    pub(super) default_client_scopes: Vec<String>,
}

/// A client to make.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewClient {
    pub(super) client_id: String,
    name: String,
    protocol: &'static str,
    public_client: bool,
    direct_access_grants_enabled: bool,
    service_accounts_enabled: bool,
    standard_flow_enabled: bool,
    implicit_flow_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_url: Option<String>,
    redirect_uris: Vec<String>,
    web_origins: Vec<String>,
    attributes: BTreeMap<&'static str, &'static str>,
    pub(super) default_client_scopes: Vec<String>,
    pub(super) optional_client_scopes: Vec<String>,
}

impl NewClient {
    /// A service's client has a secret; any other is public and takes passwords. Pages sign people in only at a root URL.
    pub(super) fn new(id: &str, is_service: bool, root_url: Option<&reqwest::Url>) -> Self {
        let root = root_url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let origin = root_url.map(|url| url.origin().ascii_serialization());
        let post_logout = root.is_some().then_some(("post.logout.redirect.uris", "+"));
        Self {
            client_id: id.to_owned(),
            name: id.to_owned(),
            protocol: "openid-connect",
            public_client: !is_service,
            direct_access_grants_enabled: !is_service,
            service_accounts_enabled: is_service,
            standard_flow_enabled: root.is_some(),
            implicit_flow_enabled: false,
            redirect_uris: root.iter().map(|root| format!("{root}/*")).collect(),
            web_origins: origin.into_iter().collect(),
            attributes: post_logout.into_iter().collect(),
            root_url: root,
            default_client_scopes: Vec::new(),
            optional_client_scopes: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Secret {
    pub(super) value: SecretString,
}

/// A realm role, given back as it came.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Role(Value);

/// A user: what is changed is named, the rest is given back as it came.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}
