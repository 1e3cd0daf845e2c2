//! Office files: XML in a ZIP archive.

mod docx;
mod pptx;
mod xlsx;
mod xml;

use std::io::{Read, Seek};

use super::Extracted;
use super::archive::Archive;
use super::error::ExtractError;
use super::format::{Format, agreed};
use super::limits::{Inflation, Limits};

/// Reads an office file of any kind.
pub(super) fn extract(
    name: &str,
    source: impl Read + Seek,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Extracted, ExtractError> {
    let archive = Archive::open(source, limits).map_err(|error| match (error, Format::by_name(name)) {
        (ExtractError::Damaged { .. }, Some(named)) => ExtractError::damaged(named.name()),
        (error, _) => error,
    })?;
    match agreed(name, archive.format()?)? {
        Format::Docx => docx::extract(archive, limits, inflation),
        Format::Pptx => pptx::extract(archive, limits, inflation),
        Format::Xlsx => xlsx::extract(archive, limits),
        Format::Zip
        | Format::Tar
        | Format::TarGz
        | Format::Plain
        | Format::Markdown
        | Format::Html
        | Format::Csv
        | Format::Json
        | Format::Data
        | Format::Code(_)
        | Format::Pdf
        | Format::Rtf => Err(ExtractError::NestedArchive),
    }
}

/// The title that the file's properties give it.
fn title<R: Read + Seek>(
    archive: &mut Archive<R>,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<String, ExtractError> {
    let mut title = String::new();
    let mut is_title = false;
    xml::walk(archive, "docProps/core.xml", limits, inflation, |node| {
        match node {
            xml::Node::Start(tag) => is_title = xml::name(tag) == "title",
            xml::Node::End(_) => is_title = false,
            xml::Node::Text(text) if is_title => title.push_str(text),
            xml::Node::Text(_) => {}
        }
        Ok(())
    })?;
    Ok(title)
}
