//! The feed: `generate_feed` (docs/functions.md, section 2).
//!
//! ```text
//! get_feed ─► skeleton ─ first page ──► sources: celebrities and own │ recommended │ ads,
//!          │           │                     side by side, each in its time
//!          │           │                 └─► timeline.open: stitched snapshot, unseen first
//!          │           ├ later pages ─► timeline.page (a lost snapshot is opened anew below what was served)
//!          │           └ no timeline ─► followed posts from the ledger
//!          ├─► walk: hydrate, drop what is hidden or gone, read on until the page is full
//!          └─► served: posts count as seen (unless the client marks itself: mark_viewed), ads as shown
//! ```
//! An entry carries why it is there (the reason of a recommendation, the campaign of an ad) from its source through the
//! timeline's snapshot to the page, so whichever node reads a page knows it. A source that fails or is slow is left out
//! and named in `degraded`.

mod get_feed;
mod mark_viewed;
mod ranked;
mod served;
mod service;
mod skeleton;
mod sources;
mod walk;

pub use get_feed::{Feed, FeedItem, FeedRequest, FeedStart, MAX_OFFSET};
pub use mark_viewed::MAX_VIEWED;
pub use service::Feeds;
pub use tessera_domain::feed::{Source, SourceKind};

/// A part that a feed was served without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degraded {
    /// Recommended posts: those there are come from an older list.
    Recommendations,
    /// Among recommended posts, those of people who like the same.
    SimilarUsers,
    /// Among recommended posts, those that are popular.
    Popular,
    /// Among recommended posts, those with hashtags that are followed or trend.
    Hashtags,
    /// Among recommended posts, those that look like what the reader liked.
    VisualSearch,
    /// The ranking model: recommended posts are ordered by popularity.
    Ranking,
    Ads,
    /// The newest posts of celebrities (and the reader's own) that are not in the timeline yet.
    Celebrities,
    /// The timeline: what was seen is not known, and posts may come again.
    Timeline,
}

impl Degraded {
    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Degraded::Recommendations => "recommendations",
            Degraded::SimilarUsers => "similar_users",
            Degraded::Popular => "popular",
            Degraded::Hashtags => "hashtags",
            Degraded::VisualSearch => "visual_search",
            Degraded::Ranking => "ranking",
            Degraded::Ads => "ads",
            Degraded::Celebrities => "celebrities",
            Degraded::Timeline => "timeline",
        }
    }
}
