//! The way out, over real connections to a scripted server and with names that the tests invent.

use std::sync::Arc;
use std::time::Duration;

use outbound::{Address, FetchError, Limits, Outbound, Settings};
use testkit::names::Names;
use testkit::upstream::{Reply, Upstream};

mod configured;
mod limits;
mod redirects;
mod refused;

/// A server that is reached as `docs.example`, and the way out to it.
struct Site {
    upstream: Upstream,
    names: Arc<Names>,
    outbound: Outbound,
}

impl Site {
    /// Allows `docs.example` by name.
    async fn start() -> Self {
        let site = Self::with(settings(&["docs.example"])).await;
        site.names.lead("docs.example", &[site.upstream.address()]);
        site
    }

    /// Allows what the settings do; no name leads anywhere.
    async fn with(settings: Settings) -> Self {
        let names = Arc::new(Names::default());
        let outbound = outbound(settings, &names);
        Self { upstream: Upstream::start().await, names, outbound }
    }

    /// The same under other settings.
    fn under(self, settings: Settings) -> Self {
        Self { outbound: outbound(settings, &self.names), ..self }
    }

    async fn fetch(&self, address: &str) -> Result<String, FetchError> {
        self.fetch_within(address, Limits::PAGE).await
    }

    async fn fetch_within(&self, address: &str, limits: Limits) -> Result<String, FetchError> {
        let fetched = self.outbound.fetch(&Address::parse(address)?, &limits).await?;
        let body = fetched.into_bytes().await?;
        Ok(String::from_utf8(body).expect("the tests send text"))
    }

    /// The paths of all requests that came.
    fn paths(&self) -> Vec<String> {
        self.upstream.requests().into_iter().map(|request| request.path).collect()
    }
}

fn outbound(settings: Settings, names: &Arc<Names>) -> Outbound {
    Outbound::with_names(settings, names.clone()).expect("a client")
}

fn settings(allowed: &[&str]) -> Settings {
    let allowed = allowed.iter().map(|place| place.parse().expect("a place")).collect();
    Settings { allowed, ..Settings::default() }
}

fn page(text: &str) -> Reply {
    Reply::status(200).header("content-type", "text/html; charset=utf-8").body(text.to_owned())
}

fn moved(location: &str) -> Reply {
    Reply::status(302).header("location", location)
}

/// Limits that nothing in these tests reaches unless it is meant to.
fn patient() -> Limits {
    Limits { bytes: 1 << 30, total: Duration::from_secs(60), idle: Duration::from_secs(60) }
}
