//! The way out: the only client that goes to an address which somebody named in a request, and what every client of ours
//! begins with.
//!
//! Whoever names an address may want us to fetch what only we can reach: a metadata service, a neighbour, ourselves.
//! So an [`Address`] has one spelling, its host must be public or allowed, and what its name leads to is judged where the
//! connection is made: the answer that is judged is the one that is connected to. Each redirect begins anew.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use outbound::{Address, FetchError, Limits, Outbound, Settings};
//!
//! let outbound = Outbound::new(Settings::default())?;
//! let address = Address::parse("http://169.254.169.254/latest/meta-data")?;
//! let refused = outbound.fetch(&address, &Limits::PAGE).await.err();
//! assert!(matches!(refused, Some(FetchError::Refused(_))));
//! # Ok(()) }
//! ```

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, LOCATION};
use reqwest::{Client, Response};
use tokio::time::Instant;

mod address;
mod base;
mod client;
mod failure;
mod fetched;
mod policy;
mod ranges;

pub use address::Address;
pub use base::{BaseUrlError, base_url, below};
pub use client::client_builder;
pub use failure::FetchError;
pub use fetched::Fetched;
pub use policy::{Place, PlaceError, Settings};
pub use reqwest::Error as ClientError;
pub use reqwest::dns::Resolve;

use client::{Guard, SystemNames};
use fetched::Deadline;
use policy::Policy;

const MAX_REDIRECTS: usize = 5;

/// Names and values of an answer's headers.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// How much a fetch may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of the body, unpacked.
    pub bytes: u64,
    /// From the first name that is looked up to the last byte.
    pub total: Duration,
    /// For one answer to begin, and between two pieces of it.
    pub idle: Duration,
}

impl Limits {
    /// For a web page: 10 MiB in 10 seconds.
    pub const PAGE: Self =
        Self { bytes: 10 << 20, total: Duration::from_secs(10), idle: Duration::from_secs(10) };

    /// For the archive of a repository: 200 MiB in 5 minutes.
    pub const ARCHIVE: Self =
        Self { bytes: 200 << 20, total: Duration::from_secs(300), idle: Duration::from_secs(30) };
}

/// The client for addresses that others name. It sends no credentials, keeps no cookies and takes no proxy from the
/// environment, since a proxy would look names up where nobody judges the answer.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    policy: Arc<Policy>,
}

impl Outbound {
    /// Looks names up as the system does.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        Self::with_names(settings, Arc::new(SystemNames))
    }

    /// Looks names up in `names`; its answers are judged all the same.
    pub fn with_names(settings: Settings, names: Arc<dyn Resolve>) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(Policy::new(settings));
        // Nothing is kept open: the next fetch of the same host looks its name up again.
        let client =
            client::begin(Guard::new(Arc::clone(&policy), names)).pool_max_idle_per_host(0).build()?;
        Ok(Self { client, policy })
    }

    /// Gets what is at `address`, over at most five redirects, and returns when its body begins.
    pub async fn fetch(&self, address: &Address, limits: &Limits) -> Result<Fetched, FetchError> {
        let deadline = Deadline { at: Instant::now() + limits.total, idle: limits.idle };
        let mut address = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = deadline.wait(self.get(&address)).await??;
            let Some(location) = location(&response)? else {
                return Fetched::new(address, response, limits.bytes, deadline);
            };
            address = address.redirect(location)?;
        }
        Err(FetchError::Redirect)
    }

    async fn get(&self, address: &Address) -> Result<Response, FetchError> {
        self.policy.admit(address)?;
        let request =
            self.client.get(address.as_url().clone()).header(ACCEPT, "*/*").header(ACCEPT_ENCODING, "gzip");
        let response = request.send().await.map_err(FetchError::before_answer)?;
        if header_bytes(response.headers()) > MAX_HEADER_BYTES {
            return Err(FetchError::Headers);
        }
        Ok(response)
    }
}

/// Where a redirect leads; none if the answer is what was asked for.
fn location(response: &Response) -> Result<Option<&str>, FetchError> {
    match response.status().as_u16() {
        200..=299 => Ok(None),
        301 | 302 | 303 | 307 | 308 => {
            let location = response.headers().get(LOCATION).ok_or(FetchError::Redirect)?;
            str::from_utf8(location.as_bytes()).map(Some).map_err(|_| FetchError::Redirect)
        }
        status => Err(FetchError::Status(status)),
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}
