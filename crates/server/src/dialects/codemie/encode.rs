//! A turn's events as CodeMie's stream objects, in either framing.

use std::time::Instant;

use bytes::{BufMut, BytesMut};
use chat::turn::{Failure, Outcome, TurnEnd, TurnEvent};
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

use super::failure;
use super::framing::Framing;
use super::wire::{StreamObject, Thought};
use crate::sse::Encode;

/// Objects with the next piece of text; at last one with the whole.
pub(super) struct Objects {
    framing: Framing,
    /// Whether one more object tells which tools have failed.
    tool_errors: bool,
    thought_id: String,
    /// The whole answer so far: the last object repeats it.
    generated: String,
    started: Instant,
}

impl Objects {
    pub(super) fn new(framing: Framing, thought_id: String, tool_errors: bool) -> Self {
        Self { framing, tool_errors, thought_id, generated: String::new(), started: Instant::now() }
    }

    fn write(&self, object: &StreamObject<'_>, out: &mut BytesMut) {
        if self.framing == Framing::EventStream {
            out.put_slice(b"data: ");
        }
        let mut json = serde_json::Serializer::with_formatter(out.writer(), Unsplittable);
        object.serialize(&mut json).expect("our own types are valid JSON");
        out.put_slice(match self.framing {
            Framing::EventStream => b"\n\n",
            Framing::Ndjson => b"\n",
        });
    }

    fn end(&mut self, failed: Option<&Failure>, out: &mut BytesMut) {
        if !self.generated.is_empty() {
            let closing = Thought::own(self.thought_id.as_str(), "", false);
            self.write(&StreamObject { thought: Some(closing), ..StreamObject::default() }, out);
        }
        if let Some(failure) = failed {
            self.generated.push_str(&failure::sentence(failure));
        }
        let last = StreamObject {
            generated: Some(&self.generated),
            generated_chunk: Some(""),
            time_elapsed: Some(self.started.elapsed().as_secs_f64()),
            last: true,
            debug: Some(serde_json::Map::new()),
            execution_error: failed.map(failure::code),
            ..StreamObject::default()
        };
        self.write(&last, out);
        if self.tool_errors {
            let tools = StreamObject {
                last: true,
                success: Some(failed.is_none()),
                agent_error: failed.map(failure::agent_error),
                tool_errors: Some([]),
                ..StreamObject::default()
            };
            self.write(&tools, out);
        }
    }
}

impl Encode for Objects {
    fn encode(&mut self, _: usize, event: TurnEvent<'_>, out: &mut BytesMut) {
        match event {
            TurnEvent::Started(_) | TurnEvent::ReasoningDelta(_) | TurnEvent::Cited(_) => {}
            TurnEvent::TextDelta(text) => {
                self.generated.push_str(text);
                let thought = Thought::own(self.thought_id.as_str(), text, true);
                self.write(
                    &StreamObject {
                        generated_chunk: Some(text),
                        thought: Some(thought),
                        ..StreamObject::default()
                    },
                    out,
                );
            }
            TurnEvent::Ended(TurnEnd { outcome: Outcome::Failed(failure), .. }) => {
                self.end(Some(failure), out);
            }
            TurnEvent::Ended(_) => self.end(None, out),
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) -> bool {
        self.end(Some(failure), out);
        true
    }
}

/// JSON in which no string holds `{`, `}` or anything beyond ASCII: clients cut the stream at `}{`, and decode each
/// chunk on its own.
struct Unsplittable;

impl Formatter for Unsplittable {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> std::io::Result<()> {
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            if character.is_ascii() && !matches!(character, '{' | '}') {
                continue;
            }
            out.write_all(&text.as_bytes()[plain..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = at + character.len_utf8();
        }
        out.write_all(&text.as_bytes()[plain..])
    }

    fn write_char_escape<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> std::io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(out, escape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_can_be_cut_anywhere_and_read_the_same() {
        let text = "fn main() { println!(\"wörld 🦀\\n\"); }{";
        let mut json = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut json, Unsplittable);
        text.serialize(&mut serializer).unwrap();
        assert!(json.is_ascii() && !json.contains(&b'{') && !json.contains(&b'}'));
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
    }
}
