//! The ledger of messages: whose limit is reached, and until when.

use chat::store::{Limited, OpenError, OpenTurn, QUOTA_WINDOW};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// The limits that a request meets; `None` where no limit is reached.
#[derive(Clone, Copy, Default)]
pub(super) struct Reached {
    account: Option<i64>,
    key: Option<i64>,
}

impl Reached {
    /// Reads the columns `account_limit`, `account_full`, `key_limit` and `key_full`.
    pub(super) fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let reached = |full: &str, limit: &str| -> sqlx::Result<Option<i64>> {
            if row.try_get(full)? { row.try_get(limit) } else { Ok(None) }
        };
        Ok(Self {
            account: reached("account_full", "account_limit")?,
            key: reached("key_full", "key_limit")?,
        })
    }

    /// The refusal, if a limit is reached. Of two, the one that is free later tells when.
    pub(super) async fn refusal(
        self,
        db: &mut SqliteConnection,
        open: &OpenTurn,
    ) -> sqlx::Result<Option<OpenError>> {
        let now = open.opened_at.as_millisecond();
        let mut frees_at = None;
        if let Some(limit) = self.account {
            frees_at = frees_at.max(Some(account_frees_at(db, open, limit).await?));
        }
        if let Some(limit) = self.key {
            frees_at = frees_at.max(Some(key_frees_at(db, open, limit).await?));
        }
        let of = if self.account.is_some() { Limited::Account } else { Limited::Key };
        let seconds = |frees_at: i64| (frees_at - now).max(0).unsigned_abs().div_ceil(1000).max(1);
        Ok(frees_at.map(|frees_at| OpenError::QuotaExceeded { of, retry_after: seconds(frees_at) }))
    }
}

/// From when on messages count at `now`, exclusively.
pub(super) fn window_begins(now: Timestamp) -> i64 {
    now.as_millisecond() - window_ms()
}

fn window_ms() -> i64 {
    QUOTA_WINDOW.as_secs() * 1000
}

async fn account_frees_at(db: &mut SqliteConnection, open: &OpenTurn, limit: i64) -> sqlx::Result<i64> {
    let decisive = sqlx::query_scalar(
        "SELECT reserved_at FROM quota_ledger WHERE account = ? AND reserved_at > ? \
         ORDER BY reserved_at DESC LIMIT 1 OFFSET ?",
    )
    .bind(open.account.as_bytes().as_slice())
    .bind(window_begins(open.opened_at))
    .bind(limit - 1)
    .fetch_optional(db)
    .await?;
    Ok(frees_at(open, limit, decisive))
}

async fn key_frees_at(db: &mut SqliteConnection, open: &OpenTurn, limit: i64) -> sqlx::Result<i64> {
    let decisive = sqlx::query_scalar(
        "SELECT reserved_at FROM quota_ledger WHERE key = ? AND reserved_at > ? \
         ORDER BY reserved_at DESC LIMIT 1 OFFSET ?",
    )
    .bind(open.key.as_deref())
    .bind(window_begins(open.opened_at))
    .bind(limit - 1)
    .fetch_optional(db)
    .await?;
    Ok(frees_at(open, limit, decisive))
}

/// Once as many of the newest messages as the limit allows are all that is left but one. A limit of none frees nothing:
/// then in as long as a message counts.
fn frees_at(open: &OpenTurn, limit: i64, decisive: Option<i64>) -> i64 {
    let from = decisive.filter(|_| limit > 0).unwrap_or(open.opened_at.as_millisecond());
    from + window_ms()
}
