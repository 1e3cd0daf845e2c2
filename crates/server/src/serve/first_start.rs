//! What the first start has made is told once, and kept in a file for the owner only: a container's log may be gone.

use std::path::{Path, PathBuf};

use identity::FirstStart;
use secrecy::ExposeSecret;

use crate::private_file;

const FILE: &str = "first-start.txt";

/// The user, the password unless it was given, and the key: a line each.
pub(crate) fn told(first: &FirstStart) -> String {
    let password = first.password.as_ref();
    let password = password.map(|password| format!("  password  {}\n", password.expose_secret()));
    format!(
        "  user      {}\n{}  API key   {}\n",
        first.username,
        password.unwrap_or_default(),
        first.key.secret.expose_secret()
    )
}

/// Writes it down, unless there is such a file already, and tells where. The server starts either way: it is told on
/// standard output too.
pub(crate) fn write_down(data_dir: &Path, first: &FirstStart) -> Option<PathBuf> {
    let path = data_dir.join(FILE);
    match private_file::create(&path, told(first).as_bytes()) {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the first start could not be written down");
            None
        }
    }
}
