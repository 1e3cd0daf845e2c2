//! Files in, their text and its structure out.
//!
//! [`Extractor`] decides by a file's bytes what it is. Small text is read in the process; whatever has a binary parser
//! behind it (PDF, office files, archives) and all that is large is read in a child process with limits, since parsers
//! crash on hostile files in ways that nothing in the process can catch. A file that can't be read fails alone, and says
//! why.

mod archive;
mod child;
mod decode;
mod document;
mod error;
mod format;
mod html;
mod limits;
mod office;
mod parts;
mod path;
mod pdf;
mod plain;
mod rtf;
mod tarball;
mod wire;
pub mod worker;
mod writer;

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use chat::Tasks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use decode::decode;
pub use error::ExtractError;
use format::{Content, Format, HEAD};
use limits::Inflation;
pub use limits::Limits;
pub use parts::{Part, Parts};
pub use path::{checked as checked_path, shown as shown_path};

/// A file's text, and what is known of its structure. All offsets are bytes of `text`, on character borders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// The text, with `\n` at the end of lines.
    pub text: String,
    /// What kind of text it is.
    pub kind: Kind,
    /// What the document calls itself.
    pub title: Option<String>,
    /// Where each page begins; empty for what has none.
    pub pages: Vec<usize>,
    /// In order; a heading's text stands at `span`.
    pub headings: Vec<Heading>,
    /// Tables, row by row.
    pub tables: Vec<Table>,
}

impl Extracted {
    /// Whether every offset lies within the text and on the border of a character, and ranges are in order.
    pub fn is_sound(&self) -> bool {
        let is_border = |at: &usize| self.text.is_char_boundary(*at);
        let is_range = |range: &Range<usize>| {
            range.start <= range.end && is_border(&range.start) && is_border(&range.end)
        };
        let is_table = |table: &Table| {
            let mut rows = table.header.iter().chain(&table.rows);
            let is_within = |row: &Range<usize>| table.span.start <= row.start && row.end <= table.span.end;
            is_range(&table.span) && rows.all(|row| is_range(row) && is_within(row))
        };
        self.pages.iter().all(is_border)
            && self.pages.is_sorted()
            && self.headings.iter().all(|heading| is_range(&heading.span))
            && self.headings.is_sorted_by_key(|heading| heading.span.start)
            && self.tables.iter().all(is_table)
    }
}

/// What kind of text a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sentences and paragraphs.
    Prose,
    /// Source code.
    Code(Language),
    /// Tables, settings, JSON.
    Data,
}

/// A programming language, as far as it makes a difference for where code is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are names")]
pub enum Language {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    Java,
    Go,
    C,
    Cpp,
    /// Any other.
    Other,
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Where its text stands.
    pub span: Range<usize>,
    /// 1 for the uppermost.
    pub level: u8,
}

/// A table whose rows are pieces of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// From its first row to its last, with the header.
    pub span: Range<usize>,
    /// The row that names the columns.
    pub header: Option<Range<usize>>,
    /// The other rows.
    pub rows: Vec<Range<usize>>,
}

/// Reads files: small text at once, all else one at a time, so that hostile files together cost no more than one.
///
/// ```
/// # use std::io::Write;
/// # use knowledge::extract::{Extractor, Limits};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut file = tempfile::tempfile()?;
/// file.write_all(b"# Pears\n\nA pear is sweet.\n")?;
///
/// let extractor = Extractor::new(std::env::current_exe()?, Limits::default(), &chat::Tasks::new());
/// let mut parts = extractor.extract("fruit/pears.md", file).await;
/// while let Some(part) = parts.next().await {
///     match part.extracted {
///         Ok(document) => assert_eq!(document.title.as_deref(), Some("Pears")),
///         Err(reason) => println!("{}: {reason}", part.path),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Extractor {
    program: PathBuf,
    limits: Limits,
    turns: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Extractor {
    /// `program` is started as the child process: one whose `main` begins with [`worker::main`] if
    /// [`worker::is_asked_for`], for instance the running program itself. When `tasks` begin to close, reading ends.
    pub fn new(program: PathBuf, limits: Limits, tasks: &Tasks) -> Self {
        Self { program, limits, turns: Arc::new(Semaphore::new(1)), closing: tasks.closing().clone() }
    }

    /// The same with another limit to the bytes of a file. Both take turns.
    pub fn with_larger_files(&self, bytes: u64) -> Self {
        Self { limits: Limits { file: bytes, ..self.limits.clone() }, ..self.clone() }
    }

    /// Reads `file`; its path is its label and says, by its ending, what it should be.
    ///
    /// Call it in a tracked task and take the parts one by one: what is not taken yet waits in the child process.
    /// Whatever goes wrong is the reason of a part.
    pub async fn extract(&self, path: &str, file: File) -> Parts {
        let checked = match path::checked(path) {
            Ok(checked) => checked,
            Err(error) => return Parts::ready(path::shown(path), Err(error)),
        };
        match self.start(&checked, file).await {
            Ok(parts) => parts,
            Err(error) => Parts::ready(checked, Err(error)),
        }
    }

    /// Reads text that is at hand already; its path is its label and says what kind of text it is. An ending of something
    /// else, such as `.pdf`, makes it plain text.
    pub async fn text(&self, path: &str, text: String) -> Result<Part, ExtractError> {
        let path = path::checked(path)?;
        let known = Format::of_text(&path, &text[..text.floor_char_boundary(HEAD)]);
        let (name, format) = match known {
            Ok(format) => (path.clone(), format),
            Err(_) => (format!("{path}.txt"), Format::Plain),
        };
        if text.len() as u64 > largest_at_once(format) {
            let write = move || {
                let mut file = tempfile::tempfile()?;
                file.write_all(text.as_bytes()).map(|()| file)
            };
            let file = on_a_blocking_thread(move || write().map_err(ExtractError::unreadable)).await?;
            let part = self.extract(&name, file).await.next().await;
            let extracted = part.map_or(Err(ExtractError::NoText), |part| part.extracted);
            return Ok(Part { path, extracted });
        }
        let limits = self.limits.clone();
        let read = move || plain::extract(format, text.into_bytes(), &limits);
        Ok(Part { path, extracted: on_a_blocking_thread(read).await })
    }

    async fn start(&self, path: &str, file: File) -> Result<Parts, ExtractError> {
        let (head, size, file) = on_a_blocking_thread(move || look_at(file)).await?;
        if size > self.limits.file {
            return Err(self.limits.too_large());
        }
        let is_small = match format::content(&head) {
            Content::Foreign(what, instead) => return Err(document::unsupported(what, instead)),
            Content::Text if size > self.limits.text => return Err(self.limits.too_much_text()),
            Content::Text => size <= largest_at_once(Format::of_text(path, &decode(head, None))?),
            Content::Pdf | Content::Rtf | Content::Tar { .. } | Content::Container => false,
        };
        if is_small {
            let (name, limits) = (path.to_owned(), self.limits.clone());
            let read = move || document::extract(&name, file, &limits, &Inflation::new(&limits));
            return Ok(Parts::ready(path.to_owned(), Ok(on_a_blocking_thread(read).await?)));
        }
        let turn = tokio::select! {
            biased;
            () = self.closing.cancelled() => return Err(ExtractError::Stopping),
            turn = self.turns.clone().acquire_owned() => turn.map_err(|_| ExtractError::Stopping)?,
        };
        let (program, limits, closing) = (self.program.clone(), self.limits.clone(), self.closing.clone());
        Ok(Parts::child(program, path.to_owned(), file, limits, closing, turn))
    }
}

/// What the name of an archive ends in that begins with these bytes; nothing if it is none.
pub(crate) fn archive_ending(head: &[u8]) -> Option<&'static str> {
    match format::content(head) {
        Content::Container => Some(Format::Zip.ending()),
        Content::Tar { is_compressed } => Some(Format::tar(is_compressed).ending()),
        Content::Pdf | Content::Rtf | Content::Text | Content::Foreign(..) => None,
    }
}

/// Up to this size a file of text is read in the process: where nothing it can hold costs much time or memory.
///
/// A megabyte of brackets takes seventy of them to read as Markdown, and a tag with a hundred thousand attributes
/// takes minutes.
fn largest_at_once(format: Format) -> u64 {
    match format {
        Format::Markdown | Format::Html => 64 << 10,
        Format::Plain | Format::Csv | Format::Json | Format::Data | Format::Code(_) => 1 << 20,
        Format::Pdf
        | Format::Docx
        | Format::Pptx
        | Format::Xlsx
        | Format::Rtf
        | Format::Zip
        | Format::Tar
        | Format::TarGz => 0,
    }
}

async fn on_a_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExtractError> + Send + 'static,
) -> Result<T, ExtractError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ExtractError::unreadable(io::Error::other(error))))
}

/// The first bytes, and how many there are in all.
fn look_at(mut file: File) -> Result<(Vec<u8>, u64, File), ExtractError> {
    let mut look = || {
        let size = file.metadata()?.len();
        file.rewind()?;
        let mut head = Vec::with_capacity(HEAD);
        (&file).take(HEAD as u64).read_to_end(&mut head)?;
        file.rewind()?;
        Ok((head, size))
    };
    let (head, size) = look().map_err(ExtractError::unreadable)?;
    Ok((head, size, file))
}
