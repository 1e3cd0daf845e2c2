//! What all our clients begin with, and the guard between a name and the connection to where it leads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Url, redirect};

use crate::policy::Policy;

/// For a name to be looked up and a connection to be made, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The beginning of a client for an address of the configuration, wherever that is: no name but its host is ever looked
/// up, no redirect is followed (a key is for one address), and no proxy is taken from the environment.
///
/// ```
/// let provider = "http://localhost:11434/v1".parse().unwrap();
/// let client = outbound::client_builder(&provider).build().unwrap();
/// ```
pub fn client_builder(place: &Url) -> ClientBuilder {
    begin(Guard::new(Arc::new(Policy::only(place)), Arc::new(SystemNames)))
}

/// What [`client_builder`] says, for whatever the guard allows.
pub(crate) fn begin(guard: Guard) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("latimer/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .dns_resolver(guard)
}

/// Looks names up and judges the answer. It gives the connector the very addresses that it judged, so a name that leads
/// elsewhere a moment later changes nothing. A number in an address never comes here; [`Policy::admit`] judges it.
pub(crate) struct Guard {
    policy: Arc<Policy>,
    names: Arc<dyn Resolve>,
}

impl Guard {
    pub(crate) fn new(policy: Arc<Policy>, names: Arc<dyn Resolve>) -> Self {
        Self { policy, names }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, names) = (Arc::clone(&self.policy), Arc::clone(&self.names));
        Box::pin(async move {
            let host = name.as_str().to_owned();
            policy.admit_name(&host)?;
            let addresses: Vec<SocketAddr> = names.resolve(name).await?.collect();
            policy.admit_answer(&host, &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Names as the system looks them up.
pub(crate) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
