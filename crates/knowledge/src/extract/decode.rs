//! Bytes to text: what says its encoding is believed, then UTF-8, and what is left is guessed as a browser does.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How many bytes an old encoding is guessed from.
const GUESSED_FROM: usize = 64 * 1_024;

/// The text, with plain line ends and without a byte order mark or NUL.
pub(super) fn decode(bytes: Vec<u8>, declared: Option<&'static Encoding>) -> String {
    let text = match Encoding::for_bom(&bytes) {
        Some((encoding, mark)) => encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned(),
        None => decode_unmarked(bytes, declared),
    };
    plain(text)
}

/// UTF-16 without a mark shows itself by its NULs: Latin letters, digits and spaces have one each, all at one side.
pub(super) fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Some(encoding).filter(|encoding| *encoding != UTF_8);
    }
    let pairs = head.len().min(1_024) / 2;
    let nuls =
        |side: usize| head.iter().take(pairs * 2).skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let (first, second) = (nuls(0), nuls(1));
    if pairs >= 2 && first == 0 && second * 10 > pairs * 7 {
        Some(UTF_16LE)
    } else if pairs >= 2 && second == 0 && first * 10 > pairs * 7 {
        Some(UTF_16BE)
    } else {
        None
    }
}

fn decode_unmarked(bytes: Vec<u8>, declared: Option<&'static Encoding>) -> String {
    if let Some(encoding) = utf16(&bytes) {
        return encoding.decode_without_bom_handling(&bytes).0.into_owned();
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let encoding = declared.filter(|encoding| *encoding != UTF_8).unwrap_or_else(|| guess(&bytes));
    encoding.decode_without_bom_handling(&bytes).0.into_owned()
}

/// A file that is UTF-8 but for a few broken bytes keeps its other characters.
fn guess(bytes: &[u8]) -> &'static Encoding {
    if is_nearly_utf8(bytes) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let first = bytes.iter().position(|byte| *byte >= 0x80).unwrap_or(0).saturating_sub(GUESSED_FROM / 2);
    let part = &bytes[first..bytes.len().min(first + GUESSED_FROM)];
    detector.feed(part, true);
    detector.guess(None, Utf8Detection::Deny)
}

fn is_nearly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|char| !char.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    good > 20 * broken
}

fn plain(text: String) -> String {
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text };
    let text = if text.contains('\0') { text.replace('\0', "") } else { text };
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_encoding_gives_the_same_text() {
        let text = "Grüße aus Köln, für 5 €, naïve Café\n";
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let with_mark = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
        let windows = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        for bytes in [
            text.as_bytes().to_vec(),
            with_mark(b"\xef\xbb\xbf", text.as_bytes().to_vec()),
            with_mark(b"\xff\xfe", utf16(u16::to_le_bytes)),
            with_mark(b"\xfe\xff", utf16(u16::to_be_bytes)),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            windows,
            text.replace('\n', "\r\n").into_bytes(),
        ] {
            assert_eq!(decode(bytes, None), text);
        }
    }

    #[test]
    fn a_declared_encoding_is_believed_unless_the_bytes_are_utf8() {
        let cyrillic = encoding_rs::KOI8_R.encode("Привет").0.into_owned();
        assert_eq!(decode(cyrillic, Some(encoding_rs::KOI8_R)), "Привет");
        assert_eq!(decode("Привет".into(), Some(encoding_rs::KOI8_R)), "Привет");
    }

    #[test]
    fn one_broken_byte_does_not_spoil_a_file() {
        let mut bytes = "Größe und Maß, ".repeat(20).into_bytes();
        bytes.push(0xff);
        assert!(decode(bytes, None).starts_with("Größe und Maß, "));
    }
}
