//! Workbooks: a sheet is a page with its name as a heading; its rows are tables, parted where rows are empty.

use std::io::{BufReader, Read, Seek};

use calamine::{DataRef, ExcelDateTime, Reader, SheetVisible, Xlsx};

use super::super::archive::Archive;
use super::super::error::ExtractError;
use super::super::limits::Limits;
use super::super::writer::Writer;
use super::super::{Extracted, Kind};

/// Empty cells that keep a column in its place; a cell that stands alone far to the right needs no more.
const MOST_EMPTY_CELLS: u32 = 64;

pub(super) fn extract<R: Read + Seek>(
    mut archive: Archive<R>,
    limits: &Limits,
) -> Result<Extracted, ExtractError> {
    archive.weigh(limits)?;
    let damaged = |_| ExtractError::damaged("Excel workbook");
    let mut workbook = Xlsx::new(BufReader::new(archive.into_inner())).map_err(damaged)?;
    let visible = workbook.sheets_metadata().iter().filter(|sheet| sheet.visible == SheetVisible::Visible);
    let sheets: Vec<String> = visible.map(|sheet| sheet.name.clone()).collect();
    limits.check_pages(sheets.len())?;
    let mut writer = Writer::new(limits);
    for sheet in &sheets {
        writer.page()?;
        writer.heading(1, sheet)?;
        // A chart has a sheet of its own, without cells.
        let Ok(mut cells) = workbook.worksheet_cells_reader(sheet) else { continue };
        let mut rows =
            Rows { writer: &mut writer, row: None, cells: Vec::new(), first: None, is_open: false };
        while let Some(cell) = cells.next_cell().map_err(damaged)? {
            let (row, column) = cell.get_position();
            rows.cell(row, column, cell.get_value())?;
        }
        rows.end()?;
    }
    writer.finish(Kind::Data)
}

struct Rows<'a, 'b> {
    writer: &'a mut Writer<'b>,
    /// The row that is being put together, and the column it began at.
    row: Option<(u32, u32)>,
    cells: Vec<String>,
    /// A first row waits until it is clear whether others follow, since only then it names columns.
    first: Option<(bool, Vec<String>)>,
    is_open: bool,
}

impl Rows<'_, '_> {
    fn cell(&mut self, row: u32, column: u32, value: &DataRef<'_>) -> Result<(), ExtractError> {
        let Some(text) = shown(value) else { return Ok(()) };
        let begins_row = self.row.is_none_or(|(current, _)| current != row);
        if begins_row {
            let above = self.row.map(|(above, _)| above);
            self.end_row(above.is_some_and(|above| row != above.saturating_add(1)))?;
            self.row = Some((row, 0));
        }
        let (_, next) = self.row.unwrap_or((row, 0));
        let empty = column.saturating_sub(next).min(MOST_EMPTY_CELLS);
        self.cells.extend(std::iter::repeat_n(String::new(), empty as usize));
        self.cells.push(text);
        self.row = Some((row, column.saturating_add(1)));
        Ok(())
    }

    fn end(&mut self) -> Result<(), ExtractError> {
        self.end_row(true)
    }

    /// Ends the row, and with it the table if the next row stands apart.
    fn end_row(&mut self, ends_table: bool) -> Result<(), ExtractError> {
        let cells = std::mem::take(&mut self.cells);
        if !cells.is_empty() {
            if self.is_open || self.first.is_some() {
                self.write_first(true)?;
                self.writer.row(false, &cells)?;
            } else {
                let filled = || cells.iter().filter(|cell| !cell.is_empty());
                let is_named = filled().count() > 1 && filled().all(|cell| cell.parse::<f64>().is_err());
                self.first = Some((is_named, cells));
            }
        }
        if ends_table {
            self.write_first(false)?;
            if self.is_open {
                self.writer.end_table()?;
                self.is_open = false;
            }
        }
        Ok(())
    }

    fn write_first(&mut self, has_others: bool) -> Result<(), ExtractError> {
        let Some((is_named, cells)) = self.first.take() else { return Ok(()) };
        self.writer.start_table()?;
        self.is_open = true;
        self.writer.row(is_named && has_others, &cells)
    }
}

fn shown(value: &DataRef<'_>) -> Option<String> {
    let text = match value {
        DataRef::Empty | DataRef::Error(_) => return None,
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => shown_number(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(time) => shown_time(time),
    };
    (!text.trim().is_empty()).then_some(text)
}

/// With the 15 digits that the program itself shows, so that a tenth is a tenth.
fn shown_number(number: f64) -> String {
    let rounded = format!("{number:.14e}").parse::<f64>().unwrap_or(number);
    rounded.to_string()
}

fn shown_time(time: &ExcelDateTime) -> String {
    if time.is_duration() {
        // More than a saturated cast is never shown.
        let seconds = (time.as_f64() * 86_400.0).round() as i64;
        return format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (0.0..1.0).contains(&time.as_f64()) {
        return format!("{hour:02}:{minute:02}:{second:02}");
    }
    match (hour, minute, second) {
        (0, 0, 0) => date,
        (hour, minute, 0) => format!("{date} {hour:02}:{minute:02}"),
        (hour, minute, second) => format!("{date} {hour:02}:{minute:02}:{second:02}"),
    }
}
