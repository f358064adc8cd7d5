//! The keeper over a real ledger, object store and shards: posts that the current model has not seen are embedded,
//! whatever is wrong with some of them.

use super::*;
use crate::limited::LimitedLedger;
use std::sync::atomic::{AtomicUsize, Ordering};
use tessera_cluster::{Supervisor, SupervisorArgs};
use tessera_domain::{
    image::RgbImage,
    media::{Variant, variant_key},
};
use tessera_media::{Limits, encode_jpeg};
use tessera_ports::{EmbeddingError, EmbeddingModel};

const NEWER: &str = "test model 2";

/// Knows flat pictures by how bright they are.
#[derive(Default)]
struct Brightness {
    /// So many of the next questions for its version end in a panic: nothing of the embedder's catches that.
    panics: AtomicUsize,
    /// So many of the next pictures are not looked at.
    failures: AtomicUsize,
}

fn take_one(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl EmbeddingModel for Brightness {
    fn version(&self) -> &str {
        assert!(!take_one(&self.panics), "the trap");
        NEWER
    }

    fn dimensions(&self) -> usize {
        16
    }

    fn embed(&self, image: &RgbImage) -> Result<Vec<f32>, EmbeddingError> {
        if take_one(&self.failures) {
            return Err(EmbeddingError::Failed("the trap".to_owned()));
        }
        Ok(vector(u64::from(image.pixels[0]) / 16))
    }
}

/// A picture that [`Brightness`] embeds as `vector(number)`.
fn flat(number: u64) -> Vec<u8> {
    encode_jpeg(&vec![number as u8 * 16 + 8; 64 * 64 * 3], 64, 64, 90).expect("a JPEG")
}

/// Stores posts' pictures, by number.
async fn store_pictures(ground: &Ground, objects: &dyn ObjectStore, ids: &[PostId]) {
    for (number, id) in (0..).zip(ids) {
        put_medium(ground, objects, *id, flat(number)).await;
    }
}

async fn put_medium(ground: &Ground, objects: &dyn ObjectStore, id: PostId, bytes: Vec<u8>) {
    let post = ground.ledger.posts(&[id]).await.expect("posts").remove(0);
    let key = variant_key(post.author_id, post.media.upload_id, Variant::Medium);
    objects.put(&key, Variant::Medium.content_type(), bytes.into()).await.expect("put");
}

/// Starts shards and their keeper, whose second round is far away.
async fn keep(ground: &Ground, objects: Arc<dyn ObjectStore>, embedder: Embedder) -> VisualSearchRef {
    keep_in_rounds(ground, objects, embedder, KeeperSettings::default().round_interval).await
}

async fn keep_in_rounds(
    ground: &Ground,
    objects: Arc<dyn ObjectStore>,
    embedder: Embedder,
    round_interval: Duration,
) -> VisualSearchRef {
    let search = start(ground, objects.clone(), 2);
    let settings = KeeperSettings {
        interval: Duration::from_millis(20),
        batch: 2,
        retry_pause: Duration::from_millis(20),
        round_interval,
        ..KeeperSettings::default()
    };
    let args = KeeperArgs {
        node: alone(),
        ledger: LimitedLedger::new(&ground.ledger, settings.call_limit),
        objects,
        search: search.clone(),
        embedder: Some(embedder),
        settings,
    };
    let children = vec![VisualKeeper::child_spec(Arc::new(args))];
    let group = SupervisorArgs { name: "keepers", intensity: crate::restart::GROUP, children };
    Supervisor::start(group, Some(ground.root.get_cell())).await.expect("the keeper starts");
    search
}

fn embedder(model: Brightness) -> Embedder {
    Embedder::new(Arc::new(model), Limits::default(), 1)
}

/// Waits until these posts are found by the newer model, by number.
async fn all_found(search: &VisualSearchRef, numbers: impl IntoIterator<Item = usize>, ids: &[PostId]) {
    for number in numbers {
        eventually("the newer model's embedding is found", async || {
            (found(search, &query(NEWER, number as u64, 1)).await == [ids[number]]).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_of_an_older_model_are_embedded_anew_and_its_embeddings_go() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let mut ids = posts(&ground, author, 4).await;
    ids.push(ground.world.post(author).await);
    store_pictures(&ground, &objects, &ids).await;
    let search = keep(&ground, Arc::new(objects), embedder(Brightness::default())).await;
    all_found(&search, 0..5, &ids).await;
    eventually("the older model's embeddings are dropped", async || {
        let models = ground.ledger.embedding_models().await.expect("embedding_models");
        (models == [NEWER]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_after_a_full_round_is_found_by_the_next() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let mut ids = ground.world.posts(author, 1).await;
    store_pictures(&ground, &objects, &ids).await;
    let objects: Arc<dyn ObjectStore> = Arc::new(objects);
    let pause = Duration::from_millis(20);
    let search = keep_in_rounds(&ground, objects.clone(), embedder(Brightness::default()), pause).await;
    all_found(&search, [0], &ids).await;
    // The keeper goes by the clock, the world has its own.
    ground.world.advance(tessera_ports::clock::now().since_ms(ground.world.now()));
    ids.push(ground.world.post(author).await);
    put_medium(&ground, objects.as_ref(), ids[1], flat(1)).await;
    all_found(&search, [1], &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_whose_picture_cannot_be_read_holds_up_no_other() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let ids = ground.world.posts(author, 6).await;
    store_pictures(&ground, &objects, &ids).await;
    put_medium(&ground, &objects, ids[5], vec![0; 9 * 1024 * 1024]).await;
    put_medium(&ground, &objects, ids[2], b"no picture at all".to_vec()).await;
    let search = keep(&ground, Arc::new(objects), embedder(Brightness::default())).await;
    all_found(&search, [0, 1, 3, 4], &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_is_tried_again_long_before_the_next_round() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let ids = ground.world.posts(author, 3).await;
    store_pictures(&ground, &objects, &ids).await;
    let embedder = embedder(Brightness { failures: AtomicUsize::new(3), ..Brightness::default() });
    let taken: Vec<QueryPlace> = std::iter::from_fn(|| embedder.place().ok()).collect();
    let search = keep(&ground, Arc::new(objects), embedder).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!taken.is_empty(), "callers held every place");
    drop(taken);
    all_found(&search, 0..3, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_panics_is_begun_again() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let ids = ground.world.posts(author, 1).await;
    store_pictures(&ground, &objects, &ids).await;
    let model = Brightness { panics: AtomicUsize::new(2), ..Brightness::default() };
    let search = keep(&ground, Arc::new(objects), embedder(model)).await;
    all_found(&search, 0..1, &ids).await;
}
