//! The application: its services, and who of them holds whom.

use crate::{
    AppParts, AppResult,
    accounts::Accounts,
    engagement::Engagement,
    feed::Feeds,
    graph::Graph,
    hashtags::Hashtags,
    hydrate::Hydrator,
    media::Media,
    notifications::Notifications,
    operators::Operators,
    posts::Posts,
    recommendations::{RecommendationMemory, Recommendations},
    replies::Replies,
    search::Search,
    uploads::Uploads,
    visual::VisualSearch,
};
use std::sync::Arc;

/// The application: one service for each area, whose methods are the use cases. It is shared as `Arc<App>`.
pub struct App {
    pub accounts: Arc<Accounts>,
    pub engagement: Engagement,
    pub feeds: Feeds,
    pub graph: Graph,
    pub hashtags: Hashtags,
    pub media: Media,
    pub notifications: Notifications,
    pub operators: Operators,
    pub posts: Arc<Posts>,
    pub recommendations: Arc<Recommendations>,
    pub replies: Replies,
    pub search: Search,
    pub uploads: Uploads,
    pub visual: VisualSearch,
}

impl App {
    /// An application over `parts`.
    ///
    /// # Errors
    /// Only where the password hasher cannot be set up.
    pub fn new(parts: AppParts) -> AppResult<Arc<Self>> {
        let parts = &parts;
        let hydrator = &Hydrator::new(parts);
        let memory = &Arc::new(RecommendationMemory::default());
        let accounts = Arc::new(Accounts::new(parts)?);
        let posts = Arc::new(Posts::new(parts, hydrator, &accounts));
        let recommendations = Arc::new(Recommendations::new(parts, hydrator, memory));
        Ok(Arc::new(Self {
            engagement: Engagement::new(parts, hydrator, &posts, &recommendations),
            feeds: Feeds::new(parts, hydrator, &recommendations, memory),
            graph: Graph::new(parts, &accounts, memory),
            hashtags: Hashtags::new(parts, hydrator, memory),
            media: Media::new(parts),
            notifications: Notifications::new(parts, hydrator),
            operators: Operators::new(parts),
            replies: Replies::new(parts),
            search: Search::new(parts, &accounts),
            uploads: Uploads::new(parts),
            visual: VisualSearch::new(parts, hydrator, &posts),
            accounts,
            posts,
            recommendations,
        }))
    }
}
