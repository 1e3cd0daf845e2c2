//! The accept loop: hyper with a timer, so that half a request head does not hold a connection; a cap on connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use chat::Tasks;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::Layer;

use crate::public_address::Peer;
use crate::router::Service;

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 4096;
/// Between two tries to accept when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Opens a listening socket; port 0 takes a free one.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What connections share.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) service: Service,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) header_timeout: Duration,
    pub(crate) tasks: Tasks,
    /// Fires when connections have had their time to end: a client that neither sends nor reads can't hold the end back.
    pub(crate) cut: CancellationToken,
}

impl Connections {
    /// Accepts until the tasks are closing. One more connection than slots waits unaccepted.
    pub(crate) async fn accept(self, listener: TcpListener) {
        let closing = self.tasks.closing().clone();
        loop {
            let slot = tokio::select! {
                () = closing.cancelled() => return,
                slot = self.slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
            };
            let accepted = tokio::select! {
                () = closing.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    let connection = self.clone().serve(stream, Peer(address.ip()));
                    self.tasks.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve(self, stream: TcpStream, peer: Peer) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
        let service = Extension(peer).layer(self.service);
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.tasks.closing().cancelled() => {
                // What is being answered is answered whole; nothing more is read.
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.cut.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}
