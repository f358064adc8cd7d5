//! The floors of the link: an echo and a sink over plain TCP and over TLS, without anything of a node.

use super::drive::row;
use crate::{
    Failure,
    load::Span,
    process::{self, Process},
    report::Row,
};
use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tessera_cluster::link::CERTIFICATE_NAME;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
        version::TLS13,
    },
};

/// The first byte on a connection: what comes is to be sent back.
const ECHO: u8 = 1;
/// What comes is to be counted; the sum is the answer to the end of it.
const SINK: u8 = 2;
/// What is read, and written in a flood, at a time.
const BUFFER_BYTES: usize = 64 * 1024;
/// How often a flood's sender looks at the clock, in messages.
const BURST: u64 = 64;

/// Either end of a connection that is not a link.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for T {}

/// Serves echo and sink on two free ports, plain and with TLS; gives their addresses.
pub async fn serve(folder: &Path) -> Result<(SocketAddr, SocketAddr), Failure> {
    let failed = |error: io::Error| Failure::start_up(format!("the floor cannot listen: {error}"));
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let tls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let addresses = (plain.local_addr().map_err(failed)?, tls.local_addr().map_err(failed)?);
    let acceptor = acceptor(folder)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = plain.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                answer(stream).await
            });
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = tls.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                answer(acceptor.accept(stream).await?).await
            });
        }
    });
    Ok(addresses)
}

async fn answer(mut stream: impl Socket) -> io::Result<()> {
    let is_echo = stream.read_u8().await? == ECHO;
    let (mut buffer, mut sum) = (vec![0; BUFFER_BYTES], 0);
    loop {
        let bytes = stream.read(&mut buffer).await?;
        sum += bytes as u64;
        match bytes {
            0 if is_echo => return Ok(()),
            0 => {
                stream.write_u64(sum).await?;
                return stream.shutdown().await;
            }
            _ if is_echo => {
                stream.write_all(&buffer[..bytes]).await?;
                stream.flush().await?;
            }
            _ => {}
        }
    }
}

/// How to reach a floor.
#[derive(Clone)]
pub enum Dialler {
    Tcp(SocketAddr),
    /// TLS 1.3 with the node's certificates.
    Tls(SocketAddr, TlsConnector),
}

impl Dialler {
    /// TLS to `address`, trusting the authority in `folder`.
    pub fn tls(address: SocketAddr, folder: &Path) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&folder.join("ca.pem"))?).map_err(unusable)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::Tls(address, Arc::new(config).into()))
    }

    /// What a report calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Dialler::Tcp(_) => "TCP",
            Dialler::Tls(..) => "TLS",
        }
    }

    /// An echo's other end, for messages of `bytes`.
    pub async fn echo(&self, bytes: usize) -> Result<EchoClient, Failure> {
        match self {
            Dialler::Tcp(address) => {
                let (read, write) = dial(*address, ECHO).await.map_err(broken)?.into_split();
                Ok(EchoClient::start(read, Box::new(write), bytes))
            }
            Dialler::Tls(address, connector) => {
                let stream = dial_tls(*address, connector, ECHO).await.map_err(broken)?;
                let (read, write) = tokio::io::split(stream);
                Ok(EchoClient::start(read, Box::new(write), bytes))
            }
        }
    }

    /// Pours messages of `bytes` into the sink for as long as `span` says, through a buffer.
    pub async fn pour(&self, name: &str, bytes: usize, span: Span, processes: &[Process]) -> Result<Row, Failure> {
        match self {
            Dialler::Tcp(address) => {
                pour(dial(*address, SINK).await.map_err(broken)?, name, bytes, span.measured, processes).await
            }
            Dialler::Tls(address, connector) => {
                let stream = dial_tls(*address, connector, SINK).await.map_err(broken)?;
                pour(stream, name, bytes, span.measured, processes).await
            }
        }
    }
}

async fn dial(address: SocketAddr, purpose: u8) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_u8(purpose).await?;
    Ok(stream)
}

async fn dial_tls(address: SocketAddr, connector: &TlsConnector, purpose: u8) -> io::Result<impl Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(CERTIFICATE_NAME).map_err(io::Error::other)?;
    let mut stream = connector.connect(name, stream).await?;
    stream.write_u8(purpose).await?;
    stream.flush().await?;
    Ok(stream)
}

async fn pour(
    stream: impl Socket,
    name: &str,
    bytes: usize,
    length: Duration,
    processes: &[Process],
) -> Result<Row, Failure> {
    let (message, mut sent) = (vec![7; bytes], 0);
    let mut stream = BufWriter::with_capacity(BUFFER_BYTES, stream);
    let (cpu_before, started) = (process::cpu_seconds(processes)?, Instant::now());
    while started.elapsed() < length {
        for _ in 0..BURST {
            stream.write_all(&message).await.map_err(broken)?;
        }
        sent += BURST;
    }
    stream.shutdown().await.map_err(broken)?;
    let arrived = stream.read_u64().await.map_err(broken)? / bytes as u64;
    let elapsed = started.elapsed();
    let row = row(name, arrived, elapsed, process::cpu_seconds(processes)? - cpu_before, processes)?;
    Ok(Row { errors: sent - arrived, ..row })
}

type Waiting = Arc<Mutex<VecDeque<oneshot::Sender<()>>>>;

/// One connection with many calls on it, one write each. Answers come in order, so the waiting stand in a queue.
#[derive(Clone)]
pub struct EchoClient {
    write: Arc<tokio::sync::Mutex<Box<dyn AsyncWrite + Unpin + Send>>>,
    waiting: Waiting,
    message: Arc<[u8]>,
}

impl EchoClient {
    fn start(
        mut read: impl AsyncRead + Unpin + Send + 'static,
        write: Box<dyn AsyncWrite + Unpin + Send>,
        bytes: usize,
    ) -> Self {
        let waiting = Waiting::default();
        let served = waiting.clone();
        tokio::spawn(async move {
            let (mut buffer, mut received) = (vec![0; BUFFER_BYTES], 0);
            while let Ok(more @ 1..) = read.read(&mut buffer).await {
                received += more;
                let mut waiting = served.lock().unwrap_or_else(PoisonError::into_inner);
                while received >= bytes {
                    received -= bytes;
                    // A caller that no longer waits is no error.
                    let _ = waiting.pop_front().map(|caller| caller.send(()));
                }
            }
        });
        Self { write: Arc::new(tokio::sync::Mutex::new(write)), waiting, message: vec![7; bytes].into() }
    }

    /// Sends a message and waits until it is back.
    pub async fn call(&self) -> Result<(), String> {
        let (caller, answered) = oneshot::channel();
        let mut write = self.write.lock().await;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(caller);
        write.write_all(&self.message).await.map_err(|error| error.to_string())?;
        write.flush().await.map_err(|error| error.to_string())?;
        drop(write);
        answered.await.map_err(|_| "the connection broke".to_owned())
    }
}

fn acceptor(folder: &Path) -> Result<TlsAcceptor, Failure> {
    let key = PrivateKeyDer::from_pem_file(folder.join("node.key"))
        .map_err(|error| Failure::start_up(format!("the floor's key: {error}")))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate(&folder.join("node.pem"))?], key)
        .map_err(unusable)?;
    Ok(Arc::new(config).into())
}

fn certificate(path: &Path) -> Result<CertificateDer<'static>, Failure> {
    CertificateDer::from_pem_file(path).map_err(|error| Failure::start_up(format!("{}: {error}", path.display())))
}

fn unusable(error: tokio_rustls::rustls::Error) -> Failure {
    Failure::start_up(format!("the floor's TLS: {error}"))
}

fn broken(error: io::Error) -> Failure {
    Failure::running(format!("the floor's connection: {error}"))
}
