//! Puts a document's text together with its headings, tables and pages, so that every offset fits by construction.

use std::ops::Range;

use super::error::ExtractError;
use super::limits::Limits;
use super::{Extracted, Heading, Kind, Table};

/// What stands between the cells of a row.
const BETWEEN_CELLS: &str = " | ";

/// A table with a longer row than this lays out a page; its text is kept, but not as a table.
const LONGEST_ROW: usize = 8_192;

/// Writes one document. Space is collapsed, blocks are set apart by an empty line, a row of a table is a line.
pub(super) struct Writer<'a> {
    limits: &'a Limits,
    text: String,
    gap: Gap,
    title: Option<String>,
    pages: Vec<usize>,
    headings: Vec<Heading>,
    tables: Vec<Table>,
    heading: Option<OpenHeading>,
    table: Option<OpenTable>,
    /// Tables within a cell are read as its text.
    inner_tables: usize,
    pieces: usize,
}

/// What is owed before the next word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Block,
}

struct OpenHeading {
    level: u8,
    start: Option<usize>,
}

#[derive(Default)]
struct OpenTable {
    header: Option<Range<usize>>,
    rows: Vec<Range<usize>>,
    row: Option<OpenRow>,
}

struct OpenRow {
    start: usize,
    cells: usize,
    is_header: bool,
    has_text: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            text: String::new(),
            gap: Gap::None,
            title: None,
            pages: Vec::new(),
            headings: Vec::new(),
            tables: Vec::new(),
            heading: None,
            table: None,
            inner_tables: 0,
            pieces: 0,
        }
    }

    /// Text as it flows: any run of white space counts as one space.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ExtractError> {
        let is_space = |char: char| char.is_whitespace() || char == '\0' || char == '\u{feff}';
        if text.starts_with(is_space) {
            self.owe(Gap::Space);
        }
        for word in text.split(is_space).filter(|word| !word.is_empty()) {
            self.word(word)?;
            self.owe(Gap::Space);
        }
        if !text.ends_with(is_space) && !text.is_empty() && self.gap == Gap::Space {
            self.gap = Gap::None;
        }
        Ok(())
    }

    /// Text whose line ends and indents mean something, such as code. Within a cell it flows.
    pub(super) fn verbatim(&mut self, text: &str) -> Result<(), ExtractError> {
        if self.table.is_some() || self.heading.is_some() {
            return self.text(text);
        }
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.pay();
                self.text.push('\n');
            }
            let line = line.trim_end_matches(['\r', '\0']);
            if !line.is_empty() {
                self.pay();
                self.text.push_str(line);
            }
            self.check()?;
        }
        Ok(())
    }

    /// A space, if more words follow.
    pub(super) fn space(&mut self) {
        self.owe(Gap::Space);
    }

    /// A new line within a block.
    pub(super) fn line(&mut self) {
        self.owe(if self.is_one_line() { Gap::Space } else { Gap::Line });
    }

    /// The end of a block: a paragraph, an item, a heading.
    pub(super) fn block(&mut self) {
        self.owe(if self.is_one_line() { Gap::Space } else { Gap::Block });
    }

    /// A new page begins here.
    pub(super) fn page(&mut self) -> Result<(), ExtractError> {
        self.limits.check_pages(self.pages.len() + 1)?;
        self.end_table()?;
        self.end_heading()?;
        self.gap = if self.text.is_empty() { Gap::None } else { Gap::Block };
        self.pay();
        self.pages.push(self.text.len());
        Ok(())
    }

    pub(super) fn title(&mut self, title: &str) {
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        if !title.is_empty() && self.title.is_none() {
            self.title = Some(title.chars().filter(|char| !char.is_control()).take(500).collect());
        }
    }

    pub(super) fn start_heading(&mut self, level: u8) {
        if self.table.is_none() && self.heading.is_none() {
            self.block();
            self.heading = Some(OpenHeading { level: level.clamp(1, 9), start: None });
        }
    }

    pub(super) fn end_heading(&mut self) -> Result<(), ExtractError> {
        let Some(heading) = self.heading.take() else { return Ok(()) };
        if let Some(start) = heading.start {
            self.count_piece()?;
            self.headings.push(Heading { span: start..self.text.len(), level: heading.level });
        }
        self.block();
        Ok(())
    }

    pub(super) fn is_in_heading(&self) -> bool {
        self.heading.is_some()
    }

    /// A heading in one piece.
    pub(super) fn heading(&mut self, level: u8, text: &str) -> Result<(), ExtractError> {
        self.start_heading(level);
        self.text(text)?;
        self.end_heading()
    }

    pub(super) fn start_table(&mut self) -> Result<(), ExtractError> {
        if self.table.is_some() {
            self.inner_tables += 1;
            return Ok(());
        }
        self.end_heading()?;
        self.block();
        self.table = Some(OpenTable::default());
        Ok(())
    }

    /// Starts a table unless one is open: for formats that know rows only.
    pub(super) fn start_table_once(&mut self) -> Result<(), ExtractError> {
        if self.table.is_none() { self.start_table() } else { Ok(()) }
    }

    pub(super) fn end_table(&mut self) -> Result<(), ExtractError> {
        if self.inner_tables > 0 {
            self.inner_tables -= 1;
            return Ok(());
        }
        self.end_row()?;
        let Some(table) = self.table.take() else { return Ok(()) };
        let start = table.header.as_ref().or(table.rows.first()).map(|row| row.start);
        let end = table.rows.last().or(table.header.as_ref()).map(|row| row.end);
        let is_layout = table.rows.iter().chain(&table.header).any(|row| row.len() > LONGEST_ROW);
        if let (Some(start), Some(end), false) = (start, end, is_layout) {
            self.tables.push(Table { span: start..end, header: table.header, rows: table.rows });
        }
        self.block();
        Ok(())
    }

    /// A row of the table; the first may be its header.
    pub(super) fn start_row(&mut self, is_header: bool) -> Result<(), ExtractError> {
        if self.inner_tables > 0 || self.table.is_none() {
            self.space();
            return Ok(());
        }
        self.end_row()?;
        self.count_piece()?;
        self.gap = self.gap.max(Gap::Line);
        self.pay();
        let start = self.text.len();
        if let Some(table) = &mut self.table {
            table.row = Some(OpenRow { start, cells: 0, is_header, has_text: false });
        }
        Ok(())
    }

    /// Says in the middle of a row that it is the header.
    pub(super) fn row_is_header(&mut self) {
        if self.inner_tables == 0
            && let Some(row) = self.table.as_mut().and_then(|table| table.row.as_mut())
        {
            row.is_header = true;
        }
    }

    pub(super) fn start_cell(&mut self) -> Result<(), ExtractError> {
        if self.inner_tables > 0 {
            self.space();
            return Ok(());
        }
        let Some(row) = self.table.as_mut().and_then(|table| table.row.as_mut()) else { return Ok(()) };
        self.gap = Gap::None;
        if row.cells > 0 {
            self.text.push_str(BETWEEN_CELLS);
        }
        row.cells += 1;
        self.check()
    }

    pub(super) fn end_row(&mut self) -> Result<(), ExtractError> {
        if self.inner_tables > 0 {
            self.space();
            return Ok(());
        }
        let Some(table) = &mut self.table else { return Ok(()) };
        let Some(row) = table.row.take() else { return Ok(()) };
        if row.has_text {
            let end = self.text.trim_end_matches([' ', '|']).len().max(row.start);
            self.text.truncate(end);
            let span = row.start..end;
            if row.is_header && table.header.is_none() && table.rows.is_empty() {
                table.header = Some(span);
            } else {
                table.rows.push(span);
            }
        } else {
            self.text.truncate(row.start);
        }
        let is_at_line_start = self.text.is_empty() || self.text.ends_with('\n');
        self.gap = if is_at_line_start { Gap::None } else { Gap::Line };
        Ok(())
    }

    /// A row in one piece.
    pub(super) fn row(&mut self, is_header: bool, cells: &[String]) -> Result<(), ExtractError> {
        self.start_row(is_header)?;
        for cell in cells {
            self.start_cell()?;
            self.text(cell)?;
        }
        self.end_row()
    }

    /// The document, or that there is nothing in it to read.
    pub(super) fn finish(mut self, kind: Kind) -> Result<Extracted, ExtractError> {
        self.end_heading()?;
        self.inner_tables = 0;
        self.end_table()?;
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        if self.text.is_empty() {
            return Err(ExtractError::NoText);
        }
        for page in &mut self.pages {
            *page = (*page).min(end);
        }
        self.text.shrink_to_fit();
        Ok(Extracted {
            text: self.text,
            kind,
            title: self.title,
            pages: self.pages,
            headings: self.headings,
            tables: self.tables,
        })
    }

    fn word(&mut self, word: &str) -> Result<(), ExtractError> {
        self.pay();
        if let Some(heading) = &mut self.heading {
            heading.start.get_or_insert(self.text.len());
        }
        if let Some(row) = self.table.as_mut().and_then(|table| table.row.as_mut()) {
            row.has_text = true;
        }
        self.text.push_str(word);
        self.check()
    }

    /// Cells and headings have no line ends of their own.
    fn is_one_line(&self) -> bool {
        let is_in_row = self.table.as_ref().is_some_and(|table| table.row.is_some());
        is_in_row || self.heading.as_ref().is_some_and(|heading| heading.start.is_some())
    }

    fn owe(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn pay(&mut self) {
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        if self.text.is_empty() || self.text.ends_with(BETWEEN_CELLS) && gap == Gap::Space {
            return;
        }
        let is_at_line_start = self.text.ends_with('\n');
        match gap {
            Gap::None => {}
            Gap::Space if is_at_line_start => {}
            Gap::Space => self.text.push(' '),
            Gap::Line if is_at_line_start => {}
            Gap::Line => self.text.push('\n'),
            Gap::Block if self.text.ends_with("\n\n") => {}
            Gap::Block if is_at_line_start => self.text.push('\n'),
            Gap::Block => self.text.push_str("\n\n"),
        }
    }

    fn count_piece(&mut self) -> Result<(), ExtractError> {
        self.pieces += 1;
        if self.pieces > self.limits.pieces {
            return Err(ExtractError::TooManyPieces { pieces: self.limits.pieces });
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ExtractError> {
        if self.text.len() as u64 > self.limits.text {
            return Err(self.limits.too_much_text());
        }
        Ok(())
    }
}
