//! Cuts a document into chunks along its structure: sections and paragraphs, items of code, rows of tables.

mod code;
mod prose;

use std::ops::Range;

use crate::extract::{Extracted, Kind, Table};

/// About what the embedding model reads at once, less the words that lead to the chunk.
const BUDGET: usize = 220;
/// A chunk that is smaller says too little by itself, and joins its neighbour.
const SMALL: usize = 48;
/// A first line that is longer is no title.
const LONGEST_TITLE: usize = 300;

/// A part of a document that is searched and cited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its bytes in the document's text, exactly.
    pub span: Range<usize>,
    /// The page it begins on, from 1, where the document has pages.
    pub page: Option<usize>,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The headings that lead to it, or the items that it stands in, the outermost first.
    pub path: Vec<String>,
    /// The row that names its columns, if it is rows of a table.
    pub header: Option<Range<usize>>,
}

impl Chunk {
    /// The words that lead to the chunk, as far as it does not say them itself: it would not be found without them.
    pub fn context(&self, title: Option<&str>, text: &str) -> String {
        let body = &text[self.span.clone()];
        let mut words: Vec<&str> = Vec::new();
        for step in title.into_iter().chain(self.path.iter().map(String::as_str)) {
            if !body.contains(step) && !words.contains(&step) {
                words.push(step);
            }
        }
        words.extend(self.header.clone().map(|header| &text[header]));
        words.join("\n")
    }
}

/// What is indexed of a chunk and what its vector is made from.
pub fn in_context(context: &str, text: &str) -> String {
    if context.is_empty() { text.to_owned() } else { format!("{context}\n{text}") }
}

/// The chunks of a document, in order; together they hold all its words.
pub fn chunks(document: &Extracted) -> Vec<Chunk> {
    let mut pieces = match document.kind {
        Kind::Code(_) => code::pieces(&document.text),
        Kind::Prose | Kind::Data => prose::pieces(document),
    };
    pieces.retain_mut(|piece| {
        piece.span = trimmed(&document.text, piece.span.clone());
        !piece.span.is_empty()
    });
    let lines: Vec<usize> = document.text.match_indices('\n').map(|(place, _)| place + 1).collect();
    let number = |borders: &[usize], place: usize| borders.partition_point(|border| *border <= place);
    let place = |piece: Piece| Chunk {
        page: (!document.pages.is_empty()).then(|| number(&document.pages, piece.span.start).max(1)),
        line: number(&lines, piece.span.start) + 1,
        span: piece.span,
        path: piece.path,
        header: piece.header,
    };
    pieces.into_iter().map(place).collect()
}

/// What a document is called: by itself, or by a first line that stands alone.
pub fn title(document: &Extracted) -> Option<&str> {
    let first_line = || {
        let (line, rest) = document.text.trim_start().split_once('\n')?;
        let stands_alone = rest.starts_with('\n') || rest.starts_with("\r\n");
        let is_title = stands_alone && document.kind == Kind::Prose && line.len() <= LONGEST_TITLE;
        is_title.then(|| line.trim()).filter(|line| !line.is_empty())
    };
    document.title.as_deref().or_else(first_line)
}

/// A chunk before its page and line are known.
#[derive(Debug, Clone)]
struct Piece {
    span: Range<usize>,
    path: Vec<String>,
    header: Option<Range<usize>>,
}

/// The rows of a table, as many at once as the budget holds beside the header.
fn rows(text: &str, table: &Table, path: &[String]) -> Vec<Piece> {
    let header = table.header.clone().map_or(0, |header| tokens(&text[header]));
    let budget = BUDGET.saturating_sub(header).max(SMALL);
    let units = table.rows.iter().flat_map(|row| prose::cut(text, row.clone(), budget));
    let mut groups = pack(text, units, budget);
    // A table that begins with its header shows it as it stands.
    if let (Some(first), Some(header)) = (groups.first_mut(), &table.header)
        && header.end <= first.start
    {
        first.start = header.start;
    }
    let with_header = |span: Range<usize>| Piece {
        header: table.header.clone().filter(|header| header.start < span.start),
        path: path.to_vec(),
        span,
    };
    groups.into_iter().map(with_header).collect()
}

/// Joins neighbouring units into spans of like size within the budget.
fn pack(text: &str, units: impl IntoIterator<Item = Range<usize>>, budget: usize) -> Vec<Range<usize>> {
    let units: Vec<(Range<usize>, usize)> =
        units.into_iter().map(|unit| (unit.clone(), tokens(&text[unit]))).collect();
    let total: usize = units.iter().map(|(_, tokens)| tokens).sum();
    let aim = total.div_ceil(total.div_ceil(budget).max(1));
    let mut packed: Vec<Range<usize>> = Vec::new();
    let mut filled = usize::MAX;
    for (unit, tokens) in units {
        let fits = filled < aim && filled + tokens <= budget;
        match packed.last_mut().filter(|_| fits) {
            Some(last) => {
                last.end = unit.end;
                filled += tokens;
            }
            None => {
                packed.push(unit);
                filled = tokens;
            }
        }
    }
    packed
}

/// About how many tokens the embedding model makes of a text, without its vocabulary.
fn tokens(text: &str) -> usize {
    let mut tokens = 0;
    let mut run = 0;
    for character in text.chars() {
        if character.is_alphanumeric() && character < '\u{2E80}' {
            // Most words are one token; a long or rare one breaks about every fifth letter.
            run += 1;
            tokens += usize::from(run == 1 || run == 9 || (run > 9 && run % 4 == 1));
        } else {
            run = 0;
            tokens += usize::from(!character.is_whitespace());
        }
    }
    tokens
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let inner = &text[span.clone()];
    // The indentation of a first line of code belongs to it.
    let blank_lines = inner.len() - inner.trim_start().len();
    let start = inner[..blank_lines].rfind('\n').map_or(0, |place| place + 1);
    let end = inner.trim_end().len();
    if end == 0 { span.start..span.start } else { span.start + start..span.start + end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::{Heading, Language};

    #[test]
    fn a_chunk_is_known_by_its_span_and_by_what_leads_to_it() {
        let text = "# Guide\n\nWelcome.\n\n## Setup\n\nInstall it.\n\n## Use\n\nRun it.\n";
        let document = document(text, Kind::Prose, &["Guide", "Setup", "Use"], &[1, 2, 2]);
        // Small sections join under the heading that they share.
        assert_eq!(shown(&document), [(1, vec!["Guide".to_owned()], text.trim_end())]);
    }

    #[test]
    fn long_sections_are_cut_at_paragraphs_and_keep_their_headings() {
        let paragraph = "One sentence of some eight words stands here. ".repeat(16);
        let text = format!("# A\n\n{paragraph}\n\n{paragraph}\n\n# B\n\n{paragraph}");
        let document = document(&text, Kind::Prose, &["A", "B"], &[1, 1]);
        let chunks = shown(&document);
        let paths: Vec<&str> = chunks.iter().map(|(_, path, _)| path[0].as_str()).collect();
        assert_eq!(paths, ["A", "A", "B"]);
        assert_eq!(chunks[0].2, format!("# A\n\n{}", paragraph.trim_end()));
        assert_eq!(chunks.iter().map(|(line, _, _)| *line).collect::<Vec<_>>(), [1, 5, 7]);
    }

    #[test]
    fn code_is_cut_where_items_begin() {
        let body = "        total = total + values[index] * factor\n".repeat(20);
        let text = format!(
            "import os\n\nclass Sum:\n    \"\"\"Adds.\"\"\"\n\n    def one(self):\n{body}\n    @property\n    def two(self):\n{body}"
        );
        let document = document(&text, Kind::Code(Language::Python), &[], &[]);
        let chunks = shown(&document);
        let starts: Vec<&str> =
            chunks.iter().map(|(_, _, text)| text.lines().next().unwrap().trim()).collect();
        assert_eq!(starts, ["import os", "class Sum:", "@property"]);
        assert_eq!(chunks[2].1, ["class Sum"]);
    }

    #[test]
    fn an_item_stays_whole_however_long_its_comment_is() {
        let comment =
            "/// A sentence about what it does and why anybody would want that at all.\n".repeat(12);
        let item = "fn one<T>(value: T) -> T\nwhere\n    T: Clone,\n{\n    end_of(value.clone())\n}";
        let text = format!("{comment}{item}\n\n{comment}{}\n", item.replace("one", "two"));
        let document = document(&text, Kind::Code(Language::Rust), &[], &[]);
        let chunks = shown(&document);
        assert!(chunks.iter().any(|(_, _, text)| *text == item), "{chunks:#?}");
        let of_two = ["fn two<T>(value: T) -> T".to_owned()];
        assert!(
            chunks.iter().any(|(_, path, text)| text.starts_with("///") && *path == of_two),
            "{chunks:#?}"
        );
    }

    #[test]
    fn rows_of_a_table_come_with_its_header() {
        let header = "name,price";
        let rows: Vec<String> = (0..200).map(|number| format!("thing {number},{number}")).collect();
        let text = format!("{header}\n{}\n", rows.join("\n"));
        let mut place = header.len() + 1;
        let spans = rows.iter().map(|row| {
            let span = place..place + row.len();
            place = span.end + 1;
            span
        });
        let table = Table { span: 0..text.len(), header: Some(0..header.len()), rows: spans.collect() };
        let document = Extracted { tables: vec![table], ..document(&text, Kind::Data, &[], &[]) };
        let chunks = chunks(&document);
        assert!(chunks.len() > 2);
        assert!(chunks.iter().all(|chunk| {
            in_context(&chunk.context(None, &text), &text[chunk.span.clone()]).starts_with(header)
        }));
        assert_eq!(covered(&text, &chunks), text.trim_end().replace('\n', ""));
    }

    #[test]
    fn nothing_is_lost_whatever_the_text() {
        let endless = "x".repeat(10_000);
        let wide = "東京都は日本の首都です。".repeat(100);
        for text in
            ["", "\n \n", "one", "a\n\n\nb", &endless, &wide, "\u{feff}a\r\n\r\nb\r\n", &" \n".repeat(500)]
        {
            for kind in [Kind::Prose, Kind::Code(Language::Other), Kind::Data] {
                let chunks = chunks(&document(text, kind, &[], &[]));
                let words = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(words(&covered(text, &chunks)), words(text));
                assert!(chunks.iter().all(|chunk| tokens(&text[chunk.span.clone()]) <= BUDGET + SMALL));
            }
        }
    }

    fn covered(text: &str, chunks: &[Chunk]) -> String {
        chunks.iter().flat_map(|chunk| text[chunk.span.clone()].lines()).collect()
    }

    fn shown(document: &Extracted) -> Vec<(usize, Vec<String>, &str)> {
        let show = |chunk: Chunk| (chunk.line, chunk.path, &document.text[chunk.span]);
        chunks(document).into_iter().map(show).collect()
    }

    fn document(text: &str, kind: Kind, headings: &[&str], levels: &[u8]) -> Extracted {
        let mut place = 0;
        let headings = headings.iter().zip(levels).map(|(words, level)| {
            place += text[place..].find(words).unwrap();
            Heading { span: place..place + words.len(), level: *level }
        });
        let headings = headings.collect();
        Extracted { text: text.to_owned(), kind, title: None, pages: vec![], headings, tables: vec![] }
    }
}
