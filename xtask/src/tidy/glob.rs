//! Patterns of paths: `*` is part of a name, `**/` any folders or none, a `**` at the end all that lies below.

/// Whether the whole path fits the pattern.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    fits_bytes(pattern.as_bytes(), path.as_bytes())
}

fn fits_bytes(pattern: &[u8], path: &[u8]) -> bool {
    match (pattern, path) {
        (b"**", _) | ([], []) => true,
        ([b'*', b'*', b'/', rest @ ..], _) => {
            let below = path.iter().position(|byte| *byte == b'/').map(|slash| &path[slash + 1..]);
            fits_bytes(rest, path) || below.is_some_and(|below| fits_bytes(pattern, below))
        }
        ([b'*', rest @ ..], [byte, below @ ..]) if *byte != b'/' => {
            fits_bytes(rest, path) || fits_bytes(pattern, below)
        }
        ([b'*', rest @ ..], _) => fits_bytes(rest, path),
        ([expected, rest @ ..], [byte, below @ ..]) => expected == byte && fits_bytes(rest, below),
        ([], _) | (_, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stays_within_a_name() {
        assert!(fits("src/config*.rs", "src/config.rs"));
        assert!(fits("src/config*.rs", "src/config_file.rs"));
        assert!(fits("src/*/wire.rs", "src/openai/wire.rs"));
        assert!(!fits("src/*/wire.rs", "src/wire.rs"));
        assert!(!fits("src/*/wire.rs", "src/a/b/wire.rs"));
    }

    #[test]
    fn two_stars_cross_folders() {
        assert!(fits("src/**/wire.rs", "src/wire.rs"));
        assert!(fits("src/**/wire.rs", "src/a/b/wire.rs"));
        assert!(!fits("src/**/wire.rs", "src/a/rewire.rs"));
        assert!(fits("**/tests/**", "crates/chat/tests/it/main.rs"));
        assert!(fits("**", "README.md"));
        assert!(!fits("crates/server/**", "crates/serverless/src/lib.rs"));
    }
}
