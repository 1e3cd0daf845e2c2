//! Everything durable of Latimer: implements the store ports of the core and of identity, and owns the data directory.

mod data_dir;
mod sqlite;

pub use data_dir::{DataDir, DataDirError};
pub use sqlite::{OpenStoreError, SqliteStore};
