//! Follow an account.

use super::Graph;
use crate::{AppError, AppResult, accounts::UserKey, clock, outdate::outdate_follows};
use tessera_domain::{Invalid, UserId};
use tessera_ports::ledger::{FollowOutcome, MAX_FOLLOWEES};

impl Graph {
    /// Makes `follower` follow the account that `key` names; its posts are in the next feed. Idempotent.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none or one blocks the other; [`AppError::Invalid`] for oneself
    /// and past [`MAX_FOLLOWEES`].
    pub async fn follow(&self, follower: UserId, key: &UserKey) -> AppResult<()> {
        let followee = self.accounts.get_user(follower, key).await?.user.id;
        if followee == follower {
            return Err(Invalid::new("id", "nobody can follow themselves").into());
        }
        match self.ledger.follow(follower, followee, clock::now(), self.celebrity_rule).await? {
            FollowOutcome::Followed => {
                outdate_follows(&self.invalidation, follower).await;
                self.timeline_follow_changed(follower, followee, true).await;
            }
            FollowOutcome::AlreadyFollowing => {}
            FollowOutcome::NotFound => return Err(AppError::NotFound("user")),
            FollowOutcome::TooMany => {
                let reason = format!("at most {MAX_FOLLOWEES} accounts can be followed");
                return Err(Invalid::new("id", reason).into());
            }
        }
        Ok(())
    }
}
