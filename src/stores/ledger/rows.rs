//! Rows, and what they mean. A column that means nothing fails to decode, which is the store's error `Corrupt`.

use tessera_domain::{
    AdId, PostId, Timestamp, UploadId, UserId,
    ads::Ad,
    ids::ID_EPOCH_MS,
    post::PostRef,
    time::HOUR_MS,
    upload::{Upload, UploadStatus},
    user::{User, Username},
};
use tessera_ports::ledger::{AdSpend, HashtagHour, HashtagRow, JobState, JobView, SavedReply, StandingLike};
use uuid::Uuid;

/// A number that is never negative, from its signed column.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A number for a signed column; past 2^63 it stays at the greatest one.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A small number that is never negative, from its column.
pub(crate) fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}

pub(crate) fn user_id((id,): (i64,)) -> UserId {
    UserId::from_i64(id)
}

/// A post and its author from `(id, author_id)`.
pub(crate) fn post_ref((post_id, author_id): (i64, i64)) -> PostRef {
    PostRef { post_id: PostId::from_i64(post_id), author_id: UserId::from_i64(author_id) }
}

/// By how much an id grows in an hour.
pub(crate) fn hour_of_ids() -> i64 {
    PostId::first_at(Timestamp(ID_EPOCH_MS + HOUR_MS)).to_i64()
}

/// Use of a hashtag from `(tag, hours since the epoch of ids, authors)`.
pub(crate) fn hashtag_hour((tag, hour, authors): (String, i64, i64)) -> HashtagHour {
    HashtagHour { tag, hour: Timestamp(ID_EPOCH_MS + hour * HOUR_MS), authors: unsigned(authors) }
}

/// A hashtag from `(tag, posts)`.
pub(crate) fn hashtag_row((tag, posts): (String, i64)) -> HashtagRow {
    HashtagRow { tag, post_count: usize::try_from(posts).unwrap_or(0) }
}

/// A like from `(user_id, post_id, author_id, created_at)`.
pub(crate) fn standing_like((user_id, post_id, author_id, at): (i64, i64, i64, i64)) -> StandingLike {
    StandingLike { user_id: UserId::from_i64(user_id), post: post_ref((post_id, author_id)), at: Timestamp(at) }
}

/// A value in the form that its column has.
pub(crate) struct Stored<T>(pub T);

impl TryFrom<Vec<u8>> for Stored<UploadId> {
    type Error = uuid::Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        Uuid::from_slice(&bytes).map(UploadId).map(Self)
    }
}

impl TryFrom<Vec<u8>> for Stored<[u8; 32]> {
    type Error = String;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|bytes: Vec<u8>| format!("a hash of {} bytes", bytes.len()))
    }
}

/// What a word in a column means.
macro_rules! words {
    ($($type:ty: $parse:expr),+ $(,)?) => {$(
        impl TryFrom<String> for Stored<$type> {
            type Error = String;

            fn try_from(word: String) -> Result<Self, Self::Error> {
                $parse(&word).map(Self).ok_or_else(|| format!("{word:?} is none of its words"))
            }
        }
    )+};
}

words!(
    UploadStatus: UploadStatus::parse,
    JobState: |word: &str| JOB_STATES.into_iter().find(|state| job_state(*state) == word),
);

const JOB_STATES: [JobState; 3] = [JobState::Queued, JobState::Leased, JobState::Dead];

/// The word that a job's state is stored as.
pub(crate) fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Leased => "leased",
        JobState::Dead => "dead",
    }
}

/// A row of `users`, without the password.
#[derive(sqlx::FromRow)]
pub(crate) struct UserRow {
    id: i64,
    username: String,
    display_name: String,
    bio: String,
    private: bool,
    celebrity: bool,
    celebrity_ended_at: Option<i64>,
    post_count: i64,
    follower_count: i64,
    following_count: i64,
    created_at: i64,
    deleted_at: Option<i64>,
}

impl UserRow {
    pub fn into_user(self) -> User {
        User {
            id: UserId::from_i64(self.id),
            username: Username::from_stored(self.username),
            display_name: self.display_name,
            bio: self.bio,
            private: self.private,
            celebrity: self.celebrity,
            celebrity_ended_at: self.celebrity_ended_at.map(Timestamp),
            post_count: unsigned(self.post_count),
            follower_count: unsigned(self.follower_count),
            following_count: unsigned(self.following_count),
            created_at: Timestamp(self.created_at),
            deleted_at: self.deleted_at.map(Timestamp),
        }
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct SavedReplyRow {
    #[sqlx(try_from = "Vec<u8>")]
    fingerprint: Stored<[u8; 32]>,
    #[sqlx(try_from = "i32")]
    status: u16,
    body: Vec<u8>,
}

impl SavedReplyRow {
    pub fn into_reply(self) -> SavedReply {
        SavedReply { fingerprint: self.fingerprint.0, status: self.status, body: self.body }
    }
}

/// A row of `ads`, with its post's author and its impressions of a day.
#[derive(sqlx::FromRow)]
pub(crate) struct AdRow {
    id: i64,
    post_id: i64,
    starts_at: i64,
    ends_at: i64,
    daily_budget: i64,
    #[sqlx(try_from = "i64")]
    frequency_cap: u32,
    author_id: i64,
    impressions: i64,
}

impl AdRow {
    pub fn into_spend(self) -> AdSpend {
        let ad = Ad {
            id: AdId::from_i64(self.id),
            post_id: PostId::from_i64(self.post_id),
            starts_at: Timestamp(self.starts_at),
            ends_at: Timestamp(self.ends_at),
            daily_budget: unsigned(self.daily_budget),
            frequency_cap: self.frequency_cap,
        };
        AdSpend { ad, post: post_ref((self.post_id, self.author_id)), impressions_today: unsigned(self.impressions) }
    }
}

/// A row of `uploads`.
#[derive(sqlx::FromRow)]
pub(crate) struct UploadRow {
    #[sqlx(try_from = "Vec<u8>")]
    id: Stored<UploadId>,
    user_id: i64,
    object_key: String,
    content_type: String,
    file_size_bytes: i64,
    checksum_sha256: Option<String>,
    multipart_id: Option<String>,
    #[sqlx(try_from = "String")]
    status: Stored<UploadStatus>,
    caption: String,
    alt_text: String,
    error: Option<String>,
    post_id: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl UploadRow {
    pub fn into_upload(self) -> Upload {
        Upload {
            id: self.id.0,
            user_id: UserId::from_i64(self.user_id),
            object_key: self.object_key,
            content_type: self.content_type,
            file_size_bytes: unsigned(self.file_size_bytes),
            checksum_sha256: self.checksum_sha256,
            multipart_id: self.multipart_id,
            status: self.status.0,
            caption: self.caption,
            alt_text: self.alt_text,
            error: self.error,
            post_id: self.post_id.map(PostId::from_i64),
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        }
    }
}

/// A row of `media_jobs`, as operators see it.
#[derive(sqlx::FromRow)]
pub(crate) struct JobRow {
    #[sqlx(try_from = "Vec<u8>")]
    upload_id: Stored<UploadId>,
    user_id: i64,
    #[sqlx(try_from = "String")]
    state: Stored<JobState>,
    #[sqlx(try_from = "i64")]
    attempts: u32,
    last_error: Option<String>,
    created_at: i64,
}

impl JobRow {
    pub fn into_view(self) -> JobView {
        JobView {
            upload_id: self.upload_id.0,
            user_id: UserId::from_i64(self.user_id),
            state: self.state.0,
            attempts: self.attempts,
            last_error: self.last_error,
            created_at: Timestamp(self.created_at),
        }
    }
}
