//! An address as it may be asked for: http or https, spelled in the one way that every parser reads alike.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::FetchError;

/// What is longer is no address that anybody meant.
const MAX_LENGTH: usize = 4096;

/// The address of a page or file. It says nothing yet about whether we may go there.
///
/// ```
/// use outbound::Address;
///
/// assert!(Address::parse("https://docs.example/guide?page=2").is_ok());
/// assert!(Address::parse("http://2130706433/").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address(Url);

impl Address {
    /// Reads an address, and refuses what parsers are known to disagree on: numbers in other forms than four decimal
    /// ones, escapes and backslashes in the host, a dot at its end, and a user before it.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let authority = authority(text).ok_or(FetchError::Spelling)?;
        let url = Url::parse(text).map_err(|_| FetchError::Spelling)?;
        let is_ordinary = text.len() <= MAX_LENGTH && !text.contains(char::is_control);
        if is_ordinary && is_host_ordinary(authority, &url) {
            Ok(Self(url))
        } else {
            Err(FetchError::Spelling)
        }
    }

    /// The same as a URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Where `location`, which answered a request for this address, leads.
    pub(crate) fn redirect(&self, location: &str) -> Result<Self, FetchError> {
        let next = self.relative(location).map_err(|_| FetchError::Redirect)?;
        let is_downgrade = self.0.scheme() == "https" && next.0.scheme() != "https";
        if is_downgrade { Err(FetchError::Redirect) } else { Ok(next) }
    }

    fn relative(&self, location: &str) -> Result<Self, FetchError> {
        if Url::parse(location).is_ok() {
            return Self::parse(location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{}:{location}", self.0.scheme()));
        }
        let next = self.0.join(location).map_err(|_| FetchError::Spelling)?;
        // Whatever else a parser takes for a host, such as one after backslashes, is none of ours.
        let is_here = next.origin() == self.0.origin();
        if is_here { Self::parse(next.as_str()) } else { Err(FetchError::Spelling) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The host as a number, if it is one.
pub(crate) fn number(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// What stands between `//` and the path, as it was written.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if is_http { rest.split(['/', '?', '#']).next() } else { None }
}

fn is_host_ordinary(authority: &str, url: &Url) -> bool {
    let written = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let is_plain = !authority.contains(['@', '%', '\\']);
    let host = url.host_str().unwrap_or_default();
    // A name in another script is written anew by the parser; it must not have been a number in disguise.
    let is_translated = !written.is_ascii() && number(host).is_none();
    let is_as_written = host.starts_with('[') || host.eq_ignore_ascii_case(written) || is_translated;
    is_plain && is_as_written && !host.is_empty() && !host.ends_with('.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_addresses_are_read() {
        for text in [
            "http://docs.example",
            "HTTPS://Docs.Example:8443/a b?q=http://other.example/#top",
            "http://8.8.8.8/",
            "http://8.8.8.8:80/",
            "https://[2606:4700::1111]/",
            "https://[2606:4700::1111]:443/",
            "http://bücher.example/",
        ] {
            assert!(Address::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn odd_spellings_are_refused() {
        for text in [
            "",
            "docs.example",
            "//docs.example/",
            "ftp://docs.example/",
            "file:///etc/passwd",
            "gopher://docs.example/",
            "data:text/plain,hello",
            "javascript:alert(1)",
            "http:docs.example",
            "http:/docs.example",
            "http:///docs.example",
            "http://",
            "http://?q",
            " http://docs.example/",
            "http://docs.example/\n",
            "ht\ntp://docs.example/",
            "http://do\tcs.example/",
            "http://docs.example./",
            "http://127.0.0.1./",
            "http://ada@docs.example/",
            "http://docs.example /",
            "http://docs\u{3000}.example/",
            "http://docs.example: 80/",
            "http://ada:hush@docs.example/",
            "http://@docs.example/",
            "http://docs.example\\@10.0.0.1/",
            "http:\\\\docs.example/",
            "http://docs.example\\.other.example/",
            "http://%6cocalhost/",
            "http://127%2e0.0.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://127.0.0.01/",
            "http://134744072/",
            "http://8.8.2056/",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "http://①②⑦.0.0.1/",
            "http://256.0.0.1/",
            "http://1.2.3.4.5/",
            "http://[fe80::1%25eth0]/",
            "http://[::1/",
            "http://docs.example:99999/",
            "http://docs.example:80:80/",
        ] {
            assert!(matches!(Address::parse(text), Err(FetchError::Spelling)), "{text:?}");
        }
        let long = format!("http://docs.example/{}", "a".repeat(MAX_LENGTH));
        assert!(Address::parse(&long).is_err());
    }

    #[test]
    fn a_redirect_leads_on_from_where_it_was_met() {
        let leads = |from: &str, location: &str| {
            Address::parse(from).unwrap().redirect(location).map(|next| next.to_string()).ok()
        };
        for (from, location, to) in [
            ("http://a.example/x/y", "z?q=1", Some("http://a.example/x/z?q=1")),
            ("http://a.example/x/y", "/z", Some("http://a.example/z")),
            ("http://a.example:80/x", "?page=2", Some("http://a.example/x?page=2")),
            ("http://a.example/", "//b.example/z", Some("http://b.example/z")),
            ("http://a.example/", "https://b.example/z", Some("https://b.example/z")),
            ("https://a.example/", "//b.example/z", Some("https://b.example/z")),
            ("https://a.example/", "http://a.example/", None),
            ("http://a.example/", "//ada@b.example/", None),
            ("http://a.example/", "//2130706433/", None),
            ("http://a.example/", "http://0x7f.1/", None),
            ("http://a.example/", "http:b.example", None),
            ("http://a.example/", "\\\\b.example/", None),
            ("http://a.example/", "/\\b.example/", None),
            ("http://a.example/", "///b.example/", None),
            ("http://a.example/", "file:///etc/passwd", None),
            ("http://a.example/", "data:,hello", None),
        ] {
            assert_eq!(leads(from, location).as_deref(), to, "{from} to {location}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_of_the_connection_reads_the_same_host(text in "(http|https|HTTP|ftp)://?[a-zß１0-9.:@%\\\\/?#\\[\\]。 x_-]{0,24}") {
            if let Ok(address) = Address::parse(&text) {
                let uri: http::Uri = address.to_string().parse().unwrap();
                prop_assert_eq!(uri.host(), address.as_url().host_str());
                prop_assert_eq!(uri.port_u16(), address.as_url().port());
                prop_assert_eq!(Address::parse(&address.to_string()).ok(), Some(address));
            }
        }

        #[test]
        fn a_redirect_without_a_host_stays_where_it_is(location in "[a-z0-9.:@%\\\\/?#。 \\t]{0,12}") {
            let from = Address::parse("http://docs.example/guide/").unwrap();
            if !location.starts_with("//") && let Ok(next) = from.redirect(&location) {
                let has_host = location.contains("://");
                prop_assert!(has_host || next.as_url().origin() == from.as_url().origin());
            }
        }
    }
}
