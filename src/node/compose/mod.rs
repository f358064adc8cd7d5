//! The composition root: the only place that knows what a node is made of.

mod admin_token;
mod clustering;
mod local_objects;
mod ranking;
mod stores;
mod visual;

pub use admin_token::{admin_token, read_admin_token};
pub use stores::{OpenLedger, OpenObjects, open_hot, open_ledger, open_objects};

use crate::{Failure, config::Config};
use bytes::Bytes;
use clustering::Clustering;
use std::{net::SocketAddr, path::Path, sync::Arc};
use stores::open_caches;
use tessera_actors::{
    breaker::{Breakers, GuardedCaches, GuardedObjects, ObjectsGuard},
    media_pool::Scratch,
    tree::{ActorSystem, ActorSystemArgs},
};
use tessera_app::{App, AppParts, AppSettings, IdSource, hydrate::NodeCaches};
use tessera_cluster::{ClusterKeeper, ClusterNode, Deadline, NodeName};
use tessera_http_api::{EdgeSettings, RateSettings, ServingGate};
use tessera_media::video::{VideoLimits, VideoTools};
use tessera_ports::{Ledger, StoreError};
use tessera_stores::local_s3::LocalS3;

/// Everything of a node but its listeners.
pub struct Node {
    pub app: Arc<App>,
    pub actors: Arc<ActorSystem>,
    pub breakers: Breakers,
    /// The truth, to be closed last.
    pub ledger: Arc<dyn Ledger>,
    /// This node in its cluster, which may be itself alone.
    pub cluster_node: Arc<ClusterNode>,
    /// Keeps it there; `None` where it is alone.
    pub keeper: Option<ClusterKeeper>,
    local_s3: Option<LocalS3>,
    /// Where presigned uploads go.
    pub upload_origin: String,
}

impl Node {
    /// Opens the stores and starts the actors.
    ///
    /// In a cluster the node is a member that owns its share afterwards; `admin` is where its operators reach it.
    pub async fn start(config: &Config, admin: SocketAddr) -> Result<Self, Failure> {
        let clustering = match &config.cluster {
            Some(cluster) => Some(Clustering::bind(cluster).await?),
            None => None,
        };
        let OpenLedger { ledger, membership } = open_ledger(config).await?;
        let hot = open_hot(config).await?;
        let OpenObjects { store: objects, upload_origin, server: local_s3 } = open_objects(config).await?;
        let cdn_caches = open_caches(config)?;
        let breakers = Breakers::new(config.breakers, cdn_caches.len());
        let cdn = Arc::new(GuardedCaches::new(breakers.caches.iter().cloned().zip(cdn_caches).collect()));
        let floor = ledger.id_floor().await.map_err(|error| store_failure(&error))?;
        let ids = Arc::new(IdSource::new(config.node_number, floor));
        let caches = NodeCaches::new();
        let next_id = {
            let ids = ids.clone();
            Arc::new(move || ids.post().0)
        };
        let media_limits = tessera_media::Limits {
            max_pixels: config.max_pixels,
            max_bytes: config.upload_max_bytes,
            ..Default::default()
        };
        let video_tools = find_video_tools().await;
        let video_max_bytes = video_tools.is_ok().then_some(config.max_video_bytes);
        let video_limits = VideoLimits {
            max_bytes: config.max_video_bytes,
            max_output_bytes: config.max_video_bytes,
            max_duration: config.max_video_duration,
            ..Default::default()
        };
        let embedder = visual::open_embedder(config, media_limits.clone()).await?;
        let cluster_node = match &clustering {
            Some(clustering) => clustering.node.clone(),
            None => ClusterNode::alone(NodeName(config.node_name.clone())),
        };
        let keeper = match (clustering, membership) {
            (Some(clustering), Some(membership)) => {
                Some(clustering.keeper(config, admin, membership, ids.clone(), caches.clone()))
            }
            _ => None,
        };
        let actors = ActorSystem::start(ActorSystemArgs {
            ledger: ledger.clone(),
            hot: hot.clone(),
            objects: objects.clone(),
            cdn,
            next_id,
            caches: caches.clone(),
            breakers: breakers.clone(),
            node: cluster_node.clone(),
            clustering: keeper.iter().map(ClusterKeeper::child_spec).collect(),
            media_workers: config.media_workers,
            media_limits,
            video_tools,
            video_limits,
            scratch: Scratch::new(config.data_dir.join("scratch").join(&config.node_name)),
            embedder: embedder.clone(),
            visual_shards: config.visual_shards,
            visual_engine: config.visual_engine,
            timeline_idle_after: config.timeline_idle_after,
            timeline_memory_bytes: config.timeline_memory_bytes,
        });
        let actors = actors.await.map_err(|error| Failure::start_up(format!("cannot start the actors: {error}")))?;
        let settings = AppSettings {
            celebrity_rule: config.celebrity_rule,
            upload_max_bytes: config.upload_max_bytes,
            video_max_bytes,
            daily_upload_quota: config.daily_upload_quota,
            ranking_log_share: config.ranking_log_share,
            max_queued_jobs: config.max_queued_jobs,
            feed_ratios: config.feed_ratios,
            ranks_followed: config.ranks_followed,
            ..AppSettings::default()
        };
        let actors_refs = actors.refs().clone();
        let parts = AppParts {
            ledger: ledger.clone(),
            hot,
            objects: Arc::new(GuardedObjects::new(objects, ObjectsGuard::new(breakers.objects.clone()))),
            ids,
            caches,
            actors: actors_refs,
            breakers: breakers.clone(),
            embedder,
            ranking: ranking::open_model(config)?,
            ranking_log: ranking::open_log(config)?,
            settings,
        };
        let app = App::new(parts).map_err(|error| Failure::start_up(error.to_string()))?;
        if let Some(keeper) = &keeper {
            clustering::join(keeper).await?;
        }
        Ok(Self { app, actors: Arc::new(actors), breakers, ledger, cluster_node, keeper, local_s3, upload_origin })
    }

    /// Saves what is in memory, stops the actors, then closes the stores.
    pub async fn stop(self, deadline: Deadline) {
        self.actors.drain(deadline).await;
        if let Some(keeper) = self.keeper {
            keeper.leave().await;
        }
        if let Some(server) = self.local_s3 {
            server.shutdown().await;
        }
        self.ledger.close().await;
    }
}

/// What the public edge needs to know, given where it listens.
pub fn edge_settings(config: &Config, public_url: String, node: &Node, demo_people: Option<Bytes>) -> EdgeSettings {
    EdgeSettings {
        upload_origin: Some(node.upload_origin.clone()).filter(|origin| *origin != public_url),
        public_url,
        trust_forwarded: config.http.trust_forwarded,
        rates: RateSettings { enabled: config.limits_enabled, ..RateSettings::default() },
        cors_origins: config.http.cors_origins.clone(),
        request_timeout: config.http.request_timeout,
        max_concurrent_requests: config.http.max_concurrent_requests,
        gate: node
            .keeper
            .clone()
            .map_or_else(ServingGate::default, |keeper| ServingGate::new(move || keeper.may_serve())),
        demo_people,
    }
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::start_up(format!("data_dir: cannot make {}: {error}", path.display())))
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::start_up(error.to_string())
}

/// The programs that convert videos; without them the node takes none.
async fn find_video_tools() -> Result<VideoTools, String> {
    let found = tokio::task::spawn_blocking(VideoTools::find).await.unwrap_or_else(|error| Err(error.to_string()));
    match &found {
        Ok(tools) if !tools.has_network_namespace() => {
            tracing::info!("ffmpeg runs without a network namespace: this machine does not allow one");
        }
        Ok(_) => {}
        Err(reason) => tracing::warn!(%reason, "this node takes no videos"),
    }
    found
}
