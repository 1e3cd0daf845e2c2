//! The port to what turns have cost, over all accounts: for whoever runs the server, and for nobody else.
//!
//! # Implementing a store
//!
//! What a turn has cost is counted on the day it was opened, and stays counted when its conversation is deleted. A turn that
//! was not kept counts like any other; one that was given back does not.

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::store::StoreError;
use crate::turn::ModelName;

/// The turns of one account, answered by one model, opened on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    /// In UTC.
    pub day: Date,
    /// What answered; `None` for conversations that were deleted before this was kept.
    pub model: Option<ModelName>,
    /// The account's name.
    pub account: String,
    /// How many turns.
    pub turns: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written, reasoning included.
    pub completion_tokens: u64,
}

/// What turns have cost.
#[async_trait]
pub trait UsageStore: Send + Sync + 'static {
    /// The turns that were opened from `from` on and before `until`, by day, model and account.
    async fn usage(&self, from: Timestamp, until: Timestamp) -> Result<Vec<DayUsage>, StoreError>;
}
