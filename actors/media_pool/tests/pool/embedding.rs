//! Pictures are embedded on their way to a post, and become one where that fails.

use super::*;
use tessera_domain::{PostId, image::RgbImage};
use tessera_media::Limits;
use tessera_ports::{EmbeddingError, EmbeddingModel, ledger::PostRange};

const MODEL: &str = "test model";

/// Says at its first picture that it failed, and panics at its second.
#[derive(Default)]
struct Moody {
    seen: AtomicUsize,
}

impl EmbeddingModel for Moody {
    fn version(&self) -> &str {
        MODEL
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, _: &RgbImage) -> Result<Vec<f32>, EmbeddingError> {
        match self.seen.fetch_add(1, Ordering::SeqCst) {
            0 => Err(EmbeddingError::Failed("the trap".to_owned())),
            1 => panic!("the trap"),
            _ => Ok(vec![1.0, 0.0]),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_the_model_fails_at_becomes_a_post_that_still_has_to_be_embedded() {
    let studio = Studio::open_with(Some(Embedder::new(Arc::new(Moody::default()), Limits::default(), 1))).await;
    studio.start().await;
    let ledger = &studio.ground.ledger;
    let mut posts: Vec<PostId> = Vec::new();
    for _ in 0..3 {
        let upload = studio.queue(Some(photo())).await;
        let settled = studio.settled(&upload).await;
        assert_eq!((settled.status, settled.error.as_deref()), (UploadStatus::Completed, None));
        posts.push(settled.post_id.expect("a completed upload has its post"));
    }
    let embedded = ledger.embeddings(&posts, Some(MODEL)).await.expect("embeddings");
    assert_eq!(embedded.iter().map(|found| found.post.post_id).collect::<Vec<_>>(), [posts[2]]);
    let left = ledger.posts_to_embed(MODEL, PostRange::ALL, 10).await.expect("posts_to_embed").posts;
    assert_eq!(left, [posts[1], posts[0]], "the keeper of the visual index finds them");
    assert_eq!(studio.pool.stats().failed, 0, "it cost no job an attempt");
}
