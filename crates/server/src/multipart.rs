//! Forms with files, read piece by piece: a form of any size takes no more memory than a piece of it.
//!
//! Its own reader, since those there are buffer whatever comes while a file is written, and don't read `filename*`.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use memchr::memmem;

/// The most bytes of a part's head.
const MAX_HEAD: usize = 8 << 10;
/// The longest boundary (RFC 2046).
const MAX_BOUNDARY: usize = 70;

/// A form with files.
pub(crate) struct Multipart {
    body: Body,
    /// How long it may be silent.
    patience: Duration,
    /// What stands before each part and behind the last.
    delimiter: Vec<u8>,
    /// Received and not taken yet. Begins as if a line had ended, so that the first delimiter is like the others.
    buffer: BytesMut,
}

/// What a part says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Of a file.
    pub(crate) file_name: Option<String>,
}

/// Why a form can't be read on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    #[error("the form names no boundary of 1 to 70 characters in its Content-Type")]
    Boundary,
    #[error("the form is not as its Content-Type says: {0}")]
    Malformed(&'static str),
    #[error("the form breaks off")]
    Cut,
    #[error("the form took too long to arrive")]
    Slow,
}

/// Whether a body is said to be a form with files.
pub(crate) fn is_multipart(headers: &HeaderMap) -> bool {
    let essence = content_type(headers).split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("multipart/form-data")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Multipart {
    /// The form of a request; silent for `patience` at most.
    pub(crate) fn of(request: Request<Body>, patience: Duration) -> Result<Self, MultipartError> {
        let boundary = parameter(content_type(request.headers()).as_bytes(), "boundary");
        let boundary = boundary.filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()));
        let delimiter = [b"\r\n--", boundary.ok_or(MultipartError::Boundary)?.as_slice()].concat();
        Ok(Self { body: request.into_body(), patience, delimiter, buffer: BytesMut::from(&b"\r\n"[..]) })
    }

    /// The next part, after what is left of the one before; none after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Part>, MultipartError> {
        while self.chunk().await?.is_some() {}
        let _delimiter = self.buffer.split_to(self.delimiter.len());
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let head = self.head().await?;
        part(&head).map(Some)
    }

    /// The next bytes of the part, which are not none; none at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        loop {
            match memmem::find(&self.buffer, &self.delimiter) {
                Some(0) => return Ok(None),
                Some(at) => return Ok(Some(self.buffer.split_to(at).freeze())),
                None => {}
            }
            // The beginning of a delimiter may have come.
            let safe = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            self.fill().await?;
        }
    }

    /// The lines before the part's bytes; the line of the delimiter may end in blanks.
    async fn head(&mut self) -> Result<Bytes, MultipartError> {
        loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                return Ok(self.buffer.split_to(end + 4).freeze());
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(MultipartError::Malformed("the head of a part is too long"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), MultipartError> {
        let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
        match frame.map_err(|_| MultipartError::Slow)? {
            Some(Ok(frame)) => {
                self.buffer.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                Ok(())
            }
            Some(Err(_)) | None => Err(MultipartError::Cut),
        }
    }
}

fn part(head: &[u8]) -> Result<Part, MultipartError> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let disposition = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
        name.eq_ignore_ascii_case(b"content-disposition").then_some(&value[1..])
    });
    let disposition = disposition.ok_or(MultipartError::Malformed("a part has no Content-Disposition"))?;
    let text = |name| {
        let value = parameter(disposition, name).map(String::from_utf8).transpose();
        value.map_err(|_| MultipartError::Malformed("the name of a part is not UTF-8"))
    };
    let file_name = match text("filename*")? {
        Some(extended) => Some(decoded(&extended)?),
        None => text("filename")?,
    };
    Ok(Part { name: text("name")?.unwrap_or_default(), file_name })
}

/// A parameter of a header's value, such as `filename` of `form-data; name="a"; filename="b.txt"`.
fn parameter(value: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let mut rest = &value[value.iter().position(|byte| *byte == b';')?..];
    while let Some(after) = rest.strip_prefix(b";") {
        let equals = after.iter().position(|byte| *byte == b'=')?;
        let name = after[..equals].trim_ascii();
        let (found, left) = parameter_value(after[equals + 1..].trim_ascii_start())?;
        if name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return Some(found);
        }
        rest = left.trim_ascii_start();
    }
    None
}

/// The value that text begins with, in quotes or without, and what stands behind it.
fn parameter_value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return Some((text[..end].trim_ascii().to_vec(), &text[end..]));
    };
    let (mut value, mut at) = (Vec::new(), 0);
    loop {
        match (quoted.get(at)?, quoted.get(at + 1)) {
            (b'"', _) => return Some((value, &quoted[at + 1..])),
            // Only a quote is escaped: some send Windows paths as they are.
            (b'\\', Some(b'"')) => {
                value.push(b'"');
                at += 2;
            }
            (byte, _) => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

/// `UTF-8''a%20b` (RFC 8187).
fn decoded(extended: &str) -> Result<String, MultipartError> {
    let wrong = || MultipartError::Malformed("the filename* of a part is not UTF-8 in percent signs");
    let (charset, rest) = extended.split_once('\'').ok_or_else(wrong)?;
    let (_language, value) = rest.split_once('\'').ok_or_else(wrong)?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return Err(wrong());
    }
    let mut pieces = value.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, plain) = piece.split_at_checked(2).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| wrong())?);
        bytes.extend_from_slice(plain.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    /// The parts of a form that comes `size` bytes at a time.
    async fn read(form: &str, size: usize) -> Result<Vec<(Part, String)>, MultipartError> {
        let pieces: Vec<_> = form.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
        let request = Request::builder().header(CONTENT_TYPE, "multipart/form-data; boundary=\"b 1\"");
        let mut form = Multipart::of(request.body(body).unwrap(), Duration::from_secs(9))?;
        let mut parts = Vec::new();
        while let Some(part) = form.next().await? {
            let mut content = Vec::new();
            while let Some(bytes) = form.chunk().await? {
                content.extend_from_slice(&bytes);
            }
            parts.push((part, String::from_utf8(content).unwrap()));
        }
        Ok(parts)
    }

    fn part(name: &str, file_name: Option<&str>, content: &str) -> (Part, String) {
        (Part { name: name.to_owned(), file_name: file_name.map(str::to_owned) }, content.to_owned())
    }

    #[tokio::test]
    async fn a_form_reads_the_same_however_it_is_cut() {
        let form = "preamble\r\n--b 1 \r\nContent-Disposition: form-data; name=\"type\"\r\n\r\ndoc\r\n\
                    --b 1\r\ncontent-disposition:form-data;name=f; filename=\"a \\\"b\\\"; ü.md\"\r\n\
                    Content-Type: text/plain\r\n\r\n\r\n--b\r\n-\r\n\r\n\
                    --b 1\r\nContent-Disposition: form-data; filename=\"x\"; filename*=utf-8''d%2F%C3%A4.md; name=\"\"\r\n\r\n\r\n\
                    --b 1--\r\nepilogue";
        let parts = vec![
            part("type", None, "doc"),
            part("f", Some("a \"b\"; ü.md"), "\r\n--b\r\n-\r\n"),
            part("", Some("d/ä.md"), ""),
        ];
        for size in 1..form.len() {
            assert_eq!(read(form, size).await.as_ref(), Ok(&parts), "{size}");
        }
    }

    #[tokio::test]
    async fn what_is_no_whole_form_is_refused() {
        let head = "--b 1\r\nContent-Disposition: form-data; name=a\r\n\r\n";
        let long = format!("--b 1\r\nX: {}", "x".repeat(MAX_HEAD));
        for (form, error) in [
            ("", MultipartError::Cut),
            ("no form at all", MultipartError::Cut),
            (head, MultipartError::Cut),
            (&format!("{head}text\r\n--b 1"), MultipartError::Cut),
            ("--b 1\r\nX: y\r\n\r\n", MultipartError::Malformed("a part has no Content-Disposition")),
            (&long, MultipartError::Malformed("the head of a part is too long")),
        ] {
            assert_eq!(read(form, 1_000).await, Err(error), "{form}");
        }
    }
}
