//! What stands behind a breaker and can be restarted: its wards.

use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Entity, EntityVitals, NodeService, Region};

/// How what stands behind a breaker goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Symptom {
    /// It does not answer, and its mailbox stands still.
    Hung,
    /// It panics on what it is asked.
    Panicked,
    /// Its mailbox is full.
    Flooded,
}

impl Symptom {
    /// The word that the API and the metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hung => "hung",
            Self::Panicked => "panicked",
            Self::Flooded => "flooded",
        }
    }
}

/// A caller got no answer of a ward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Complaint {
    pub ward: u64,
    pub symptom: Symptom,
    /// Whether the caller is of this node.
    pub is_from_here: bool,
}

/// Actors behind a breaker, by number, as its supervisor sees them.
pub(crate) trait Wards: Send + Sync + 'static {
    /// What operators call it.
    fn name(&self, ward: u64) -> String;
    /// How it does; `None` where it does not live here.
    fn vitals(&self, ward: u64) -> Option<EntityVitals>;
    /// Leaves it behind, so that the next message finds a new one; false where it does not live here.
    fn restart(&self, ward: u64) -> bool;
    /// The same for all of them; gives how many there were.
    fn restart_all(&self) -> usize;
    /// Tells the other nodes of a ward that does not live here.
    fn complain_elsewhere(&self, ward: u64, symptom: Symptom);
}

/// A caller of another node got no answer of a ward that may live here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WardComplaint {
    pub breaker: String,
    pub ward: u64,
    pub symptom: Symptom,
}

impl Call for WardComplaint {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Complaints that cross from node to node. Cheap to clone.
pub(crate) type WardComplaints = NodeService<WardComplaint>;

/// The entities of a region as wards.
pub(super) struct RegionWards<E: Entity, K> {
    pub region: Region<E>,
    /// The key of a ward.
    pub key: K,
    pub breaker: &'static str,
    pub complaints: WardComplaints,
}

impl<E: Entity, K: Fn(u64) -> E::Key + Send + Sync + 'static> Wards for RegionWards<E, K> {
    fn name(&self, ward: u64) -> String {
        format!("{}:{ward}", E::KIND)
    }

    fn vitals(&self, ward: u64) -> Option<EntityVitals> {
        self.region.vitals((self.key)(ward))
    }

    fn restart(&self, ward: u64) -> bool {
        self.region.restart((self.key)(ward))
    }

    fn restart_all(&self) -> usize {
        self.region.restart_all()
    }

    fn complain_elsewhere(&self, ward: u64, symptom: Symptom) {
        self.complaints.tell_others(&WardComplaint { breaker: self.breaker.to_owned(), ward, symptom });
    }
}
