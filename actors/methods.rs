//! The numbers that name calls between nodes: all of them.
//!
//! Once released a number keeps its meaning. A call that changes gets a new one, and that of a call that is gone is not
//! given again.

use crate::{
    ads::requests::{CampaignsChanged, ShownElsewhere},
    breaker::WardComplaint,
    broadcast::{Outdated, OutdatedGraph},
    counter::{CounterActor, requests::Apply},
    fanout::Delivery,
    inbox::{InboxActor, requests::Record},
    popular::Change,
    recommender::{LikeChanged, RecommenderActor, requests::GetTaste},
    timeline::{
        ChangeLike, OpenFeed, PageRequest, TimelineActor,
        calls::{ChangeFollow, ListLiked, ListNewest, ListUnseen, MarkServed, PassOlder},
    },
    visual_search::{
        VisualShardActor,
        requests::{Describe, Forget, Learn, Rebuild, Search},
    },
};
use tessera_cluster::{LAST_OWN_METHOD, Region, RemoteCall, RemoteEntity};

macro_rules! methods {
    (
        entities { $($entity:ty { $($number:literal => $call:ty),+ $(,)? })+ }
        nodes { $($node_number:literal => $node_call:ty),+ $(,)? }
    ) => {
        $(
            impl RemoteEntity for $entity {
                fn serve_all(region: &Region<Self>) {
                    $(region.serve::<$call>();)+
                }
            }

            $(impl RemoteCall for $call {
                const METHOD: u16 = $number;
            })+
        )+

        $(impl RemoteCall for $node_call {
            const METHOD: u16 = $node_number;
        })+

        const NUMBERS: &[u16] = &[LAST_OWN_METHOD, $($($number,)+)+ $($node_number,)+];
    };
}

methods! {
    entities {
        TimelineActor {
            12 => MarkServed,
            13 => ChangeFollow,
            14 => ListUnseen,
            15 => ListNewest,
            16 => OpenFeed,
            17 => PageRequest,
            18 => PassOlder,
            60 => ListLiked,
            61 => ChangeLike,
        }
        CounterActor {
            20 => Apply,
        }
        InboxActor {
            31 => Record,
        }
        VisualShardActor {
            40 => Search,
            41 => Learn,
            42 => Forget,
            43 => Describe,
            44 => Rebuild,
        }
        RecommenderActor {
            50 => GetTaste,
            51 => LikeChanged,
        }
    }
    nodes {
        100 => Delivery,
        101 => Outdated,
        102 => Change,
        103 => CampaignsChanged,
        104 => ShownElsewhere,
        105 => WardComplaint,
        106 => OutdatedGraph,
    }
}

const _: () = {
    let mut at = 0;
    while at < NUMBERS.len() {
        let mut other = at + 1;
        while other < NUMBERS.len() {
            assert!(NUMBERS[at] != NUMBERS[other], "no number is given twice");
            other += 1;
        }
        assert!(at == 0 || NUMBERS[at] > LAST_OWN_METHOD, "the first numbers are the cluster's own");
        at += 1;
    }
};
