//! Usage: what turns have cost, by day, model and user.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::Error;
use chat::usage::DayUsage;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Admin;
use crate::auth::Administrator;
use crate::dialects::codmir::{CodmirError, Query};
use crate::prices::{Prices, rounded};

pub(crate) mod wire;

/// How many days are told if nothing is said.
const DAYS: i64 = 30;
/// What answered in conversations that were deleted before it was kept.
const UNKNOWN: &str = "unknown";

pub(super) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(routes!(show_usage))
}

/// What turns have cost: tokens, and credits by the price table. A turn counts on the day it was opened; one that was given
/// back does not. What is deleted stays counted.
#[utoipa::path(get, path = "/api/admin/usage", tag = "administration",
    params(
        ("from" = Option<String>, Query, description = "The first day in UTC, such as 2026-01-31; by default 29 days before the last"),
        ("to" = Option<String>, Query, description = "The last day in UTC; by default today"),
        ("by" = Option<String>, Query, description = "What has a row each: some of `day,model,user`, by default `day`"),
    ),
    responses((status = 200, description = "The usage", body = wire::Usage)))]
async fn show_usage(
    State(admin): State<Admin>,
    _: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, CodmirError> {
    let query = Query::parse(query.as_deref())?;
    let (period, by) = (Period::asked(&query, admin.clock.now())?, by(&query)?);
    let spent = admin.usage.usage(period.begin, period.end).await.map_err(Error::from)?;
    Ok(axum::Json(body(&admin.prices, &period, &by, spent)).into_response())
}

/// Whole days in UTC.
struct Period {
    from: Date,
    to: Date,
    begin: Timestamp,
    /// Exclusive.
    end: Timestamp,
}

impl Period {
    fn asked(query: &Query, now: Timestamp) -> Result<Self, CodmirError> {
        let to = day(query, "to")?.unwrap_or_else(|| now.to_zoned(TimeZone::UTC).date());
        let asked = day(query, "from")?;
        let from = asked.map_or_else(|| to.checked_sub((DAYS - 1).days()), Ok);
        let from = from.map_err(|_| not_a_day("to"))?;
        if from > to {
            return Err(CodmirError::field("from", "from must not be after to"));
        }
        let begin = midnight(from).ok_or_else(|| not_a_day("from"))?;
        let end = to.tomorrow().ok().and_then(midnight).ok_or_else(|| not_a_day("to"))?;
        Ok(Self { from, to, begin, end })
    }
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
}

fn day(query: &Query, name: &str) -> Result<Option<Date>, CodmirError> {
    let Some(text) = query.once(name)? else { return Ok(None) };
    // Other ways to write a day are read too.
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    day.map(Some).ok_or_else(|| not_a_day(name))
}

fn not_a_day(name: &str) -> CodmirError {
    CodmirError::field(name, format!("{name} must be a day such as 2026-01-31"))
}

fn by(query: &Query) -> Result<Vec<wire::By>, CodmirError> {
    let Some(text) = query.once("by")? else { return Ok(vec![wire::By::Day]) };
    let names = text.split(',').filter(|name| !name.is_empty());
    let by = names.map(str::parse).collect::<Result<_, _>>();
    by.map_err(|()| CodmirError::field("by", "by must be some of day,model,user"))
}

fn body(prices: &Prices, period: &Period, by: &[wire::By], spent: Vec<DayUsage>) -> wire::Usage {
    let mut total = wire::Sum::default();
    let mut rows = BTreeMap::<_, wire::Sum>::new();
    for usage in spent {
        let credits = usage.model.as_ref().map_or(0.0, |model| prices.credits(model, &usage));
        let model = || usage.model.as_ref().map_or(UNKNOWN.to_owned(), ToString::to_string);
        let key = (
            by.contains(&wire::By::Day).then_some(usage.day),
            by.contains(&wire::By::Model).then(model),
            by.contains(&wire::By::User).then(|| usage.account.clone()),
        );
        for sum in [&mut total, rows.entry(key).or_default()] {
            add(sum, &usage, credits);
        }
    }
    let row = |((day, model, user), sum): ((Option<Date>, _, _), _)| wire::UsageRow {
        day: day.map(|day| day.to_string()),
        model,
        user,
        sum,
    };
    let rows = if by.is_empty() { Vec::new() } else { rows.into_iter().map(row).collect() };
    wire::Usage { from: period.from.to_string(), to: period.to.to_string(), rows, total }
}

fn add(sum: &mut wire::Sum, usage: &DayUsage, credits: f64) {
    sum.turns += usage.turns;
    sum.prompt_tokens += usage.prompt_tokens;
    sum.completion_tokens += usage.completion_tokens;
    sum.credits = rounded(sum.credits + credits);
}
