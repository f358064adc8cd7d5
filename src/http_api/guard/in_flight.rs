//! Keys of idempotency whose requests are under way.

use parking_lot::Mutex;
use std::collections::HashSet;
use tessera_app::replies::ReplyScope;

type Place = (ReplyScope, String);

/// Keys whose first request is being served right now; bounded by the requests at the edge.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<Place>>);

pub(super) struct InFlightGuard<'a> {
    all: &'a InFlight,
    place: Place,
}

impl InFlight {
    pub(super) fn enter(&self, place: &Place) -> Option<InFlightGuard<'_>> {
        self.0.lock().insert(place.clone()).then(|| InFlightGuard { all: self, place: place.clone() })
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.place);
    }
}
