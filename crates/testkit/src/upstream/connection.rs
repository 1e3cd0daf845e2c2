//! One connection: HTTP/1.1 written by hand, because no server library lets a test decide about single bytes and writes.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::reply::{Ending, Pace};
use super::{Open, ReceivedRequest, Reply, Shared};

/// How a reply ended.
#[derive(PartialEq)]
enum Outcome {
    /// It was sent whole; the connection may carry another request.
    Sent,
    /// The script closes the connection here.
    Cut,
    /// The client has left.
    ClientLeft,
}

/// Answers requests until either side closes.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _open = Open::count(&shared, |log| &mut log.open_connections);
    // Without it the kernel would gather small writes, and a test could not see one piece at a time.
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut incoming = Incoming { reader, buffer: BytesMut::new() };
    let mut served = Vec::new();
    while let Ok(request) = incoming.request().await {
        let reply = shared.reply_to(&request);
        served.push(shared.received(request));
        let _open = Open::count(&shared, |log| &mut log.open_replies);
        let outcome = tokio::select! {
            outcome = send(&mut writer, &reply) => outcome,
            () = incoming.closed() => Outcome::ClientLeft,
        };
        match outcome {
            Outcome::Sent => {}
            Outcome::Cut => return,
            Outcome::ClientLeft => break,
        }
    }
    shared.closed_by_client(&served);
}

async fn send(writer: &mut OwnedWriteHalf, reply: &Reply) -> Outcome {
    match try_send(writer, reply).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::ClientLeft,
    }
}

async fn try_send(writer: &mut OwnedWriteHalf, reply: &Reply) -> io::Result<Outcome> {
    if reply.ending == Ending::Hang {
        std::future::pending::<()>().await;
    }
    let mut out = head(reply);
    for (index, piece) in reply.pieces.iter().enumerate() {
        if !matches!(reply.pace, Pace::AtOnce) || index > 0 {
            writer.write_all(&std::mem::take(&mut out)).await?;
            reply.pace.wait().await;
        }
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    if reply.ending == Ending::Whole {
        if let Pace::Gated(gate) = &reply.pace {
            writer.write_all(&std::mem::take(&mut out)).await?;
            gate.pass().await;
        }
        out.extend_from_slice(b"0\r\n\r\n");
    }
    writer.write_all(&out).await?;
    match reply.ending {
        Ending::Whole => Ok(Outcome::Sent),
        Ending::Cut => Ok(Outcome::Cut),
        Ending::Stall | Ending::Hang => std::future::pending().await,
    }
}

fn head(reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\ntransfer-encoding: chunked\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The reading half, with what was read and not used yet.
struct Incoming {
    reader: OwnedReadHalf,
    buffer: BytesMut,
}

impl Incoming {
    /// The next whole request, or an error once the client has closed.
    async fn request(&mut self) -> io::Result<ReceivedRequest> {
        let head_length = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(position) => break position + 4,
                None => self.read().await?,
            }
        };
        let head = self.buffer.split_to(head_length);
        let mut request = parse_head(&String::from_utf8_lossy(&head)).ok_or(io::ErrorKind::InvalidData)?;
        request.body = self.body(&request).await?;
        Ok(request)
    }

    async fn body(&mut self, request: &ReceivedRequest) -> io::Result<Bytes> {
        let length = request.header("content-length").unwrap_or("0");
        let length: usize = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        while self.buffer.len() < length {
            self.read().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    /// Resolves once the client has closed its side.
    async fn closed(&mut self) {
        while self.read().await.is_ok() {}
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.reader.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn parse_head(head: &str) -> Option<ReceivedRequest> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(ReceivedRequest { method, path, headers, body: Bytes::new() })
}
