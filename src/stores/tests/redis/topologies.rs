//! One server, sentinels, a cluster, TLS and passwords: each keeps the port's guarantees, and no stranger gets in.

use crate::{connect, patient};
use std::path::PathBuf;
use tempfile::TempDir;
use tessera_ports::{HotStore, StoreError};
use tessera_ports_testing::conformance;
use tessera_stores::redis::{RedisHotStore, RedisOptions};
use tessera_test_servers::{Port, Redis, RedisCluster, RedisSentinel};

#[tokio::test(flavor = "multi_thread")]
async fn one_server_keeps_the_hot_stores_guarantees() {
    let server = Redis::start(&[]);
    conformance::hot_store(|| async {
        server.flush_all();
        connect(patient(server.url())).await as _
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_keep_them() {
    let mut servers = RedisSentinel::start(&[]);
    let url = servers.url();
    let master = servers.master();
    conformance::hot_store(|| async {
        master.flush_all();
        connect(patient(url.clone())).await as _
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_them() {
    let servers = RedisCluster::start(3, &[]);
    conformance::hot_store(|| async {
        servers.flush_all();
        connect(patient(servers.url())).await as _
    })
    .await;
}

/// An authority, and a server that has a certificate of it and wants a password.
struct TlsServer {
    server: Redis,
    port: Port,
    folder: TempDir,
}

impl TlsServer {
    fn start() -> Self {
        let (folder, port) = (TempDir::new().expect("a folder"), Port::free());
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = rcgen::CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).expect("names").signed_by(&key, &authority);
        let certificate = certificate.expect("a certificate");
        for (name, text) in
            [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
        {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let number = port.number().to_string();
        let tls = ["--tls-port", &number, "--tls-auth-clients", "no", "--requirepass", "hunter2"];
        let (cert, key, ca) = (path("cert.pem"), path("key.pem"), path("ca.pem"));
        let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
        let server = Redis::start(&[&tls[..], &files].concat());
        Self { server, port, folder }
    }

    fn options(&self) -> RedisOptions {
        let url = format!("rediss://:hunter2@localhost:{}", self.port.number());
        RedisOptions { ca_file: Some(self.ca_file()), ..patient(url) }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_and_a_password_keeps_them() {
    let tls = TlsServer::start();
    conformance::hot_store(|| async {
        assert!(tls.server.command(&["-a", "hunter2", "--no-auth-warning", "FLUSHALL"]) == "OK");
        connect(tls.options()).await as _
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_strangers_certificate_nor_a_wrong_password_gets_anywhere() {
    let (tls, stranger) = (TlsServer::start(), TlsServer::start());
    let foreign_authority = RedisOptions { ca_file: Some(stranger.ca_file()), ..tls.options() };
    let public_authorities = RedisOptions { ca_file: None, ..tls.options() };
    let wrong_password = RedisOptions { url: tls.options().url.replace("hunter2", "guess"), ..tls.options() };
    for options in [foreign_authority, public_authorities, wrong_password] {
        assert!(!format!("{options:?}").contains("hunter2"), "{options:?}");
        let store = connect(options).await;
        let failure = store.check().await.expect_err("nobody is connected");
        assert!(matches!(failure, StoreError::Unavailable { .. }), "{failure}");
    }
    let missing = RedisOptions { ca_file: Some("/no/such/file.pem".into()), ..tls.options() };
    let no_tls = RedisOptions { ca_file: Some(tls.ca_file()), ..patient(tls.server.url()) };
    for options in [missing, no_tls, patient("redis://a,b")] {
        let refused = RedisHotStore::connect(options).await.err();
        assert!(matches!(refused, Some(StoreError::Refused { .. })), "{refused:?}");
    }
}
