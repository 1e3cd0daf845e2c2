//! Tables of the routes that a dialect's vendor has and this server has not, looked up behind every path that no handler
//! takes.

use http::Method;

/// What is known of a path that no handler takes.
pub(crate) enum Known {
    NotBuilt,
    OtherMethod,
    Nothing,
}

/// Looks a path up in a table of methods and patterns: in a pattern `{…}` stands for a segment and `{*…}` for all that
/// follow.
pub(crate) fn look_up(table: &[(&str, &str)], method: &Method, path: &str) -> Known {
    let mut here = table.iter().filter(|(_, pattern)| fits(pattern, path)).peekable();
    if here.peek().is_none() {
        return Known::Nothing;
    }
    let is_named = here.any(|(methods, _)| methods.split(' ').any(|name| name == method.as_str()));
    if is_named { Known::NotBuilt } else { Known::OtherMethod }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if pattern.starts_with("{*") => return !segment.is_empty(),
            (Some(pattern), Some(segment)) if segment_fits(pattern, segment) => {}
            _ => return false,
        }
    }
}

/// `{name}` stands for any text, also before a fixed end.
fn segment_fits(pattern: &str, segment: &str) -> bool {
    match pattern.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, end)) => segment.strip_suffix(end).is_some_and(|text| !text.is_empty()),
        None => pattern == segment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_paths() {
        for (pattern, path, expected) in [
            ("/v1/files", "/v1/files", true),
            ("/v1/files", "/v1/files/x", false),
            ("/v1/files/{url}", "/v1/files/x", true),
            ("/v1/files/{url}", "/v1/files", false),
            ("/v1/files/{url}", "/v1/files/", false),
            ("/models/{model}:countTokens", "/models/gemini:countTokens", true),
            ("/models/{model}:countTokens", "/models/gemini", false),
            ("/v1/skills/{*path}", "/v1/skills/a/b/c", true),
            ("/v1/skills/{*path}", "/v1/skills", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }
}
