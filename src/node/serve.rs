//! `tessera serve`: a node with its two listeners, from start-up to drain.

use crate::{
    Failure,
    compose::{self, Node},
    config::Config,
    gauges,
    hooks::NodeHooks,
    private_files, telemetry,
};
use bytes::Bytes;
use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tessera_cluster::Deadline;
use tessera_http_api::{AdminSettings, ServeOptions, admin_router, router, serve};
use tessera_ports::Ledger;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};

/// How long the actors may take to save themselves once the requests are done.
const ACTORS_DRAIN: Duration = Duration::from_secs(15);

/// How long the cluster may take to hear that the node drains.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Runs a node until a signal, the operators or a failure ends it.
pub async fn run(config: Config) -> Result<(), Failure> {
    let node = start(config, None).await?;
    node.announce();
    node.run_until_stopped().await
}

/// A node that serves.
pub struct RunningNode {
    node: Node,
    http: SocketAddr,
    admin: SocketAddr,
    draining: Arc<watch::Sender<bool>>,
    drain_grace: Duration,
    edge_stop: watch::Sender<bool>,
    admin_stop: watch::Sender<bool>,
    edge: JoinHandle<()>,
    operators: JoinHandle<()>,
    gauges: JoinHandle<()>,
}

/// Starts a node and its listeners.
pub async fn start(config: Config, demo_people: Option<Bytes>) -> Result<RunningNode, Failure> {
    telemetry::start_logging(&config).map_err(Failure::start_up)?;
    private_files::tighten(&config);
    let metrics = telemetry::start_metrics().map_err(Failure::start_up)?;
    let draining = Arc::new(watch::Sender::new(false));
    watch_signals(draining.clone())?;
    // Both ports are taken first: a port in use must not leave half a node behind.
    let http = bind("http.listen", config.http.listen).await?;
    let admin = bind("admin.listen", config.admin.listen).await?;
    let addresses = (local_address(&http)?, local_address(&admin)?);

    let node = Node::start(&config, addresses.1).await?;
    let public_url = config.http.public_url.clone().unwrap_or_else(|| url_of(addresses.0));
    if config.http.public_url.is_none() && (config.cluster.is_some() || config.http.listen.ip().is_unspecified()) {
        tracing::warn!(%public_url, "http.public_url is not set: clients on other machines cannot follow this node's links");
    }
    let edge = router(node.app.clone(), compose::edge_settings(&config, public_url, &node, demo_people));
    let hooks = NodeHooks {
        node_name: config.node_name.clone(),
        actors: node.actors.clone(),
        breakers: node.breakers.clone(),
        cluster_node: node.cluster_node.clone(),
        keeper: node.keeper.clone(),
        metrics,
        draining: draining.clone(),
    };
    let settings = AdminSettings { token: compose::admin_token(&config)?, chaos: config.chaos };
    let operators = admin_router(node.app.clone(), Arc::new(hooks), settings);

    let options = ServeOptions { drain_timeout: config.http.drain_timeout, ..ServeOptions::default() };
    let edge_stop = watch::Sender::new(false);
    let edge = tokio::spawn(serve(http, edge, options, is_true(edge_stop.subscribe())));
    let admin_stop = watch::Sender::new(false);
    let brief = ServeOptions { drain_timeout: Duration::from_secs(2), max_connections: 256, ..ServeOptions::default() };
    let operators = tokio::spawn(serve(admin, operators, brief, is_true(admin_stop.subscribe())));
    let gauges = tokio::spawn(gauges::keep_measuring(node.app.clone()));
    let (http, admin) = addresses;
    let drain_grace = config.http.drain_grace;
    Ok(RunningNode { node, http, admin, draining, drain_grace, edge_stop, admin_stop, edge, operators, gauges })
}

impl RunningNode {
    /// Where this machine reaches the public listener.
    pub fn http_url(&self) -> String {
        url_of(self.http)
    }

    pub fn ledger(&self) -> Arc<dyn Ledger> {
        self.node.ledger.clone()
    }

    /// Prints the one line that says the node is ready, unless it is already draining.
    pub fn announce(&self) {
        if !*self.draining.borrow() {
            println!("ready http={} admin={}", url_of(self.http), url_of(self.admin));
            let _ = std::io::stdout().flush();
        }
    }

    /// Resolves once the node is asked to stop.
    pub async fn stop_requested(&self) {
        is_true(self.draining.subscribe()).await;
    }

    /// Serves until it is asked to stop, then drains: requests first, then jobs and actors, then the stores.
    pub async fn run_until_stopped(self) -> Result<(), Failure> {
        let gave_up = tokio::select! {
            () = self.stop_requested() => false,
            () = self.node.actors.ended() => true,
        };
        tracing::info!("draining");
        self.draining.send_replace(true);
        if let Some(keeper) = &self.node.keeper {
            keeper.begin_drain(Deadline::after(HAND_OVER)).await;
        }
        if !gave_up {
            // Not ready any more, but still serving: until load balancers know, requests keep coming.
            tokio::time::sleep(self.drain_grace).await;
        }
        self.edge_stop.send_replace(true);
        let _ = self.edge.await;
        self.gauges.abort();
        self.node.stop(Deadline::after(ACTORS_DRAIN)).await;
        self.admin_stop.send_replace(true);
        let _ = self.operators.await;
        if gave_up { Err(Failure::running("the actors failed too often; the log says why")) } else { Ok(()) }
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::start_up(format!(
            "{key} = {address}: {error}; choose another with --set {key}=ADDRESS:PORT (port 0 picks a free one)"
        ))
    })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::start_up(error.to_string()))
}

/// The URL at which this machine reaches a listener.
fn url_of(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            format!("http://{}", SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())))
        }
        _ => format!("http://{address}"),
    }
}

async fn is_true(mut flag: watch::Receiver<bool>) {
    // The sender lives as long as the node; if it is gone, stopping is right as well.
    let _ = flag.wait_for(|stop| *stop).await;
}

/// The first SIGTERM or SIGINT drains; a second one ends the process at once.
fn watch_signals(draining: Arc<watch::Sender<bool>>) -> Result<(), Failure> {
    let unavailable = |error| Failure::start_up(format!("cannot watch signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if *draining.borrow() {
                tracing::warn!("a second signal: ending at once");
                std::process::exit(130);
            }
            draining.send_replace(true);
        }
    });
    Ok(())
}
