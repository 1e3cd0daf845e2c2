//! XML of office files, read as it unpacks and without entities.

use std::io::{BufReader, Read, Seek};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::reader::Reader;

use super::super::archive::Archive;
use super::super::error::ExtractError;
use super::super::limits::{Inflation, Limits};

/// What a walk meets. An empty element has its start and its end.
pub(super) enum Node<'a> {
    Start(&'a BytesStart<'a>),
    End(&'a BytesEnd<'a>),
    Text(&'a str),
}

/// Walks through a file of the archive from its start to its end. False if it is not there.
pub(super) fn walk<R: Read + Seek>(
    archive: &mut Archive<R>,
    file: &str,
    limits: &Limits,
    inflation: &Inflation,
    mut visit: impl FnMut(Node<'_>) -> Result<(), ExtractError>,
) -> Result<bool, ExtractError> {
    let Some(entry) = archive.open_entry(file, inflation)? else { return Ok(false) };
    let mut reader = Reader::from_reader(BufReader::new(entry));
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|_| if inflation.is_spent() { limits.too_much_inflated() } else { damaged() })?;
        match event {
            Event::Start(tag) | Event::Empty(tag) => visit(Node::Start(&tag))?,
            Event::End(tag) => visit(Node::End(&tag))?,
            Event::Text(text) => visit(Node::Text(&text))?,
            Event::CData(text) => visit(Node::Text(&text))?,
            Event::GeneralRef(reference) => {
                let char = match reference.resolve_char_ref() {
                    Ok(Some(char)) => char,
                    Ok(None) => named(&reference).ok_or(ExtractError::DocumentType)?,
                    Err(_) => return Err(damaged()),
                };
                visit(Node::Text(char.encode_utf8(&mut [0; 4])))?;
            }
            // With a document type come entities, and with entities the bombs; no office program writes one.
            Event::DocType(_) => return Err(ExtractError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return Ok(true),
        }
    }
}

/// An element's name without its prefix.
pub(super) fn name<'a>(tag: &'a BytesStart<'_>) -> &'a str {
    local(tag.name().into_inner())
}

/// The name of the element that ends.
pub(super) fn end_name<'a>(tag: &'a BytesEnd<'_>) -> &'a str {
    local(tag.name().into_inner())
}

/// An attribute by its name without prefix.
pub(super) fn attribute(tag: &BytesStart<'_>, wanted: &str) -> Option<String> {
    find(tag, |key| local(key) == wanted)
}

/// An attribute by its name with whatever prefix, but with one: `r:id` beside `id`.
pub(super) fn prefixed_attribute(tag: &BytesStart<'_>, wanted: &str) -> Option<String> {
    find(tag, |key| key.split_once(':').is_some_and(|(_, local)| local == wanted))
}

fn find(tag: &BytesStart<'_>, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
    let mut attributes = tag.attributes();
    let found =
        attributes.with_checks(false).flatten().find(|attribute| is_wanted(attribute.key.into_inner()))?;
    // A value with an entity that nobody knows is as good as none.
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn named(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn damaged() -> ExtractError {
    ExtractError::damaged("office file")
}
