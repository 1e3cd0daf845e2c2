//! Where the sentences of a text stand.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A line that is shorter was not broken for its length.
const WRAPPED: usize = 50;

/// The sentences in order, without the space around them. A line that ends is a sentence that ends, unless its sentence
/// clearly goes on in the next.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let text = unwrapped(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, sentence) in text.split_sentence_bound_indices() {
        let mut place = start;
        for line in sentence.split_inclusive('\n') {
            let before = place;
            place += line.len();
            let Some(start) = line.find(begins) else { continue };
            let span = before + start..before + line.trim_end().len();
            match found.last_mut() {
                Some(last) if is_cut_short(&text[last.clone()]) && !text[last.end..before].contains('\n') => {
                    last.end = span.end;
                }
                _ => found.push(span),
            }
        }
    }
    found
}

/// Sentences one after the other, with as little between them as lets them be told apart again.
pub(crate) fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for part in parts {
        let end = text.len();
        let with = |space: &str| format!("{text}{space}{part}");
        let is_parted =
            |text: &String| sentences(text).iter().all(|span| span.end <= end || span.start >= end);
        let lines = || [" ", "\n"].map(with).into_iter().find(is_parted);
        text = if text.is_empty() { part } else { lines().unwrap_or_else(|| with("\n\n")) };
    }
    text
}

/// The text with a space for each end of a line that was only broken for its length: as many bytes.
fn unwrapped(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let content = line.trim_end();
        let goes_on = content.len() >= WRAPPED
            && !content.ends_with(['.', '!', '?', ':', ';'])
            && lines.peek().is_some_and(|next| next.trim_start_matches(' ').starts_with(char::is_lowercase));
        match line.strip_suffix('\n').filter(|_| goes_on) {
            Some(line) => {
                whole.push_str(line);
                whole.push(' ');
            }
            None => whole.push_str(line),
        }
    }
    whole
}

/// A sentence begins with a word, or with what opens a quotation; bullets, marks of headings and emoji lead to it.
fn begins(character: char) -> bool {
    character.is_alphanumeric() || "\"'([{\u{ab}\u{2018}\u{201c}\u{201e}".contains(character)
}

/// Whether what looks like the end of a sentence is an abbreviation: `Dr.`, `St.`, `J.`
fn is_cut_short(sentence: &str) -> bool {
    let Some(sentence) = sentence.strip_suffix('.') else { return false };
    let last = sentence.rsplit(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
    last.starts_with(char::is_uppercase) && (last.chars().count() <= 2 || last == "Mrs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = sentences(text).into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_sentence_ends_with_its_mark_or_its_line() {
        check(
            "# Ferry\n\nIt leaves at 9. Dogs travel free!\n",
            &["Ferry", "It leaves at 9.", "Dogs travel free!"],
        );
        check("- one\n- two", &["one", "two"]);
        check(
            "He met Dr. Jones in St. Louis. She did not.",
            &["He met Dr. Jones in St. Louis.", "She did not."],
        );
        check("", &[]);
    }

    #[test]
    fn joined_sentences_can_be_told_apart() {
        let long = "a line of code that goes on for longer than what is wrapped";
        for parts in [
            &["It leaves at 9.", "Dogs travel free!"][..],
            &["size | `100` | A larger one is 413.", "pages | `5000` | Of a document."],
            &["Setup", "run it", long, "and then this"],
        ] {
            let text = joined(parts.iter().map(|part| (*part).to_owned()));
            check(&text, parts);
        }
        assert_eq!(joined(["One.", "Two."].map(str::to_owned)), "One. Two.");
    }

    #[test]
    fn a_line_that_was_broken_for_its_length_goes_on() {
        let wrapped =
            "The kettle has a warranty of seven years, which begins on\nthe day of purchase. Keep the bill.";
        let (first, second) = wrapped.split_at(wrapped.len() - " Keep the bill.".len());
        check(wrapped, &[first, second.trim()]);
    }
}
