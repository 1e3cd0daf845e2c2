//! From tokens back to text: a token is bytes, and a character may take several tokens.

/// Gathers bytes and gives back whole code points.
#[derive(Debug, Default)]
pub(super) struct Utf8Buffer {
    pending: Vec<u8>,
}

impl Utf8Buffer {
    /// Adds `bytes` and takes what is whole by now. What can never become a character is U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut whole = String::new();
        loop {
            let error = match std::str::from_utf8(&self.pending) {
                Ok(text) => {
                    whole.push_str(text);
                    self.pending.clear();
                    return whole;
                }
                Err(error) => error,
            };
            let (valid, rest) = self.pending.split_at(error.valid_up_to());
            whole.push_str(&String::from_utf8_lossy(valid));
            let Some(broken) = error.error_len() else {
                self.pending = rest.to_vec();
                return whole;
            };
            whole.push(char::REPLACEMENT_CHARACTER);
            self.pending = rest[broken..].to_vec();
        }
    }
}

/// The bytes behind the spelling of a token in a GPT-2 vocabulary, where each byte is written as one printable
/// character.
pub(super) fn token_bytes(spelling: &str) -> Vec<u8> {
    spelling.chars().filter_map(byte_of).collect()
}

/// Printable bytes of Latin-1 stand for themselves; the others follow in order from U+0100.
fn byte_of(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    let byte = match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => code,
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pieces: &[&[u8]]) -> Vec<String> {
        let mut buffer = Utf8Buffer::default();
        pieces.iter().map(|piece| buffer.push(piece)).collect()
    }

    #[test]
    fn a_character_comes_when_its_last_byte_does() {
        assert_eq!(pieces(&[b"a\xf0", b"\x9f", b"\x8e", b"\x89b"]), ["a", "", "", "🎉b"]);
    }

    #[test]
    fn any_split_gives_the_same_text() {
        let text = "né 你好 🎉👩‍👩‍👧‍👦 ok";
        for at in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(at);
            assert_eq!(pieces(&[head, tail]).concat(), text, "split at {at}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(pieces(&bytes).concat(), text);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(pieces(&[b"a\xff\xfeb", b"\xe4\xbd", b"c"]), ["a\u{fffd}\u{fffd}b", "", "\u{fffd}c"]);
    }

    #[test]
    fn every_byte_has_one_spelling() {
        let mut bytes: Vec<u8> = (0..=0x143).filter_map(char::from_u32).filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!(token_bytes("ĠParisĊ"), b" Paris\n");
    }
}
