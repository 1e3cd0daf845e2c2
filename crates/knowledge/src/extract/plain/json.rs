//! JSON: what stands on few long lines is set out on many, so that a passage of it can be shown.

use super::super::error::ExtractError;
use super::super::limits::Limits;
use super::super::{Extracted, Kind};
use super::bare;

/// A line longer than this is not meant for eyes.
const LONG_LINE: usize = 400;

/// Deeper levels are not indented further, so that depth costs no more than its brackets.
const DEEPEST_INDENT: usize = 16;

pub(super) fn extract(text: String, limits: &Limits) -> Result<Extracted, ExtractError> {
    let has_long_lines = text.lines().any(|line| line.len() > LONG_LINE);
    let text = if has_long_lines { set_out(&text, limits)? } else { text };
    Ok(bare(text, Kind::Data))
}

/// Sets the text out without judging it: strings stay as they are, and so does all that is between the marks.
fn set_out(text: &str, limits: &Limits) -> Result<String, ExtractError> {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for char in text.chars() {
        if is_string {
            out.push(char);
            is_string = char != '"' || is_escaped;
            is_escaped = char == '\\' && !is_escaped;
            continue;
        }
        match char {
            '{' | '[' => {
                depth += 1;
                out.push(char);
                new_line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                let is_empty = out.trim_end().ends_with(['{', '[']);
                let end = out.trim_end().len();
                out.truncate(end);
                if !is_empty {
                    new_line(&mut out, depth);
                }
                out.push(char);
            }
            ',' => {
                out.push(char);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            char if char.is_whitespace() => {}
            char => {
                is_string = char == '"';
                out.push(char);
            }
        }
        if out.len() as u64 > limits.text {
            return Err(limits.too_much_text());
        }
    }
    Ok(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(DEEPEST_INDENT)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_lines_stays_as_it_is() {
        let text = "{\n  \"a\": [1, 2]\n}\n";
        assert_eq!(extract(text.to_owned(), &Limits::default()).unwrap().text, text);
    }

    #[test]
    fn json_on_one_long_line_is_set_out() {
        let long = "x".repeat(LONG_LINE);
        let text = format!(r#"{{"a":[1,{{}},[]],"b":"q\", {{[:","c":"{long}"}}"#);
        let expected = format!(
            "{{\n  \"a\": [\n    1,\n    {{}},\n    []\n  ],\n  \"b\": \"q\\\", {{[:\",\n  \"c\": \"{long}\"\n}}"
        );
        assert_eq!(extract(text, &Limits::default()).unwrap().text, expected);
    }

    #[test]
    fn depth_costs_no_more_than_its_brackets() {
        let deep = "[".repeat(100_000);
        let text = extract(deep, &Limits::default()).unwrap().text;
        assert!(text.len() < 4_000_000);
    }
}
