//! Which ads to show, and what was shown: one entity per node in front of the ledger's campaigns.
//!
//! It keeps the active campaigns with today's spend, adds what it has not flushed yet, and asks the ledger per
//! user what they saw today, outside its mailbox and only while there is something to show. It errs on the
//! careful side: while a read and a flush race, impressions count twice and never zero times, so budgets and caps
//! hold on one node. Nodes tell each other what they showed, at once and best effort, so between nodes a budget is
//! overspent only by what crosses on the way. Days are UTC days.

mod actor;
mod core;
pub(crate) mod requests;
#[cfg(test)]
mod tests;

pub use actor::{AdsActor, AdsArgs, AdsSettings};
pub use requests::AdCandidate;

use self::requests::{CampaignsChanged, Choose, Flush, Shown, ShownElsewhere};
use crate::{ActorError, NodeSingleton, restart};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{Call, ClusterNode, Deadline, Handle, NodeService, Region, RegionSettings};
use tessera_domain::{AdId, UserId};

/// Limits for the region of this entity, of which there is one.
pub fn region_settings() -> RegionSettings {
    restart::region(10_000, Duration::from_secs(3_600), 64 * 1024 * 1024)
}

/// The ads of this node. Cheap to clone.
#[derive(Clone)]
pub struct AdsRef {
    region: Region<AdsActor>,
    changes: NodeService<CampaignsChanged>,
    impressions: NodeService<ShownElsewhere>,
}

impl AdsRef {
    /// The entity that lives in `region`; it hears from `node`'s peers that campaigns changed.
    pub fn new(node: Arc<ClusterNode>, region: Region<AdsActor>) -> Self {
        let heard = region.clone();
        let changes = NodeService::new(node.clone(), "ads", move |change: CampaignsChanged, _| {
            std::future::ready(heard.tell(NodeSingleton, change))
        });
        let heard = region.clone();
        let impressions = NodeService::new(node, "ads", move |shown: ShownElsewhere, _| {
            std::future::ready(heard.tell(NodeSingleton, shown))
        });
        Self { region, changes, impressions }
    }

    /// Up to `limit` ads to show to `user_id`: active, with budget left, below the user's cap, the one
    /// furthest behind its schedule first. Answered without any I/O where no ad could be shown to anybody.
    ///
    /// # Errors
    /// A store's error where campaigns or the user's impressions cannot be read; `Overloaded` where too many
    /// callers wait for them.
    pub async fn candidates(
        &self,
        user_id: UserId,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Vec<AdCandidate>, ActorError> {
        Ok(self.region.ask(NodeSingleton, deadline, Choose { user_id, limit }).await??)
    }

    /// Tells that these ads were shown to `user_id`, one impression each. Best effort: impressions are made
    /// durable within a fraction of a second, and those of a crash's last moment are lost.
    pub fn shown(&self, user_id: UserId, ad_ids: Vec<AdId>) {
        if !ad_ids.is_empty() {
            self.impressions.tell_others(&ShownElsewhere { user_id, ad_ids: ad_ids.clone() });
            self.tell(Shown { user_id, ad_ids });
        }
    }

    /// Tells that campaigns changed. Best effort: they are looked at every few seconds anyway.
    pub fn refresh(&self) {
        self.changes.tell_others(&CampaignsChanged);
        self.tell(CampaignsChanged);
    }

    /// Makes all impressions durable that were told so far: for an orderly end.
    ///
    /// # Errors
    /// The store's error; the impressions stay and are tried again.
    pub async fn flush(&self, deadline: Deadline) -> Result<(), ActorError> {
        Ok(self.region.ask(NodeSingleton, deadline, Flush).await??)
    }

    /// The region, for the tree: what it is doing.
    pub fn region(&self) -> &Region<AdsActor> {
        &self.region
    }

    fn tell<C: Call>(&self, call: C)
    where
        AdsActor: Handle<C>,
    {
        if let Err(error) = self.region.tell(NodeSingleton, call) {
            tracing::warn!(%error, "the ads did not hear of a change");
        }
    }
}
