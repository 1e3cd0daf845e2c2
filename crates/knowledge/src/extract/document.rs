//! One document of any format, from its bytes; what runs in the child process, and for text in the server too.

use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::decode::decode;
use super::error::ExtractError;
use super::format::{Content, Format, HEAD, agreed, content};
use super::limits::{Inflation, Limits};
use super::{Extracted, office, pdf, plain, rtf};

/// Reads the document in `source`, whose name may say what it is. A parser's panic is an error of its file.
pub(super) fn extract(
    name: &str,
    source: impl Read + Seek,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Extracted, ExtractError> {
    catch_unwind(AssertUnwindSafe(|| read(name, source, limits, inflation)))
        .unwrap_or_else(|_| Err(crashed(name)))
}

/// The parser of this file gave up on it.
pub(super) fn crashed(name: &str) -> ExtractError {
    let format = Format::by_name(name).map_or("file", Format::name);
    ExtractError::Crashed { format: format.to_owned() }
}

fn read(
    name: &str,
    mut source: impl Read + Seek,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Extracted, ExtractError> {
    let mut head = Vec::with_capacity(HEAD);
    source.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(ExtractError::unreadable)?;
    source.seek(SeekFrom::Start(0)).map_err(ExtractError::unreadable)?;
    match content(&head) {
        Content::Foreign(what, instead) => Err(unsupported(what, instead)),
        Content::Container => office::extract(name, source, limits, inflation),
        Content::Pdf => agreed(name, Format::Pdf).and_then(|_| pdf::extract(whole(source, limits)?, limits)),
        Content::Rtf => agreed(name, Format::Rtf).and_then(|_| rtf::extract(&whole(source, limits)?, limits)),
        Content::Tar { is_compressed } => {
            agreed(name, Format::tar(is_compressed))?;
            Err(ExtractError::NestedArchive)
        }
        Content::Text => {
            let format = Format::of_text(name, &decode(head, None))?;
            plain::extract(format, whole(source, limits)?, limits)
        }
    }
}

pub(super) fn unsupported(what: &str, instead: &str) -> ExtractError {
    ExtractError::Unsupported { what: what.to_owned(), instead: instead.to_owned() }
}

/// All bytes, in exactly as much memory as they need: a large file is a good part of what the process may have.
fn whole(mut source: impl Read + Seek, limits: &Limits) -> Result<Vec<u8>, ExtractError> {
    let size = source.seek(SeekFrom::End(0)).and_then(|size| source.rewind().map(|()| size));
    let size = size.map_err(ExtractError::unreadable)?;
    if size > limits.file {
        return Err(limits.too_large());
    }
    let mut bytes = Vec::new();
    let capacity = usize::try_from(size).map_err(|_| limits.too_large())?;
    bytes.try_reserve_exact(capacity).map_err(|_| limits.too_much_memory())?;
    source.take(size).read_to_end(&mut bytes).map_err(ExtractError::unreadable)?;
    Ok(bytes)
}
