//! Which posts the user likes, as far as the timeline knows.

use std::collections::BTreeSet;
use tessera_domain::{PostId, Timestamp};
use tessera_ports::ledger::StandingLike;

/// A timeline knows this many likes at the most.
pub(super) const MAX_OWN_LIKES: usize = 500;
/// A post may be dated this much later than a like of it: its id was made by another node's clock.
const CLOCKS_MARGIN_MS: i64 = 10 * 60 * 1_000;

/// The newest of somebody's likes. A post is created before it is liked, so of all posts that are newer than the oldest
/// known like it is known whether they are liked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnLikes {
    liked: BTreeSet<PostId>,
    /// Of posts that are created from then on it is known.
    decided_from: Timestamp,
}

impl OwnLikes {
    /// Somebody's newest likes, newest first, at most [`MAX_OWN_LIKES`].
    pub(super) fn new(newest: &[StandingLike]) -> Self {
        let oldest = newest.get(MAX_OWN_LIKES - 1);
        let decided_from = oldest.map_or(Timestamp(0), |like| like.at.plus_ms(CLOCKS_MARGIN_MS));
        Self { liked: newest.iter().map(|like| like.post.post_id).collect(), decided_from }
    }

    /// Whether the post is liked; `None` where that is not known.
    pub(super) fn likes(&self, post_id: PostId) -> Option<bool> {
        if self.liked.contains(&post_id) {
            return Some(true);
        }
        (post_id.created_at() >= self.decided_from).then_some(false)
    }

    /// Takes a like in, or takes one back.
    pub(super) fn change(&mut self, post_id: PostId, liked: bool) {
        if !liked {
            self.liked.remove(&post_id);
            return;
        }
        self.liked.insert(post_id);
        if self.liked.len() > MAX_OWN_LIKES
            && let Some(oldest) = self.liked.pop_first()
        {
            self.decided_from = self.decided_from.max(oldest.created_at().plus_ms(1));
        }
    }

    /// Bytes held on the heap, about.
    pub(super) fn heap_bytes(&self) -> usize {
        // Nodes of a B-tree are filled to two thirds or so.
        self.liked.len() * size_of::<PostId>() * 3 / 2
    }
}

/// Likes are read anew after this long, in case an answer was lost that would have told of one.
const REFRESH_AFTER_MS: i64 = 10 * 60 * 1_000;

/// The likes that a timeline knows, and the reading of them anew.
#[derive(Debug, Default)]
pub(super) struct LikeBook {
    /// `None` where it is not known what became of a like.
    known: Option<OwnLikes>,
    read_at: Timestamp,
    reading: Option<Reading>,
}

/// What happened since a read began.
#[derive(Debug, Default)]
struct Reading {
    changes: Vec<(PostId, bool)>,
    /// Whether what it reads may be no more so.
    is_void: bool,
}

impl LikeBook {
    /// Whether the post is liked; `None` where that is not known.
    pub(super) fn likes(&self, post_id: PostId) -> Option<bool> {
        self.known.as_ref()?.likes(post_id)
    }

    /// A post was liked, or a like was taken back.
    pub(super) fn change(&mut self, post_id: PostId, liked: bool) {
        if let Some(known) = &mut self.known {
            known.change(post_id, liked);
        }
        if let Some(reading) = &mut self.reading {
            reading.changes.push((post_id, liked));
            reading.is_void |= reading.changes.len() > MAX_OWN_LIKES;
        }
    }

    /// It is not known what became of a like: nothing is known until it is read anew, which is of use once the like can
    /// no longer be committed.
    pub(super) fn forget(&mut self) {
        self.known = None;
        if let Some(reading) = &mut self.reading {
            reading.is_void = true;
        }
    }

    /// Begins to read the likes anew if they are old. Returns whether the caller is to read them.
    pub(super) fn begin_refresh(&mut self, now: Timestamp) -> bool {
        let is_old = self.known.is_some() && now.since_ms(self.read_at) > REFRESH_AFTER_MS;
        is_old && self.begin_reading()
    }

    /// Begins to read the likes. Returns whether the caller is to read them.
    pub(super) fn begin_reading(&mut self) -> bool {
        let begins = self.reading.is_none();
        self.reading.get_or_insert_default();
        begins
    }

    /// Takes in what was read, and then what happened meanwhile; `None` where the read failed.
    pub(super) fn end_reading(&mut self, read: Option<OwnLikes>, now: Timestamp) {
        let reading = self.reading.take().unwrap_or_default();
        let Some(mut likes) = read.filter(|_| !reading.is_void) else { return };
        for (post_id, liked) in reading.changes {
            likes.change(post_id, liked);
        }
        self.known = Some(likes);
        self.read_at = now;
    }

    /// Whether nothing is known.
    pub(super) fn is_unknown(&self) -> bool {
        self.known.is_none()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.known.as_ref().map_or(0, OwnLikes::heap_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::{UserId, post::PostRef};

    fn post(minute: i64) -> PostId {
        PostId::first_at(Timestamp(1_760_000_000_000).plus_ms(minute * 60_000))
    }

    fn like(minute: i64, liked_after_minutes: i64) -> StandingLike {
        let post = PostRef { post_id: post(minute), author_id: UserId(1) };
        StandingLike { user_id: UserId(2), post, at: post.post_id.created_at().plus_ms(liked_after_minutes * 60_000) }
    }

    #[test]
    fn few_likes_are_all_there_are() {
        let likes = OwnLikes::new(&[like(5, 1), like(3, 1)]);
        assert_eq!(likes.likes(post(5)), Some(true));
        assert_eq!(likes.likes(post(4)), Some(false));
        assert_eq!(likes.likes(PostId(1)), Some(false));
    }

    #[test]
    fn behind_the_oldest_of_many_nothing_is_known() {
        let newest: Vec<_> = (0..MAX_OWN_LIKES as i64).rev().map(|minute| like(1_000 + 2 * minute, 1)).collect();
        let likes = OwnLikes::new(&newest);
        assert_eq!(likes.likes(post(1_000)), Some(true));
        assert_eq!(likes.likes(post(1_013)), Some(false), "newer than the oldest like and the margin");
        assert_eq!(likes.likes(post(1_009)), None);
        assert_eq!(likes.likes(post(1)), None);
    }

    #[test]
    fn changes_are_followed_and_bounded() {
        let mut likes = OwnLikes::default();
        likes.change(post(7), true);
        likes.change(post(7), false);
        assert_eq!(likes.likes(post(7)), Some(false));
        for minute in 0..2 * MAX_OWN_LIKES as i64 {
            likes.change(post(minute), true);
        }
        assert_eq!(likes.liked.len(), MAX_OWN_LIKES);
        assert_eq!(likes.likes(post(2 * MAX_OWN_LIKES as i64 - 1)), Some(true));
        assert_eq!(likes.likes(post(0)), None, "forgotten, not taken back");
        assert_eq!(likes.likes(post(MAX_OWN_LIKES as i64 - 1)), None);
        likes.change(post(2 * MAX_OWN_LIKES as i64 - 1), false);
        assert_eq!(likes.likes(post(2 * MAX_OWN_LIKES as i64 - 1)), Some(false));
    }

    #[test]
    fn what_happens_during_a_read_comes_after_it() {
        let (mut book, now) = (LikeBook::default(), Timestamp(1_760_000_000_000));
        assert!(book.begin_reading() && !book.begin_reading(), "one read at a time");
        book.change(post(2), true);
        book.change(post(5), false);
        assert_eq!(book.likes(post(2)), None, "not read yet");
        book.end_reading(Some(OwnLikes::new(&[like(5, 1)])), now);
        assert_eq!((book.likes(post(2)), book.likes(post(5))), (Some(true), Some(false)));
        assert!(!book.begin_refresh(now));
        assert!(book.begin_refresh(now.plus_ms(REFRESH_AFTER_MS + 1)), "likes grow old");
    }

    #[test]
    fn a_like_of_unknown_outcome_voids_what_is_known_and_what_is_being_read() {
        let (mut book, now) = (LikeBook::default(), Timestamp(1_760_000_000_000));
        book.begin_reading();
        book.end_reading(Some(OwnLikes::default()), now);
        assert_eq!(book.likes(post(1)), Some(false));
        book.begin_reading();
        book.forget();
        book.end_reading(Some(OwnLikes::default()), now);
        assert!(book.is_unknown() && book.likes(post(1)).is_none());
        book.begin_reading();
        book.end_reading(None, now);
        assert!(book.is_unknown(), "the read failed");
    }
}
