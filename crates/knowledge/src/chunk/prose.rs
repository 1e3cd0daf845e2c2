//! Prose: a section is cut at paragraphs, a long paragraph at sentences, an endless sentence at words.

use std::ops::Range;

use super::{BUDGET, Piece, SMALL, pack, rows, tokens};
use crate::extract::Extracted;

/// The pieces of a document that was written for people.
pub(super) fn pieces(document: &Extracted) -> Vec<Piece> {
    let sections = sections(document);
    let pieces = sections.into_iter().flat_map(|(span, path)| section(document, span, &path));
    join_small(&document.text, pieces.collect())
}

/// Cuts a span into units that fit the budget: paragraphs if they do, else smaller.
pub(super) fn cut(text: &str, span: Range<usize>, budget: usize) -> Vec<Range<usize>> {
    const BORDERS: &[fn(&str, usize) -> bool] =
        &[ends_paragraph, ends_line, ends_sentence, ends_word, ends_anywhere];
    let mut units = vec![span];
    for ends in BORDERS {
        let is_whole = |unit: &Range<usize>| tokens(&text[unit.clone()]) <= budget;
        let cut = units.into_iter().flat_map(|unit| {
            if is_whole(&unit) { vec![unit] } else { pack(text, split(text, unit, *ends), budget) }
        });
        units = cut.collect();
    }
    units
}

/// The parts of the text under one heading each, with the headings that lead there.
fn sections(document: &Extracted) -> Vec<(Range<usize>, Vec<String>)> {
    let mut sections = Vec::new();
    let mut path: Vec<(u8, String)> = Vec::new();
    let mut start = 0;
    let words = |path: &[(u8, String)]| path.iter().map(|(_, words)| words.clone()).collect();
    for heading in &document.headings {
        // What marks a heading, such as `##`, stands before it on its line.
        let line = document.text[..heading.span.start].rfind('\n').map_or(0, |place| place + 1).max(start);
        sections.push((start..line, words(&path)));
        path.retain(|(level, _)| *level < heading.level);
        path.push((heading.level, document.text[heading.span.clone()].trim().to_owned()));
        start = line;
    }
    sections.push((start..document.text.len(), words(&path)));
    sections
}

fn section(document: &Extracted, span: Range<usize>, path: &[String]) -> Vec<Piece> {
    let text = &document.text;
    let mut pieces = Vec::new();
    let mut start = span.start;
    let prose = |span: Range<usize>| {
        let spans = pack(
            text,
            split(text, span, ends_paragraph).into_iter().flat_map(|unit| cut(text, unit, BUDGET)),
            BUDGET,
        );
        spans.into_iter().map(|span| Piece { span, path: path.to_vec(), header: None })
    };
    let first = document.tables.partition_point(|table| table.span.start < span.start);
    for table in document.tables[first..].iter().take_while(|table| table.span.start < span.end) {
        if table.span.start < start {
            continue;
        }
        pieces.extend(prose(start..table.span.start));
        pieces.extend(rows(text, table, path));
        start = table.span.end.min(span.end);
    }
    pieces.extend(prose(start..span.end));
    pieces
}

/// A heading with a sentence under it is not worth a chunk, so it joins what follows, under the path they share.
fn join_small(text: &str, pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        if let Some(last) = joined.last_mut() {
            let (before, after) = (tokens(&text[last.span.clone()]), tokens(&text[piece.span.clone()]));
            let is_prose = last.header.is_none() && piece.header.is_none();
            if is_prose && before.min(after) < SMALL && before + after <= BUDGET {
                let shared =
                    last.path.iter().zip(&piece.path).take_while(|(one, other)| one == other).count();
                last.path.truncate(shared);
                last.span.end = piece.span.end;
                continue;
            }
        }
        joined.push(piece);
    }
    joined
}

/// Cuts a span where `ends` says that a unit ends; white space stays with what is before it.
fn split(text: &str, span: Range<usize>, ends: fn(&str, usize) -> bool) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    let mut start = span.start;
    for (offset, _) in text[span.clone()].char_indices() {
        let place = span.start + offset;
        if place > start && ends(text, place) {
            units.push(start..place);
            start = place;
        }
    }
    if start < span.end {
        units.push(start..span.end);
    }
    units
}

/// After a blank line.
fn ends_paragraph(text: &str, place: usize) -> bool {
    let before = text[..place].strip_suffix('\n').filter(|_| !text[place..].starts_with(['\n', '\r']));
    before.and_then(|before| before.rsplit('\n').next()).is_some_and(|line| line.trim().is_empty())
}

fn ends_line(text: &str, place: usize) -> bool {
    text[..place].ends_with('\n')
}

fn ends_sentence(text: &str, place: usize) -> bool {
    let before = &text[..place];
    let ends_without_space = before.ends_with(['。', '！', '？']);
    ends_without_space || (ends_word(text, place) && before.trim_end().ends_with(['.', '!', '?', ';', ':']))
}

fn ends_word(text: &str, place: usize) -> bool {
    text[..place].ends_with(char::is_whitespace) && !text[place..].starts_with(char::is_whitespace)
}

/// What has no words at all is cut by its length.
fn ends_anywhere(_: &str, place: usize) -> bool {
    place.is_multiple_of(64)
}
