//! An edge over SQLite, the in-process hot store and the in-process S3 server, all in a folder of its own.

use crate::{AdminHooks, AdminSettings, EdgeSettings, EdgeState, admin::*, admin_router, router};
use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;
use tempfile::TempDir;
use tessera_actors::{
    breaker::{BreakerPolicy, Breakers},
    media_pool::Scratch,
    tree::{ActorSystem, ActorSystemArgs},
};
use tessera_app::{App, AppError, AppParts, AppResult, AppSettings, IdSource, hydrate::NodeCaches};
use tessera_cluster::{ClusterNode, NodeName};
use tessera_domain::{Timestamp, breaker::BreakerState, time::HOUR_MS};
use tessera_media::video::VideoLimits;
use tessera_ports::{ObjectStore, RankingModelSlot, cdn::NoCdn, clock};
use tessera_ports_testing::{
    conformance::World,
    faults::{FaultPlan, Faults, Faulty},
};
use tessera_ranking::TreeModel;
use tessera_stores::{
    local_s3::{LocalCredentials, LocalS3, LocalS3Options},
    memory::MemoryHotStore,
    s3::{S3ObjectStore, S3Options},
    sqlite::{SqliteLedger, SqliteOptions},
};
use tower::ServiceExt;

pub(super) const ADMIN_TOKEN: &str = "operators only";

pub(super) struct Edge {
    pub(super) public: Router,
    pub(super) admin: Router,
    pub(super) state: EdgeState,
    pub(super) objects: Arc<S3ObjectStore>,
    pub(super) actors: ActorSystem,
    /// Counts what the use cases ask of the stores.
    pub(super) ledger: Arc<Faulty<SqliteLedger>>,
    pub(super) hot: Arc<Faulty<MemoryHotStore>>,
    _server: LocalS3,
    _folder: TempDir,
}

/// A reply, read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("header"))
    }

    /// Asserts that this is a problem with `code`, in the documented form.
    #[track_caller]
    pub(super) fn is_problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.header("x-request-id"));
        for field in ["type", "title", "detail"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {body}");
        }
        body
    }
}

impl Edge {
    pub(super) async fn start() -> Self {
        Self::start_with(|_, _| ()).await
    }

    /// An edge without rate limits (unless `change` brings them back).
    pub(super) async fn start_with(change: impl FnOnce(&mut EdgeSettings, &mut AppSettings)) -> Self {
        Self::start_over(FaultPlan::quiet(0), change).await
    }

    /// The same over a ledger that fails by `plan`, for as long as its faults are enabled.
    pub(super) async fn start_over(plan: FaultPlan, change: impl FnOnce(&mut EdgeSettings, &mut AppSettings)) -> Self {
        Self::start_in(plan, change, async |_| ()).await
    }

    /// An edge over a ledger that `seed` has filled before any actor was there.
    pub(super) async fn start_seeded(seed: impl AsyncFnOnce(Arc<World>)) -> Self {
        Self::start_in(FaultPlan::quiet(0), |_, _| (), seed).await
    }

    async fn start_in(
        plan: FaultPlan,
        change: impl FnOnce(&mut EdgeSettings, &mut AppSettings),
        seed: impl AsyncFnOnce(Arc<World>),
    ) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let credentials = LocalCredentials::random();
        let any_port = "127.0.0.1:0".parse().expect("address");
        let options = LocalS3Options::new(folder.path().join("objects"), any_port, credentials.clone());
        let server = LocalS3::start(options).await.expect("object store");
        let LocalCredentials { access_key, secret_key } = credentials;
        let options = S3Options::new(server.endpoint(), "tessera", "us-east-1", access_key, secret_key);
        let objects = Arc::new(S3ObjectStore::new(options).expect("object store"));
        objects.ensure_bucket().await.expect("bucket");
        let ledger =
            SqliteLedger::open(folder.path().join("ledger.db"), SqliteOptions::default()).await.expect("ledger");
        let world = World::new(ledger.clone());
        // Minutes ago, so that no id comes twice.
        world.advance(clock::now().since_ms(world.now()) - HOUR_MS);
        seed(world).await;

        let mut settings = EdgeSettings::default();
        settings.rates.enabled = false;
        let mut app_settings = AppSettings::default();
        change(&mut settings, &mut app_settings);
        let hot = Arc::new(MemoryHotStore::new(16 * 1024 * 1024));
        let ids = Arc::new(IdSource::new(0, Timestamp(0)));
        let caches = NodeCaches::new();
        let post_ids = ids.clone();
        let breakers = Breakers::new(BreakerPolicy::default(), 0);
        let actors = ActorSystem::start(ActorSystemArgs {
            ledger: ledger.clone(),
            hot: hot.clone(),
            objects: objects.clone(),
            next_id: Arc::new(move || post_ids.post().0),
            caches: caches.clone(),
            cdn: Arc::new(NoCdn),
            breakers: breakers.clone(),
            node: ClusterNode::alone(NodeName("alone".to_owned())),
            clustering: vec![],
            media_workers: 1,
            media_limits: tessera_media::Limits::default(),
            video_tools: Err("none in these tests".to_owned()),
            video_limits: VideoLimits::default(),
            scratch: Scratch::new(folder.path().join("scratch")),
            embedder: None,
            visual_shards: 2,
            visual_engine: Default::default(),
            timeline_idle_after: Duration::from_secs(60),
            timeline_memory_bytes: 64 * 1024 * 1024,
        });
        let actors = actors.await.expect("actors");
        let ledger = Arc::new(Faulty::new(ledger, Faults::new(plan)));
        let hot = Arc::new(Faulty::new(hot, Faults::new(FaultPlan::quiet(0))));
        let parts = AppParts {
            ledger: ledger.clone(),
            hot: hot.clone(),
            objects: objects.clone(),
            ids,
            caches,
            actors: actors.refs().clone(),
            breakers,
            embedder: None,
            ranking: Arc::new(RankingModelSlot::new(Arc::new(TreeModel::shipped().expect("the shipped model")))),
            ranking_log: None,
            settings: app_settings,
        };
        let app = App::new(parts).expect("app");
        let hooks = Arc::new(RecordingHooks::default());
        let admin = AdminSettings { token: ADMIN_TOKEN.to_owned(), chaos: true };
        Self {
            public: router(app.clone(), settings.clone()),
            admin: admin_router(app.clone(), hooks, admin),
            state: EdgeState::new(app, settings),
            objects,
            actors,
            ledger,
            hot,
            _server: server,
            _folder: folder,
        }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        send(&self.public, request).await
    }

    /// A call with a JSON body, where there is one, and with a token, where it is not empty.
    pub(super) async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Reply {
        self.send(request(method, path, token, &[], body)).await
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, token, None).await
    }

    pub(super) async fn put(&self, path: &str, token: &str) -> Reply {
        self.call(Method::PUT, path, token, None).await
    }

    pub(super) async fn delete(&self, path: &str, token: &str) -> Reply {
        self.call(Method::DELETE, path, token, None).await
    }

    pub(super) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::POST, path, token, Some(body)).await
    }

    /// Signs somebody up; gives their id and token.
    pub(super) async fn person(&self, username: &str) -> (String, String) {
        let reply = self.post("/v1/users", "", json!({ "username": username, "password": "long enough" })).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.bytes);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (text(&reply.json()["user"]["id"]), text(&reply.json()["token"]))
    }

    pub(super) async fn admin_call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        send(&self.admin, request(method, path, ADMIN_TOKEN, &[], body)).await
    }

    pub(super) async fn put_object(&self, key: &str, content_type: &str, bytes: &'static [u8]) {
        self.objects.put(key, content_type, Bytes::from_static(bytes)).await.expect("stored");
    }
}

pub(super) async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    Reply { status: parts.status, headers: parts.headers, bytes: body.collect().await.expect("body").to_bytes() }
}

pub(super) fn request(
    method: Method,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    match body {
        Some(body) => builder.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => builder.body(Body::empty()),
    }
    .expect("request")
}

/// A node that only notes what it was told.
#[derive(Default)]
pub(super) struct RecordingHooks {
    pub(super) draining: AtomicBool,
}

#[async_trait]
impl AdminHooks for RecordingHooks {
    async fn missing(&self) -> Vec<String> {
        if self.draining.load(Ordering::SeqCst) { vec!["draining".to_owned()] } else { Vec::new() }
    }

    fn metrics(&self) -> String {
        "tessera_up 1\n".to_owned()
    }

    async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    async fn cluster(&self) -> ClusterView {
        ClusterView { this_node: "alone".to_owned(), epoch: 1, shards: 1_024, nodes: Vec::new() }
    }

    async fn actors(&self) -> Vec<ActorsView> {
        vec![ActorsView { kind: "timeline".to_owned(), active: 3, mailbox_depth: 0, restarts: 1 }]
    }

    async fn breakers(&self) -> Vec<BreakerView> {
        Vec::new()
    }

    async fn set_breaker(&self, name: &str, _: BreakerState) -> AppResult<()> {
        if name == "recommender" { Ok(()) } else { Err(AppError::NotFound("breaker")) }
    }

    async fn sabotage(&self, name: &str, _: SabotageKind, _: Duration) -> bool {
        name == "recommender"
    }

    fn cut_off(&self) -> Vec<String> {
        vec!["recommender: its breaker is open".to_owned()]
    }

    async fn sabotage_actor(&self, target: &str, _: ActorSabotageKind, _: Duration) -> KillOutcome {
        self.kill(target).await
    }

    async fn kill(&self, target: &str) -> KillOutcome {
        match target.split_once(':') {
            Some(("timeline", "42")) => KillOutcome::Killed,
            Some(("timeline", _)) => KillOutcome::NotActive,
            _ => KillOutcome::Invalid("must be like timeline:42".to_owned()),
        }
    }
}
