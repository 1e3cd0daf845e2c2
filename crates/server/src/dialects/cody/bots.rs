//! Bots: the assistants that the caller may ask.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chat::assistants::{AssistantFilter, AssistantQuery};
use chat::conversations::Listed;

use super::page::Query;
use super::{CodyError, wire};
use crate::app::App;
use crate::auth::SignedIn;

/// The bots, the last changed first.
#[utoipa::path(get, path = "/api/v1/bots", tag = "cody",
    params(
        ("keyword" = Option<String>, Query, description = "A part of the name"),
        ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query),
    ),
    responses(
        (status = 200, description = "A page of bots", body = wire::Many<wire::Bot>),
        (status = 401, description = "No credentials", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn list(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    RawQuery(query): RawQuery,
) -> Result<Response, CodyError> {
    let query = Query::parse(query.as_deref());
    let pages = query.pages();
    let page = pages.page();
    let asked = AssistantQuery {
        filter: AssistantFilter {
            name: query.text("keyword").map(str::to_owned),
            ..AssistantFilter::default()
        },
        offset: u64::from(page.offset),
        limit: page.limit,
        is_brief: true,
        ..AssistantQuery::default()
    };
    let found = app.assistants.list(&principal, asked).await?;
    let default_model =
        app.chat.models().listed().into_iter().next().map(|name| name.model).unwrap_or_default();
    let listed = Listed { items: found.assistants, total: found.total };
    Ok(axum::Json(pages.answer(listed, |bot| wire::Bot::of(bot, &default_model))).into_response())
}
