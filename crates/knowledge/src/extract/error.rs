//! Why a file can't be read, in a sentence that also says what to do about it.

use std::io;
use std::sync::Arc;

/// Why the text of one file, or of one entry of an archive, is not to be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExtractError {
    /// The bytes themselves are too many.
    #[error("the file is larger than {mib} MiB; split it or leave out its pictures")]
    TooLarge {
        /// How large one may be.
        mib: u64,
    },
    /// The text is too long.
    #[error("the file has more than {mib} MiB of text; split it into several files")]
    TooMuchText {
        /// How much text one may have.
        mib: u64,
    },
    /// It goes on for too many pages, slides or sheets.
    #[error("the file has more than {pages} pages; split it into several files")]
    TooManyPages {
        /// How many pages one may have.
        pages: usize,
    },
    /// Its tables and headings are too many.
    #[error("the file has more than {pieces} table rows and headings; split it into several files")]
    TooManyPieces {
        /// How many rows and headings one may have.
        pieces: usize,
    },
    /// It is a bomb, or looks like one.
    #[error(
        "the file unpacks to more than {mib} MiB, like an archive made to do harm; unpack it yourself and add what you need of it"
    )]
    TooMuchInflated {
        /// How many bytes may come out of one file.
        mib: u64,
    },
    /// An archive with too many entries.
    #[error("the archive has more than {entries} entries; split it into several archives")]
    TooManyEntries {
        /// How many entries one may have.
        entries: usize,
    },
    /// Reading it would not end in time.
    #[error("the file could not be read within {seconds} seconds; split it or save it in a simpler form")]
    TooSlow {
        /// How long one may take.
        seconds: u64,
    },
    /// Reading it takes more memory than one file is worth.
    #[error("reading the file takes more than {mib} MiB of memory; split it or save it in a simpler form")]
    TooMuchMemory {
        /// How much memory one may take.
        mib: u64,
    },
    /// It takes a password to read it.
    #[error("the file is protected by a password; save it without one and add it again")]
    Encrypted,
    /// There is nothing to read in it.
    #[error("the file has no text; if it is a scan, run it through a text recognition first")]
    NoText,
    /// It is what it says, but broken.
    #[error("the file is not a readable {format}; open it in its program and save it anew")]
    Damaged {
        /// What it should have been.
        format: String,
    },
    /// Its parser gave up in a way that only a hostile or badly broken file brings about.
    #[error(
        "the file crashed its reader, as a sound {format} does not; open it in its program and save it anew"
    )]
    Crashed {
        /// What it should have been.
        format: String,
    },
    /// Its XML declares a document type, which can hold entities that grow without end or read other files.
    #[error("the file's XML declares a document type, which office programs never do; save it anew in one")]
    DocumentType,
    /// It is of a kind that has no text, or none that is read here.
    #[error("the file is {what}, which is not read here; {instead}")]
    Unsupported {
        /// What it is, with its article.
        what: String,
        /// What to add instead.
        instead: String,
    },
    /// Its name says one thing and its bytes another.
    #[error(
        "the file's name says {named} but its content is that of a different format, {found}; give it the ending .{ending}"
    )]
    WrongEnding {
        /// What the name says.
        named: String,
        /// What the bytes say.
        found: String,
        /// The ending that fits the bytes.
        ending: String,
    },
    /// Its path is not a path within a folder.
    #[error("the path {fault}; rename the file")]
    BadPath {
        /// What is wrong with it.
        fault: String,
    },
    /// An entry of an archive that only says where its bytes are.
    #[error("the entry is a link to another place; put the file itself into the archive")]
    Link,
    /// Another entry of the archive has this path, as a file system that ignores case sees it.
    #[error("another entry of the archive has the same path, or one that differs in case only; rename one")]
    SamePath,
    /// Entries whose bytes overlap, so that a small archive unpacks to a large one.
    #[error("the archive's entries share their bytes, as only an archive made to do harm does; pack it anew")]
    Overlapping,
    /// An archive within an archive.
    #[error("an archive within an archive is not read; unpack it and add what is in it")]
    NestedArchive,
    /// The server stops before it was read.
    #[error("the server is stopping; the file is read after its next start")]
    Stopping,
    /// The process that reads files can't be started or talked to.
    #[error("the file can't be read now, since the process that reads files did not start; try again later")]
    NoWorker(#[source] Arc<io::Error>),
    /// The bytes can't be had.
    #[error("the file's bytes can't be read; try again later")]
    Unreadable(#[source] Arc<io::Error>),
}

impl ExtractError {
    /// Whether the same file may well be read at another time.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Stopping | Self::NoWorker(_) | Self::Unreadable(_))
    }

    pub(super) fn damaged(format: &str) -> Self {
        Self::Damaged { format: format.to_owned() }
    }

    pub(super) fn unreadable(error: io::Error) -> Self {
        Self::Unreadable(Arc::new(error))
    }

    pub(super) fn no_worker(error: io::Error) -> Self {
        Self::NoWorker(Arc::new(error))
    }
}
