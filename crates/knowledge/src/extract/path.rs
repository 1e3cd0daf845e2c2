//! Paths of files are labels, never places: what tries to be a place elsewhere is refused.

use super::error::ExtractError;

/// The longest path that a file may have.
const LONGEST: usize = 1_024;

/// The path in our form: relative, with `/` between its names. Names ending in a slash are folders and not for here.
///
/// What would leave the folder that it is unpacked into is refused rather than mended, so that nobody finds a file under
/// another name than the one it was given.
pub fn checked(path: &str) -> Result<String, ExtractError> {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    match fault(path) {
        Some(fault) => Err(ExtractError::BadPath { fault: fault.to_owned() }),
        None => Ok(path.to_owned()),
    }
}

/// Two paths with one key are the same file where case is ignored.
pub(super) fn key(path: &str) -> String {
    path.to_lowercase()
}

/// A path that may be shown, whatever stands in it.
pub fn shown(path: &str) -> String {
    let shown = path.chars().map(|char| if is_invisible(char) { '\u{fffd}' } else { char });
    shown.take(LONGEST).collect()
}

fn fault(path: &str) -> Option<&'static str> {
    // A page of the web is called by its address.
    let address = ["https://", "http://"].iter().find_map(|scheme| path.strip_prefix(scheme));
    let mut names = address.unwrap_or(path).split('/');
    let has_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.is_empty() {
        Some("is empty")
    } else if path.len() > LONGEST {
        Some("is longer than 1024 bytes")
    } else if path.chars().any(is_invisible) {
        Some("has characters that can't be seen")
    } else if path.starts_with('/') || has_drive {
        Some("does not begin in the folder it belongs to")
    } else if names.clone().any(|name| name == "..") {
        Some("leads out of the folder it belongs to")
    } else if names.any(|name| name.is_empty() || name == ".") {
        Some("has a part without a name")
    } else {
        None
    }
}

/// Control characters, and those that turn the direction of what is shown and so disguise an ending.
fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_within_a_folder_is_kept() {
        assert_eq!(checked("docs/a b.md").unwrap(), "docs/a b.md");
        assert_eq!(checked("./docs/ä..md").unwrap(), "docs/ä..md");
        assert_eq!(checked(r"docs\a.md").unwrap(), "docs/a.md");
        let address = "https://example.org/setup#first-steps";
        assert_eq!(checked(address).unwrap(), address);
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused_with_the_reason() {
        for (path, reason) in [
            ("", "is empty"),
            ("../a", "leads out"),
            (r"a\..\..\b", "leads out"),
            ("/etc/passwd", "does not begin"),
            (r"\\server\share", "does not begin"),
            ("C:/a", "does not begin"),
            ("c:a", "does not begin"),
            ("a\0.md", "can't be seen"),
            ("a\u{202e}dm.exe", "can't be seen"),
            ("a//b", "without a name"),
            ("https:///a", "without a name"),
            ("https://example.org/../a", "leads out"),
            ("a/./b", "without a name"),
            (&"a".repeat(1_025), "longer"),
        ] {
            let refusal = checked(path).unwrap_err().to_string();
            assert!(refusal.contains(reason), "{path}: {refusal}");
        }
    }
}
