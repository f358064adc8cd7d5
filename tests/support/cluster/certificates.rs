//! An authority and the certificates of a cluster's nodes.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::path::{Path, PathBuf};

/// The name that every node's certificate carries.
pub const NODE_NAME: &str = "tessera-node";

/// An authority that signs the nodes of one cluster.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The PEM files of one node.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    /// The key to it.
    pub key: PathBuf,
    /// The authority that it believes.
    pub authority: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "a cluster under test");
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("an authority") }
    }

    /// Signs a certificate for a node and writes its files, which are called `name`, into `folder`.
    pub fn sign(&self, name: &str, folder: &Path) -> CertificateFiles {
        self.sign_for(NODE_NAME, name, folder)
    }

    /// Signs a certificate for something that goes by `dns_name`.
    pub fn sign_for(&self, dns_name: &str, name: &str, folder: &Path) -> CertificateFiles {
        let mut params = CertificateParams::new(vec![dns_name.to_owned()]).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let write = |file: String, text: String| {
            let path = folder.join(file);
            std::fs::write(&path, text).expect("a file in the cluster's folder");
            path
        };
        CertificateFiles {
            certificate: write(format!("{name}.pem"), certificate.pem()),
            key: write(format!("{name}.key"), key.serialize_pem()),
            authority: write(format!("{name}.ca.pem"), self.issuer.pem()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
