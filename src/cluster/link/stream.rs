//! The stream that `ractor_cluster` reads and writes: buffered TLS that ends with its session, and the session with it.

use super::{events::DownReason, session::Session};
use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use socket2::{SockRef, TcpKeepalive};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader, ReadBuf, ReadHalf, WriteHalf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Bytes that the peer's kernel does not acknowledge for so long break the connection: a cut cable is noticed.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// `ractor_cluster` reads in small pieces; without a buffer each would be a call into TLS.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Sets what every connection between nodes has.
pub(super) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let options = SockRef::from(socket);
    options.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE).with_retries(2))
}

/// A connection on its way to `ractor_cluster`.
pub(super) struct SessionStream {
    stream: TlsStream<TcpStream>,
    session: Arc<Session>,
    label: String,
}

impl SessionStream {
    /// `label` tells the session's events apart.
    pub(super) fn new(stream: TlsStream<TcpStream>, session: Arc<Session>, label: String) -> Self {
        Self { stream, session, label }
    }
}

impl ClusterBidiStream for SessionStream {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let Self { stream, session, .. } = *self;
        let (read, write) = tokio::io::split(stream);
        let ended = || Box::pin(session.ended().clone().cancelled_owned());
        let reader = Reader {
            inner: BufReader::with_capacity(READ_BUFFER_BYTES, read),
            ended: ended(),
            session: session.clone(),
        };
        let writer = Writer { inner: write, ended: ended(), session: session.clone() };
        (Box::new(reader), Box::new(writer))
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}

struct Reader {
    inner: BufReader<ReadHalf<TlsStream<TcpStream>>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    session: Arc<Session>,
}

impl AsyncRead for Reader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            // What was received before the session ended is still delivered; then the stream ends.
            Poll::Pending => this.ended.as_mut().poll(cx).map(Ok),
            Poll::Ready(Ok(())) => {
                if buf.filled().len() == before {
                    this.session.close(DownReason::broken("the peer closed it"));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                this.session.close(DownReason::broken(&error));
                Poll::Ready(Err(error))
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.session.close(DownReason::broken("the node server let go of it"));
    }
}

struct Writer {
    inner: WriteHalf<TlsStream<TcpStream>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    session: Arc<Session>,
}

impl Writer {
    /// Runs one operation on the stream, unless the session has ended or ends while it waits.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(Pin<&mut WriteHalf<TlsStream<TcpStream>>>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match operation(Pin::new(&mut self.inner), cx) {
            Poll::Pending => {
                ready!(self.ended.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            Poll::Ready(done) => {
                if let Err(error) = &done {
                    self.session.close(DownReason::broken(error));
                }
                Poll::Ready(done)
            }
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll(cx, |inner, cx| inner.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll(cx, AsyncWrite::poll_shutdown)
    }
}
