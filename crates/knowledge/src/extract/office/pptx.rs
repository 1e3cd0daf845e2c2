//! Presentations: a slide is a page, its title a heading, and the notes stand below it.

use std::collections::HashMap;
use std::io::{Read, Seek};

use quick_xml::events::BytesStart;

use super::super::archive::Archive;
use super::super::error::ExtractError;
use super::super::limits::{Inflation, Limits};
use super::super::writer::Writer;
use super::super::{Extracted, Kind};
use super::xml::{self, Node};

pub(super) fn extract<R: Read + Seek>(
    mut archive: Archive<R>,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Extracted, ExtractError> {
    let title = super::title(&mut archive, limits, inflation)?;
    let slides = slides(&mut archive, limits, inflation)?;
    limits.check_pages(slides.len())?;
    let mut writer = Writer::new(limits);
    writer.title(&title);
    for slide in &slides {
        writer.page()?;
        let mut shapes = Shapes::new(&mut writer, false);
        xml::walk(&mut archive, slide, limits, inflation, |node| shapes.visit(&node))?;
        if let Some(notes) = notes(&mut archive, slide, limits, inflation)? {
            let mut shapes = Shapes::new(&mut writer, true);
            xml::walk(&mut archive, &notes, limits, inflation, |node| shapes.visit(&node))?;
        }
    }
    writer.finish(Kind::Prose)
}

/// The files of the slides in the order they are shown.
fn slides<R: Read + Seek>(
    archive: &mut Archive<R>,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Vec<String>, ExtractError> {
    let targets = relations(archive, "ppt/presentation.xml", limits, inflation)?;
    let mut slides = Vec::new();
    let is_there = xml::walk(archive, "ppt/presentation.xml", limits, inflation, |node| {
        if let Node::Start(tag) = node
            && xml::name(tag) == "sldId"
            && let Some(id) = xml::prefixed_attribute(tag, "id")
            && let Some((_, target)) = targets.get(&id)
        {
            slides.push(target.clone());
        }
        Ok(())
    })?;
    if is_there { Ok(slides) } else { Err(ExtractError::damaged("PowerPoint presentation")) }
}

fn notes<R: Read + Seek>(
    archive: &mut Archive<R>,
    slide: &str,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Option<String>, ExtractError> {
    let relations = relations(archive, slide, limits, inflation)?;
    Ok(relations.into_values().find(|(kind, _)| kind.ends_with("/notesSlide")).map(|(_, target)| target))
}

/// What a file refers to: the kind and the path within the archive, by id.
fn relations<R: Read + Seek>(
    archive: &mut Archive<R>,
    file: &str,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<HashMap<String, (String, String)>, ExtractError> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let mut relations = HashMap::new();
    xml::walk(archive, &format!("{folder}/_rels/{name}.rels"), limits, inflation, |node| {
        if let Node::Start(tag) = node
            && let (Some(id), Some(kind), Some(target)) =
                (xml::attribute(tag, "Id"), xml::attribute(tag, "Type"), xml::attribute(tag, "Target"))
        {
            relations.insert(id, (kind, resolved(folder, &target)));
        }
        Ok(())
    })?;
    Ok(relations)
}

/// A path that is written as seen from a folder. It names an entry of this archive and nothing else.
fn resolved(folder: &str, target: &str) -> String {
    let mut names: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').collect(),
    };
    for name in target.split('/') {
        match name {
            ".." => drop(names.pop()),
            "" | "." => {}
            name => names.push(name),
        }
    }
    names.join("/")
}

struct Shapes<'a, 'b> {
    writer: &'a mut Writer<'b>,
    /// In notes only the text that the speaker wrote is read, not the picture of the slide and its number.
    only_body: bool,
    is_body: bool,
    is_title: bool,
    is_text: bool,
    names_columns: bool,
    rows: usize,
}

impl<'a, 'b> Shapes<'a, 'b> {
    fn new(writer: &'a mut Writer<'b>, only_body: bool) -> Self {
        Self {
            writer,
            only_body,
            is_body: false,
            is_title: false,
            is_text: false,
            names_columns: false,
            rows: 0,
        }
    }

    fn visit(&mut self, node: &Node<'_>) -> Result<(), ExtractError> {
        match node {
            Node::Start(tag) => self.start(tag),
            Node::End(tag) => self.end(xml::end_name(tag)),
            Node::Text(text) if self.is_text && (self.is_body || !self.only_body) => self.writer.text(text),
            Node::Text(_) => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), ExtractError> {
        match xml::name(tag) {
            "ph" => {
                let kind = xml::attribute(tag, "type").unwrap_or_default();
                self.is_body = kind == "body";
                self.is_title = matches!(kind.as_str(), "title" | "ctrTitle");
            }
            "txBody" if self.is_title && !self.only_body => self.writer.start_heading(1),
            "t" => self.is_text = true,
            "br" => self.writer.line(),
            "tab" => self.writer.space(),
            "tbl" => {
                self.rows = 0;
                self.names_columns = false;
                self.writer.start_table()?;
            }
            "tblPr" => self.names_columns = xml::attribute(tag, "firstRow").as_deref() == Some("1"),
            "tr" => {
                self.rows += 1;
                self.writer.start_row(self.names_columns && self.rows == 1)?;
            }
            "tc" => self.writer.start_cell()?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ExtractError> {
        match name {
            "sp" => {
                self.writer.end_heading()?;
                self.writer.block();
                (self.is_body, self.is_title) = (false, false);
            }
            "p" => self.writer.line(),
            "t" => self.is_text = false,
            "tr" => self.writer.end_row()?,
            "tbl" => self.writer.end_table()?,
            _ => {}
        }
        Ok(())
    }
}
