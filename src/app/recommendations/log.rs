//! What the ranking model learns from: which recommended posts were shown, and what came of it.
//!
//! People are sampled by the day, the same ones on every node, so that what somebody did is kept wherever they saw the
//! post.

use super::{Recommendations, RecommendedList};
use crate::clock;
use tessera_domain::{
    PostId, Timestamp, UserId,
    features::FEATURE_SET_VERSION,
    feed::SourceKind,
    hash::stable_hash_u64,
    impression::{ATTRIBUTION_WINDOW_MS, Engagement, EngagementKind, Impression, LogRecord},
    time::DAY_MS,
};

/// Keeps the sample apart from other hashes of the same ids.
const SAMPLE_SEED: u64 = 0x1096;

impl Recommendations {
    /// Whether what this person is shown today is kept.
    pub(super) fn is_logged(&self, user_id: UserId) -> bool {
        self.ranking_log.is_some() && is_sampled(user_id, clock::now(), self.ranking_log_share)
    }

    /// Keeps that these posts of `list` were shown, each with its place on the page.
    pub(crate) fn log_impressions(&self, user_id: UserId, list: &RecommendedList, shown: &[(u32, PostId)]) {
        let Some(log) = self.ranking_log.as_ref().filter(|_| !list.rows.is_empty()) else { return };
        let at = clock::now();
        let records = shown.iter().filter_map(|(position, post_id)| {
            Some(LogRecord::Impression(Impression {
                list_id: list.id,
                viewer_id: user_id,
                post_id: *post_id,
                position: *position,
                source: SourceKind::Recommended,
                at,
                feature_set: FEATURE_SET_VERSION,
                features: list.rows.get(post_id)?.to_logged(),
            }))
        });
        log.write(records.collect());
    }

    /// Keeps that somebody did something with a post, where they may have been shown it.
    pub(crate) fn log_engagement(&self, user_id: UserId, post_id: PostId, kind: EngagementKind) {
        let Some(log) = &self.ranking_log else { return };
        let (at, share) = (clock::now(), self.ranking_log_share);
        let shown_at = at.plus_ms(-ATTRIBUTION_WINDOW_MS);
        if is_sampled(user_id, at, share) || is_sampled(user_id, shown_at, share) {
            log.write(vec![LogRecord::Engagement(Engagement { viewer_id: user_id, post_id, kind, at })]);
        }
    }
}

/// Whether a person is among the `share` (0 to 1) whose day is kept.
fn is_sampled(user_id: UserId, at: Timestamp, share: f64) -> bool {
    let day = at.0.div_euclid(DAY_MS) as u64;
    let place = stable_hash_u64(user_id.0, SAMPLE_SEED ^ day) as f64 / u64::MAX as f64;
    share >= 1.0 || place < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_people_is_kept_and_others_tomorrow() {
        let today = Timestamp(20_000 * DAY_MS + 5);
        let kept =
            |at: Timestamp| -> Vec<u64> { (0..10_000).filter(|user| is_sampled(UserId(*user), at, 0.1)).collect() };
        let now = kept(today);
        assert!((900..1_100).contains(&now.len()), "{}", now.len());
        assert_eq!(now, kept(today.plus_ms(DAY_MS - 10)), "the same all day");
        let both = kept(today.plus_ms(DAY_MS)).into_iter().filter(|user| now.contains(user)).count();
        assert!(both < 200, "{both} of both days");
        assert!(is_sampled(UserId(1), today, 1.0) && !is_sampled(UserId(1), today, 0.0));
    }
}
