//! What the child process is asked, and how it answers: frames of JSON, each with its length, and bare text behind them.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ExtractError, Extracted, Heading, Kind, Language, Limits, Table};

/// The longest JSON of a frame that is believed; what the limits of a document allow stays below it.
const LONGEST_HEAD: usize = 24 << 20;

/// What the child process reads, from its standard input.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    /// A name that ends as the file's does; the name itself is nobody's business in a list of processes.
    pub(super) name: String,
    /// The entry of an archive to begin with.
    pub(super) first: usize,
    #[serde(with = "LimitsWire")]
    pub(super) limits: Limits,
}

/// What the child process says, in this order: for each entry `Reading` and its outcome, then `End`.
#[derive(Serialize, Deserialize)]
pub(super) enum Frame {
    /// An entry of an archive is about to be read; if the process dies now, this entry killed it.
    Reading { entry: usize, path: String },
    /// A document; its text follows the frame.
    Text(Box<Head>),
    /// Why there is no document.
    Refused {
        #[serde(with = "ErrorWire")]
        error: ExtractError,
    },
    /// All is said.
    End,
}

/// A document without its text.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    bytes: usize,
    #[serde(with = "KindWire")]
    kind: Kind,
    title: Option<String>,
    pages: Vec<usize>,
    headings: Vec<(usize, usize, u8)>,
    tables: Vec<TableWire>,
}

#[derive(Serialize, Deserialize)]
struct TableWire {
    span: (usize, usize),
    header: Option<(usize, usize)>,
    rows: Vec<(usize, usize)>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Kind")]
enum KindWire {
    Prose,
    Code(#[serde(with = "LanguageWire")] Language),
    Data,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Language")]
enum LanguageWire {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    Java,
    Go,
    C,
    Cpp,
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limits")]
struct LimitsWire {
    file: u64,
    text: u64,
    inflated: u64,
    pages: usize,
    pieces: usize,
    entries: usize,
    memory: u64,
    time: Duration,
    whole_time: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ExtractError")]
enum ErrorWire {
    TooLarge {
        mib: u64,
    },
    TooMuchText {
        mib: u64,
    },
    TooManyPages {
        pages: usize,
    },
    TooManyPieces {
        pieces: usize,
    },
    TooMuchInflated {
        mib: u64,
    },
    TooManyEntries {
        entries: usize,
    },
    TooSlow {
        seconds: u64,
    },
    TooMuchMemory {
        mib: u64,
    },
    Encrypted,
    NoText,
    Damaged {
        format: String,
    },
    Crashed {
        format: String,
    },
    DocumentType,
    Unsupported {
        what: String,
        instead: String,
    },
    WrongEnding {
        named: String,
        found: String,
        ending: String,
    },
    BadPath {
        fault: String,
    },
    Link,
    SamePath,
    Overlapping,
    NestedArchive,
    Stopping,
    #[serde(skip)]
    NoWorker(Arc<io::Error>),
    #[serde(skip)]
    Unreadable(Arc<io::Error>),
}

impl Head {
    pub(super) fn of(extracted: &Extracted) -> Self {
        let table = |table: &Table| TableWire {
            span: pair(&table.span),
            header: table.header.as_ref().map(pair),
            rows: table.rows.iter().map(pair).collect(),
        };
        let heading = |heading: &Heading| (heading.span.start, heading.span.end, heading.level);
        Self {
            bytes: extracted.text.len(),
            kind: extracted.kind,
            title: extracted.title.clone(),
            pages: extracted.pages.clone(),
            headings: extracted.headings.iter().map(heading).collect(),
            tables: extracted.tables.iter().map(table).collect(),
        }
    }

    /// How long the text is that follows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The document, if every offset fits its text; a process that read a hostile file is not believed blindly.
    pub(super) fn with_text(self, text: String) -> Option<Extracted> {
        let heading = |(start, end, level)| Heading { span: start..end, level };
        let table = |table: TableWire| Table {
            span: range(table.span),
            header: table.header.map(range),
            rows: table.rows.into_iter().map(range).collect(),
        };
        let extracted = Extracted {
            text,
            kind: self.kind,
            title: self.title,
            pages: self.pages,
            headings: self.headings.into_iter().map(heading).collect(),
            tables: self.tables.into_iter().map(table).collect(),
        };
        extracted.is_sound().then_some(extracted)
    }
}

/// Sends one frame, and the text that belongs to it.
pub(super) fn send(out: &mut impl Write, frame: &Frame, text: &str) -> io::Result<()> {
    let head = serde_json::to_vec(frame)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&head)?;
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// How long the JSON of a frame is, by its first four bytes.
pub(super) fn head_length(length: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_HEAD {
        return Err(io::Error::other("a frame is too long"));
    }
    Ok(length)
}

/// A frame, by its JSON.
pub(super) fn frame(head: &[u8]) -> io::Result<Frame> {
    Ok(serde_json::from_slice(head)?)
}

/// A request, in one argument.
pub(super) fn request(request: &Request) -> io::Result<String> {
    Ok(serde_json::to_string(request)?)
}

/// The request of an argument.
pub(super) fn read_request(argument: impl Read) -> io::Result<Request> {
    Ok(serde_json::from_reader(argument)?)
}

fn pair(range: &Range<usize>) -> (usize, usize) {
    (range.start, range.end)
}

fn range((start, end): (usize, usize)) -> Range<usize> {
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_that_do_not_fit_the_text_are_not_believed() {
        let mut extracted = Extracted {
            text: "ä b".to_owned(),
            kind: Kind::Data,
            title: None,
            pages: vec![0, 3],
            headings: vec![Heading { span: 0..2, level: 1 }],
            tables: vec![],
        };
        let sent = |extracted: &Extracted| Head::of(extracted).with_text(extracted.text.clone());
        assert_eq!(sent(&extracted), Some(extracted.clone()));
        extracted.headings[0].span = 1..2;
        assert_eq!(sent(&extracted), None);
        extracted.headings[0].span = 0..5;
        assert_eq!(sent(&extracted), None);
    }
}
