//! Markdown: the text stays as it is; headings and tables are found in it.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use super::super::error::ExtractError;
use super::super::limits::Limits;
use super::super::{Extracted, Heading, Kind, Table};
use super::bare;

pub(super) fn extract(text: String, limits: &Limits) -> Result<Extracted, ExtractError> {
    let structure = Structure::of(&text, limits)?;
    let mut extracted = bare(text, Kind::Prose);
    extracted.title = structure.title.or_else(|| {
        let first = structure.headings.iter().find(|heading| heading.level == 1)?;
        Some(extracted.text[first.span.clone()].to_owned())
    });
    extracted.headings = structure.headings;
    extracted.tables = structure.tables;
    Ok(extracted)
}

#[derive(Default)]
struct Structure {
    title: Option<String>,
    headings: Vec<Heading>,
    tables: Vec<Table>,
}

impl Structure {
    fn of(text: &str, limits: &Limits) -> Result<Self, ExtractError> {
        let mut structure = Self::default();
        let mut heading: Option<(u8, Option<Range<usize>>)> = None;
        let mut is_metadata = false;
        let mut pieces = 0;
        let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let is_piece =
                matches!(event, Event::Start(Tag::Heading { .. } | Tag::TableRow | Tag::TableHead));
            pieces += usize::from(is_piece);
            if pieces > limits.pieces {
                return Err(ExtractError::TooManyPieces { pieces: limits.pieces });
            }
            match event {
                Event::Start(Tag::Heading { level, .. }) => heading = Some((number(level), None)),
                Event::End(TagEnd::Heading(_)) => {
                    if let Some((level, Some(span))) = heading.take() {
                        structure.headings.push(Heading { span, level });
                    }
                }
                Event::Start(Tag::Table(_)) => {
                    structure.tables.push(Table { span: trimmed(text, range), header: None, rows: vec![] });
                }
                Event::Start(Tag::TableHead) => {
                    if let Some(table) = structure.tables.last_mut() {
                        table.header = Some(trimmed(text, range));
                    }
                }
                Event::Start(Tag::TableRow) => {
                    if let Some(table) = structure.tables.last_mut() {
                        table.rows.push(trimmed(text, range));
                    }
                }
                Event::Start(Tag::MetadataBlock(MetadataBlockKind::YamlStyle)) => is_metadata = true,
                Event::End(TagEnd::MetadataBlock(_)) => is_metadata = false,
                Event::Text(content) if is_metadata => {
                    structure.title = structure.title.take().or_else(|| title(&content));
                }
                Event::Start(_)
                | Event::End(_)
                | Event::Text(_)
                | Event::Code(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_)
                | Event::Html(_)
                | Event::InlineHtml(_)
                | Event::FootnoteReference(_)
                | Event::SoftBreak
                | Event::HardBreak
                | Event::Rule
                | Event::TaskListMarker(_) => {
                    if let Some((_, span)) = &mut heading {
                        let start = span.as_ref().map_or(range.start, |span| span.start.min(range.start));
                        let end = span.as_ref().map_or(range.end, |span| span.end.max(range.end));
                        *span = Some(start..end);
                    }
                }
            }
        }
        Ok(structure)
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    range.start..range.start + text[range].trim_end().len()
}

/// The title of a page's front matter.
fn title(front_matter: &str) -> Option<String> {
    let title = front_matter.lines().find_map(|line| line.strip_prefix("title:"))?;
    let title = title.trim().trim_matches(['"', '\'']).trim();
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_tables_and_title_are_found_where_they_stand() {
        let text = "# Pears and *plums*\n\nText.\n\nCare `now`\n---\n\n| fruit | price |\n|---|---|\n| pear | 3 |\n| plum | 4 |\n\n```\n# no heading\n```\n";
        let extracted = extract(text.to_owned(), &Limits::default()).unwrap();
        let shown = |range: &Range<usize>| &extracted.text[range.clone()];
        assert_eq!(extracted.text, text);
        assert_eq!(extracted.title.as_deref(), Some("Pears and *plums*"));
        let headings: Vec<_> =
            extracted.headings.iter().map(|heading| (heading.level, shown(&heading.span))).collect();
        assert_eq!(headings, [(1, "Pears and *plums*"), (2, "Care `now`")]);
        let table = &extracted.tables[0];
        assert_eq!(table.header.as_ref().map(shown), Some("| fruit | price |"));
        assert_eq!(table.rows.iter().map(shown).collect::<Vec<_>>(), ["| pear | 3 |", "| plum | 4 |"]);
    }

    #[test]
    fn front_matter_gives_the_title() {
        let text = "---\ntitle: \"Deploying\"\ntags: [a]\n---\n\n# Other\n";
        assert_eq!(extract(text.to_owned(), &Limits::default()).unwrap().title.as_deref(), Some("Deploying"));
    }
}
