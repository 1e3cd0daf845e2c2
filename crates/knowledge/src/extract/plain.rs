//! What is text already: it stays as it is, byte for byte, and its structure is found in it.

mod csv;
mod json;
mod markdown;

use super::decode::decode;
use super::error::ExtractError;
use super::format::Format;
use super::limits::Limits;
use super::{Extracted, Kind, html};

/// Reads a file of text.
pub(super) fn extract(format: Format, bytes: Vec<u8>, limits: &Limits) -> Result<Extracted, ExtractError> {
    let declared = if format == Format::Html { html::declared_encoding(&bytes) } else { None };
    let text = decode(bytes, declared);
    if format == Format::Html {
        return html::extract(&text, limits);
    }
    if text.trim().is_empty() {
        return Err(ExtractError::NoText);
    }
    if text.len() as u64 > limits.text {
        return Err(limits.too_much_text());
    }
    match format {
        Format::Markdown => markdown::extract(text, limits),
        Format::Csv => csv::extract(text, limits),
        Format::Json => json::extract(text, limits),
        Format::Code(language) => Ok(bare(text, Kind::Code(language))),
        Format::Data => Ok(bare(text, Kind::Data)),
        Format::Plain
        | Format::Html
        | Format::Pdf
        | Format::Docx
        | Format::Pptx
        | Format::Xlsx
        | Format::Rtf
        | Format::Zip
        | Format::Tar
        | Format::TarGz => Ok(bare(text, Kind::Prose)),
    }
}

fn bare(text: String, kind: Kind) -> Extracted {
    Extracted { text, kind, title: None, pages: vec![], headings: vec![], tables: vec![] }
}
