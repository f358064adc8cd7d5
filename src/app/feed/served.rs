//! What follows a served page: posts count as seen, ads as shown.

use super::{Feed, FeedItem, FeedRequest, Feeds, Source};
use tessera_domain::{AdId, PostId, UserId};

impl Feeds {
    /// Tells the timeline and the ads what the reader gets to see. Best effort: what is lost comes once more.
    pub(super) async fn feed_was_served(&self, user_id: UserId, request: &FeedRequest, feed: &Feed) {
        if request.marks_seen {
            self.mark_served(user_id, feed).await;
        }
        self.log_feed(user_id, feed).await;
        let campaign = |item: &FeedItem| match item.source {
            Source::Ad(ad_id) => Some(ad_id),
            _ => None,
        };
        let ad_ids: Vec<AdId> = feed.items.iter().filter_map(campaign).collect();
        self.ads.shown(user_id, ad_ids);
    }

    async fn mark_served(&self, user_id: UserId, feed: &Feed) {
        let unseen: Vec<PostId> = feed.items.iter().filter(|item| !item.seen).map(FeedItem::post_id).collect();
        if !unseen.is_empty() {
            self.timelines.served(user_id, unseen);
        }
        let shown: Vec<PostId> = feed.items.iter().map(FeedItem::post_id).collect();
        if !shown.is_empty() {
            self.recommendation_memory.was_shown(user_id, shown).await;
        }
    }

    /// Keeps which recommended posts the reader gets to see, if theirs are kept.
    async fn log_feed(&self, user_id: UserId, feed: &Feed) {
        let Some(list) = self.recommendation_memory.last(user_id).await else { return };
        let places = feed.items.iter().enumerate().filter(|(_, item)| item.source.reason().is_some());
        let shown: Vec<(u32, PostId)> = places.map(|(place, item)| (place as u32, item.post_id())).collect();
        self.recommendations.log_impressions(user_id, &list, &shown);
    }
}
