//! By which names the server is reached, and which of them an answer may tell: only those that the configuration, a trusted
//! proxy or the socket vouches for, since everything else in a request is its sender's invention.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::header::{FORWARDED, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::admin;
use crate::app::App;
use crate::auth::is_loopback_name;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where the server is reached.
pub(crate) struct Hosts {
    /// As it is configured: scheme, host and port.
    pub(crate) public_url: Option<String>,
    /// The addresses that are listened on, with the ports that port 0 became.
    pub(crate) listening: Vec<SocketAddr>,
    pub(crate) allowed: Vec<String>,
    /// Who may say what its clients asked for.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

/// Where the other end of a request's connection is.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Scheme, host and port by which this request's client reaches the server, without a slash at the end.
pub(crate) struct PublicAddress(pub(crate) String);

impl FromRequestParts<App> for PublicAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().copied();
        Ok(Self(app.hosts.public_address(peer, &parts.headers)))
    }
}

impl Hosts {
    /// Whether a request may be addressed to this `Host`.
    pub(crate) fn is_ours(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let allowed = |name: &str| self.allowed.iter().any(|host| host.eq_ignore_ascii_case(name));
        is_loopback_name(name) || self.is_listened_on(name) || allowed(name) || allowed(host)
    }

    fn is_listened_on(&self, name: &str) -> bool {
        let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        ip.is_ok_and(|ip| {
            self.listening.iter().any(|address| address.ip() == ip || address.ip().is_unspecified())
        })
    }

    fn public_address(&self, peer: Option<Peer>, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let forwarded = if self.trusts(peer) { Forwarded::read(headers) } else { Forwarded::default() };
        let own = || first(headers, &HOST).filter(|host| self.is_ours(host)).and_then(authority);
        match forwarded.host.or_else(own) {
            Some(host) => format!("{}://{host}", forwarded.scheme.unwrap_or("http")),
            None => self.listening.first().copied().map(admin::reachable).unwrap_or_default(),
        }
    }

    fn trusts(&self, peer: Option<Peer>) -> bool {
        // A socket for both families shows IPv4 in the clothes of IPv6.
        peer.is_some_and(|Peer(ip)| {
            self.trusted_proxies.iter().any(|proxies| proxies.contains(&ip.to_canonical()))
        })
    }
}

/// What a proxy says of the request that it was sent.
#[derive(Default)]
struct Forwarded {
    scheme: Option<&'static str>,
    host: Option<Authority>,
}

impl Forwarded {
    /// The headers that most proxies write, or the one of RFC 7239; of each the first element, which is the outermost proxy's.
    fn read(headers: &HeaderMap) -> Self {
        let element = |name| first(headers, name).map(|value| split(value, ',').next().unwrap_or_default());
        if headers.contains_key(X_FORWARDED_HOST) || headers.contains_key(X_FORWARDED_PROTO) {
            return Self {
                scheme: element(&X_FORWARDED_PROTO).and_then(scheme),
                host: element(&X_FORWARDED_HOST).and_then(authority),
            };
        }
        let mut forwarded = Self::default();
        for (name, value) in element(&FORWARDED)
            .into_iter()
            .flat_map(|pairs| split(pairs, ';'))
            .filter_map(|pair| pair.split_once('='))
        {
            let value = unquoted(value.trim());
            if name.trim().eq_ignore_ascii_case("host") {
                forwarded.host = authority(&value);
            } else if name.trim().eq_ignore_ascii_case("proto") {
                forwarded.scheme = scheme(&value);
            }
        }
        forwarded
    }
}

fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| scheme.eq_ignore_ascii_case(text.trim()))
}

/// Host and port, and nothing else that a URL would make something of.
fn authority(text: &str) -> Option<Authority> {
    let authority = text.trim().parse::<Authority>().ok()?;
    (!authority.host().is_empty() && !authority.as_str().contains('@')).then_some(authority)
}

/// The parts of a header's value between separators, which count for nothing inside quotes.
fn split(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |character| {
        quoted ^= character == '"' && !escaped;
        escaped = quoted && !escaped && character == '\\';
        character == separator && !quoted
    })
}

/// A token as it is, or what a quoted string says (RFC 9110 section 5.6.4).
fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.1.2.3";
    const STRANGER: &str = "192.0.2.7";
    const LISTENING: &str = "http://127.0.0.1:8080";

    fn hosts(public_url: Option<&str>) -> Hosts {
        Hosts {
            public_url: public_url.map(ToOwned::to_owned),
            listening: vec!["0.0.0.0:8080".parse().expect("an address")],
            allowed: vec!["chat.example".to_owned()],
            trusted_proxies: ["10.0.0.0/8", "fd00::7/128"]
                .map(|net| net.parse().expect("a network"))
                .to_vec(),
        }
    }

    fn address(hosts: &Hosts, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        hosts.public_address(Some(Peer(peer.parse().expect("an address"))), &headers)
    }

    #[test]
    fn the_configured_address_is_stronger_than_all_that_a_request_says() {
        let hosts = hosts(Some("https://public.example/"));
        for peer in [PROXY, STRANGER] {
            let told = address(&hosts, peer, &["Host: chat.example", "X-Forwarded-Host: proxied.example"]);
            assert_eq!(told, "https://public.example");
        }
    }

    #[test]
    fn a_host_of_ours_is_told_and_no_other() {
        let hosts = hosts(None);
        for (host, expected) in [
            ("localhost", "http://localhost"),
            ("127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("[::1]:4000", "http://[::1]:4000"),
            ("192.0.2.1:8080", "http://192.0.2.1:8080"),
            ("Chat.Example:443", "http://Chat.Example:443"),
            ("evil.example", LISTENING),
            ("chat.example.evil.example", LISTENING),
            ("[[::1]]:80", LISTENING),
            ("me@localhost", LISTENING),
            ("", LISTENING),
        ] {
            assert_eq!(address(&hosts, STRANGER, &[&format!("Host: {host}")]), expected, "{host}");
        }
        assert_eq!(address(&hosts, STRANGER, &[]), LISTENING);
    }

    #[test]
    fn a_trusted_proxy_tells_what_its_client_asked_for() {
        let hosts = hosts(None);
        let host = "Host: localhost:8080";
        for (lines, expected) in [
            (&["X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"][..], "https://a.example"),
            (&["X-Forwarded-Host: a.example:8443"], "http://a.example:8443"),
            (&["X-Forwarded-Proto: HTTPS"], "https://localhost:8080"),
            (&["X-Forwarded-Proto: https, http", "X-Forwarded-Host: a.example , b"], "https://a.example"),
            (&["X-Forwarded-Host: a.example", "X-Forwarded-Host: b.example"], "http://a.example"),
            (&["X-Forwarded-Proto: gopher", "X-Forwarded-Host: a.example"], "http://a.example"),
            (&["X-Forwarded-Host: not a host"], "http://localhost:8080"),
            (&["X-Forwarded-Host: me@a.example"], "http://localhost:8080"),
            (&["Forwarded: for=192.0.2.60;proto=https;host=a.example, host=b.example"], "https://a.example"),
            (&["Forwarded: Host=\"a.example:8443\"; Proto=\"https\""], "https://a.example:8443"),
            (&["Forwarded: for=\"a,b;host=c\\\"\";host=\"[2001:db8::1]:8443\""], "http://[2001:db8::1]:8443"),
            (&["Forwarded: proto=https"], "https://localhost:8080"),
            (&["Forwarded: host=\"a.example"], "http://localhost:8080"),
            (&["Forwarded: ;;=;host"], "http://localhost:8080"),
            (&["X-Forwarded-Proto: https", "Forwarded: host=b.example"], "https://localhost:8080"),
        ] {
            for proxy in [PROXY, "::ffff:10.9.9.9", "fd00::7"] {
                let told = address(&hosts, proxy, &[&[host], lines].concat());
                assert_eq!(told, expected, "{lines:?} from {proxy}");
            }
            for stranger in [STRANGER, "127.0.0.1", "::ffff:192.0.2.7", "fd00::8"] {
                let told = address(&hosts, stranger, &[&[host], lines].concat());
                assert_eq!(told, "http://localhost:8080", "{lines:?} from {stranger}");
            }
        }
    }
}
