//! TAR archives, mostly under gzip: how the code of a repository comes.

use std::io::{BufReader, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::archive::{Gate, Outcome, read_entry};
use super::error::ExtractError;
use super::format::is_tar;
use super::limits::{Inflation, Limits};

/// Reads the entries from `first` on. What is unpacked counts, whether it is read or passed over.
pub(super) fn each<E>(
    source: impl Read,
    is_compressed: bool,
    first: usize,
    limits: &Limits,
    inflation: &Inflation,
    mut tell: impl FnMut(Outcome) -> Result<(), E>,
) -> Result<(), E> {
    let source = BufReader::new(source);
    let unpacked: Box<dyn Read + '_> =
        if is_compressed { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) };
    let mut archive = Archive::new(inflation.counted(unpacked));
    let damaged = || {
        if inflation.is_spent() { limits.too_much_inflated() } else { ExtractError::damaged("TAR archive") }
    };
    let Ok(entries) = archive.entries() else { return tell(Outcome::Read(Err(damaged()))) };
    let mut gate = Gate::default();
    for (number, entry) in entries.enumerate() {
        if number == limits.entries {
            return tell(Outcome::Read(Err(ExtractError::TooManyEntries { entries: limits.entries })));
        }
        let Ok(entry) = entry else { return tell(Outcome::Read(Err(damaged()))) };
        let kind = entry.header().entry_type();
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_file = kind.is_file() || kind.is_contiguous();
        let checked = gate.checked(&raw);
        if number < first || !(is_file || is_link(kind)) || Gate::is_of_the_system(&raw) {
            continue;
        }
        tell(Outcome::Reading { entry: number, path: Gate::shown(&raw, &checked) })?;
        let read = checked.and_then(|path| {
            if is_link(kind) { Err(ExtractError::Link) } else { read_entry(entry, &path, limits, inflation) }
        });
        tell(Outcome::Read(read))?;
        if inflation.is_spent() {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a TAR archive comes out of these first compressed bytes.
pub(super) fn holds_tar(head: &[u8]) -> bool {
    let mut block = Vec::new();
    // The head is only the beginning of the stream, so its end is an error that says nothing.
    let _ = MultiGzDecoder::new(head).take(512).read_to_end(&mut block);
    is_tar(&block)
}

fn is_link(kind: EntryType) -> bool {
    kind.is_symlink() || kind.is_hard_link()
}
