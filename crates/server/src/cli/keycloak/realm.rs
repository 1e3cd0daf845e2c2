//! A realm of a Keycloak, over its administration's REST API.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::header::LOCATION;
use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::wire;

/// What makes a token one for Latimer; `docs/keycloak.md` tells what is in it.
const SCOPE: &str = "codemie";
/// The attribute that tells a user's projects.
const PROJECTS: &str = "applications";

/// What the administrator signs in by.
pub(super) enum Credentials<'a> {
    Password { realm: &'a str, user: &'a str, password: SecretString },
    Token(SecretString),
}

pub(super) struct Realm {
    http: reqwest::Client,
    base: Url,
    name: String,
    token: SecretString,
}

impl Realm {
    /// Finds the realm and signs in.
    pub(super) async fn open(url: &Url, name: &str, credentials: Credentials<'_>) -> anyhow::Result<Self> {
        ensure!(matches!(url.scheme(), "http" | "https"), "{url} is no address of a Keycloak");
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            // A password follows no redirect.
            .redirect(redirect::Policy::none())
            .build()?;
        let base = find(&http, url, name).await?;
        let token = match credentials {
            Credentials::Token(token) => token,
            Credentials::Password { realm, user, password } => {
                sign_in(&http, &base, realm, user, &password).await?
            }
        };
        Ok(Self { http, base, name: name.to_owned(), token })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether anybody may write attributes that the realm does not know, projects among them, about themselves.
    pub(super) async fn lets_people_write_their_attributes(&self) -> anyhow::Result<bool> {
        let profile: wire::UserProfile =
            self.get(&["users", "profile"], "read the rules for attributes").await?;
        Ok(profile.unmanaged_attribute_policy.as_deref() == Some("ENABLED"))
    }

    /// The clients whose tokens are for Latimer.
    pub(super) async fn clients(&self) -> anyhow::Result<Vec<wire::Client>> {
        let mut clients: Vec<wire::Client> = self.get(&["clients"], "list clients").await?;
        clients.retain(|client| client.default_client_scopes.iter().any(|scope| scope == SCOPE));
        clients.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        Ok(clients)
    }

    /// Makes a client with the realm's usual scopes and ours; gives Keycloak's own name for it.
    pub(super) async fn add_client(&self, mut client: wire::NewClient) -> anyhow::Result<String> {
        const TASK: &str = "make clients";
        let scopes = async |list: &str| -> anyhow::Result<Vec<String>> {
            let scopes: Vec<wire::Scope> = self.get(&[list], "list client scopes").await?;
            Ok(scopes.into_iter().map(|scope| scope.name).collect())
        };
        ensure!(
            scopes("client-scopes").await?.iter().any(|scope| scope == SCOPE),
            "realm `{}` has no client scope `{SCOPE}`; make it as docs/keycloak.md says, or import the realm file",
            self.name
        );
        client.default_client_scopes = scopes("default-default-client-scopes").await?;
        if !client.default_client_scopes.iter().any(|scope| scope == SCOPE) {
            client.default_client_scopes.push(SCOPE.to_owned());
        }
        client.optional_client_scopes = scopes("default-optional-client-scopes").await?;
        let response = send(self.as_admin(self.http.post(self.url(&["clients"])).json(&client))).await?;
        if response.status() == StatusCode::CONFLICT {
            bail!("realm `{}` has a client `{}` already", self.name, client.client_id);
        }
        let made = self.accept(response, TASK).await?;
        let location = made.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let id = location.and_then(|location| location.rsplit('/').next());
        Ok(id.context("Keycloak does not say which client it has made")?.to_owned())
    }

    pub(super) async fn delete_client(&self, id: &str) -> anyhow::Result<()> {
        let request = self.http.delete(self.url(&["clients", id]));
        self.done(request, "delete clients").await
    }

    pub(super) async fn secret(&self, client: &str) -> anyhow::Result<SecretString> {
        let secret: wire::Secret =
            self.get(&["clients", client, "client-secret"], "read a client's secret").await?;
        Ok(secret.value)
    }

    pub(super) async fn role(&self, name: &str) -> anyhow::Result<wire::Role> {
        let response = send(self.as_admin(self.http.get(self.url(&["roles", name])))).await?;
        if response.status() == StatusCode::NOT_FOUND {
            bail!("realm `{}` has no role `{name}`; make it, or import the realm file", self.name);
        }
        read(self.accept(response, "read roles").await?).await
    }

    /// The user that a service is.
    pub(super) async fn service_user(&self, client: &str) -> anyhow::Result<wire::User> {
        self.get(&["clients", client, "service-account-user"], "read a client's service account").await
    }

    pub(super) async fn grant(&self, user: &wire::User, role: &wire::Role) -> anyhow::Result<()> {
        let url = self.url(&["users", &user.id, "role-mappings", "realm"]);
        self.done(self.http.post(url).json(&[role]), "give roles to users").await
    }

    /// Says in what its tokens will say who the service is, and which projects it belongs to.
    pub(super) async fn describe(
        &self,
        mut user: wire::User,
        name: &str,
        email: &str,
        projects: &[String],
    ) -> anyhow::Result<()> {
        user.email = Some(email.to_owned());
        user.first_name = Some("Service".to_owned());
        user.last_name = Some(name.to_owned());
        if !projects.is_empty() {
            user.attributes.insert(PROJECTS.to_owned(), projects.to_vec());
        }
        let path = ["users", user.id.as_str()];
        self.done(self.http.put(self.url(&path)).json(&user), "change users").await?;
        let stored: wire::User = self.get(&path, "read users").await?;
        // What the realm does not let administrators write is dropped without a word.
        ensure!(
            projects.is_empty() || stored.attributes.get(PROJECTS).is_some_and(|kept| kept == projects),
            "realm `{}` does not keep the attribute `{PROJECTS}`; set its unmanaged attributes to \"Only administrators \
             can write\"",
            self.name
        );
        Ok(())
    }

    fn url(&self, path: &[&str]) -> Url {
        let realm = ["admin", "realms", &self.name];
        below(&self.base, realm.iter().chain(path))
    }

    fn as_admin(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.token.expose_secret())
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], task: &str) -> anyhow::Result<T> {
        let response = send(self.as_admin(self.http.get(self.url(path)))).await?;
        read(self.accept(response, task).await?).await
    }

    async fn done(&self, request: RequestBuilder, task: &str) -> anyhow::Result<()> {
        let response = send(self.as_admin(request)).await?;
        self.accept(response, task).await.map(drop)
    }

    /// Anything but success is an error that says what was not allowed or what Keycloak said.
    async fn accept(&self, response: Response, task: &str) -> anyhow::Result<Response> {
        let status = response.status();
        match status {
            StatusCode::UNAUTHORIZED => bail!("Keycloak does not take the administrator's token"),
            StatusCode::FORBIDDEN => {
                bail!(
                    "the administrator may not {task} in realm `{}`; the roles manage-clients, manage-users and \
                     view-realm are needed",
                    self.name
                )
            }
            _ if status.is_success() => Ok(response),
            _ => bail!("asked to {task}, Keycloak answered {status}{}", said(response).await),
        }
    }
}

/// The address under which Keycloak has the realm: as given, or with `/auth` where that has none, or without.
async fn find(http: &reqwest::Client, url: &Url, realm: &str) -> anyhow::Result<Url> {
    for base in [url.clone(), other_form(url)] {
        let response = send(http.get(below(&base, ["realms", realm]))).await?;
        if response.status().is_success() {
            let found = response.json::<wire::PublicRealm>().await;
            if found.is_ok_and(|found| found.realm == realm) {
                return Ok(base);
            }
        } else if response.json::<wire::Refusal>().await.is_ok_and(|refusal| refusal.is_about_the_realm()) {
            bail!("there is no realm `{realm}` at {base}");
        }
    }
    bail!("there is no Keycloak at {url}, neither with /auth at the end nor without")
}

async fn sign_in(
    http: &reqwest::Client,
    base: &Url,
    realm: &str,
    user: &str,
    password: &SecretString,
) -> anyhow::Result<SecretString> {
    let url = below(base, ["realms", realm, "protocol", "openid-connect", "token"]);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("client_id", "admin-cli")
        .append_pair("username", user)
        .append_pair("password", password.expose_secret())
        .finish();
    let request = http.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let response = send(request).await?;
    if !response.status().is_success() {
        let status = response.status();
        bail!(
            "`{user}` can't sign in to realm `{realm}`: Keycloak answered {status}{}",
            said(response).await
        );
    }
    let tokens: wire::Tokens = read(response).await?;
    Ok(tokens.access_token)
}

async fn send(request: RequestBuilder) -> anyhow::Result<Response> {
    request.send().await.context("Keycloak can't be reached")
}

async fn read<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    response.json().await.context("Keycloak sent something unreadable")
}

/// What Keycloak said of a refusal, to be put behind the status.
async fn said(response: Response) -> String {
    let refusal = response.json::<wire::Refusal>().await.unwrap_or_default();
    let said = refusal.error_message.or(refusal.error_description).or(refusal.error);
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

impl wire::Refusal {
    fn is_about_the_realm(&self) -> bool {
        self.error.as_deref() == Some("Realm does not exist")
    }
}

fn below<'a>(base: &Url, path: impl IntoIterator<Item = impl AsRef<str>> + 'a) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().expect("an address over HTTP has a path").pop_if_empty().extend(path);
    url
}

fn other_form(url: &Url) -> Url {
    let mut url = url.clone();
    let ends_with_auth = url.path().trim_end_matches('/').ends_with("/auth");
    let mut path = url.path_segments_mut().expect("an address over HTTP has a path");
    path.pop_if_empty();
    if ends_with_auth {
        path.pop();
    } else {
        path.push("auth");
    }
    drop(path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_forms() {
        for (one, other) in [
            ("https://keycloak.example.com/", "https://keycloak.example.com/auth"),
            ("https://example.com/sso/auth/", "https://example.com/sso"),
            ("https://example.com/sso", "https://example.com/sso/auth"),
        ] {
            assert_eq!(other_form(&one.parse().unwrap()).as_str().trim_end_matches('/'), other);
        }
    }

    #[test]
    fn names_stay_within_their_segment() {
        let url = below(&"https://example.com/auth/".parse().unwrap(), ["realms", "a/../b?c"]);
        assert_eq!(url.as_str(), "https://example.com/auth/realms/a%2F..%2Fb%3Fc");
    }
}
