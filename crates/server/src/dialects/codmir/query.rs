//! The parameters of a query, each of which may be given once.

use axum::extract::Query as Pairs;
use http::Uri;

use super::CodmirError;

/// The parameters of a request; unknown ones are ignored.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, CodmirError> {
        let unreadable = || CodmirError::field("query", "the query is not readable");
        // Only the query matters to the extractor; it needs some address around it.
        let uri: Uri = format!("/?{}", query.unwrap_or_default()).parse().map_err(|_| unreadable())?;
        let Pairs(pairs) = Pairs::try_from_uri(&uri).map_err(|_| unreadable())?;
        Ok(Self(pairs))
    }

    /// The parameter's value, if it is there.
    pub(crate) fn once(&self, name: &str) -> Result<Option<&str>, CodmirError> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(CodmirError::field(name, format!("{name} must be given once"))),
        }
    }
}
