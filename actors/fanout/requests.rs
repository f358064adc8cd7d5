//! What a lane of the fan-out can be asked.

use serde::{Deserialize, Serialize};
use tessera_cluster::Call;
use tessera_domain::{PostId, UserId, post::PostRef};

/// Something that the resident timelines of an author's followers must hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    Post(PostRef),
    Removal(PostRef),
    /// The author crossed the celebrity threshold: their posts are pulled from now on, or pushed.
    CelebrityChanged {
        author_id: UserId,
        /// What they are now.
        celebrity: bool,
    },
}

impl Delivery {
    /// Whose followers it goes to.
    pub fn author_id(&self) -> UserId {
        match self {
            Delivery::Post(post) | Delivery::Removal(post) => post.author_id,
            Delivery::CelebrityChanged { author_id, .. } => *author_id,
        }
    }

    /// The post it is about, if it is about one.
    pub fn post_id(&self) -> Option<PostId> {
        match self {
            Delivery::Post(post) | Delivery::Removal(post) => Some(post.post_id),
            Delivery::CelebrityChanged { .. } => None,
        }
    }
}

/// A delivery is answered with how many timelines it reached.
impl Call for Delivery {
    type Answer = u64;

    fn is_repeatable(&self) -> bool {
        true
    }
}
