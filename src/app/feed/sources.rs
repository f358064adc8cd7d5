//! What a new feed is mixed from, besides the timeline.

use super::{Degraded, Feeds};
use crate::{AppError, AppResult, hydrate::RECENT_PER_AUTHOR, recommendations::WantedFor};
use std::{
    cmp::Reverse,
    collections::HashSet,
    time::{Duration, Instant},
};
use tessera_actors::Deadline;
use tessera_domain::{
    PostId, UserId,
    feed::{Candidate, NOTHING_OLDER, Source},
    post::PostRef,
    ranking,
};
use tessera_ports::ledger::{MAX_PAGE, PostRange};

/// How long ads may take: without them a feed is poorer, not wrong.
const EXTRAS_TIMEOUT: Duration = Duration::from_millis(150);
/// How long the followed celebrities' posts may take: they come from the ledger, and a feed that lacks them
/// lacks what the reader asked for.
const PULLED_TIMEOUT: Duration = Duration::from_secs(1);
/// Posts of the reader's own that are given to the timeline, in case it has not been told of them yet.
const OWN_POSTS: usize = 50;
/// Ads asked for; a feed of 2,000 places uses a tenth of them at the most.
const AD_CANDIDATES: usize = 50;

/// Candidates, and what could not be had.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) pulled: Vec<Candidate>,
    /// Older posts of celebrities are not among the pulled ones; zero where there are none.
    pub(super) pulled_floor: PostId,
    pub(super) recommended: Vec<Candidate>,
    /// When the list of recommendations was begun, if it left unseen posts out.
    pub(super) more_recommended: Option<Instant>,
    pub(super) ads: Vec<Candidate>,
    pub(super) degraded: Vec<Degraded>,
}

impl Feeds {
    /// All sources side by side, each within its own time.
    pub(super) async fn feed_sources(&self, user_id: UserId) -> Sources {
        let (pulled, recommended, ads) = tokio::join!(
            in_time(Degraded::Celebrities, PULLED_TIMEOUT, self.pulled_posts(user_id)),
            self.recommendations.recommended(user_id, WantedFor::Feed),
            in_time(Degraded::Ads, EXTRAS_TIMEOUT, self.ad_candidates(user_id)),
        );
        let mut sources = Sources::default();
        match pulled {
            Ok(pulled) => (sources.pulled, sources.pulled_floor) = pulled,
            Err(part) => sources.degraded.push(part),
        }
        match ads {
            Ok(ads) => sources.ads = ads,
            Err(part) => sources.degraded.push(part),
        }
        sources.degraded.extend(&recommended.missing);
        sources.more_recommended = recommended.has_more.then_some(recommended.begun);
        // A promoted post is shown as what it is, not as a recommendation.
        let promoted: HashSet<PostId> = sources.ads.iter().map(|ad| ad.post_id).collect();
        let items = recommended.items.iter().filter(|item| !promoted.contains(&item.post.post_id));
        sources.recommended =
            items.map(|item| Candidate::new(item.post, Source::Recommended(item.reason.clone()))).collect();
        sources
    }

    /// The newest posts of the celebrities that the reader follows, and the reader's own, newest first; and the post
    /// below which those of celebrities are missing.
    async fn pulled_posts(&self, user_id: UserId) -> AppResult<(Vec<Candidate>, PostId)> {
        let own = self.hydrator.recent_posts(std::slice::from_ref(&user_id));
        let (mut own, celebrities) = tokio::try_join!(own, self.celebrity_posts(user_id))?;
        let own = own.remove(&user_id).map_or_else(Vec::new, |posts| posts.iter().take(OWN_POSTS).copied().collect());
        let floor = floor_of(&celebrities, MAX_PAGE).unwrap_or_default();
        let lists = [candidates(own, &Source::Following), candidates(celebrities, &Source::Celebrity)];
        Ok((ranking::newest_first(lists), floor))
    }

    /// Followed posts older than one, at least the newest `limit` if there are as many, newest first and without a gap,
    /// and the post below which to read on.
    pub(super) async fn followed_before(
        &self,
        user_id: UserId,
        before: PostId,
        limit: usize,
    ) -> AppResult<(Vec<Candidate>, PostId)> {
        let range = PostRange::before(before);
        let pushed = async { Ok::<_, AppError>(self.ledger.timeline_posts(user_id, range, limit).await?) };
        let pulled = async {
            let mut found = Vec::new();
            let authors = self.hydrator.pulled_followees(user_id).await?;
            for authors in authors.chunks(MAX_PAGE) {
                found.push(self.ledger.recent_posts(authors, Some(before), limit).await?);
            }
            Ok(found)
        };
        let (pushed, pulled) = tokio::try_join!(pushed, pulled)?;
        let floors = pulled.iter().chain([&pushed]).filter_map(|posts| floor_of(posts, limit));
        let floor = floors.max().unwrap_or(NOTHING_OLDER);
        let pulled = candidates(pulled.concat(), &Source::Celebrity);
        let mut found = ranking::newest_first([candidates(pushed, &Source::Following), pulled]);
        found.retain(|candidate| candidate.post_id >= floor);
        Ok((found, floor))
    }

    /// The newest [`MAX_PAGE`] posts over all followed celebrities, without a gap.
    async fn celebrity_posts(&self, user_id: UserId) -> AppResult<Vec<PostRef>> {
        let authors = self.hydrator.pulled_followees(user_id).await?;
        let mut posts: Vec<PostRef> = Vec::new();
        let mut cut_short: Vec<UserId> = Vec::new();
        for (author_id, recent) in self.hydrator.recent_posts(&authors).await? {
            posts.extend_from_slice(&recent);
            if recent.len() >= RECENT_PER_AUTHOR {
                cut_short.push(author_id);
            }
        }
        newest(&mut posts);
        // Where all that was read of somebody made it into the list, older posts of theirs belong in it too.
        let whole =
            |author: &UserId| posts.iter().filter(|post| post.author_id == *author).count() >= RECENT_PER_AUTHOR;
        cut_short.retain(whole);
        for authors in cut_short.chunks(MAX_PAGE) {
            posts.extend(self.ledger.recent_posts(authors, None, MAX_PAGE).await?);
            newest(&mut posts);
        }
        Ok(posts)
    }

    async fn ad_candidates(&self, user_id: UserId) -> AppResult<Vec<Candidate>> {
        let ads = self.ads.candidates(user_id, AD_CANDIDATES, Deadline::after(EXTRAS_TIMEOUT)).await?;
        let ads = ads.into_iter().filter(|ad| ad.post.author_id != user_id);
        Ok(ads.map(|ad| Candidate::new(ad.post, Source::Ad(ad.ad_id))).collect())
    }
}

/// The work's result, or the name of the part that failed or took too long.
async fn in_time<T>(
    part: Degraded,
    timeout: Duration,
    work: impl Future<Output = AppResult<T>>,
) -> Result<T, Degraded> {
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => tracing::warn!(part = part.as_str(), %error, "a feed is served without a part"),
        Err(_) => tracing::warn!(part = part.as_str(), "a feed is served without a part that is slow"),
    }
    Err(part)
}

/// The oldest of these posts, newest first, if older ones may be missing because no more were asked for than `limit`.
fn floor_of(posts: &[PostRef], limit: usize) -> Option<PostId> {
    posts.last().filter(|_| posts.len() >= limit).map(|post| post.post_id)
}

fn candidates(posts: Vec<PostRef>, source: &Source) -> Vec<Candidate> {
    posts.into_iter().map(|post| Candidate::new(post, source.clone())).collect()
}

fn newest(posts: &mut Vec<PostRef>) {
    posts.sort_unstable_by_key(|post| Reverse(post.post_id));
    posts.dedup();
    posts.truncate(MAX_PAGE);
}
