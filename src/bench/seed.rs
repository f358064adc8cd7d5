//! The world that is measured, written straight into the ledger before the node starts.
//!
//! What the writes recorded in the outbox is taken out again: the node would spend its first seconds on telling
//! people of follows and likes that nobody waits for.

use crate::{Failure, MeasuredNode, NodeSettings, SeededLedger};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use tessera_app::{IdSource, accounts::hash_token, clock};
use tessera_domain::{
    IdGenerator, PostId, Timestamp, UploadId, UserId,
    celebrity::CelebrityRule,
    counters::CounterOperation,
    hash::SeededRandom,
    media::{MediaDetails, MediaKind, MediaRecord, original_key},
    post::PostRef,
    time::{DAY_MS, HOUR_MS},
    upload::{Upload, UploadStatus},
    user::Username,
};
use tessera_ports::{
    EmbeddingModel, Ledger, StoreError, StoreResult,
    ledger::{Embedding, FinishedMedia, MediaJob, NewUpload, NewUser},
};
use tessera_visual::embedding::OnnxEmbedding;

/// Writes under way at once: they share commits.
const CONCURRENCY: usize = 256;
/// Jobs and events taken at once.
const PAGE: usize = 1_000;
/// Ids made here never meet those of the node, which has another number.
const NODE_NUMBER: u16 = 1_023;
/// Posts are spread over this time before now.
const POSTS_SPAN_MS: i64 = 20 * HOUR_MS;
/// Longer than any bench.
const LEASE_MS: i64 = DAY_MS;
/// Held jobs are due so long after they were made. (A lease would not hold them: a node that starts frees the leases
/// of whoever had the file before.)
pub const HELD_FOR_MS: i64 = DAY_MS;

/// Somebody who uses the node.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: UserId,
    /// A bearer token of theirs.
    pub token: String,
}

pub struct Seeder {
    ledger: Arc<dyn Ledger>,
    ids: IdGenerator,
    uploads: IdSource,
    rule: CelebrityRule,
    now: Timestamp,
}

impl Seeder {
    /// Opens the ledger of the node with these settings.
    pub async fn open(host: &dyn MeasuredNode, settings: &NodeSettings) -> Result<Self, Failure> {
        let SeededLedger { ledger, celebrity_rule } = host.open_ledger(settings).await?;
        Ok(Self {
            ledger,
            ids: IdGenerator::new(NODE_NUMBER, Timestamp(0)),
            uploads: IdSource::new(NODE_NUMBER, Timestamp(0)),
            rule: celebrity_rule,
            now: clock::now(),
        })
    }

    /// Makes `count` accounts, each with a session.
    pub async fn people(&mut self, count: usize) -> Result<Vec<Person>, Failure> {
        let created_at = self.now.plus_ms(-POSTS_SPAN_MS - DAY_MS);
        let mut people = Vec::with_capacity(count);
        for number in 0..count {
            let id = UserId(self.ids.next(created_at));
            people.push(Person { id, token: format!("tsr_bench_{number}_{id}") });
        }
        let writes = people.iter().enumerate().map(|(number, person)| {
            let user = NewUser {
                id: person.id,
                // Unique in a ledger that was seeded before, too.
                username: Username::from_stored(format!("user{}", person.id)),
                display_name: format!("User {number}"),
                password_hash: "!".to_owned(),
                created_at,
            };
            let (ledger, now) = (&self.ledger, self.now);
            async move {
                ledger.create_user(user).await?;
                ledger.create_session(hash_token(&person.token), person.id, now, now.plus_ms(DAY_MS)).await
            }
        });
        concurrently(writes).await?;
        Ok(people)
    }

    /// Lets people follow each other: pairs of follower and followee.
    pub async fn follows(&self, pairs: impl Iterator<Item = (UserId, UserId)>) -> Result<(), Failure> {
        let writes = pairs.map(|(follower, followee)| self.ledger.follow(follower, followee, self.now, self.rule));
        concurrently(writes).await?;
        Ok(())
    }

    /// Makes `per_author` posts of each author, their times evenly spread over the last hours, oldest first.
    /// Their pictures do not exist: what is measured never opens them.
    pub async fn posts(&mut self, authors: &[UserId], per_author: usize) -> Result<Vec<PostRef>, Failure> {
        let mut posts = Vec::with_capacity(authors.len() * per_author);
        let total = (authors.len() * per_author).max(1) as i64;
        for _ in 0..per_author {
            for chunk in authors.chunks(PAGE) {
                let mut finishes = Vec::with_capacity(chunk.len());
                for job in self.jobs(chunk).await? {
                    let at = self.now.plus_ms(-POSTS_SPAN_MS + POSTS_SPAN_MS * posts.len() as i64 / total);
                    let post_id = PostId(self.ids.next(at));
                    posts.push(PostRef { post_id, author_id: job.upload.user_id });
                    finishes.push((job, post_id, at));
                }
                let writes = finishes.iter().map(|(job, post_id, at)| {
                    self.ledger.finish_job(job.upload.id, job.lease_token, finished(*post_id, job.upload.id, *at))
                });
                concurrently(writes).await?;
            }
        }
        Ok(posts)
    }

    /// Gives each author `per_author` completed uploads whose media jobs are due only [`HELD_FOR_MS`] from now, so that
    /// the node leaves them alone until it is told to make posts of them (`roles`).
    pub async fn hold_uploads(&self, authors: &[UserId], per_author: usize) -> Result<(), Failure> {
        let due_at = clock::now().plus_ms(HELD_FOR_MS);
        for _ in 0..per_author {
            self.uploads(authors, due_at).await?;
        }
        Ok(())
    }

    /// Adds likes: posts and who likes them.
    pub async fn likes(&self, likes: impl Iterator<Item = (PostId, Vec<UserId>)>) -> Result<(), Failure> {
        let writes = likes.map(|(post_id, likers)| {
            let likes: Vec<CounterOperation> =
                likers.into_iter().map(|user_id| CounterOperation::Like { user_id }).collect();
            let (ledger, now) = (&self.ledger, self.now);
            async move { ledger.apply_counter_batch(post_id, 0, &likes, now).await }
        });
        concurrently(writes).await?;
        Ok(())
    }

    /// Gives posts made-up embeddings by the model that ships with the source.
    pub async fn embeddings(&self, posts: &[PostRef]) -> Result<(), Failure> {
        let model = OnnxEmbedding::built_in().map_err(|error| Failure::start_up(error.to_string()))?;
        let (version, dimensions) = (model.version().to_owned(), model.dimensions());
        let mut random = SeededRandom::new(1);
        for chunk in posts.chunks(PAGE) {
            let embeddings: Vec<(PostId, Embedding)> = chunk
                .iter()
                .map(|post| {
                    let vector: Vec<f64> = (0..dimensions).map(|_| random.next_f64() - 0.5).collect();
                    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
                    let vector = vector.into_iter().map(|value| (value / length) as f32).collect();
                    let perceptual_hash = random.next_u64();
                    (post.post_id, Embedding { model: version.clone(), vector, perceptual_hash })
                })
                .collect();
            self.ledger.put_embeddings(&embeddings).await.map_err(failure)?;
        }
        Ok(())
    }

    /// Empties the outbox and closes the ledger.
    pub async fn finish(self) -> Result<(), Failure> {
        loop {
            let events = self.ledger.claim_events(PAGE, LEASE_MS, clock::now()).await.map_err(failure)?;
            if events.is_empty() {
                break;
            }
            let handled: Vec<(i64, u64)> = events.iter().map(|event| (event.id, event.lease_token)).collect();
            self.ledger.acknowledge_events(&handled).await.map_err(failure)?;
        }
        self.ledger.close().await;
        Ok(())
    }

    /// One upload per author, completed, its job leased.
    async fn jobs(&self, authors: &[UserId]) -> Result<Vec<MediaJob>, Failure> {
        self.uploads(authors, clock::now()).await?;
        let jobs = self.ledger.claim_jobs(authors.len(), 0, LEASE_MS, clock::now()).await.map_err(failure)?;
        if jobs.len() == authors.len() {
            Ok(jobs)
        } else {
            Err(Failure::running(format!("seeding: {} of {} jobs were leased", jobs.len(), authors.len())))
        }
    }

    /// One upload per author, completed, its job due at `due_at`.
    async fn uploads(&self, authors: &[UserId], due_at: Timestamp) -> Result<(), Failure> {
        let writes = authors.iter().map(|author_id| {
            let id = self.uploads.upload();
            let upload = upload(id, *author_id, clock::now());
            let new = NewUpload { upload, idempotency_key: None, daily_quota: None, max_pending: None };
            async move {
                self.ledger.create_upload(new).await?;
                let caption = "Light on the water this morning #bench #light";
                self.ledger.complete_upload(id, *author_id, caption, "Waves", due_at, i64::MAX as u64).await
            }
        });
        concurrently(writes).await?;
        Ok(())
    }
}

/// A made-up picture of a post.
pub fn finished(post_id: PostId, upload_id: UploadId, now: Timestamp) -> FinishedMedia {
    let blurhash = "LKO2?U%2Tw=w]~RBVZRi};RPxuwH".to_owned();
    FinishedMedia {
        post_id,
        media: MediaRecord {
            kind: MediaKind::Image,
            upload_id,
            blurhash,
            width: 1_080,
            height: 810,
            details: MediaDetails::default(),
        },
        hashtags: vec!["bench".to_owned(), "light".to_owned()],
        embedding: None,
        now,
    }
}

fn upload(id: UploadId, user_id: UserId, now: Timestamp) -> Upload {
    Upload {
        id,
        user_id,
        object_key: original_key(user_id, id, now.0, "jpg"),
        content_type: "image/jpeg".to_owned(),
        file_size_bytes: 1_000,
        checksum_sha256: None,
        multipart_id: None,
        status: UploadStatus::Pending,
        caption: String::new(),
        alt_text: String::new(),
        error: None,
        post_id: None,
        created_at: now,
        expires_at: now.plus_ms(DAY_MS),
    }
}

/// Runs writes side by side, so that they share commits.
async fn concurrently<T>(
    writes: impl Iterator<Item = impl Future<Output = StoreResult<T>>>,
) -> Result<Vec<T>, Failure> {
    stream::iter(writes).buffered(CONCURRENCY).try_collect().await.map_err(failure)
}

fn failure(error: StoreError) -> Failure {
    Failure::running(format!("seeding the ledger: {error}"))
}
