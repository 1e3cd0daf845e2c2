//! Streams: a message is sent, and its answer is read at an address that needs no credentials.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::Error;
use chat::turn::TurnRequest;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::encode::{Chunks, Seen};
use super::messages::{Sent, gone};
use super::rules;
use super::{CodyError, STREAMS, wire};
use crate::app::App;
use crate::auth::{SignedIn, Standing};
use crate::body::{Fields, PathId};
use crate::idempotency::idempotency_key;
use crate::public_address::PublicAddress;
use crate::sse::TurnBody;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";
/// How long a ticket waits to be used, whenever its turn has ended.
const TICKET_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Sends a message; its answer is streamed at the address that is answered, and is written whether anybody reads it or not.
#[utoipa::path(post, path = "/api/v1/messages/stream", tag = "cody", request_body = wire::StreamBody,
    responses(
        (status = 200, description = "The address, if `redirect` is false", body = wire::One<wire::StreamUrl>),
        (status = 302, description = "A redirect to the address", body = wire::One<wire::StreamUrl>),
        (status = 402, description = "The message limit is reached", body = wire::ErrorBody<'_>),
        (status = "4XX", description = "Refused", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn send(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodyError>,
    PublicAddress(address): PublicAddress,
    headers: HeaderMap,
    body: Fields<CodyError>,
) -> Result<Response, CodyError> {
    let mut fields = rules::Fields::of(body.value);
    let (sent, redirect) = (Sent::read(&mut fields), fields.flag("redirect").unwrap_or(true));
    fields.check()?;
    let request = TurnRequest {
        idempotency: idempotency_key(&headers, "/api/v1/messages/stream")?,
        request_hash: body.hash,
        ..sent.request(&app, &principal).await?
    };
    let stream = app.chat.ask(&principal, request).await.map_err(gone)?;
    let ticket = app.identity.tickets.issue(&principal, &stream.head().name).await.map_err(Error::from)?;
    let stream_url = format!("{address}{STREAMS}/{}", ticket.expose_secret());
    let location = HeaderValue::try_from(stream_url.as_str()).ok().filter(|_| redirect);
    let body = axum::Json(wire::One { data: wire::StreamUrl { stream_url } });
    Ok(match location {
        Some(location) => (StatusCode::FOUND, [(LOCATION, location)], body).into_response(),
        None => body.into_response(),
    })
}

/// Reads the answer that the ticket is for. By either verb, since clients follow a redirect with the one that they began
/// with.
#[utoipa::path(method(get, post), path = "/stream/{ticket}", tag = "cody",
    params(("ticket" = String, Path, description = "The ticket"), ("Last-Event-ID" = Option<String>, Header)),
    responses(
        (status = 200, description = "Server-Sent Events", content_type = "text/event-stream"),
        (status = 204, description = "All of it was given"),
        (status = 404, description = "No such ticket", body = wire::ErrorBody<'_>),
    ))]
pub(super) async fn read(
    State(app): State<App>,
    PathId(ticket, _): PathId<CodyError>,
    headers: HeaderMap,
) -> Result<Response, CodyError> {
    let ticket = SecretString::from(ticket);
    let redeemed = app.identity.tickets.redeem(&ticket).await.map_err(Error::from)?;
    let redeemed = redeemed.ok_or_else(CodyError::not_found)?;
    let log = if redeemed.age < TICKET_LIFETIME {
        app.chat.log(&redeemed.principal, &redeemed.turn).await?
    } else {
        // A ticket that is no longer new is good while its turn runs, and as long as others can come back to theirs.
        app.chat.resume(&redeemed.principal, &redeemed.turn).await?
    };
    let seen = Seen::read(headers.get(LAST_EVENT_ID));
    if seen == Seen::Everything || seen == Seen::Nothing && redeemed.is_delivered {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let position = seen.position(&log);
    let encoder = Chunks::new(seen, wants_events(&headers));
    let standing = Standing::by_ticket(&app, ticket.clone());
    let body = TurnBody::new(log.read_from(position), encoder, standing);
    let body = body.with_heartbeat(app.heartbeat_interval);
    // Who came back in the middle has not been given all of it by this connection.
    let body = if seen == Seen::Nothing { body.then(deliver(app, ticket)) } else { body };
    let mut response = axum::body::Body::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// `EventSource` says what it reads, and comes back with the number of the last event; others take each line for an event.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENT_STREAM))
}

async fn deliver(app: App, ticket: SecretString) {
    if let Err(error) = app.identity.tickets.deliver(&ticket).await {
        tracing::warn!(%error, "it could not be noted that a stream was read");
    }
}
