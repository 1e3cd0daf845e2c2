//! The JSON of what clients ask before they chat.

use serde::Serialize;
use utoipa::ToSchema;

/// The caller's own record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserData {
    pub(super) id: String,
    pub(super) user_id: String,
    /// When the account was made.
    pub(super) date: Option<String>,
    pub(super) update_date: Option<String>,
}

/// A part of the vendor's user interface that is switched on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Component {
    pub(super) id: &'static str,
    pub(super) settings: Settings,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settings {
    pub(super) enabled: bool,
}

/// What answers here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Info {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}
