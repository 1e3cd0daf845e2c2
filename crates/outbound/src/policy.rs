//! Where we may go: the public internet on the usual ports, and what the configuration allows besides.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use reqwest::Url;

use crate::address::{self, Address};
use crate::ranges;

/// What configuration says about the way out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether public addresses are reached at all.
    pub public: bool,
    /// The ports of all places that name none.
    pub ports: Vec<u16>,
    /// What is reached although it is not public.
    pub allowed: Vec<Place>,
    /// What is not reached although it is public or within an allowed network, such as public addresses of our own
    /// machines; an allowed host is reached nevertheless.
    pub refused: Vec<IpNet>,
}

impl Default for Settings {
    /// Public addresses on the ports of http and https.
    fn default() -> Self {
        Self { public: true, ports: vec![80, 443], allowed: Vec::new(), refused: Vec::new() }
    }
}

/// A place that is allowed.
///
/// ```
/// use outbound::Place;
///
/// for text in ["wiki.corp", "wiki.corp:8080", "10.1.2.3:8080", "10.1.0.0/16", "fd00:1::/32"] {
///     assert!(text.parse::<Place>().is_ok());
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A host that addresses name, wherever its name leads.
    Host {
        /// As a URL has it: lower case, an IPv6 number in brackets.
        host: String,
        /// Then this is the only one; otherwise the usual ones are.
        port: Option<u16>,
    },
    /// Whatever leads into a network, on the usual ports.
    Network(IpNet),
}

/// Why a text is no place.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no host, host:port or network such as 10.1.0.0/16")]
pub struct PlaceError(String);

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let place = if text.contains('/') { text.parse().map(Self::Network).ok() } else { host(text) };
        place.ok_or_else(|| PlaceError(text.to_owned()))
    }
}

/// A host, with a port or without; patterns are none.
fn host(text: &str) -> Option<Place> {
    let address = Address::parse(&format!("http://{text}")).ok()?;
    let host = address.as_url().host_str()?.to_owned();
    let port = text.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    (!text.contains(['?', '#', '*'])).then_some(Place::Host { host, port })
}

/// Why we don't go somewhere. For the log, not for whoever named the address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("port {0} is not allowed")]
    Port(u16),
    #[error("{0} is no public name")]
    Name(String),
    #[error("{0} is no public address")]
    Address(IpAddr),
    #[error("{0} has no address")]
    Nowhere(String),
}

/// The judge over hosts, names and numbers.
#[derive(Debug)]
pub(crate) struct Policy(Settings);

impl Policy {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(settings)
    }

    /// Allows nothing but the host of `url`.
    pub(crate) fn only(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        let allowed = vec![Place::Host { host, port: None }];
        Self(Settings { public: false, allowed, ..Settings::default() })
    }

    /// Whether `address` may be asked for. A name is judged when it is looked up, and what it leads to then.
    pub(crate) fn admit(&self, address: &Address) -> Result<(), Refusal> {
        let url = address.as_url();
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let is_usual = self.0.ports.contains(&port);
        let is_allowed_host = self.is_allowed_host(host);
        let is_own = self.ports_of(host).any(|own| own.map_or(is_usual, |own| own == port));
        let is_port_allowed = if is_allowed_host { is_own } else { is_usual };
        match address::number(host) {
            _ if !is_port_allowed => Err(Refusal::Port(port)),
            _ if is_allowed_host => Ok(()),
            Some(number) => self.admit_number(number),
            None => Ok(()),
        }
    }

    /// Whether `name` may be looked up.
    pub(crate) fn admit_name(&self, name: &str) -> Result<(), Refusal> {
        let may_lead_somewhere = self.0.public && ranges::is_public_name(name)
            || self.is_allowed_host(name)
            || self.0.allowed.iter().any(|place| matches!(place, Place::Network(_)));
        if may_lead_somewhere { Ok(()) } else { Err(Refusal::Name(name.to_owned())) }
    }

    /// Whether `host`, which leads to these addresses, may be reached at them. One that is not allowed spoils all.
    pub(crate) fn admit_answer(&self, host: &str, addresses: &[SocketAddr]) -> Result<(), Refusal> {
        if addresses.is_empty() {
            return Err(Refusal::Nowhere(host.to_owned()));
        }
        if self.is_allowed_host(host) {
            return Ok(());
        }
        addresses.iter().try_for_each(|address| self.admit_number(address.ip()))
    }

    fn admit_number(&self, number: IpAddr) -> Result<(), Refusal> {
        let meant = ranges::meant(number);
        let is_allowed = |place: &Place| matches!(place, Place::Network(network) if network.contains(&meant));
        let is_refused =
            self.0.refused.iter().any(|network| network.contains(&number) || network.contains(&meant));
        let is_within = self.0.public && ranges::is_public(meant) || self.0.allowed.iter().any(is_allowed);
        if is_within && !is_refused { Ok(()) } else { Err(Refusal::Address(number)) }
    }

    fn is_allowed_host(&self, host: &str) -> bool {
        self.ports_of(host).next().is_some()
    }

    /// The ports under which `host` is allowed by name.
    fn ports_of(&self, host: &str) -> impl Iterator<Item = Option<u16>> {
        self.0.allowed.iter().filter_map(move |place| match place {
            Place::Host { host: allowed, port } if allowed == host => Some(*port),
            Place::Host { .. } | Place::Network(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_address_allows_its_own_name_alone() {
        let policy = Policy::only(&"https://models.example:8443/v1".parse().unwrap());
        assert!(policy.admit_name("models.example").is_ok());
        for name in ["docs.example", "example", "localhost"] {
            assert!(policy.admit_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_place_is_a_host_or_a_network() {
        let host = |host: &str, port| Some(Place::Host { host: host.to_owned(), port });
        let network = |text: &str| text.parse().map(Place::Network).ok();
        for (text, place) in [
            ("wiki.corp", host("wiki.corp", None)),
            ("Wiki.Corp:80", host("wiki.corp", Some(80))),
            ("bücher.example", host("xn--bcher-kva.example", None)),
            ("10.1.2.3", host("10.1.2.3", None)),
            ("10.1.2.3:8080", host("10.1.2.3", Some(8080))),
            ("[fd00::1]", host("[fd00::1]", None)),
            ("[fd00::1]:8080", host("[fd00::1]", Some(8080))),
            ("10.1.0.0/16", network("10.1.0.0/16")),
            ("fd00::/8", network("fd00::/8")),
            ("", None),
            ("fd00::1", None),
            ("10.1.0.0/33", None),
            ("wiki.corp/path", None),
            ("wiki.corp?query", None),
            ("wiki.corp#fragment", None),
            ("http://wiki.corp", None),
            ("ada@wiki.corp", None),
            ("wiki.corp:port", None),
            ("*.corp", None),
            ("0x7f.1", None),
        ] {
            assert_eq!(text.parse().ok(), place, "{text}");
        }
    }
}
