//! The listener: accepts, bounds and ends connections.

use super::access::SignedOnly;
use super::backend::Backend;
use super::{LocalCredentials, cross_origin};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after a failed accept: the process is out of file descriptors, and only time helps.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const MAX_HEADERS: usize = 64;
/// Holds a request's head, and the pieces in which a body comes.
const READ_BUFFER_BYTES: usize = 256 * 1024;
const MAX_FORM_BYTES: usize = 32 * 1024;
/// A `DeleteObjects` of a thousand keys is below 200 KiB.
const MAX_XML_BYTES: usize = 1024 * 1024;

/// What [`LocalS3::start`] needs, and the server's bounds. The secret is left out of `Debug`.
#[derive(Clone)]
pub struct LocalS3Options {
    /// The folder to serve; made where it is missing. Buckets are its subfolders.
    pub root: PathBuf,
    /// Where to listen. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The access key's id.
    pub access_key: String,
    /// The access key's secret.
    pub secret_key: String,
    /// The largest object that a PUT may store, in bytes.
    pub max_object_bytes: u64,
    /// Connections at a time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Time for a request's head to come in, the idle time before it included.
    pub header_read_timeout: Duration,
    /// Longest silence inside a request's body.
    pub body_idle_timeout: Duration,
    /// After this long a connection takes no further request.
    pub connection_lifetime: Duration,
    /// How long requests under way may go on after [`LocalS3::shutdown`] or the end of the lifetime.
    pub grace: Duration,
}

impl LocalS3Options {
    /// Options with objects up to 128 MiB, 512 connections, 30 s for heads and between the pieces of a body, half an
    /// hour for a connection and 10 s of grace.
    pub fn new(root: impl Into<PathBuf>, listen: SocketAddr, credentials: LocalCredentials) -> Self {
        LocalS3Options {
            root: root.into(),
            listen,
            access_key: credentials.access_key,
            secret_key: credentials.secret_key,
            max_object_bytes: 128 * 1024 * 1024,
            max_connections: 512,
            header_read_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            connection_lifetime: Duration::from_secs(30 * 60),
            grace: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for LocalS3Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LocalS3Options")
            .field("root", &self.root)
            .field("listen", &self.listen)
            .field("max_object_bytes", &self.max_object_bytes)
            .finish_non_exhaustive()
    }
}

/// A running S3 server. Dropping it stops it without waiting; [`LocalS3::shutdown`] waits.
pub struct LocalS3 {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl LocalS3 {
    /// Opens the folder and the listener and serves from tasks of the current runtime.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the address is taken.
    pub async fn start(options: LocalS3Options) -> io::Result<Self> {
        std::fs::create_dir_all(&options.root)?;
        let backend = Backend::new(&options.root, options.max_object_bytes, options.body_idle_timeout)?;
        let listener = TcpListener::bind(options.listen).await?;
        let server =
            LocalS3 { address: listener.local_addr()?, stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let acceptor = Acceptor {
            service: service(backend, &options),
            slots: Arc::new(Semaphore::new(options.max_connections)),
            stop: server.stop.clone(),
            tasks: server.tasks.clone(),
            options,
        };
        server.tasks.spawn(acceptor.run(listener));
        Ok(server)
    }

    /// The URL that S3 clients of this machine use, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that is listened on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests under way end within the grace time, then returns.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for LocalS3 {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.close();
    }
}

fn service(backend: Backend, options: &LocalS3Options) -> S3Service {
    let mut config = S3Config::default();
    config.xml_max_body_size = MAX_XML_BYTES;
    // Form uploads are read into memory before their signature is checked, and nobody uses them here.
    config.post_object_max_file_size = 0;
    config.form_max_field_size = MAX_FORM_BYTES;
    config.form_max_fields_size = MAX_FORM_BYTES;
    config.form_max_parts = 64;
    let mut builder = S3ServiceBuilder::new(backend);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(SimpleAuth::from_single(options.access_key.as_str(), options.secret_key.as_str()));
    builder.set_access(SignedOnly);
    builder.build()
}

struct Acceptor {
    service: S3Service,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
    options: LocalS3Options,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        while let Some((stream, slot)) = self.accept(&listener).await {
            self.tasks.spawn(connection(stream, slot, self.service.clone(), self.options.clone(), self.stop.clone()));
        }
    }

    /// The next connection with its slot; `None` at shutdown.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let next = async {
            let slot = self.slots.clone().acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => return Some((stream, slot)),
                    Err(error) => {
                        tracing::warn!(%error, "the S3 listener could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        self.stop.run_until_cancelled(next).await.flatten()
    }
}

/// Serves one connection to its end. HTTP/1.1 only: that is what S3 clients and browsers speak without TLS.
async fn connection(
    stream: TcpStream,
    _slot: OwnedSemaphorePermit,
    service: S3Service,
    options: LocalS3Options,
    stop: CancellationToken,
) {
    // Small replies must not wait for the peer's delayed acknowledgement; where it cannot be set, they do.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_read_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| answer(service.clone(), request)));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        outcome = connection.as_mut() => Some(outcome),
        () = stop.cancelled() => None,
        () = tokio::time::sleep(options.connection_lifetime) => None,
    };
    let outcome = match ended {
        Some(outcome) => outcome,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(options.grace, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "an S3 connection ended early");
    }
}

async fn answer(service: S3Service, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let method = request.method().clone();
    if method == Method::OPTIONS {
        return Ok(cross_origin::preflight());
    }
    let mut response = service.call(request.map(Body::from)).await.unwrap_or_else(internal_error);
    cross_origin::expose(&method, response.headers_mut());
    Ok(response)
}

fn internal_error(error: HttpError) -> Response<Body> {
    tracing::error!(?error, "the S3 service failed");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
