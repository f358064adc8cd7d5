//! What follows a served page: posts count as seen, ads as shown.

use super::{Feed, Source};
use crate::{App, recommendations::Reason};
use std::time::Duration;
use tessera_actors::Deadline;
use tessera_domain::{AdId, PostId, UserId};

/// How long finding out an ad's campaign may hold up the page.
const LOOK_UP_TIMEOUT: Duration = Duration::from_millis(150);
/// More campaigns than can be meant at once.
const MAX_CAMPAIGNS: usize = 100;

impl App {
    /// Tells the timeline and the ads what the reader gets to see. Best effort: what is lost comes once more.
    pub(super) async fn feed_was_served(&self, user_id: UserId, feed: &Feed) {
        let unseen = feed.items.iter().filter(|item| !item.seen);
        let post_ids: Vec<PostId> = unseen.map(|item| item.post.post.id).collect();
        if !post_ids.is_empty() {
            self.actors.timelines.served(user_id, post_ids);
        }
        let shown: Vec<PostId> = feed.items.iter().map(|item| item.post.post.id).collect();
        if !shown.is_empty() {
            self.recommendation_memory.was_shown(user_id, shown).await;
        }
        self.log_feed(user_id, feed).await;
        let ads = feed.items.iter().filter(|item| item.source == Source::Ad);
        let promoted: Vec<PostId> = ads.map(|item| item.post.post.id).collect();
        if !promoted.is_empty() {
            let ad_ids = self.campaigns_of(user_id, &promoted).await;
            self.actors.ads.shown(user_id, ad_ids);
        }
    }

    /// Says of each recommended post why it is there.
    pub(super) async fn give_reasons(&self, user_id: UserId, feed: &mut Feed) {
        let recommended = feed.items.iter().filter(|item| item.source == Source::Recommended);
        let ids: Vec<PostId> = recommended.map(|item| item.post.post.id).collect();
        if ids.is_empty() {
            return;
        }
        let reasons = self.recommendation_memory.reasons(user_id, &ids).await;
        let items = feed.items.iter_mut().filter(|item| item.source == Source::Recommended);
        for (item, reason) in items.zip(reasons) {
            item.reason = Some(reason.unwrap_or(Reason::Unknown));
        }
    }

    /// Keeps which recommended posts the reader gets to see, if theirs are kept.
    async fn log_feed(&self, user_id: UserId, feed: &Feed) {
        let Some(list) = self.recommendation_memory.last(user_id).await else { return };
        let places = feed.items.iter().enumerate().filter(|(_, item)| item.source == Source::Recommended);
        let shown: Vec<(u32, PostId)> = places.map(|(place, item)| (place as u32, item.post.post.id)).collect();
        self.log_impressions(user_id, &list, &shown);
    }

    /// Which campaigns put these posts into the reader's feed. They were noted when the feed was opened; a
    /// page read on another node asks for the candidates again.
    async fn campaigns_of(&self, user_id: UserId, promoted: &[PostId]) -> Vec<AdId> {
        let mut ad_ids = Vec::with_capacity(promoted.len());
        let mut unknown = Vec::new();
        for post_id in promoted {
            match self.feed_memory.campaigns.get(&(user_id, *post_id)).await {
                Some(ad_id) => ad_ids.push(ad_id),
                None => unknown.push(*post_id),
            }
        }
        if !unknown.is_empty() {
            let deadline = Deadline::after(LOOK_UP_TIMEOUT);
            let candidates = self.actors.ads.candidates(user_id, MAX_CAMPAIGNS, deadline).await.unwrap_or_default();
            ad_ids.extend(candidates.iter().filter(|ad| unknown.contains(&ad.post.post_id)).map(|ad| ad.ad_id));
        }
        ad_ids
    }
}
