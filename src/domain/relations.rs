//! Everybody to whom one account stands in a way that decides what it sees of them.

use crate::{UserId, user::Standing};

/// The accounts that one account follows, mutes, and blocks or is blocked by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relations {
    // Each is sorted, and looked through by halves.
    following: Box<[UserId]>,
    blocked: Box<[UserId]>,
    muting: Box<[UserId]>,
}

/// Why an account is among [`Relations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Following,
    /// Either blocks the other.
    Blocked,
    Muting,
}

impl Relations {
    /// How the account stands to `other`.
    pub fn standing(&self, other: UserId) -> Standing {
        let among = |accounts: &[UserId]| accounts.binary_search(&other).is_ok();
        Standing { following: among(&self.following), blocked: among(&self.blocked), muting: among(&self.muting) }
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of::<UserId>() * (self.following.len() + self.blocked.len() + self.muting.len())
    }
}

impl FromIterator<(Relation, UserId)> for Relations {
    fn from_iter<I: IntoIterator<Item = (Relation, UserId)>>(pairs: I) -> Self {
        let (mut following, mut blocked, mut muting) = (Vec::new(), Vec::new(), Vec::new());
        for (relation, user_id) in pairs {
            match relation {
                Relation::Following => following.push(user_id),
                Relation::Blocked => blocked.push(user_id),
                Relation::Muting => muting.push(user_id),
            }
        }
        let sorted = |mut accounts: Vec<UserId>| {
            accounts.sort_unstable();
            accounts.dedup();
            accounts.into_boxed_slice()
        };
        Self { following: sorted(following), blocked: sorted(blocked), muting: sorted(muting) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_among_them_stands_so_and_nobody_else_does() {
        use Relation::{Blocked, Following, Muting};
        let pairs = [(Following, 9), (Muting, 9), (Following, 2), (Blocked, 5), (Blocked, 5), (Muting, 1)];
        let relations: Relations = pairs.into_iter().map(|(relation, id)| (relation, UserId(id))).collect();
        let standing = |following, blocked, muting| Standing { following, blocked, muting };
        assert_eq!(relations.standing(UserId(9)), standing(true, false, true));
        assert_eq!(relations.standing(UserId(2)), standing(true, false, false));
        assert_eq!(relations.standing(UserId(5)), standing(false, true, false));
        assert_eq!(relations.standing(UserId(3)), Standing::default());
        assert_eq!(relations.heap_bytes(), 5 * size_of::<UserId>());
    }
}
