//! The folder of received files, each of which lies there from its first byte until it was read.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use chat::ids::random_base62;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

/// Characters of a file's name.
const NAME: usize = 22;
/// How much is written at once.
const BUFFER: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    largest_file: u64,
}

/// Why a file can't be received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It goes on beyond the limit.
    #[error("larger than {mib} MiB; split it or leave out its pictures")]
    TooLarge {
        /// How large one may be.
        mib: u64,
    },
    /// It can't be written.
    #[error("the file could not be stored")]
    Failed(#[from] io::Error),
}

/// A file that is being received; gone if it is dropped.
#[derive(Debug)]
pub struct Receiving {
    file: BufWriter<File>,
    received: Received,
    left: u64,
    largest_file: u64,
}

/// A file that was received; gone if it is dropped before its task is kept.
#[derive(Debug)]
pub struct Received {
    path: PathBuf,
    name: String,
    is_kept: bool,
}

impl Spool {
    /// Makes the folder if it is not there.
    pub(super) async fn open(folder: PathBuf, largest_file: u64) -> io::Result<Self> {
        tokio::fs::create_dir_all(&folder).await?;
        Ok(Self { folder, largest_file })
    }

    /// Removes all files but those that are needed.
    pub(super) async fn sweep(&self, needed: &HashSet<String>) -> io::Result<()> {
        let mut files = tokio::fs::read_dir(&self.folder).await?;
        while let Some(file) = files.next_entry().await? {
            match file.file_name().to_str() {
                Some(name) if needed.contains(name) => {}
                Some(name) => self.remove(name).await,
                None => {}
            }
        }
        Ok(())
    }

    pub(super) async fn receive(&self) -> Result<Receiving, ReceiveError> {
        let name = random_base62(NAME);
        let path = self.folder.join(&name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = BufWriter::with_capacity(BUFFER, options.open(&path).await?);
        let received = Received { path, name, is_kept: false };
        Ok(Receiving { file, received, left: self.largest_file, largest_file: self.largest_file })
    }

    /// A file to write and read that has no name and is gone with its handle.
    pub(super) fn nameless(&self) -> io::Result<std::fs::File> {
        tempfile::tempfile_in(&self.folder)
    }

    pub(super) async fn read(&self, name: &str) -> io::Result<std::fs::File> {
        Ok(File::open(self.path(name)).await?.into_std().await)
    }

    pub(super) async fn remove(&self, name: &str) {
        if let Err(error) = tokio::fs::remove_file(self.path(name)).await {
            tracing::warn!(%error, "a received file could not be removed; the next start does it");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(Path::new(name).file_name().unwrap_or_default())
    }
}

impl Receiving {
    /// Takes the next bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(ReceiveError::TooLarge { mib: self.largest_file >> 20 })?;
        Ok(self.file.write_all(bytes).await?)
    }

    /// Returns once all of it would outlive a power cut.
    pub async fn finish(mut self) -> Result<Received, ReceiveError> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        Ok(self.received)
    }
}

impl Received {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// From now on the task removes it.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.is_kept {
            // What is left is swept at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
