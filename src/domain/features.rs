//! What is known of a candidate as numbers: the input of the ranking model (docs/functions.md, section 6).
//!
//! A row has one number per [`Feature`]; what is not known is `NaN`, which the model treats as a value of its own.
//! Every number is made from what the caller already gathered for a thousand candidates at once, and only from what
//! precedes the moment of ranking. The list is versioned: logs and model files name the version they were made with.

use crate::{PostId, Timestamp, UserId, recommendation::CandidateSources, time::HOUR_MS};

/// The version of the list of features. It moves whenever one is added, removed or redefined.
pub const FEATURE_SET_VERSION: u16 = 1;

macro_rules! features {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)+) => {
        /// One number of a row. Its place in the row is `feature as usize`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Feature { $($(#[doc = $doc])* $variant,)+ }

        impl Feature {
            /// All features in the order of a row.
            pub const ALL: &'static [Feature] = &[$(Feature::$variant,)+];

            /// The name in model files.
            pub const fn name(self) -> &'static str {
                match self { $(Feature::$variant => $name,)+ }
            }
        }

        /// How many numbers a row has.
        pub const FEATURE_COUNT: usize = Feature::ALL.len();
        /// The names in the order of a row.
        pub const FEATURE_NAMES: [&str; FEATURE_COUNT] = [$($name,)+];
    };
}

features! {
    /// Hours since the post was made.
    AgeHours = "age_hours",
    LikesLog = "likes_log",
    CommentsLog = "comments_log",
    /// `ln(1 + score)` in the decayed window of popular posts (half-life six hours).
    RecentLikesLog = "recent_likes_log",
    /// `ln(1 + likes per hour)` since the post was made, the age counted from two hours on.
    LikesPerHourLog = "likes_per_hour_log",
    CommentsPerLike = "comments_per_like",
    /// `ln(1 + followers)` of the author.
    AuthorFollowersLog = "author_followers_log",
    /// Likes per follower of the author.
    LikesPerFollower = "likes_per_follower",
    /// 1 where the post is a film.
    IsVideo = "is_video",
    /// 1 where the picture moves (GIF and the like).
    IsAnimated = "is_animated",
    /// 1 where the post has a caption.
    HasCaption = "has_caption",
    /// Hashtags of the post.
    HashtagCount = "hashtag_count",
    /// 1 where the viewer follows the author.
    FollowsAuthor = "follows_author",
    /// 1 where the author follows the viewer.
    FollowedByAuthor = "followed_by_author",
    /// 1 where they follow each other.
    Mutual = "mutual",
    /// `ln(1 + how many of the viewer's recent likes went to the author)`.
    AuthorLikesLog = "author_likes_log",
    /// The share of the viewer's recent likes that carry a hashtag of the post: the sum over its hashtags, at most 1.
    HashtagAffinity = "hashtag_affinity",
    /// 1 where the viewer follows a hashtag of the post.
    FollowsHashtag = "follows_hashtag",
    /// The greatest cosine between the post's picture and those the viewer liked lately (-1 to 1).
    VisualSimilarity = "visual_similarity",
    /// `ln(1 + the summed likeness of the similar people who like the post or made it)`.
    CoLikeStrengthLog = "co_like_strength_log",
    /// 1 where similar people brought it.
    FromSimilarUsers = "from_similar_users",
    /// 1 where it is among the popular.
    FromPopular = "from_popular",
    /// 1 where a trending hashtag brought it.
    FromTrending = "from_trending",
    /// 1 where it looks like what the viewer liked.
    FromVisual = "from_visual",
    /// `ln(1 + the viewer's recent likes)`, of which at most 100 are remembered.
    ViewerLikesLog = "viewer_likes_log",
    /// `ln(1 + whom the viewer follows)`.
    ViewerFollowingLog = "viewer_following_log",
    /// `ln(1 + who follows the viewer)`.
    ViewerFollowersLog = "viewer_followers_log",
    /// Days since the viewer's account was made.
    ViewerAgeDays = "viewer_age_days",
    /// Hour of the day in UTC, with its fraction (0 to 24).
    HourOfDay = "hour_of_day",
}

/// What is known of the person who will see the list, and when.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ViewerFacts {
    pub at: Timestamp,
    /// Recent likes that are remembered, at most 100.
    pub recent_likes: Option<u32>,
    pub following: Option<u64>,
    pub followers: Option<u64>,
    /// When the account was made.
    pub since: Option<Timestamp>,
}

/// What is known of a candidate and of the viewer's relation to it; `None` where it is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CandidateFacts {
    /// Which post; its id tells its age.
    pub post_id: PostId,
    pub author_id: UserId,
    /// Where it was found.
    pub sources: CandidateSources,
    pub likes: Option<u64>,
    pub comments: Option<u64>,
    /// Score in the decayed window of popular posts.
    pub recent_likes: Option<f64>,
    /// Who follows the author.
    pub author_followers: Option<u64>,
    /// Whether it is a film.
    pub is_video: Option<bool>,
    /// Whether the picture moves.
    pub is_animated: Option<bool>,
    /// Whether it has a caption.
    pub has_caption: Option<bool>,
    pub hashtags: Option<u32>,
    /// Whether the viewer follows the author.
    pub follows_author: Option<bool>,
    /// Whether the author follows the viewer.
    pub followed_by_author: Option<bool>,
    /// How many of the viewer's recent likes went to the author.
    pub author_likes: Option<u32>,
    /// The share of the viewer's recent likes that carry a hashtag of the post, summed over its hashtags.
    pub hashtag_affinity: Option<f64>,
    /// Whether the viewer follows one of its hashtags.
    pub follows_hashtag: Option<bool>,
    /// The greatest cosine with pictures that the viewer liked lately.
    pub visual_similarity: Option<f32>,
    /// The summed likeness of similar people who like the post or made it.
    pub co_like_strength: Option<f64>,
}

impl CandidateFacts {
    /// A candidate of which nothing else is known yet.
    pub fn new(post_id: PostId, author_id: UserId, sources: CandidateSources) -> Self {
        Self {
            post_id,
            author_id,
            sources,
            likes: None,
            comments: None,
            recent_likes: None,
            author_followers: None,
            is_video: None,
            is_animated: None,
            has_caption: None,
            hashtags: None,
            follows_author: None,
            followed_by_author: None,
            author_likes: None,
            hashtag_affinity: None,
            follows_hashtag: None,
            visual_similarity: None,
            co_like_strength: None,
        }
    }
}

/// The numbers of one candidate, in the order of [`Feature::ALL`]; `NaN` where one is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureRow(pub [f32; FEATURE_COUNT]);

impl FeatureRow {
    /// The numbers of `candidate` for `viewer`.
    pub fn new(viewer: &ViewerFacts, candidate: &CandidateFacts) -> Self {
        let mut row = Self([f32::NAN; FEATURE_COUNT]);
        row.describe_post(viewer.at, candidate);
        row.describe_relation(candidate);
        row.describe_viewer(viewer);
        row
    }

    /// The number of `feature`.
    pub fn get(&self, feature: Feature) -> f32 {
        self.0[feature as usize]
    }

    /// The row as it is logged: what is not known (or not finite) is `None`.
    pub fn to_logged(&self) -> Vec<Option<f32>> {
        self.0.iter().map(|value| value.is_finite().then_some(*value)).collect()
    }

    /// A row back from the log; `None` where its length is another.
    pub fn from_logged(logged: &[Option<f32>]) -> Option<Self> {
        let mut row = Self([f32::NAN; FEATURE_COUNT]);
        if logged.len() != FEATURE_COUNT {
            return None;
        }
        for (value, logged) in row.0.iter_mut().zip(logged) {
            *value = logged.filter(|value| value.is_finite()).unwrap_or(f32::NAN);
        }
        Some(row)
    }

    fn describe_post(&mut self, now: Timestamp, post: &CandidateFacts) {
        let age_hours = now.since_ms(post.post_id.created_at()).max(0) as f64 / HOUR_MS as f64;
        let likes = post.likes.map(|count| count as f64);
        let comments = post.comments.map(|count| count as f64);
        let followers = post.author_followers.map(|count| count as f64);
        self.set(Feature::AgeHours, Some(age_hours));
        self.set(Feature::LikesLog, likes.map(f64::ln_1p));
        self.set(Feature::CommentsLog, comments.map(f64::ln_1p));
        self.set(Feature::RecentLikesLog, post.recent_likes.map(|score| score.max(0.0).ln_1p()));
        self.set(Feature::LikesPerHourLog, likes.map(|count| (count / age_hours.max(2.0)).ln_1p()));
        self.set(Feature::CommentsPerLike, likes.zip(comments).map(|(likes, comments)| comments / likes.max(1.0)));
        self.set(Feature::AuthorFollowersLog, followers.map(f64::ln_1p));
        self.set(Feature::LikesPerFollower, likes.zip(followers).map(|(likes, followers)| likes / followers.max(1.0)));
        self.set(Feature::IsVideo, flag(post.is_video));
        self.set(Feature::IsAnimated, flag(post.is_animated));
        self.set(Feature::HasCaption, flag(post.has_caption));
        self.set(Feature::HashtagCount, post.hashtags.map(f64::from));
    }

    fn describe_relation(&mut self, post: &CandidateFacts) {
        let mutual = post.follows_author.zip(post.followed_by_author).map(|(there, back)| there && back);
        self.set(Feature::FollowsAuthor, flag(post.follows_author));
        self.set(Feature::FollowedByAuthor, flag(post.followed_by_author));
        self.set(Feature::Mutual, flag(mutual));
        self.set(Feature::AuthorLikesLog, post.author_likes.map(|count| f64::from(count).ln_1p()));
        self.set(Feature::HashtagAffinity, post.hashtag_affinity.map(|share| share.clamp(0.0, 1.0)));
        self.set(Feature::FollowsHashtag, flag(post.follows_hashtag));
        self.set(Feature::VisualSimilarity, post.visual_similarity.map(f64::from));
        self.set(Feature::CoLikeStrengthLog, post.co_like_strength.map(|strength| strength.max(0.0).ln_1p()));
        self.set(Feature::FromSimilarUsers, flag(Some(post.sources.contains(CandidateSources::SIMILAR_USERS))));
        self.set(Feature::FromPopular, flag(Some(post.sources.contains(CandidateSources::POPULAR))));
        self.set(Feature::FromTrending, flag(Some(post.sources.contains(CandidateSources::TRENDING))));
        self.set(Feature::FromVisual, flag(Some(post.sources.contains(CandidateSources::VISUAL))));
    }

    fn describe_viewer(&mut self, viewer: &ViewerFacts) {
        let age_days = |since| viewer.at.since_ms(since).max(0) as f64 / (24 * HOUR_MS) as f64;
        self.set(Feature::ViewerLikesLog, viewer.recent_likes.map(|count| f64::from(count).ln_1p()));
        self.set(Feature::ViewerFollowingLog, viewer.following.map(|count| (count as f64).ln_1p()));
        self.set(Feature::ViewerFollowersLog, viewer.followers.map(|count| (count as f64).ln_1p()));
        self.set(Feature::ViewerAgeDays, viewer.since.map(age_days));
        self.set(Feature::HourOfDay, Some(viewer.at.0.rem_euclid(24 * HOUR_MS) as f64 / HOUR_MS as f64));
    }

    fn set(&mut self, feature: Feature, value: Option<f64>) {
        self.0[feature as usize] = value.map_or(f32::NAN, |value| value as f32);
    }
}

/// Rows of many candidates, one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureBatch(Vec<f32>);

impl FeatureBatch {
    /// An empty batch with room for `rows`.
    pub fn with_capacity(rows: usize) -> Self {
        Self(Vec::with_capacity(rows * FEATURE_COUNT))
    }

    pub fn push(&mut self, row: &FeatureRow) {
        self.0.extend_from_slice(&row.0);
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.0.len() / FEATURE_COUNT
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Row by row, [`FEATURE_COUNT`] numbers each.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// The numbers of row `index`, counted from 0.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.0[index * FEATURE_COUNT..(index + 1) * FEATURE_COUNT]
    }
}

fn flag(value: Option<bool>) -> Option<f64> {
    value.map(|is| f64::from(u8::from(is)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_nan_and_survives_the_log() {
        let now = Timestamp(crate::ids::ID_EPOCH_MS + 100 * HOUR_MS);
        let post = PostId::first_at(now.plus_ms(-3 * HOUR_MS));
        let mut facts = CandidateFacts::new(post, UserId(2), CandidateSources::POPULAR);
        facts.likes = Some(9);
        facts.follows_author = Some(true);
        let row = FeatureRow::new(&ViewerFacts { at: now, ..ViewerFacts::default() }, &facts);
        assert!((row.get(Feature::AgeHours) - 3.0).abs() < 1e-3);
        assert!((row.get(Feature::LikesLog) - 10f32.ln()).abs() < 1e-6);
        assert_eq!(row.get(Feature::HourOfDay), 4.0);
        assert_eq!((row.get(Feature::FromPopular), row.get(Feature::FromVisual)), (1.0, 0.0));
        assert!(row.get(Feature::Mutual).is_nan() && row.get(Feature::VisualSimilarity).is_nan());
        let back = FeatureRow::from_logged(&row.to_logged()).expect("the same length");
        assert!(back.0.iter().zip(row.0).all(|(a, b)| *a == b || (a.is_nan() && b.is_nan())));
        assert_eq!(FeatureRow::from_logged(&[Some(1.0)]), None);
    }

    #[test]
    fn a_post_of_the_future_has_age_zero() {
        let now = Timestamp(crate::ids::ID_EPOCH_MS + HOUR_MS);
        let facts = CandidateFacts::new(PostId::first_at(now.plus_ms(HOUR_MS)), UserId(2), CandidateSources::default());
        assert_eq!(
            FeatureRow::new(&ViewerFacts { at: now, ..ViewerFacts::default() }, &facts).get(Feature::AgeHours),
            0.0
        );
    }
}
