//! The address of an API as the configuration names it.

use reqwest::Url;

/// An address of the configuration that can't be one of an API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no http or https address with a host and without user, query or fragment")]
pub struct BaseUrlError(String);

/// Reads the address of an API.
///
/// ```
/// assert!(outbound::base_url("http://localhost:11434/v1").is_ok());
/// let refused = outbound::base_url("http://user:hush@localhost/v1?key=hush").unwrap_err();
/// assert!(!refused.to_string().contains("hush"));
/// ```
pub fn base_url(text: &str) -> Result<Url, BaseUrlError> {
    let url = Url::parse(text).ok().filter(is_plain);
    url.ok_or_else(|| BaseUrlError(redacted(text)))
}

/// The address of what lies at `path`, which begins with `/`, below an API's own.
pub fn below(mut base: Url, path: &str) -> Url {
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

fn is_plain(url: &Url) -> bool {
    ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// The address as an error may show it: without what could be a secret.
fn redacted(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, place)) => format!("…@{place}"),
        None => text.to_owned(),
    }
}
