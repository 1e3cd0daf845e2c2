//! How commands on this machine find the running server: a file in its data directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::wire;
use crate::auth::AdminToken;
use crate::private_file;

const FILE: &str = "admin.json";

/// The file, for the owner only, gone when the server ends.
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
        let reach = wire::Reach { address, token: token.secret().clone().into() };
        // A process that was killed left its own, which may be open to others.
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        private_file::create(&path, &serde_json::to_vec(&reach)?)?;
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
