//! Files as a form, read piece by piece while it is sent.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use chat::ids::random_base62;
use futures::{Stream, StreamExt, stream};

use super::AddedDocument;
use super::walk::LocalFile;

/// Bytes of a file that are read at once.
const PIECE: usize = 64 << 10;
/// Far more random characters than a file has by chance.
const BOUNDARY: usize = 32;

/// A body of type `multipart/form-data`.
pub(super) struct Form {
    boundary: String,
    parts: Vec<(String, File)>,
}

impl Form {
    /// The files that can be opened, and what is wrong with the others.
    pub(super) fn of(files: &[LocalFile]) -> (Self, Vec<AddedDocument>) {
        let boundary = random_base62(BOUNDARY);
        let (mut parts, mut failed) = (Vec::new(), Vec::new());
        for LocalFile { file, path, .. } in files {
            match File::open(file) {
                Ok(file) => parts.push((head(&boundary, path), file)),
                Err(error) => {
                    failed.push(AddedDocument::failed(path.clone(), format!("it can't be opened: {error}")));
                }
            }
        }
        (Self { boundary, parts }, failed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(super) fn into_body(self) -> reqwest::Body {
        let end = format!("--{}--\r\n", self.boundary);
        let part =
            |(head, file): (String, File)| text(head).chain(pieces(file)).chain(text("\r\n".to_owned()));
        reqwest::Body::wrap_stream(stream::iter(self.parts).flat_map(part).chain(text(end)))
    }
}

/// Any name, in percent signs.
fn head(boundary: &str, path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            name.push(char::from(byte));
        } else {
            // Writing to a text never fails.
            let _written = write!(name, "%{byte:02X}");
        }
    }
    format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''{name}\r\n\r\n")
}

fn text(text: String) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter([Ok(Bytes::from(text))])
}

/// The disk of this machine is fast enough to be waited for.
fn pieces(mut file: File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter(std::iter::from_fn(move || {
        let mut piece = BytesMut::zeroed(PIECE);
        match file.read(&mut piece) {
            Ok(0) => None,
            Ok(read) => Some(Ok(piece.split_to(read).freeze())),
            Err(error) => Some(Err(error)),
        }
    }))
}
