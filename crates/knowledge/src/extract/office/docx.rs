//! Word documents: paragraphs, headings by their style, tables, notes.

use std::collections::HashMap;
use std::io::{Read, Seek};

use quick_xml::events::BytesStart;

use super::super::archive::Archive;
use super::super::error::ExtractError;
use super::super::limits::{Inflation, Limits};
use super::super::writer::Writer;
use super::super::{Extracted, Kind};
use super::xml::{self, Node};

/// Styles rest on others, but not on more than this many.
const LONGEST_CHAIN: usize = 10;

pub(super) fn extract<R: Read + Seek>(
    mut archive: Archive<R>,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Extracted, ExtractError> {
    let styles = Styles::read(&mut archive, limits, inflation)?;
    let title = super::title(&mut archive, limits, inflation)?;
    let mut body = Body::new(Writer::new(limits), &styles);
    body.writer.title(&title);
    let mut is_there = false;
    for file in ["word/document.xml", "word/footnotes.xml", "word/endnotes.xml"] {
        let found = xml::walk(&mut archive, file, limits, inflation, |node| body.visit(&node))?;
        is_there |= found;
        body.writer.block();
    }
    if !is_there {
        return Err(ExtractError::damaged("Word document"));
    }
    body.writer.finish(Kind::Prose)
}

/// Which styles are headings.
#[derive(Default)]
struct Styles {
    levels: HashMap<String, u8>,
    bases: HashMap<String, String>,
}

impl Styles {
    fn read<R: Read + Seek>(
        archive: &mut Archive<R>,
        limits: &Limits,
        inflation: &Inflation,
    ) -> Result<Self, ExtractError> {
        let mut styles = Self::default();
        let mut id = String::new();
        xml::walk(archive, "word/styles.xml", limits, inflation, |node| {
            let Node::Start(tag) = node else { return Ok(()) };
            let value = || xml::attribute(tag, "val").unwrap_or_default();
            match xml::name(tag) {
                "style" => id = xml::attribute(tag, "styleId").unwrap_or_default(),
                "name" => {
                    if let Some(level) = level_of_name(&value()) {
                        styles.levels.insert(id.clone(), level);
                    }
                }
                "basedOn" => {
                    styles.bases.insert(id.clone(), value());
                }
                "outlineLvl" => {
                    if let Some(level) = outline_level(&value()) {
                        styles.levels.insert(id.clone(), level);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(styles)
    }

    fn level(&self, style: &str) -> Option<u8> {
        let mut style = style;
        for _ in 0..LONGEST_CHAIN {
            if let Some(level) = self.levels.get(style) {
                return Some(*level);
            }
            style = self.bases.get(style)?;
        }
        None
    }
}

/// A built-in style has its English name in every language of the program.
fn level_of_name(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    if name == "title" {
        return Some(1);
    }
    name.strip_prefix("heading ")?.parse().ok().filter(|level| (1..=9).contains(level))
}

fn outline_level(value: &str) -> Option<u8> {
    value.parse::<u8>().ok().filter(|level| *level < 9).map(|level| level + 1)
}

struct Body<'a> {
    writer: Writer<'a>,
    styles: &'a Styles,
    /// Within a piece that says anew, for older programs, what was said before.
    fallbacks: usize,
    is_text: bool,
    level: Option<u8>,
    names_columns: bool,
    rows: usize,
}

impl<'a> Body<'a> {
    fn new(writer: Writer<'a>, styles: &'a Styles) -> Self {
        Self { writer, styles, fallbacks: 0, is_text: false, level: None, names_columns: false, rows: 0 }
    }

    fn visit(&mut self, node: &Node<'_>) -> Result<(), ExtractError> {
        match node {
            Node::Start(tag) if xml::name(tag) == "Fallback" => {
                self.fallbacks += 1;
                Ok(())
            }
            Node::End(tag) if xml::end_name(tag) == "Fallback" => {
                self.fallbacks = self.fallbacks.saturating_sub(1);
                Ok(())
            }
            _ if self.fallbacks > 0 => Ok(()),
            Node::Start(tag) => self.start(tag),
            Node::End(tag) => self.end(xml::end_name(tag)),
            Node::Text(text) if self.is_text => self.writer.text(text),
            Node::Text(_) => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), ExtractError> {
        let value = || xml::attribute(tag, "val").unwrap_or_default();
        match xml::name(tag) {
            "p" => {
                self.writer.block();
                self.level = None;
            }
            "pStyle" => self.level = self.styles.level(&value()),
            "outlineLvl" => self.level = outline_level(&value()).or(self.level),
            "t" => self.is_text = true,
            "tab" | "ptab" => self.writer.space(),
            "br" | "cr" => self.writer.line(),
            "noBreakHyphen" => self.writer.text("-")?,
            "tbl" => {
                self.names_columns = false;
                self.rows = 0;
                self.writer.start_table()?;
            }
            "tblLook" => self.names_columns = has_first_row(tag),
            "tr" => {
                self.rows += 1;
                self.writer.start_row(self.names_columns && self.rows == 1)?;
            }
            "tblHeader" => self.writer.row_is_header(),
            "tc" => self.writer.start_cell()?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ExtractError> {
        match name {
            "pPr" => {
                if let Some(level) = self.level.take() {
                    self.writer.start_heading(level);
                }
            }
            "p" => {
                self.writer.end_heading()?;
                self.writer.block();
            }
            "t" => self.is_text = false,
            "tr" => self.writer.end_row()?,
            "tbl" => self.writer.end_table()?,
            _ => {}
        }
        Ok(())
    }
}

/// Whether a table says that its first row is set apart: as an attribute, or as a bit of an older one.
fn has_first_row(tag: &BytesStart<'_>) -> bool {
    match xml::attribute(tag, "firstRow") {
        Some(first) => matches!(first.as_str(), "1" | "true" | "on"),
        None => {
            let bits = xml::attribute(tag, "val").and_then(|value| u32::from_str_radix(&value, 16).ok());
            bits.is_some_and(|bits| bits & 0x20 != 0)
        }
    }
}
