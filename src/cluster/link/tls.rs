//! Mutual TLS between nodes: 1.3 only, by rustls with aws-lc-rs.
//!
//! Either side must show a certificate that the cluster's authority signed **and** that names [`CERTIFICATE_NAME`].
//! A fixed name rather than the host's: nodes reach each other by the addresses in the membership table, which
//! change, and a certificate of the same authority that was made for something else must not pass. Which node a
//! peer is it says in its hello, under the proof that it knows the cluster secret.

use super::settings::{LinkError, LinkSettings};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::{Resumption, verify_server_name},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use std::{path::Path, sync::Arc};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The DNS name that the certificate of every node must carry among its alternative names.
pub const CERTIFICATE_NAME: &str = "tessera-node";

/// Both ends of TLS, as this node does it.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) connector: TlsConnector,
}

impl Tls {
    /// Reads the files and checks that they fit together, so that a mistake shows at start and not as a cluster of one.
    pub(super) fn load(settings: &LinkSettings) -> Result<Self, LinkError> {
        let certificate = &certificates("certificate", &settings.certificate)?[0];
        check_name(certificate).map_err(|error| LinkError::Certificate { detail: error.to_string() })?;
        Self::unchecked(settings)
    }

    /// The same for a certificate that may name something else.
    pub(super) fn unchecked(settings: &LinkSettings) -> Result<Self, LinkError> {
        let roots = Arc::new(authority(&settings.authority)?);
        let chain = certificates("certificate", &settings.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| LinkError::File {
            what: "key",
            path: settings.key.clone(),
            detail: error.to_string(),
        })?;
        let unusable = |error: rustls::Error| LinkError::Certificate { detail: error.to_string() };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| LinkError::Certificate { detail: error.to_string() })?;
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(unusable)?;
        // Every connection is checked anew: nothing of an earlier one may stand in for a certificate.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(unusable)?;
        client.resumption = Resumption::disabled();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server)), connector: TlsConnector::from(Arc::new(client)) })
    }
}

/// The name every node goes by in TLS.
pub(super) fn server_name() -> ServerName<'static> {
    ServerName::try_from(CERTIFICATE_NAME).expect("a constant that is a DNS name")
}

/// Checks that a certificate is one of a node. The chain is checked elsewhere.
pub(super) fn check_name(certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, &server_name())
}

/// An acceptor that has no certificate, so that no handshake with it succeeds: for the listener that
/// `ractor_cluster` opens by itself and that nobody shall use.
pub(super) fn closed_door() -> Result<TlsAcceptor, LinkError> {
    #[derive(Debug)]
    struct NoCertificate;
    impl ResolvesServerCert for NoCertificate {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| LinkError::Certificate { detail: error.to_string() })?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(NoCertificate));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn authority(path: &Path) -> Result<RootCertStore, LinkError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("authority", path)? {
        roots.add(certificate).map_err(|error| LinkError::File {
            what: "authority",
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The certificates in a file; at least one.
fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, LinkError> {
    let wrong = |detail: String| LinkError::File { what, path: path.to_owned(), detail };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| wrong(error.to_string()))?;
    match found.is_empty() {
        true => Err(wrong("it holds no PEM certificate".into())),
        false => Ok(found),
    }
}
