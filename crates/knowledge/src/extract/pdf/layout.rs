//! Glyphs to lines to paragraphs, in the order they are drawn, which is the order nearly every program writes them in.

/// A glyph as it stands on a page whose lines run to the right and downwards.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    pub(super) text: String,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) baseline: f64,
    pub(super) size: f64,
}

/// A paragraph or a heading.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) text: String,
    pub(super) size: f64,
}

/// The lines of a page so far.
#[derive(Debug, Default)]
pub(super) struct Page {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    text: String,
    right: f64,
    baseline: f64,
    size: f64,
    last: f64,
}

impl Page {
    /// Adds the next glyph that is drawn.
    pub(super) fn push(&mut self, glyph: Glyph) {
        if !(glyph.size.is_finite() && glyph.left.is_finite() && glyph.baseline.is_finite()) {
            return;
        }
        let Some(line) = self.lines.last_mut() else { return self.start_line(glyph) };
        let size = line.size.max(glyph.size);
        let is_same_line = (glyph.baseline - line.baseline).abs() < size * 0.5;
        let is_shadow =
            is_same_line && (glyph.left - line.last).abs() < size * 0.05 && line.text.ends_with(&glyph.text);
        if is_shadow {
            return;
        }
        if !is_same_line || glyph.left < line.right - size {
            return self.start_line(glyph);
        }
        if glyph.left - line.right > size * 0.15 && !line.text.ends_with(' ') {
            line.text.push(' ');
        }
        line.text.push_str(&glyph.text);
        line.right = glyph.right.max(glyph.left);
        line.last = glyph.left;
        // A raised figure does not change what its line is.
        if glyph.size > line.size {
            line.size = glyph.size;
            line.baseline = glyph.baseline;
        }
    }

    /// The page's paragraphs.
    pub(super) fn blocks(self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut above: Option<(f64, f64)> = None;
        for line in self.lines {
            let text = without_leaders(line.text.trim());
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let continues = above.is_some_and(|(baseline, size)| {
                let step = line.baseline - baseline;
                let is_alike = (line.size - size).abs() < size * 0.1;
                is_alike && step > -size * 0.5 && step < size * 1.7
            });
            match blocks.last_mut() {
                Some(block) if continues => join(&mut block.text, text),
                _ => blocks.push(Block { text: text.to_owned(), size: line.size }),
            }
            above = Some((line.baseline, line.size));
        }
        blocks
    }

    fn start_line(&mut self, glyph: Glyph) {
        self.lines.push(Line {
            right: glyph.right.max(glyph.left),
            last: glyph.left,
            baseline: glyph.baseline,
            size: glyph.size,
            text: glyph.text,
        });
    }
}

/// The letters of a ligature, which a search for a word would not find.
pub(super) fn letters(char: char) -> Option<&'static str> {
    Some(match char {
        '\u{fb00}' => "ff",
        '\u{fb01}' => "fi",
        '\u{fb02}' => "fl",
        '\u{fb03}' => "ffi",
        '\u{fb04}' => "ffl",
        '\u{fb05}' | '\u{fb06}' => "st",
        _ => return None,
    })
}

/// The dots that lead from a title to its page in a table of contents, as one.
fn without_leaders(line: &str) -> String {
    const LEADERS: usize = 5;
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('.') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.trim_start_matches(['.', ' ']);
        let dots = &from[..from.len() - after.len()];
        if dots.matches('.').count() >= LEADERS {
            out.truncate(out.trim_end().len());
            out.push_str(" \u{2026} ");
        } else {
            out.push_str(dots);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Takes away what stands on top and at the bottom of page after page: running titles and numbers.
pub(super) fn drop_running_lines(pages: &mut [Vec<Block>]) {
    const FEW: usize = 3;
    let mut counts = std::collections::HashMap::<String, usize>::new();
    for page in pages.iter() {
        let ends = page.first().into_iter().chain(page.last().filter(|_| page.len() > 1));
        for block in ends {
            *counts.entry(without_digits(&block.text)).or_default() += 1;
        }
    }
    // A title may change with the chapter, and stand on every other page.
    let many = FEW.max(pages.len() / 20);
    let mut seen = std::collections::HashSet::new();
    // Where a title stands first it may well be that of the book; a number never is.
    let mut repeats = |block: &Block| {
        let key = without_digits(&block.text);
        let runs =
            block.text.len() <= LONGEST_HEADING && counts.get(&key).is_some_and(|count| *count >= many);
        let is_number = !key.chars().any(char::is_alphabetic);
        runs && (is_number || !seen.insert(key))
    };
    for page in pages {
        if page.len() > 1 && page.last().is_some_and(&mut repeats) {
            page.pop();
        }
        if page.len() > 1 && page.first().is_some_and(&mut repeats) {
            page.remove(0);
        }
    }
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|char| !char.is_numeric()).collect()
}

/// The next line of a paragraph; a word that was cut at the line's end is whole again.
fn join(paragraph: &mut String, line: &str) {
    let is_cut = paragraph.ends_with(['-', '\u{ad}', '\u{2010}'])
        && paragraph.chars().rev().nth(1).is_some_and(char::is_alphabetic)
        && line.chars().next().is_some_and(char::is_lowercase);
    if is_cut {
        paragraph.pop();
    } else {
        paragraph.push(' ');
    }
    paragraph.push_str(line);
}

/// Which sizes are headings, from the uppermost on.
pub(super) struct Levels {
    sizes: Vec<u32>,
}

/// A heading is no longer than this.
const LONGEST_HEADING: usize = 200;

/// What is larger than the size that most of the text has is a heading.
pub(super) fn heading_levels(pages: &[Vec<Block>]) -> Levels {
    let blocks = || pages.iter().flatten();
    let mut lengths = std::collections::BTreeMap::<u32, usize>::new();
    for block in blocks() {
        *lengths.entry(rounded(block.size)).or_default() += block.text.len();
    }
    let usual = lengths.iter().max_by_key(|(_, length)| **length).map_or(0, |(size, _)| *size);
    let is_heading = |size: u32| size * 20 >= usual * 23;
    let sizes = blocks().filter(|block| block.text.len() <= LONGEST_HEADING).map(|block| rounded(block.size));
    let mut sizes: Vec<u32> = sizes.filter(|size| is_heading(*size)).collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    sizes.dedup();
    Levels { sizes }
}

impl Levels {
    /// The level of a block that is a heading.
    pub(super) fn of(&self, block: &Block) -> Option<u8> {
        let is_of_contents = block.text.contains("\u{2026} ");
        let has_words = block.text.chars().filter(|char| char.is_alphabetic()).count() >= 2;
        if block.text.len() > LONGEST_HEADING || is_of_contents || !has_words {
            return None;
        }
        let rank = self.sizes.iter().position(|size| *size == rounded(block.size))?;
        Some(u8::try_from(rank + 1).unwrap_or(6).min(6))
    }
}

/// In half points.
fn rounded(size: f64) -> u32 {
    // Sizes are finite; the cast holds the rest within bounds.
    (size * 2.0).round().clamp(0.0, 10_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &[(&str, f64, f64)]) -> Vec<Block> {
        let mut page = Page::default();
        for (text, baseline, size) in lines {
            for (number, char) in text.chars().enumerate() {
                let left = number as f64 * size * 0.5;
                page.push(Glyph {
                    text: char.to_string(),
                    left,
                    right: left + size * 0.5,
                    baseline: *baseline,
                    size: *size,
                });
            }
        }
        page.blocks()
    }

    fn texts(blocks: &[Block]) -> Vec<&str> {
        blocks.iter().map(|block| block.text.as_str()).collect()
    }

    #[test]
    fn lines_that_follow_each_other_are_a_paragraph_and_cut_words_are_whole() {
        let blocks = page(&[
            ("The pear is an exam-", 10.0, 10.0),
            ("ple of a well-", 22.0, 10.0),
            ("Known fruit", 34.0, 10.0),
            ("Another", 64.0, 10.0),
        ]);
        assert_eq!(texts(&blocks), ["The pear is an example of a well- Known fruit", "Another"]);
    }

    #[test]
    fn what_is_larger_than_most_is_a_heading_by_rank() {
        let pages = [page(&[
            ("Title", 10.0, 24.0),
            ("Chapter", 50.0, 16.0),
            ("Most of the text has this size, and there is more of it.", 80.0, 10.0),
            ("42", 120.0, 16.0),
        ])];
        let levels = heading_levels(&pages);
        let found: Vec<_> = pages[0].iter().map(|block| levels.of(block)).collect();
        assert_eq!(found, [Some(1), Some(2), None, None]);
    }

    #[test]
    fn the_dots_of_a_table_of_contents_are_one() {
        let blocks = page(&[("Pears . . . . . . . . 12", 10.0, 10.0), ("e.g. a... pear.", 50.0, 10.0)]);
        assert_eq!(texts(&blocks), ["Pears \u{2026} 12", "e.g. a... pear."]);
    }

    #[test]
    fn titles_and_numbers_that_run_along_the_pages_are_left_out() {
        let page = |number: usize| {
            page(&[
                ("The Book of Pears", 10.0, 10.0),
                (&format!("Text number {number}."), 50.0, 10.0),
                (&format!("{number}"), 90.0, 10.0),
            ])
        };
        let mut pages: Vec<_> = (8..12).map(page).collect();
        drop_running_lines(&mut pages);
        assert_eq!(texts(&pages[0]), ["The Book of Pears", "Text number 8."]);
        assert_eq!(texts(&pages[3]), ["Text number 11."]);
    }

    #[test]
    fn a_gap_is_a_space_and_a_glyph_drawn_twice_stands_once() {
        let mut page = Page::default();
        for (text, left) in [("a", 0.0), ("a", 0.2), ("b", 5.0), ("c", 14.0)] {
            let (text, right) = (text.to_owned(), left + 5.0);
            page.push(Glyph { text, left, right, baseline: 0.0, size: 10.0 });
        }
        assert_eq!(texts(&page.blocks()), ["ab c"]);
    }
}
