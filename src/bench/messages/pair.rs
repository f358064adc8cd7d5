//! Two processes with a link between them, as two nodes have it: mutual TLS, cluster secret, `ractor_cluster`.

use super::{
    entity::{self, Ask, Echo, Tell},
    sockets,
};
use crate::{
    Failure,
    child::{ChildProcess, ChildRole},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    fmt::Display,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tessera_cluster::{
    ClusterNode, NodeName, Region, ShardMap, View,
    link::{CERTIFICATE_NAME, ClusterSecret, Link, LinkListener, LinkSettings, Peer, PeerChange},
};
use tokio::{
    sync::{broadcast, mpsc},
    time::timeout,
};

/// The bench's own node: it dials, because its name is the lower one.
const BENCH: &str = "bench#1";
/// The node that owns every entity.
const PEER: &str = "peer#1";
/// How long two nodes on one machine may take to be linked.
const LINK_LIMIT: Duration = Duration::from_secs(10);

/// This process's end, and the other process.
pub struct Pair {
    pub peer: ChildProcess,
    /// Reaches the entities there.
    pub region: Region<Echo>,
    /// Where the other process echoes over plain TCP.
    pub tcp: SocketAddr,
    /// Where it does over TLS.
    pub tls: SocketAddr,
    link: Link,
    events: broadcast::Receiver<tessera_cluster::link::PeerEvent>,
    _listener: LinkListener,
}

impl Pair {
    /// Starts the other process and links with it; `folder` receives the certificates.
    pub async fn start(folder: &Path) -> Result<Self, Failure> {
        write_certificates(folder).map_err(|error| Failure::start_up(format!("certificates: {error}")))?;
        let (listener, link, node) = join(folder, BENCH).await?;
        let role = ChildRole::MessagesPeer { folder: folder.to_owned(), bench: listener.address() };
        let peer = ChildProcess::start(role).await?;
        let address = |name: &str| {
            let address = peer.announced(name).and_then(|address| address.parse::<SocketAddr>().ok());
            address.ok_or_else(|| Failure::running(format!("the other process does not say where its {name} is")))
        };
        let (linked, tcp, tls) = (address("link")?, address("tcp")?, address("tls")?);
        let mut events = link.events();
        link.set_peers(vec![Peer { name: NodeName(PEER.to_owned()), address: linked }]);
        let up = async {
            loop {
                match events.recv().await {
                    Ok(event) if event.change == PeerChange::Up => return Ok(()),
                    Ok(event) => tracing::warn!(?event, "the link is not up yet"),
                    Err(error) => return Err(Failure::running(format!("the link ended: {error}"))),
                }
            }
        };
        timeout(LINK_LIMIT, up).await.map_err(|_| Failure::running("the two processes do not link"))??;
        let (region, _) = entity::region(node).await?;
        Ok(Self { peer, region, tcp, tls, link, events, _listener: listener })
    }

    /// Ends the link; says what happened to it meanwhile, which should be nothing.
    pub async fn end(mut self) -> Option<String> {
        let event = self.events.try_recv().ok().filter(|event| event.change != PeerChange::Responsive);
        self.link.stop().await;
        event.map(|event| format!("{}: {:?}", event.name, event.change))
    }
}

/// Plays the other process until its input ends; answers each line with how many notices it took so far.
pub async fn serve(folder: &Path, bench: SocketAddr, mut lines: mpsc::Receiver<String>) -> Result<(), Failure> {
    let (listener, link, node) = join(folder, PEER).await?;
    link.set_peers(vec![Peer { name: NodeName(BENCH.to_owned()), address: bench }]);
    let (region, taken) = entity::region(node).await?;
    region.serve::<Ask>();
    region.serve::<Tell>();
    let (tcp, tls) = sockets::serve(folder).await?;
    println!("ready link={} tcp={tcp} tls={tls}", listener.address());
    std::io::stdout().flush().map_err(failed)?;
    while lines.recv().await.is_some() {
        println!("{}", taken.load(Ordering::Relaxed));
    }
    link.stop().await;
    Ok(())
}

/// A node called `name` in a cluster where the peer owns everything.
async fn join(folder: &Path, name: &str) -> Result<(LinkListener, Link, Arc<ClusterNode>), Failure> {
    let settings = LinkSettings::new(
        (Ipv4Addr::LOCALHOST, 0).into(),
        folder.join("node.pem"),
        folder.join("node.key"),
        folder.join("ca.pem"),
        ClusterSecret::new("the secret of a measurement").map_err(failed)?,
    );
    let listener = LinkListener::bind(&settings).await.map_err(failed)?;
    let (this, map) = (NodeName(name.to_owned()), ShardMap::new(1, vec![NodeName(PEER.to_owned())]));
    let node = ClusterNode::starting_with(View { this: this.clone(), map, members: Vec::new() });
    let link = Link::start(&listener, this, node.clone()).await.map_err(failed)?;
    node.set_transport(Some(Arc::new(link.clone())));
    Ok((listener, link, node))
}

/// An authority of this run alone, and one certificate for both nodes.
fn write_certificates(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()])?.signed_by(&key, &authority)?;
    std::fs::write(folder.join("ca.pem"), authority.pem())?;
    std::fs::write(folder.join("node.pem"), certificate.pem())?;
    Ok(std::fs::write(folder.join("node.key"), key.serialize_pem())?)
}

fn failed(error: impl Display) -> Failure {
    Failure::start_up(format!("cannot link two processes: {error}"))
}
