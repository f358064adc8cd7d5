//! What is known of candidates (`get_post_features`): one question per kind of fact, whatever their number.

use super::{
    Recommendations,
    candidates::{Candidate, Gathered, LIKES_WITH_LOOKS},
};
use crate::{AppResult, clock, hydrate::Shown};
use futures::FutureExt;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tessera_domain::{
    PostId, Timestamp, UserId,
    counters::Counts,
    features::{CandidateFacts, FeatureRow, ViewerFacts},
    post::Post,
    recommendation::{CandidateSources, Reason},
    user::{Relationship, Standing, User, Visibility, visibility},
    vector::dot,
};

/// Pictures with at least this cosine look alike to people.
const LOOKS_ALIKE: f32 = 0.9;
/// The most mirrors of counts that one list fills: more follow with the next lists.
const MIRRORS: usize = 50;

/// What candidates are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Recommended,
    /// They are followed, and in the feed anyway.
    Followed,
}

/// A candidate that may be shown, as numbers.
pub(super) struct Described {
    pub candidate: Candidate,
    pub row: FeatureRow,
    pub reason: Reason,
    /// Whether it looks like what the person saw lately.
    pub is_similar_to_seen: bool,
}

/// Everything that was looked up.
struct Facts<'a> {
    gathered: &'a Gathered,
    viewer: ViewerFacts,
    posts: HashMap<PostId, Arc<Shown<Post>>>,
    counts: HashMap<PostId, Counts>,
    authors: HashMap<UserId, (Arc<Shown<User>>, Relationship)>,
    vectors: HashMap<PostId, Arc<[f32]>>,
    /// Recent likes that went to each author.
    author_likes: HashMap<UserId, u32>,
    /// The share of recent likes that carry each hashtag.
    hashtag_share: HashMap<String, f64>,
    liked: Vec<PostId>,
    shown: Arc<[PostId]>,
}

impl Recommendations {
    /// Candidates with all that the model wants to know. Left out are deleted posts; of what is to be recommended also
    /// the viewer's own and those they like, private authors, those blocked either way or muted, and those they follow.
    pub(super) async fn describe_candidates(
        &self,
        viewer: UserId,
        gathered: &Gathered,
        wanted: Wanted,
    ) -> AppResult<Vec<Described>> {
        let ids: Vec<PostId> = gathered.candidates.iter().map(|candidate| candidate.post.post_id).collect();
        let authors: Vec<UserId> = gathered.candidates.iter().map(|candidate| candidate.post.author_id).collect();
        let likes = &gathered.taste.likes;
        let liked: Vec<PostId> = likes.iter().take(LIKES_WITH_LOOKS).map(|(post, _)| post.post_id).collect();
        let shown = self.memory.shown_lately(viewer).await;
        let known: Vec<PostId> = ids.iter().copied().chain(likes.iter().map(|(post, _)| post.post_id)).collect();
        let looks: Vec<PostId> = ids.iter().chain(&liked).chain(shown.iter()).copied().collect();
        let all_liked = async { Ok(self.ledger.liked_by(viewer, &ids).await?) };
        let (posts, mut totals, authors, liked_ever, vectors, viewers) = tokio::try_join!(
            self.hydrator.posts(&known).boxed(),
            self.hydrator.totals(&ids).boxed(),
            self.hydrator.users_with_relationships(viewer, authors).boxed(),
            all_liked,
            self.vectors(&looks).boxed(),
            self.hydrator.users(std::slice::from_ref(&viewer)).boxed(),
        )?;
        let missed = std::mem::take(&mut totals.missed).into_iter().filter(|(id, _)| posts.contains_key(id));
        self.hydrator.fill_mirrors(missed.take(MIRRORS)).await;
        let facts = Facts {
            gathered,
            viewer: viewer_facts(viewers.get(&viewer).map(|viewer| &***viewer), likes.len(), clock::now()),
            author_likes: count(likes.iter().map(|(post, _)| post.author_id)),
            hashtag_share: hashtag_shares(likes.iter().filter_map(|(post, _)| posts.get(&post.post_id))),
            counts: totals.of,
            posts,
            authors,
            vectors,
            liked,
            shown,
        };
        let liked_ever: HashSet<PostId> = liked_ever.into_iter().collect();
        let wanted = gathered.candidates.iter().filter(|candidate| {
            let post = candidate.post;
            let may_be_recommended = || {
                let is_new = post.author_id != viewer && !liked_ever.contains(&post.post_id);
                is_new && facts.may_be_shown(viewer, post.author_id)
            };
            wanted == Wanted::Followed || may_be_recommended()
        });
        Ok(wanted.filter_map(|candidate| facts.describe(candidate)).collect())
    }
}

impl Facts<'_> {
    fn may_be_shown(&self, viewer: UserId, author_id: UserId) -> bool {
        self.authors.get(&author_id).is_some_and(|(author, relationship)| {
            let visible = visibility(viewer, author, Standing::from(*relationship)) == Visibility::Visible;
            visible && !author.private && !relationship.following
        })
    }

    /// `None` for a post that is gone.
    fn describe(&self, candidate: &Candidate) -> Option<Described> {
        let post_id = candidate.post.post_id;
        let post = self.posts.get(&post_id)?;
        let (author, relationship) = self.authors.get(&candidate.post.author_id)?;
        let counts = self.counts.get(&post_id).copied().unwrap_or_default();
        let nearest = self.nearest_like(post_id);
        let share = |tag: &String| self.hashtag_share.get(tag).copied().unwrap_or_default();
        let facts = CandidateFacts {
            likes: Some(counts.likes),
            comments: Some(counts.comments),
            recent_likes: candidate.popularity,
            author_followers: Some(author.follower_count),
            is_video: Some(post.media.details.video.is_some()),
            is_animated: Some(post.media.details.animated),
            has_caption: Some(!post.caption.is_empty()),
            hashtags: Some(post.hashtags.len() as u32),
            follows_author: Some(relationship.following),
            followed_by_author: Some(relationship.followed_by),
            author_likes: Some(self.author_likes.get(&author.id).copied().unwrap_or_default()),
            hashtag_affinity: Some(post.hashtags.iter().map(share).sum()),
            follows_hashtag: Some(post.hashtags.iter().any(|tag| self.gathered.followed_hashtags.contains(tag))),
            visual_similarity: nearest.map(|(_, similarity)| similarity),
            co_like_strength: Some(self.gathered.likeness.get(&post_id).copied().unwrap_or_default()),
            ..CandidateFacts::new(post_id, author.id, candidate.sources)
        };
        Some(Described {
            candidate: *candidate,
            row: FeatureRow::new(&self.viewer, &facts),
            reason: self.reason(candidate, post, nearest.map(|(liked, _)| liked)),
            is_similar_to_seen: self.looks_like_shown(post_id),
        })
    }

    /// Which of the last liked pictures is most like this post's, and how much.
    fn nearest_like(&self, post_id: PostId) -> Option<(PostId, f32)> {
        let vector = self.vectors.get(&post_id)?;
        let liked = self.liked.iter().filter_map(|liked| Some((*liked, dot(vector, self.vectors.get(liked)?))));
        liked.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn looks_like_shown(&self, post_id: PostId) -> bool {
        let Some(vector) = self.vectors.get(&post_id) else { return false };
        let shown = self.shown.iter().filter(|shown| **shown != post_id);
        shown.filter_map(|shown| self.vectors.get(shown)).any(|shown| dot(vector, shown) >= LOOKS_ALIKE)
    }

    /// The strongest of the reasons there are.
    fn reason(&self, candidate: &Candidate, post: &Post, liked: Option<PostId>) -> Reason {
        let from = |source| candidate.sources.contains(source);
        if from(CandidateSources::SIMILAR_USERS) {
            return Reason::SimilarUsers;
        }
        let followed = post.hashtags.iter().find(|tag| self.gathered.followed_hashtags.contains(*tag));
        if let Some(hashtag) = followed {
            return Reason::FollowedHashtag { hashtag: hashtag.as_str().into() };
        }
        if let (true, Some(liked)) = (from(CandidateSources::VISUAL), liked) {
            return Reason::LooksLike { liked };
        }
        let trends = |tag: &&String| self.gathered.trending_hashtags.iter().any(|trending| **trending == ***tag);
        match post.hashtags.iter().find(trends) {
            Some(hashtag) if from(CandidateSources::TRENDING) => Reason::Trending { hashtag: hashtag.as_str().into() },
            _ if from(CandidateSources::POPULAR) => Reason::Popular,
            _ => Reason::New,
        }
    }
}

fn viewer_facts(viewer: Option<&User>, likes: usize, now: Timestamp) -> ViewerFacts {
    ViewerFacts {
        at: now,
        recent_likes: Some(likes as u32),
        following: viewer.map(|viewer| viewer.following_count),
        followers: viewer.map(|viewer| viewer.follower_count),
        since: viewer.map(|viewer| viewer.created_at),
    }
}

fn count<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, u32> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// The share of these posts that carry each hashtag.
fn hashtag_shares<'a>(posts: impl Iterator<Item = &'a Arc<Shown<Post>>>) -> HashMap<String, f64> {
    let mut total = 0;
    let counts = count(posts.inspect(|_| total += 1).flat_map(|post| post.hashtags.iter().cloned()));
    counts.into_iter().map(|(tag, count)| (tag, f64::from(count) / f64::from(total.max(1)))).collect()
}
