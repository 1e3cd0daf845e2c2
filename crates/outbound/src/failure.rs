//! Why nothing was fetched, in sentences that may be shown to whoever named the address.

use std::error::Error;
use std::io;

use crate::policy::Refusal;

/// Why a fetch failed. What is shown tells nothing of the networks that we are in: an address that is not public, a name
/// that leads to one and a name that leads nowhere are the same. The source, which tells them apart, is for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is none, or spelled in a way that hides where it leads.
    #[error(
        "the address must begin with http:// or https:// and name a host in its ordinary spelling, without a user or password"
    )]
    Spelling,
    /// It is not public, not allowed, or not there.
    #[error(
        "no public server is found at this address on an allowed port; an administrator can allow others in the configuration"
    )]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// No connection, or one that broke before the answer.
    #[error("the server at this address can't be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// More than five redirects, one from https to http, or one to what is no address.
    #[error(
        "the address redirects too often, or to where it can't be followed; name the address that it ends at"
    )]
    Redirect,
    /// No success.
    #[error("the server at this address answers with status {0}")]
    Status(u16),
    /// The time was over.
    #[error("the server at this address took too long")]
    Slow,
    /// The body goes on beyond the limit.
    #[error("what is at this address is larger than {0} bytes")]
    TooLarge(u64),
    /// The body unpacks to far more than was sent.
    #[error("what is at this address is packed too tightly; name an address where it is not compressed")]
    TooTight,
    /// More headers than anybody needs.
    #[error("the server at this address sends too many headers")]
    Headers,
    /// The body is packed in a way that was not asked for.
    #[error("what is at this address is compressed in an unknown way")]
    Encoding,
    /// The connection broke amid the body, or the body can't be unpacked.
    #[error("what is at this address breaks off, or is damaged")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// What was fetched could not be kept.
    #[error("what was fetched could not be stored")]
    Sink(#[source] io::Error),
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl FetchError {
    pub(crate) fn before_answer(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let is_nowhere = error.is_dns();
        let source = Box::new(error);
        if is_nowhere { Self::Refused(source) } else { Self::Unreachable(source) }
    }
}
