//! Administration over HTTP: what the commands on this machine ask of a running server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::Error;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{AdminToken, Administrator};
use crate::body::{Json, PathId, check_text};
use crate::dialects::codmir::CodmirError;

pub(crate) mod wire;

const FILE: &str = "admin.json";

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_keys, create_key)).routes(routes!(revoke_key))
}

/// All API keys, oldest first; never the keys themselves.
#[utoipa::path(get, path = "/api/admin/keys", tag = "administration", responses(
    (status = 200, description = "The keys", body = [wire::Key]),
))]
async fn list_keys(State(app): State<App>, _: Administrator) -> Result<Response, CodmirError> {
    let keys = app.identity.keys.list().await.map_err(keys_error)?;
    Ok(axum::Json(keys.into_iter().map(wire::Key::from).collect::<Vec<_>>()).into_response())
}

/// Makes a key, and its account if there is none of that name. The only answer that holds the key.
#[utoipa::path(post, path = "/api/admin/keys", tag = "administration", request_body = wire::NewKey, responses(
    (status = 201, description = "Made", body = wire::IssuedKey),
))]
async fn create_key(
    State(app): State<App>,
    _: Administrator,
    Json { value: new, .. }: Json<wire::NewKey>,
) -> Result<Response, CodmirError> {
    check_text("account", &new.account)?;
    check_text("label", &new.label)?;
    let issued = app.identity.keys.create(&new.account, &new.label).await.map_err(keys_error)?;
    let body = wire::IssuedKey {
        id: issued.id,
        key: issued.secret.expose_secret().to_owned(),
        account: new.account,
        label: new.label,
    };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// Revokes a key; again is the same.
#[utoipa::path(delete, path = "/api/admin/keys/{keyId}", tag = "administration",
    params(("keyId" = String, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked"), (status = 404, description = "No such key")))]
async fn revoke_key(
    State(app): State<App>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    if app.identity.keys.revoke(&id).await.map_err(keys_error)? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Error::not_found("key").into())
}

fn keys_error(error: identity::KeysError) -> CodmirError {
    match error {
        identity::KeysError::Store(error) => Error::from(error).into(),
        identity::KeysError::Name(_) | identity::KeysError::Unknown => {
            let field = if error.to_string().contains("label") { "label" } else { "account" };
            CodmirError::field(field, error.to_string())
        }
    }
}

/// How commands on this machine find the running server: a file for the owner only, in the data directory, gone when
/// the server ends.
#[derive(Debug)]
pub(crate) struct AdminFile {
    path: PathBuf,
}

impl AdminFile {
    pub(crate) fn write(
        data_dir: &Path,
        addresses: &[SocketAddr],
        token: &AdminToken,
    ) -> std::io::Result<Self> {
        let path = data_dir.join(FILE);
        let address = addresses.first().map(|address| reachable(*address)).unwrap_or_default();
        let reach = wire::Reach { address, token: token.expose().to_owned() };
        write_private(&path, &serde_json::to_vec(&reach)?)?;
        Ok(Self { path })
    }

    /// The running server of a data directory, if there is one.
    pub(crate) fn read(data_dir: &Path) -> std::io::Result<Option<(String, SecretString)>> {
        match std::fs::read(data_dir.join(FILE)) {
            Ok(bytes) => {
                let reach: wire::Reach = serde_json::from_slice(&bytes)?;
                Ok(Some((reach.address, reach.token.into())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for AdminFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "could not remove the address file");
        }
    }
}

/// An address that can be connected to: "all interfaces" is reached through loopback.
pub(crate) fn reachable(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    format!("http://{address}")
}

#[cfg(unix)]
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // An earlier process may have left one that is open to others; a new file has the mode from the first byte.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

#[cfg(not(unix))]
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(path, bytes)
}
