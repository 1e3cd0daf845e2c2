//! Server-sent events out of bytes that may be split anywhere.
//!
//! Ours rather than a crate's for two promises that `eventsource-stream` does not keep: an event that never ends and
//! bytes that are no UTF-8 are refused at once instead of gathered without bound, and a large event costs linear time.

use bytes::{Buf as _, Bytes};
use chat::provider::CompletionError;

/// What is longer than this is no event of a vendor's.
const MAX_EVENT: usize = 1024 * 1024;

/// Finds the events of a stream. Only their `data` counts here: vendors repeat an event's type inside it.
#[derive(Debug, Default)]
pub(crate) struct EventParser {
    /// The line begun in earlier input.
    line: Vec<u8>,
    /// The `data` lines so far of the current event, each ended by a line feed.
    data: Vec<u8>,
    /// `data` belongs to an event that was handed out.
    handed_out: bool,
    /// The last line ended in a carriage return, so that a line feed right after it belongs to it.
    after_return: bool,
    /// The first line is behind us, and with it the place for a byte order mark.
    begun: bool,
}

impl EventParser {
    /// Reads `input` up to the end of one event and gives its data; `None` when `input` is used up.
    pub(crate) fn next_event(&mut self, input: &mut Bytes) -> Result<Option<&str>, CompletionError> {
        self.drop_handed_out();
        loop {
            if self.after_return && !input.is_empty() {
                self.after_return = false;
                input.advance(usize::from(input[0] == b'\n'));
            }
            let line_end = memchr::memchr2(b'\n', b'\r', input);
            let piece = &input[..line_end.unwrap_or(input.len())];
            if self.line.len() + self.data.len() + piece.len() > MAX_EVENT {
                return Err(CompletionError::Malformed);
            }
            let Some(line_end) = line_end else {
                self.line.extend_from_slice(piece);
                input.clear();
                return Ok(None);
            };
            self.after_return = input[line_end] == b'\r';
            let is_blank = self.end_line(piece);
            input.advance(line_end + 1);
            if is_blank && !self.data.is_empty() {
                return self.hand_out().map(Some);
            }
        }
    }

    /// Gives what stands without its closing blank line when the stream ends. The standard drops such an event; some
    /// servers end their last one that way.
    pub(crate) fn finish(&mut self) -> Result<Option<&str>, CompletionError> {
        self.drop_handed_out();
        self.end_line(b"");
        if self.data.is_empty() { Ok(None) } else { self.hand_out().map(Some) }
    }

    /// Ends the current line with its last piece, and tells whether it was blank.
    fn end_line(&mut self, last_piece: &[u8]) -> bool {
        if self.line.is_empty() {
            return self.read_line(last_piece);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(last_piece);
        let is_blank = self.read_line(&line);
        line.clear();
        self.line = line;
        is_blank
    }

    fn read_line(&mut self, mut line: &[u8]) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if let Some(value) = data_field(line) {
            self.data.extend_from_slice(value);
            self.data.push(b'\n');
        }
        line.is_empty()
    }

    fn hand_out(&mut self) -> Result<&str, CompletionError> {
        self.handed_out = true;
        let data = self.data.strip_suffix(b"\n").unwrap_or(&self.data);
        std::str::from_utf8(data).map_err(|_| CompletionError::Malformed)
    }

    fn drop_handed_out(&mut self) {
        if std::mem::take(&mut self.handed_out) {
            self.data.clear();
        }
    }
}

/// The value of a `data` line; `None` for comments and other fields.
fn data_field(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(b""),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of `text`, which must be the same however it is split in two.
    fn check(text: &str, expected: &[&str]) {
        for position in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(position);
            assert_eq!(events(&[head, tail]), expected, "split at {position}");
        }
    }

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = EventParser::default();
        let mut events = Vec::new();
        for piece in pieces {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(data) = parser.next_event(&mut input).unwrap() {
                events.push(data.to_owned());
            }
        }
        events.extend(parser.finish().unwrap().map(str::to_owned));
        events
    }

    #[test]
    fn lines_end_in_any_of_the_three_ways() {
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
    }

    #[test]
    fn data_lines_are_joined() {
        check("data: a\ndata:b\ndata\n\n", &["a\nb\n"]);
    }

    #[test]
    fn what_is_not_data_is_skipped() {
        check("\u{feff}: hello\nevent: x\nid: 7\nretry: 3\ndatabase: no\n\n\n\ndata:  a\n\n", &[" a"]);
    }

    #[test]
    fn an_event_may_lack_its_last_line_ends() {
        check("data: ä\n\ndata: 👍", &["ä", "👍"]);
    }

    #[test]
    fn an_endless_event_is_refused_before_it_fills_memory() {
        let mut parser = EventParser::default();
        let block = Bytes::from(vec![b'a'; 64 * 1024]);
        let refused_at = (0..100).find(|_| parser.next_event(&mut block.clone()).is_err());
        assert_eq!(refused_at, Some(16));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut input = Bytes::from_static(b"data: \xff\n\n");
        assert_eq!(EventParser::default().next_event(&mut input), Err(CompletionError::Malformed));
    }
}
