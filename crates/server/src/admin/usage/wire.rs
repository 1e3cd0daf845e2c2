//! The JSON of usage.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What has a row each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    Day,
    Model,
    User,
}

impl By {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Model => "model",
            Self::User => "user",
        }
    }
}

impl FromStr for By {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Day, Self::Model, Self::User].into_iter().find(|by| by.name() == name).ok_or(())
    }
}

/// What the turns of some days have cost.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = admin::Usage)]
pub(crate) struct Usage {
    /// The first day, in UTC.
    pub(crate) from: String,
    /// The last day.
    pub(crate) to: String,
    /// In order of what they are by.
    pub(crate) rows: Vec<UsageRow>,
    pub(crate) total: Sum,
}

/// A part of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UsageRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<String>,
    /// What answered, as `provider/model`; `unknown` for conversations that were deleted before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// The account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(flatten)]
    pub(crate) sum: Sum,
}

/// What turns have cost together.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sum {
    pub(crate) turns: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) credits: f64,
}
