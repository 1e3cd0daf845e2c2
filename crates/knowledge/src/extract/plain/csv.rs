//! Tables of comma-separated values: a row is its bytes as they stand, whatever the separator is.

use std::ops::Range;

use super::super::error::ExtractError;
use super::super::limits::Limits;
use super::super::{Extracted, Kind, Table};
use super::bare;

const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) fn extract(text: String, limits: &Limits) -> Result<Extracted, ExtractError> {
    let rows = rows(&text, limits.pieces)?;
    let mut extracted = bare(text, Kind::Data);
    let Some(first) = rows.first() else { return Ok(extracted) };
    let is_header = rows.len() > 1 && is_header(&extracted.text[first.clone()]);
    let span = first.start..rows[rows.len() - 1].end;
    let header = is_header.then(|| first.clone());
    let rows = if is_header { rows[1..].to_vec() } else { rows };
    extracted.tables.push(Table { span, header, rows });
    Ok(extracted)
}

/// Rows end at a line end outside of quotes. A quote that is never closed ends with its line, or the rest would be one
/// row.
fn rows(text: &str, most: usize) -> Result<Vec<Range<usize>>, ExtractError> {
    let bytes = text.as_bytes();
    let quotes = bytes.iter().filter(|byte| **byte == b'"').count();
    let are_quotes_closed = quotes % 2 == 0;
    let mut rows = Vec::new();
    let (mut start, mut is_quoted) = (0, false);
    for (at, byte) in bytes.iter().chain(std::iter::once(&b'\n')).enumerate() {
        match byte {
            b'"' => is_quoted = are_quotes_closed && !is_quoted,
            b'\n' if !is_quoted => {
                if !text[start..at].trim().is_empty() {
                    if rows.len() == most {
                        return Err(ExtractError::TooManyPieces { pieces: most });
                    }
                    rows.push(start..at);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// A first row of names: no cell is empty or a number.
fn is_header(row: &str) -> bool {
    let separator =
        SEPARATORS.into_iter().max_by_key(|separator| row.bytes().filter(|byte| byte == separator).count());
    let separator = char::from(separator.unwrap_or(b','));
    row.split(separator).all(|cell| {
        let cell = cell.trim().trim_matches('"').trim();
        !cell.is_empty() && cell.parse::<f64>().is_err()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> (Option<String>, Vec<String>) {
        let extracted = extract(text.to_owned(), &Limits::default()).unwrap();
        let shown = |range: &Range<usize>| extracted.text[range.clone()].to_owned();
        let table = &extracted.tables[0];
        (table.header.as_ref().map(shown), table.rows.iter().map(shown).collect())
    }

    #[test]
    fn a_row_of_names_is_the_header() {
        let (header, rows) = table("name;price\nPear;3\n\nPlum;4\n");
        assert_eq!(header.as_deref(), Some("name;price"));
        assert_eq!(rows, ["Pear;3", "Plum;4"]);
    }

    #[test]
    fn numbers_are_no_header() {
        let (header, rows) = table("1,2\n3,4");
        assert_eq!(header, None);
        assert_eq!(rows, ["1,2", "3,4"]);
    }

    #[test]
    fn a_line_end_within_quotes_does_not_end_the_row() {
        let (_, rows) = table("a,b\n\"two\nlines\",\"a \"\"quote\"\"\"\nx,y");
        assert_eq!(rows, ["\"two\nlines\",\"a \"\"quote\"\"\"", "x,y"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_spoils_nothing() {
        let (_, rows) = table("a,b\n12\",x\n13,y");
        assert_eq!(rows, ["12\",x", "13,y"]);
    }

    #[test]
    fn a_table_of_too_many_rows_is_refused() {
        let limits = Limits { pieces: 2, ..Limits::default() };
        assert!(matches!(
            extract("1\n2\n3\n".to_owned(), &limits),
            Err(ExtractError::TooManyPieces { pieces: 2 })
        ));
    }
}
