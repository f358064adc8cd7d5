//! Accounts.

use super::Rfc3339;
use serde::Serialize;
use tessera_app::accounts::Profile;
use tessera_domain::{
    UserId,
    user::{Relationship, User},
};
use utoipa::ToSchema;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// The account's id.
    #[schema(value_type = String, example = "175928847299117063")]
    pub id: UserId,
    /// Unique name.
    #[schema(example = "ada")]
    pub username: String,
    /// Name to show.
    pub display_name: String,
    /// A few words about the person.
    pub bio: String,
    /// Whether only followers see the posts.
    pub private: bool,
    /// Posts that are not deleted.
    pub post_count: u64,
    /// Accounts that follow this one.
    pub follower_count: u64,
    /// Accounts that this one follows.
    pub following_count: u64,
    /// When the account was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Rfc3339,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username.as_str().to_owned(),
            display_name: user.display_name,
            bio: user.bio,
            private: user.private,
            post_count: user.post_count,
            follower_count: user.follower_count,
            following_count: user.following_count,
            created_at: Rfc3339(user.created_at),
        }
    }
}

/// How the caller stands to an account. Whether the account blocks the caller is not told: then it is not found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Relationship)]
pub struct RelationshipBody {
    /// The caller follows the account.
    pub following: bool,
    /// The account follows the caller.
    pub followed_by: bool,
    /// The caller blocks the account.
    pub blocking: bool,
    /// The caller mutes the account.
    pub muting: bool,
}

impl From<Relationship> for RelationshipBody {
    fn from(relationship: Relationship) -> Self {
        let Relationship { following, followed_by, blocking, muting, blocked_by: _ } = relationship;
        Self { following, followed_by, blocking, muting }
    }
}

/// An account as the caller sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Profile)]
pub struct ProfileBody {
    /// The account.
    #[serde(flatten)]
    pub user: UserBody,
    /// How the caller stands to it.
    pub relationship: RelationshipBody,
}

impl From<Profile> for ProfileBody {
    fn from(profile: Profile) -> Self {
        Self { user: profile.user.into(), relationship: profile.relationship.into() }
    }
}
