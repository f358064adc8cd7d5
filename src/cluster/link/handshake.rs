//! The first words on a connection, before `ractor_cluster` sees it: who we are, what we speak, and a proof.
//!
//! The dialler says [`Hello`], the acceptor answers with a [`Reply`]. Each proves that it knows the cluster secret by
//! an HMAC-SHA256 over what it says and over keying material of this very TLS session (RFC 8446 section 7.5), so that
//! a proof is worth nothing on any other connection. `ractor_cluster`'s own challenge follows and adds little: it is
//! one SHA-256 over a 32-bit number. What is said here never changes its form; a new form gets a new magic number.

use crate::wire;
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{io, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long a connection may take to prove itself, TLS included.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

const MAGIC: [u8; 4] = *b"TSL1";
const MAX_BYTES: usize = 1024;
const PROOF_BYTES: usize = 32;

/// Where the keying material comes from (RFC 5705).
pub(super) const EXPORTER_LABEL: &[u8] = b"EXPORTER-tessera-link";

/// Keying material of one TLS session: 32 bytes that bind the proofs to it, 8 that name the session in frames.
pub(super) type KeyingMaterial = [u8; 40];

/// What a dialler says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) name: String,
    /// Whom it means to reach.
    pub(super) wanted: String,
    /// Tells two processes apart that go by the same name.
    pub(super) instance: u64,
    pub(super) wire_oldest: u16,
    pub(super) wire_newest: u16,
}

/// What an acceptor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// Come in; this wire version is spoken.
    Welcome {
        wire: u16,
    },
    Refused(Refusal),
}

/// Why a node does not take another's connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The cluster secrets differ.
    #[error("it has another cluster secret")]
    WrongSecret,
    /// No wire version is spoken by both.
    #[error("it speaks the wire versions {oldest} to {newest} only")]
    IncompatibleWire {
        /// The oldest it speaks.
        oldest: u16,
        /// The newest it speaks.
        newest: u16,
    },
    /// Another node lives at the address, or another incarnation.
    #[error("it is {name}")]
    WrongNode { name: String },
    /// Another process goes by the dialler's name.
    #[error("another process has this node's name")]
    NameTaken,
    /// The dialler was a member and is none any more.
    #[error("this node is no member any more")]
    Departed,
    /// Of two nodes the one with the lower name dials.
    #[error("of the two it is the one that dials")]
    WrongDirection,
    /// Too many nodes knock that are not members yet.
    #[error("too many unknown nodes")]
    TooMany,
}

impl Refusal {
    /// A word for metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Refusal::WrongSecret => "wrong_secret",
            Refusal::IncompatibleWire { .. } => "incompatible_wire",
            Refusal::WrongNode { .. } => "wrong_node",
            Refusal::NameTaken => "name_taken",
            Refusal::Departed => "departed",
            Refusal::WrongDirection => "wrong_direction",
            Refusal::TooMany => "too_many",
        }
    }
}

/// How the first words fail.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelloError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it does not speak this protocol: {0}")]
    Garbled(String),
    #[error("{0}")]
    Refused(#[from] Refusal),
}

/// The handshake of one connection: says, and checks what is said.
pub(super) struct Handshake {
    key: hmac::Key,
    binding: [u8; 32],
    session: u64,
}

#[derive(Clone, Copy)]
enum Role {
    Dialler,
    Acceptor,
}

impl Handshake {
    pub(super) fn new(secret: &[u8], material: &KeyingMaterial) -> Self {
        let (mut binding, mut session) = ([0; 32], [0; 8]);
        binding.copy_from_slice(&material[..32]);
        session.copy_from_slice(&material[32..]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { key, binding, session: u64::from_be_bytes(session) }
    }

    /// What names the session in frames; both sides derive the same.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// The dialler's part: says hello and hears whether it is welcome, and in which wire version.
    pub(super) async fn introduce<S>(&self, stream: &mut S, hello: &Hello) -> Result<u16, HelloError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.say(stream, Role::Dialler, hello).await?;
        match self.hear(stream, Role::Acceptor).await? {
            Reply::Welcome { wire } if (hello.wire_oldest..=hello.wire_newest).contains(&wire) => Ok(wire),
            Reply::Welcome { wire } => Err(HelloError::Garbled(format!("it chose the wire version {wire}"))),
            Reply::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// The acceptor's first part: hears who it is. One without the secret is told so.
    pub(super) async fn listen<S>(&self, stream: &mut S) -> Result<Hello, HelloError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let heard = self.hear(stream, Role::Dialler).await;
        if let Err(HelloError::Refused(refusal)) = &heard {
            self.reply(stream, &Reply::Refused(refusal.clone())).await?;
        }
        heard
    }

    /// The acceptor's second part.
    pub(super) async fn reply<S>(&self, stream: &mut S, reply: &Reply) -> Result<(), HelloError>
    where
        S: AsyncWrite + Unpin,
    {
        self.say(stream, Role::Acceptor, reply).await
    }

    async fn say<S, T>(&self, stream: &mut S, role: Role, what: &T) -> Result<(), HelloError>
    where
        S: AsyncWrite + Unpin,
        T: Serialize,
    {
        let said = wire::encode(what).map_err(HelloError::Garbled)?;
        let proof = hmac::sign(&self.key, &self.context(role, &said));
        let length = (said.len() as u16).to_be_bytes();
        let message = [&MAGIC[..], &length, &said, proof.as_ref()].concat();
        stream.write_all(&message).await?;
        Ok(stream.flush().await?)
    }

    async fn hear<S, T>(&self, stream: &mut S, role: Role) -> Result<T, HelloError>
    where
        S: AsyncRead + Unpin,
        T: DeserializeOwned,
    {
        let mut begin = [0; MAGIC.len() + 2];
        stream.read_exact(&mut begin).await?;
        let length = usize::from(u16::from_be_bytes([begin[4], begin[5]]));
        if begin[..MAGIC.len()] != MAGIC || length > MAX_BYTES {
            return Err(HelloError::Garbled("it begins with something else".into()));
        }
        let mut said = vec![0; length + PROOF_BYTES];
        stream.read_exact(&mut said).await?;
        let proof = said.split_off(length);
        hmac::verify(&self.key, &self.context(role, &said), &proof).map_err(|_| Refusal::WrongSecret)?;
        wire::decode(&said).map_err(HelloError::Garbled)
    }

    /// What a proof is about. The role keeps one side's words from being given back to it as the other's.
    fn context(&self, role: Role, said: &[u8]) -> Vec<u8> {
        let role = match role {
            Role::Dialler => b"dialler ",
            Role::Acceptor => b"acceptor",
        };
        [&role[..], &self.binding, said].concat()
    }
}

/// The newest wire version that both sides speak.
pub(super) fn common_wire(ours: (u16, u16), theirs: (u16, u16)) -> Result<u16, Refusal> {
    let newest = ours.1.min(theirs.1);
    match newest >= ours.0 && newest >= theirs.0 {
        true => Ok(newest),
        false => Err(Refusal::IncompatibleWire { oldest: ours.0, newest: ours.1 }),
    }
}
