//! What reading one file may cost, and the count of what it has cost so far.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::Duration;

use super::error::ExtractError;

pub(super) const MIB: u64 = 1 << 20;

/// What reading one file may cost.
///
/// With the defaults a hostile file makes the server and the child process together grow by less than 300 MB: the
/// child by `memory`, the server by the text of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of text of one document.
    pub text: u64,
    /// Bytes that may come out of compression, in one archive or office file.
    pub inflated: u64,
    /// Pages of a PDF, slides, or sheets.
    pub pages: usize,
    /// Headings and rows of tables of one document.
    pub pieces: usize,
    /// Entries of an archive.
    pub entries: usize,
    /// Memory of the child process.
    pub memory: u64,
    /// How long one document, or one entry of an archive, may take.
    pub time: Duration,
    /// How long the entries of an archive may take together.
    pub whole_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 100 * MIB,
            text: 32 * MIB,
            inflated: 512 * MIB,
            pages: 5_000,
            pieces: 500_000,
            entries: 10_000,
            memory: 208 * MIB,
            time: Duration::from_secs(20),
            whole_time: Duration::from_secs(300),
        }
    }
}

impl Limits {
    pub(super) fn too_large(&self) -> ExtractError {
        ExtractError::TooLarge { mib: in_mib(self.file) }
    }

    pub(super) fn too_much_text(&self) -> ExtractError {
        ExtractError::TooMuchText { mib: in_mib(self.text) }
    }

    pub(super) fn too_much_inflated(&self) -> ExtractError {
        ExtractError::TooMuchInflated { mib: in_mib(self.inflated) }
    }

    pub(super) fn too_much_memory(&self) -> ExtractError {
        ExtractError::TooMuchMemory { mib: in_mib(self.memory) }
    }

    pub(super) fn too_slow(&self) -> ExtractError {
        ExtractError::TooSlow { seconds: self.time.as_secs().max(1) }
    }

    pub(super) fn too_slow_in_all(&self) -> ExtractError {
        ExtractError::TooSlow { seconds: self.whole_time.as_secs().max(1) }
    }

    /// Refuses a page too many, where `pages` are there.
    pub(super) fn check_pages(&self, pages: usize) -> Result<(), ExtractError> {
        if pages > self.pages {
            return Err(ExtractError::TooManyPages { pages: self.pages });
        }
        Ok(())
    }
}

fn in_mib(bytes: u64) -> u64 {
    bytes.div_ceil(MIB)
}

/// Counts what really comes out of compression, over all entries of one file; what an archive declares is not believed.
#[derive(Debug)]
pub(super) struct Inflation {
    left: Cell<u64>,
}

impl Inflation {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { left: Cell::new(limits.inflated) }
    }

    /// True once a reader of [`Inflation::counted`] was cut off.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Reads from `inner` until the bytes of the whole file are spent, and fails then.
    pub(super) fn counted<R: Read>(&self, inner: R) -> Counted<'_, R> {
        Counted { inner, inflation: self }
    }
}

/// A reader whose bytes count.
pub(super) struct Counted<'a, R> {
    inner: R,
    inflation: &'a Inflation,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.inflation.left.get().saturating_sub(count as u64);
        self.inflation.left.set(left);
        if left == 0 {
            return Err(io::Error::other("more bytes than one file may unpack to"));
        }
        Ok(count)
    }
}
