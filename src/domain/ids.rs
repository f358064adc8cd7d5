//! Identifiers: 64-bit, time-ordered, unique across nodes.
//!
//! Layout, from the most significant bit: one zero bit (so that the id fits a signed column), 41
//! bits of milliseconds since 2024-01-01 (until 2093), 10 bits of node number, 12 bits of sequence.
//! Sorting by id sorts by creation time, which is why timelines and pages need no other key.

use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// 2024-01-01T00:00:00Z, the ids' own epoch, in Unix milliseconds.
pub const ID_EPOCH_MS: i64 = 1_704_067_200_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
/// Node numbers run from 0 to this one.
pub const MAX_NODE_NUMBER: u16 = (1 << NODE_BITS) - 1;

/// A string that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a decimal number of at most 19 digits")]
pub struct ParseIdError;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Travels as a decimal string in JSON, because JavaScript numbers lose bits past 2^53.
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The id as the signed number that databases store.
            pub fn to_i64(self) -> i64 {
                self.0 as i64
            }

            /// The id back from a database column.
            pub fn from_i64(value: i64) -> Self {
                Self(value as u64)
            }

            /// When the id was made, to the millisecond.
            pub fn created_at(self) -> Timestamp {
                id_time(self.0)
            }

            /// The smallest id that can be made at `time`: a bound for range queries.
            pub fn first_at(time: Timestamp) -> Self {
                Self(first_id_at(time))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.is_empty() || text.len() > 19 || !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(ParseIdError);
                }
                let value: u64 = text.parse().map_err(|_| ParseIdError)?;
                if value > i64::MAX as u64 { Err(ParseIdError) } else { Ok(Self(value)) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_u64(self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    u64::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

id_type!(UserId);
id_type!(PostId);
id_type!(
    /// A comment on a post.
    CommentId
);
id_type!(
    /// A notification in a user's inbox.
    NotificationId
);
id_type!(AdId);

/// An upload, from its presigned URL to its post.
///
/// A version 7 UUID and not a 64-bit id: it names objects that are served without a token, so its
/// random bits are what keeps the media of private accounts from being guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub uuid::Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        uuid::Uuid::try_parse(text).map(Self)
    }
}

fn id_time(id: u64) -> Timestamp {
    Timestamp((id >> (NODE_BITS + SEQUENCE_BITS)) as i64 + ID_EPOCH_MS)
}

fn first_id_at(time: Timestamp) -> u64 {
    let millis = (time.0 - ID_EPOCH_MS).clamp(0, (1 << 41) - 1) as u64;
    millis << (NODE_BITS + SEQUENCE_BITS)
}

/// Makes ids that grow strictly, even when the clock stands still or steps back.
///
/// Two generators never make the same id as long as their node numbers differ, or as long as the
/// later one starts above the `floor` of everything the earlier one made.
#[derive(Debug, Clone)]
pub struct IdGenerator {
    node_number: u64,
    last_millis: u64,
    sequence: u64,
}

impl IdGenerator {
    /// A generator for `node_number` (0 to [`MAX_NODE_NUMBER`]) that only makes ids later than `floor`.
    pub fn new(node_number: u16, floor: Timestamp) -> Self {
        Self {
            node_number: u64::from(node_number.min(MAX_NODE_NUMBER)),
            last_millis: (floor.0 - ID_EPOCH_MS).max(0) as u64,
            sequence: (1 << SEQUENCE_BITS) - 1,
        }
    }

    /// Makes ids of another node number from now on.
    pub fn set_node_number(&mut self, node_number: u16) {
        self.node_number = u64::from(node_number.min(MAX_NODE_NUMBER));
    }

    /// The next id. When 4,096 ids were made within one millisecond it borrows from the next one.
    pub fn next(&mut self, now: Timestamp) -> u64 {
        let millis = (now.0 - ID_EPOCH_MS).max(0) as u64;
        if millis > self.last_millis {
            self.last_millis = millis;
            self.sequence = 0;
        } else if self.sequence + 1 < (1 << SEQUENCE_BITS) {
            self.sequence += 1;
        } else {
            self.last_millis += 1;
            self.sequence = 0;
        }
        (self.last_millis << (NODE_BITS + SEQUENCE_BITS)) | (self.node_number << SEQUENCE_BITS) | self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_while_the_clock_stands_still_or_steps_back() {
        let now = Timestamp(ID_EPOCH_MS + 5_000);
        let mut generator = IdGenerator::new(3, Timestamp(0));
        let mut last = 0;
        for step in 0..20_000 {
            let id = generator.next(now.plus_ms(-(step % 7)));
            assert!(id > last, "step {step}");
            last = id;
        }
        assert!(PostId(last).created_at().since_ms(now) <= 5);
    }

    #[test]
    fn a_generator_starts_above_its_floor() {
        let floor = PostId(77 << 22 | 4095);
        let mut generator = IdGenerator::new(0, floor.created_at());
        assert!(generator.next(Timestamp(0)) > floor.0);
    }

    #[test]
    fn nodes_never_collide() {
        let now = Timestamp(ID_EPOCH_MS + 1);
        let (mut a, mut b) = (IdGenerator::new(1, Timestamp(0)), IdGenerator::new(2, Timestamp(0)));
        let mut ids: Vec<u64> = (0..5_000).flat_map(|_| [a.next(now), b.next(now)]).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn only_plain_decimal_numbers_are_ids() {
        assert_eq!("42".parse(), Ok(UserId(42)));
        for bad in ["", "-1", "+1", "1.0", "0x1", " 1", "99999999999999999999", "9223372036854775808"] {
            assert!(bad.parse::<UserId>().is_err(), "{bad}");
        }
    }
}
