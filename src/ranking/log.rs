//! From lines of the log to a dataset: impressions with what was known then, and whether an engagement followed.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, BufRead, Read},
};
use tessera_domain::{
    PostId, Timestamp, UserId,
    features::FeatureRow,
    impression::{ATTRIBUTION_WINDOW_MS, Engagement, Impression, LogRecord},
};

/// Bytes of the longest line that is read; longer ones are skipped as malformed.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Impressions that are kept unless the caller says otherwise: about 200 MB.
pub const DEFAULT_MAX_IMPRESSIONS: usize = 1_000_000;

/// An impression and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// To whom it was shown.
    pub viewer_id: UserId,
    /// In which list of theirs.
    pub list_id: u64,
    /// At which place, counted from 0.
    pub position: u32,
    pub at: Timestamp,
    /// What was known of it.
    pub row: FeatureRow,
    /// Whether the viewer engaged with it.
    pub is_engaged: bool,
}

/// What a reader came across.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogCounts {
    /// Impressions that were taken in.
    pub impressions: u64,
    /// Of those, dropped again because newer ones came and memory is bounded.
    pub dropped: u64,
    /// Engagements that were joined to an impression.
    pub joined: u64,
    /// Engagements without an impression to join them to (seen elsewhere, not sampled, or late).
    pub unmatched: u64,
    /// Impressions logged with another version of the features.
    pub other_feature_set: u64,
    /// Lines that are no records.
    pub malformed: u64,
}

/// Joined examples in the order of the log; the newest are kept where there are too many.
#[derive(Debug, Clone)]
pub struct Dataset {
    examples: VecDeque<Example>,
    /// The last impression of a post by a viewer, as its number since the beginning.
    last: HashMap<(UserId, PostId), u64>,
    /// The keys of `last`, in the order of `examples`.
    posts: VecDeque<PostId>,
    max_impressions: usize,
    counts: LogCounts,
}

impl Dataset {
    /// An empty dataset that keeps the newest `max_impressions`.
    pub fn new(max_impressions: usize) -> Self {
        Self {
            examples: VecDeque::new(),
            last: HashMap::new(),
            posts: VecDeque::new(),
            max_impressions: max_impressions.max(1),
            counts: LogCounts::default(),
        }
    }

    /// Takes in a log, line by line. Lines that are no records are counted and skipped, since a process may be killed
    /// while it writes one.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn read(&mut self, mut log: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = log.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(());
            }
            let is_whole = line.ends_with(b"\n") || (length as u64) < MAX_LINE_BYTES;
            if !is_whole {
                log.skip_until(b'\n')?;
            }
            match serde_json::from_slice(&line) {
                Ok(record) if is_whole => self.add(record),
                _ if line.trim_ascii().is_empty() => {}
                _ => self.counts.malformed += 1,
            }
        }
    }

    /// Takes in a record. Impressions come before the engagements that follow them.
    pub fn add(&mut self, record: LogRecord) {
        match record {
            LogRecord::Impression(impression) => self.add_impression(&impression),
            LogRecord::Engagement(engagement) => self.join(engagement),
        }
    }

    /// The examples, oldest first.
    pub fn examples(&self) -> impl ExactSizeIterator<Item = &Example> + Clone {
        self.examples.iter()
    }

    /// What was come across.
    pub fn counts(&self) -> LogCounts {
        self.counts
    }

    fn add_impression(&mut self, impression: &Impression) {
        let Some(row) = impression.row() else {
            self.counts.other_feature_set += 1;
            return;
        };
        if self.examples.len() == self.max_impressions {
            self.drop_oldest();
        }
        self.last.insert((impression.viewer_id, impression.post_id), self.counts.impressions);
        self.posts.push_back(impression.post_id);
        self.examples.push_back(Example {
            viewer_id: impression.viewer_id,
            list_id: impression.list_id,
            position: impression.position,
            at: impression.at,
            row,
            is_engaged: false,
        });
        self.counts.impressions += 1;
    }

    fn drop_oldest(&mut self) {
        if let (Some(example), Some(post_id)) = (self.examples.pop_front(), self.posts.pop_front()) {
            let key = (example.viewer_id, post_id);
            if self.last.get(&key) == Some(&self.counts.dropped) {
                self.last.remove(&key);
            }
            self.counts.dropped += 1;
        }
    }

    fn join(&mut self, engagement: Engagement) {
        let number = self.last.get(&(engagement.viewer_id, engagement.post_id));
        // Numbers in `last` are of kept examples: the others were taken out with them.
        let example = number.and_then(|number| self.examples.get_mut((number - self.counts.dropped) as usize));
        let delay_ms = example.as_ref().map(|example| engagement.at.since_ms(example.at));
        match (example, delay_ms) {
            (Some(example), Some(0..=ATTRIBUTION_WINDOW_MS)) => {
                example.is_engaged = true;
                self.counts.joined += 1;
            }
            _ => self.counts.unmatched += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::{
        features::{FEATURE_COUNT, FEATURE_SET_VERSION},
        feed::SourceKind,
        impression::EngagementKind,
    };

    fn shown(viewer: u64, post: u64, at: i64) -> LogRecord {
        LogRecord::Impression(Impression {
            list_id: 1,
            viewer_id: UserId(viewer),
            post_id: PostId(post),
            position: 0,
            source: SourceKind::Recommended,
            at: Timestamp(at),
            feature_set: FEATURE_SET_VERSION,
            features: vec![None; FEATURE_COUNT],
        })
    }

    fn liked(viewer: u64, post: u64, at: i64) -> LogRecord {
        let (viewer_id, post_id) = (UserId(viewer), PostId(post));
        LogRecord::Engagement(Engagement { viewer_id, post_id, kind: EngagementKind::Like, at: Timestamp(at) })
    }

    fn engaged(dataset: &Dataset) -> Vec<bool> {
        dataset.examples().map(|example| example.is_engaged).collect()
    }

    #[test]
    fn engagements_join_the_last_impression_before_them() {
        let mut dataset = Dataset::new(100);
        let late = ATTRIBUTION_WINDOW_MS + 31;
        let records = [
            shown(1, 5, 10),
            shown(2, 5, 20),
            shown(1, 5, 30),
            liked(1, 5, 40),
            liked(3, 5, 40),
            liked(2, 5, 5),
            liked(1, 5, late),
        ];
        records.into_iter().for_each(|record| dataset.add(record));
        assert_eq!(engaged(&dataset), [false, false, true]);
        let counts = dataset.counts();
        assert_eq!((counts.joined, counts.unmatched), (1, 3));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut dataset = Dataset::new(3);
        (0..10).for_each(|post| dataset.add(shown(1, post, post as i64)));
        dataset.add(liked(1, 2, 20));
        dataset.add(liked(1, 8, 20));
        assert_eq!(engaged(&dataset), [false, true, false]);
        assert_eq!((dataset.last.len(), dataset.posts.len(), dataset.counts().dropped), (3, 3, 7));
    }

    #[test]
    fn lines_that_are_no_records_are_counted() {
        let mut text = serde_json::to_string(&shown(1, 2, 3)).expect("JSON").into_bytes();
        text.extend_from_slice(b"\n\n{\"impression\":{\"list_id\":4\n");
        text.extend(std::iter::repeat_n(b'x', 2 * MAX_LINE_BYTES as usize + 7));
        text.push(b'\n');
        let mut other = shown(1, 3, 4);
        if let LogRecord::Impression(impression) = &mut other {
            impression.feature_set += 1;
        }
        text.extend(serde_json::to_vec(&other).expect("JSON"));
        text.push(b'\n');
        text.extend(serde_json::to_vec(&liked(1, 2, 9)).expect("JSON"));
        let mut dataset = Dataset::new(10);
        dataset.read(&text[..]).expect("memory is readable");
        let expected =
            LogCounts { impressions: 1, joined: 1, malformed: 2, other_feature_set: 1, ..LogCounts::default() };
        assert_eq!(dataset.counts(), expected);
        assert_eq!(engaged(&dataset), [true]);
    }
}
