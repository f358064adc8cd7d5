//! The server as clients meet it: over TCP, through the SDK and through a plain HTTP client.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod conformance;
mod credentials;
mod limits;
mod multipart;
mod objects;
mod refusals;

use super::{LocalCredentials, LocalS3, LocalS3Options};
use crate::s3::{S3ObjectStore, S3Options};
use reqwest::StatusCode;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tessera_ports::object_store::{ObjectStore, PresignedPut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const BUCKET: &str = "tessera";
const KEY: &str = "uploads/7/1700000000000/42.jpg";
const JPEG: &str = "image/jpeg";

/// A server on a folder of its own, and a store that talks to it.
struct Endpoint {
    server: LocalS3,
    store: S3ObjectStore,
    http: reqwest::Client,
    folder: TempDir,
    credentials: LocalCredentials,
}

impl Endpoint {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut LocalS3Options)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    async fn start_in(folder: TempDir, change: impl FnOnce(&mut LocalS3Options)) -> Self {
        let credentials = LocalCredentials::random();
        let mut options = LocalS3Options::new(folder.path().join("objects"), any_port(), credentials.clone());
        change(&mut options);
        let server = LocalS3::start(options).await.unwrap();
        let store = store(&server, &credentials);
        store.ensure_bucket().await.unwrap();
        Endpoint { server, store, http: reqwest::Client::new(), folder, credentials }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    async fn presign(&self, size_bytes: u64) -> PresignedPut {
        self.store.presign_put(KEY, JPEG, size_bytes, 60).await.unwrap()
    }

    /// PUTs as a plain client does.
    async fn put(&self, url: &str, content_type: &str, body: impl Into<reqwest::Body>) -> StatusCode {
        let request = self.http.put(url).header("content-type", content_type).body(body);
        request.send().await.unwrap().status()
    }

    async fn exists(&self, key: &str) -> bool {
        self.store.head(key).await.unwrap().is_some()
    }

    /// Every file under the root, by its path.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// Waits until no file is left: the server notices a lost client a moment later.
    async fn expect_no_files(&self) {
        for _ in 0..200 {
            if self.files().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("left behind: {:?}", self.files());
    }

    /// Starts a PUT by hand: its head, and `body` as the beginning of what the head announces.
    async fn begin_put(&self, presigned: &PresignedPut, announced: &str, body: &[u8]) -> TcpStream {
        let authority = self.server.address();
        let target = presigned.url.strip_prefix(&format!("http://{authority}")).unwrap();
        let head = format!("PUT {target} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: {JPEG}\r\n{announced}\r\n\r\n");
        let mut stream = TcpStream::connect(authority).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        stream
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn store(server: &LocalS3, credentials: &LocalCredentials) -> S3ObjectStore {
    store_of(server, credentials, BUCKET)
}

fn store_of(server: &LocalS3, credentials: &LocalCredentials, bucket: &str) -> S3ObjectStore {
    let LocalCredentials { access_key, secret_key } = credentials.clone();
    S3ObjectStore::new(S3Options::new(server.endpoint(), bucket, "us-east-1", access_key, secret_key)).unwrap()
}
