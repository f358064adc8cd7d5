//! The accounting of a batch of operations on one post's counter: who counts, by how much everything moves, and what
//! is told of it. The ledger says what it wrote, this what follows from it.

use super::{CounterOperation, CounterOutcome};
use crate::{CommentId, PostId, Timestamp, UserId, event::Event, time::HOUR_MS};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem::discriminant,
};

/// Start of the hour that engagements at this time are counted in.
pub fn hour_of(time: Timestamp) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(HOUR_MS))
}

/// Neighbours of one kind, which go to the database as one statement.
pub fn runs(operations: &[CounterOperation]) -> impl Iterator<Item = &[CounterOperation]> {
    operations.chunk_by(|one, next| discriminant(one) == discriminant(next))
}

/// Who likes, or no longer likes, in a run.
pub fn likers(run: &[CounterOperation]) -> Vec<UserId> {
    run.iter()
        .filter_map(|operation| match operation {
            CounterOperation::Like { user_id } | CounterOperation::Unlike { user_id } => Some(*user_id),
            CounterOperation::AddComment { .. } | CounterOperation::DeleteComment { .. } => None,
        })
        .collect()
}

/// A like or comment as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub shard: u16,
    pub at: Timestamp,
}

/// What a batch on an existing post has done so far.
#[derive(Debug)]
pub struct Batch {
    pub post_id: PostId,
    /// Who wrote the post.
    pub author_id: UserId,
    /// How what is new is counted.
    pub counted: Counted,
    outcomes: Vec<CounterOutcome>,
    moved: BTreeMap<u16, (i64, i64)>,
    hours: BTreeMap<Timestamp, i64>,
    liked_by: Vec<UserId>,
    unlikes: u32,
    comments: Vec<(CommentId, UserId)>,
}

impl Batch {
    /// A batch that has done nothing yet.
    pub fn new(post_id: PostId, author_id: UserId, counted: Counted) -> Self {
        Self {
            post_id,
            author_id,
            counted,
            outcomes: Vec::new(),
            moved: BTreeMap::new(),
            hours: BTreeMap::new(),
            liked_by: Vec::new(),
            unlikes: 0,
            comments: Vec::new(),
        }
    }

    /// Accounts for a run of likes, of which those of `written` were new. The first of two equal likes is the one
    /// that counts.
    pub fn like(&mut self, users: Vec<UserId>, written: impl IntoIterator<Item = UserId>) {
        let mut written: HashSet<UserId> = written.into_iter().collect();
        for user_id in users {
            if written.remove(&user_id) {
                self.count(self.counted, 1, 0);
                self.liked_by.push(user_id);
                self.outcomes.push(CounterOutcome::Applied);
            } else {
                self.outcomes.push(CounterOutcome::AlreadyLiked);
            }
        }
    }

    /// Accounts for a run of unlikes that ended these likes. A like is taken from where it was counted.
    pub fn unlike(&mut self, users: Vec<UserId>, ended: impl IntoIterator<Item = (UserId, Counted)>) {
        let mut ended: HashMap<UserId, Counted> = ended.into_iter().collect();
        for user_id in users {
            if let Some(counted) = ended.remove(&user_id) {
                self.count(counted, -1, 0);
                self.unlikes += 1;
                self.outcomes.push(CounterOutcome::Applied);
            } else {
                self.outcomes.push(CounterOutcome::NotLiked);
            }
        }
    }

    /// Accounts for a new comment.
    pub fn add_comment(&mut self, id: CommentId, user_id: UserId) {
        self.count(self.counted, 0, 1);
        self.comments.push((id, user_id));
        self.outcomes.push(CounterOutcome::Applied);
    }

    /// Accounts for a comment that is there already.
    pub fn know_comment(&mut self, id: CommentId) {
        self.outcomes.push(CounterOutcome::CommentExists(id));
    }

    /// Whether `user_id` may delete a comment that `commenter_id` wrote on this post.
    pub fn may_delete_comment(&self, user_id: UserId, commenter_id: UserId) -> bool {
        user_id == commenter_id || user_id == self.author_id
    }

    /// Accounts for a comment that was deleted.
    pub fn delete_comment(&mut self, counted: Counted) {
        self.count(counted, 0, -1);
        self.outcomes.push(CounterOutcome::Applied);
    }

    /// Accounts for an operation that did nothing.
    pub fn refuse(&mut self, outcome: CounterOutcome) {
        self.outcomes.push(outcome);
    }

    fn count(&mut self, counted: Counted, likes: i64, comments: i64) {
        let moved = self.moved.entry(counted.shard).or_default();
        moved.0 += likes;
        moved.1 += comments;
        *self.hours.entry(hour_of(counted.at)).or_default() += likes + comments;
    }

    /// By how much likes and comments move, by counter shard, in the order of the shards.
    pub fn moved(&self) -> impl Iterator<Item = (u16, i64, i64)> {
        self.moved.iter().map(|(shard, (likes, comments))| (*shard, *likes, *comments))
    }

    /// By how much engagements move, by hour, in the order of time; hours that stay as they are left out.
    pub fn hours(&self) -> impl Iterator<Item = (Timestamp, i64)> {
        self.hours.iter().filter(|(_, engagements)| **engagements != 0).map(|(hour, moved)| (*hour, *moved))
    }

    /// What is told of the batch, if it did anything.
    pub fn event(&self) -> Option<Event> {
        let happened = !self.liked_by.is_empty() || self.unlikes > 0 || !self.comments.is_empty();
        happened.then(|| Event::Engaged {
            post_id: self.post_id,
            author_id: self.author_id,
            liked_by: self.liked_by.clone(),
            unlikes: self.unlikes,
            commented_by: self.comments.iter().map(|(_, user_id)| *user_id).collect(),
            comment_ids: self.comments.iter().map(|(id, _)| *id).collect(),
        })
    }

    /// What became of each operation, in order.
    pub fn into_outcomes(self) -> Vec<CounterOutcome> {
        self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Counted = Counted { shard: 3, at: Timestamp(10 * HOUR_MS + 5) };
    const EARLIER: Counted = Counted { shard: 1, at: Timestamp(4 * HOUR_MS + 5) };

    fn batch() -> Batch {
        Batch::new(PostId(1), UserId(9), NOW)
    }

    #[test]
    fn the_first_of_two_equal_likes_counts() {
        let mut batch = batch();
        batch.like(vec![UserId(1), UserId(2), UserId(1), UserId(3)], [UserId(1), UserId(2)]);
        let event = batch.event();
        assert!(matches!(event, Some(Event::Engaged { liked_by, .. }) if liked_by == [UserId(1), UserId(2)]));
        assert_eq!(batch.moved().collect::<Vec<_>>(), [(3, 2, 0)]);
        assert_eq!(batch.hours().collect::<Vec<_>>(), [(Timestamp(10 * HOUR_MS), 2)]);
        let (applied, already) = (CounterOutcome::Applied, CounterOutcome::AlreadyLiked);
        assert_eq!(batch.into_outcomes(), [applied, applied, already, already]);
    }

    #[test]
    fn an_unlike_is_taken_from_the_shard_and_hour_of_its_like() {
        let mut batch = batch();
        batch.unlike(vec![UserId(1), UserId(1), UserId(2)], [(UserId(1), EARLIER)]);
        assert_eq!(batch.moved().collect::<Vec<_>>(), [(1, -1, 0)]);
        assert_eq!(batch.hours().collect::<Vec<_>>(), [(Timestamp(4 * HOUR_MS), -1)]);
        assert!(matches!(batch.event(), Some(Event::Engaged { unlikes: 1, .. })));
        let (applied, not_liked) = (CounterOutcome::Applied, CounterOutcome::NotLiked);
        assert_eq!(batch.into_outcomes(), [applied, not_liked, not_liked]);
    }

    #[test]
    fn a_shard_is_moved_by_nothing_where_what_came_also_went() {
        let mut batch = batch();
        batch.like(vec![UserId(1)], [UserId(1)]);
        batch.unlike(vec![UserId(1)], [(UserId(1), NOW)]);
        batch.add_comment(CommentId(5), UserId(2));
        batch.delete_comment(NOW);
        assert_eq!(batch.moved().collect::<Vec<_>>(), [(3, 0, 0)], "its row's version grows all the same");
        assert_eq!(batch.hours().count(), 0);
        assert!(batch.event().is_some());
    }

    #[test]
    fn what_did_nothing_is_not_told() {
        let mut batch = batch();
        batch.know_comment(CommentId(4));
        batch.refuse(CounterOutcome::Forbidden);
        assert!(batch.event().is_none());
        assert_eq!(batch.moved().count(), 0);
        assert_eq!(batch.into_outcomes(), [CounterOutcome::CommentExists(CommentId(4)), CounterOutcome::Forbidden]);
    }

    #[test]
    fn a_comment_is_deleted_by_its_author_or_the_posts() {
        let batch = batch();
        assert!(batch.may_delete_comment(UserId(4), UserId(4)) && batch.may_delete_comment(UserId(9), UserId(4)));
        assert!(!batch.may_delete_comment(UserId(5), UserId(4)));
    }

    #[test]
    fn runs_are_neighbours_of_one_kind() {
        let like = |id| CounterOperation::Like { user_id: UserId(id) };
        let unlike = |id| CounterOperation::Unlike { user_id: UserId(id) };
        let operations = [like(1), like(2), unlike(1), like(1)];
        let lengths: Vec<usize> = runs(&operations).map(<[_]>::len).collect();
        assert_eq!(lengths, [2, 1, 1]);
        assert_eq!(likers(&operations[..2]), [UserId(1), UserId(2)]);
    }
}
