//! One batch of the keeper: posts are embedded one by one, so that what is wrong with one holds up no other.

use super::{
    super::{Embedder, QueryPictureError},
    KeeperArgs, KeeperSettings,
    set_aside::Attempt,
};
use crate::limited::limited;
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, time::Duration};
use tessera_cluster::Deadline;
use tessera_domain::{
    PostId,
    media::{Variant, variant_key},
};
use tessera_ports::{
    EmbeddingError, StoreError, StoreResult,
    ledger::{EMBEDDING_SLOTS, Embedding, PostRange, PostsToEmbed},
};

/// The largest variant that is read, in bytes.
const MAX_VARIANT_BYTES: u64 = 8 * 1024 * 1024;
/// Old embeddings looked at, and dropped, in one transaction.
const DROP_PAGE: usize = 1_000;
/// How long a shard may take to learn of a new embedding; else it finds it by itself.
const LEARN_TIMEOUT: Duration = Duration::from_secs(2);

/// What a batch is of.
#[derive(Debug)]
pub(super) enum Work {
    /// Posts that were set aside.
    Again(Vec<Attempt>),
    /// The round's next posts: the newest ones of what is left of it.
    Next(PostRange),
}

/// How a batch ended.
#[derive(Debug)]
pub struct Batch {
    /// Where the round stands now; `None` where it stands as before.
    pub(super) round: Option<Round>,
    /// What became of each post.
    pub(super) outcomes: Vec<(Attempt, Outcome)>,
}

/// Where a round stands.
#[derive(Debug)]
pub(super) enum Round {
    /// It goes on with the posts before this one.
    GoesOn(PostId),
    /// There are no further posts.
    Ended,
}

/// What became of a post.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It has its embedding.
    Embedded,
    /// It was deleted meanwhile.
    Gone,
    /// All places were taken by callers: it was not tried.
    Busy,
    /// Another attempt may do better soon.
    Failed(String),
    /// It will fail in the same way for some time: because of the picture, or of what is stored of it.
    Hopeless(String),
}

/// Why a batch came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The ledger does not say which posts there are.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("it panicked")]
    Panicked,
}

/// Embeds a batch of posts. It always ends, with a result: the keeper waits for it.
pub(super) async fn run(args: &KeeperArgs, embedder: &Embedder, work: Work) -> Result<Batch, BatchError> {
    let ended = AssertUnwindSafe(attempt_all(args, embedder, work)).catch_unwind().await;
    ended.unwrap_or(Err(BatchError::Panicked))
}

async fn attempt_all(args: &KeeperArgs, embedder: &Embedder, work: Work) -> Result<Batch, BatchError> {
    let KeeperArgs { ledger, settings: KeeperSettings { batch, .. }, .. } = args;
    let (round, attempts) = match work {
        Work::Again(attempts) => (None, attempts),
        Work::Next(range) => {
            let found = ledger.posts_to_embed(embedder.version(), range, *batch).await?;
            let PostsToEmbed { posts, looked_up_to } = found;
            let round = looked_up_to.map_or(Round::Ended, Round::GoesOn);
            (Some(round), posts.into_iter().map(Attempt::first).collect())
        }
    };
    let mut outcomes = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let outcome = AssertUnwindSafe(embed_post(args, embedder, attempt.post_id)).catch_unwind().await;
        outcomes.push((attempt, outcome.unwrap_or_else(|_| Outcome::Failed("it panicked".to_owned()))));
    }
    if matches!(round, Some(Round::Ended)) {
        drop_superseded(args, embedder).await;
    }
    Ok(Batch { round, outcomes })
}

/// Embeds a post's picture, keeps what came of it and tells its shard.
async fn embed_post(args: &KeeperArgs, embedder: &Embedder, post_id: PostId) -> Outcome {
    let embedding = match make_embedding(args, embedder, post_id).await {
        Ok(embedding) => embedding,
        Err(outcome) => return outcome,
    };
    let written = [(post_id, embedding)];
    if let Err(error) = args.ledger.put_embeddings(&written).await {
        return of_store(post_id, &error);
    }
    if let Err(error) = args.search.learn(post_id, Deadline::after(LEARN_TIMEOUT)).await {
        tracing::debug!(%post_id, %error, "a shard did not hear of a new embedding");
    }
    Outcome::Embedded
}

/// What the model makes of a post's picture; the error is what became of the post instead.
async fn make_embedding(args: &KeeperArgs, embedder: &Embedder, post_id: PostId) -> Result<Embedding, Outcome> {
    let KeeperArgs { ledger, objects, settings: KeeperSettings { call_limit, .. }, .. } = args;
    let place = embedder.place().map_err(of_picture)?;
    let asked = [post_id];
    let posts = ledger.posts(&asked).await.map_err(|error| of_store(post_id, &error))?;
    let post = posts.first().ok_or(Outcome::Gone)?;
    let key = variant_key(post.author_id, post.media.upload_id, Variant::Medium);
    let read = limited("object store", *call_limit, objects.get(&key, MAX_VARIANT_BYTES));
    let bytes = read.await.map_err(|error| of_store(post_id, &error))?;
    let bytes = bytes.ok_or_else(|| Outcome::Hopeless("its picture is gone".to_owned()))?;
    let content_type = Variant::Medium.content_type().to_owned();
    embedder.embed_bytes(place, bytes, content_type, None).await.map_err(of_picture)
}

fn of_store(post_id: PostId, error: &StoreError) -> Outcome {
    if error.is_transient() {
        return Outcome::Failed(error.to_string());
    }
    tracing::warn!(%post_id, %error, "what is stored of a post cannot be used to embed its picture");
    Outcome::Hopeless(error.to_string())
}

fn of_picture(error: QueryPictureError) -> Outcome {
    let may_pass = match &error {
        QueryPictureError::Busy => return Outcome::Busy,
        QueryPictureError::TimedOut | QueryPictureError::Model(EmbeddingError::Failed(_)) => true,
        QueryPictureError::Picture(error) => error.is_retryable(),
        QueryPictureError::Model(EmbeddingError::Unsuitable(_)) => false,
    };
    let reason = error.to_string();
    if may_pass { Outcome::Failed(reason) } else { Outcome::Hopeless(reason) }
}

/// Drops what other models made of posts that the current one has embedded. What is left is dropped after the next
/// round.
async fn drop_superseded(args: &KeeperArgs, embedder: &Embedder) {
    match drop_pages(args, embedder).await {
        Ok(0) => {}
        Ok(dropped) => tracing::info!(dropped, "dropped embeddings by models that are not used any more"),
        Err(error) => tracing::warn!(%error, "cannot drop all embeddings by models that are not used any more"),
    }
}

async fn drop_pages(args: &KeeperArgs, embedder: &Embedder) -> StoreResult<u64> {
    let ledger = &args.ledger;
    let mut dropped = 0;
    let models = ledger.embedding_models().await?;
    for model in models.iter().filter(|model| *model != embedder.version()) {
        for slot in 0..EMBEDDING_SLOTS {
            let mut after = None;
            loop {
                let page = ledger.embedded_posts(model, slot, after, DROP_PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(*last);
                dropped += ledger.drop_superseded_embeddings(model, embedder.version(), &page).await?;
            }
        }
    }
    Ok(dropped)
}
