//! The HTTP server under a router: HTTP/1.1 and HTTP/2 on one port, every wait and every size bounded.

use crate::{
    guard::PeerAddress,
    places::{Place, Places},
};
use axum::{Router, body::Body};
use http_body_util::BodyExt;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt;

/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client without a request under way may take to hear that its connection ends.
const GOODBYE: Duration = Duration::from_secs(1);

/// Bounds of a listener.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Most connections at once; for a further one the longest idle ones end, and where none idles it waits.
    pub max_connections: usize,
    /// Largest head of a request, in bytes. HTTP/1 checks it as it reads on, so up to twice of it may pass.
    pub max_header_bytes: usize,
    /// How long a client may take to send a request's head, and how long an idle connection is kept.
    pub header_read_timeout: Duration,
    /// How long a client may read nothing of a reply that is being sent to it.
    pub write_stall_timeout: Duration,
    /// How long requests under way may take to finish once shutdown began.
    pub drain_timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_header_bytes: 32 * 1024,
            header_read_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// Serves `router` on `listener` until `shutdown` resolves. Then it stops accepting, lets requests under way
/// finish for as long as `options.drain_timeout`, cuts off what is left, and returns.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send,
) {
    let options = Arc::new(options);
    let places = Places::new(options.max_connections);
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let (place, stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (router, options, stopping) = (router.clone(), options.clone(), stopping.clone());
        let connection = Connection { router, options, stopping, place: Arc::new(place) };
        connections.spawn(async move {
            if let Err(error) = connection.serve(stream, peer).await {
                tracing::debug!(%peer, %error, "connection ended");
            }
        });
    }
    drop(listener);
    stop.send_replace(true);
    let drained = timeout(options.drain_timeout, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut off at the end of the drain");
        connections.shutdown().await;
    }
}

/// The next connection, once there is room for it. Errors of `accept` (too many open files and the like) pass.
async fn accept(listener: &TcpListener, places: &Arc<Places>) -> (Place, TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            // Only now is it sure that somebody needs the place.
            Ok((stream, peer)) => return (places.take().await, stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

struct Connection {
    router: Router,
    options: Arc<ServeOptions>,
    stopping: watch::Receiver<bool>,
    place: Arc<Place>,
}

impl Connection {
    async fn serve(
        mut self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        stream.set_nodelay(true)?;
        let http2 = tokio::select! {
            protocol = speaks_http2(&stream, self.options.header_read_timeout) => protocol?,
            () = self.place.is_needed() => return Ok(()),
            _ = self.stopping.wait_for(|stopping| *stopping) => return Ok(()),
        };
        let (router, place) = (self.router.clone(), self.place.clone());
        let service = tower::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(peer));
            let (router, busy) = (router.clone(), place.request());
            async move {
                let response = router.oneshot(request).await?;
                // Goes with the body, which ends with the last of it sent.
                Ok::<_, Infallible>(response.map(|body| {
                    body.map_err(move |error| {
                        let _ = &busy;
                        error
                    })
                }))
            }
        });
        let builder = builder(&self.options, http2);
        // Without a limit on writes a client that never reads would hold its connection, and the object that is being
        // streamed to it, for ever.
        let mut stream = Box::pin(TimeoutWriter::new(stream));
        stream.as_mut().set_timeout_pinned(Some(self.options.write_stall_timeout));
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(connection);
        let stopping = tokio::select! {
            result = connection.as_mut() => return result,
            _ = self.stopping.wait_for(|stopping| *stopping) => true,
            () = self.place.is_needed() => false,
            // HTTP/1 sees to it itself: an idle connection waits for a head.
            () = self.place.idles_for(self.options.header_read_timeout), if http2 => false,
        };
        connection.as_mut().graceful_shutdown();
        while !stopping && !*self.stopping.borrow() {
            tokio::select! {
                result = connection.as_mut() => return result,
                // Some clients never answer. A request that came in between is served to its end.
                () = sleep(GOODBYE) => if self.place.is_idle() { return Ok(()) },
            }
        }
        connection.await
    }
}

fn builder(options: &ServeOptions, http2: bool) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder = if http2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_read_timeout)
        .max_buf_size(options.max_header_bytes.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(200)
        .keep_alive_interval(options.header_read_timeout)
        .keep_alive_timeout(options.header_read_timeout);
    builder
}

/// Looks at the first bytes without taking them. hyper-util's own detection waits for them for ever; here the
/// wait is bounded, so that connections which send nothing do not add up.
async fn speaks_http2(stream: &TcpStream, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + limit;
    let mut seen = [0; HTTP2_PREFACE.len()];
    loop {
        let Ok(count) = tokio::time::timeout_at(deadline, stream.peek(&mut seen)).await else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        match count? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count if seen[..count] != HTTP2_PREFACE[..count] => return Ok(false),
            count if count == HTTP2_PREFACE.len() => return Ok(true),
            _ if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
            // Part of the preface: the rest is on its way, and peek would return at once again.
            _ => sleep(Duration::from_millis(5)).await,
        }
    }
}
