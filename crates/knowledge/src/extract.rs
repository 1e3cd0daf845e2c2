//! What is known of a file once it has been read: its text, and where its headings, pages and tables stand.

use std::ops::Range;

/// A file's text, and what is known of its structure. All offsets are bytes of `text`, on character borders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// The whole text.
    pub text: String,
    /// What sort of text it is.
    pub kind: Kind,
    /// What the file calls itself.
    pub title: Option<String>,
    /// Where each page begins; empty for what has none.
    pub pages: Vec<usize>,
    /// In order; a heading's text stands at `span`.
    pub headings: Vec<Heading>,
    /// Tables, row by row.
    pub tables: Vec<Table>,
}

/// What sort of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written for people.
    Prose,
    /// Written for a compiler.
    Code(Language),
    /// Written for programs.
    Data,
}

/// The language of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Language {
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

/// A heading and how deep it is, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Where its text stands.
    pub span: Range<usize>,
    /// 1 is the highest.
    pub level: u8,
}

/// A table, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The whole of it.
    pub span: Range<usize>,
    /// The row that names the columns.
    pub header: Option<Range<usize>>,
    /// The other rows, in order.
    pub rows: Vec<Range<usize>>,
}
