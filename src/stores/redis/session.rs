//! One call's stay: its keys, its round trips, and what their failures mean.

use super::{
    link::{Link, unavailable},
    mirror_codec::pack_rows,
    node::{Live, Map},
    script::Script,
    step::{Key, Step},
};
use futures::future::join_all;
use redis::{ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, aio::ConnectionLike, cmd};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    sync::Arc,
    time::Duration,
};
use tessera_domain::{PostId, UploadId, UserId, counters::ShardCounts};
use tessera_ports::{Determinacy, StoreResult};
use tokio::sync::SemaphorePermit;

/// How long a mirror lives after its fill, however often it moves: an error in it cannot live longer.
pub(super) const MIRROR_TTL: Duration = Duration::from_secs(600);
/// Posts whose pending rows travel together.
const SETTLE_BATCH: usize = 100;

/// A call's view of the servers: of each node the same connection from its keys to its last answer.
pub(super) struct Session<'a> {
    link: &'a Link,
    map: Arc<Map>,
    chosen: HashMap<usize, Option<Live>>,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a Link, map: Arc<Map>, permit: SemaphorePermit<'a>) -> Self {
        Self { link, map, chosen: HashMap::new(), _permit: permit }
    }

    /// A post's copy. It belongs to one run of one server: after a restart from an old file, or with a promoted
    /// replica that lags, copies may be older than what was acknowledged, so none of them is used.
    pub(super) fn post_key(&mut self, id: PostId) -> Key {
        self.key_of_run(id, "post1")
    }

    /// A post's counter mirror; of one run as well.
    pub(super) fn mirror_key(&mut self, id: PostId) -> Key {
        self.key_of_run(id, "counts1")
    }

    /// A user's timeline snapshot. It reconciles itself with the ledger, so it may be old.
    pub(super) fn timeline_key(&mut self, id: UserId) -> Key {
        self.key(&format!("u{id}"), "timeline")
    }

    /// A media job's progress.
    pub(super) fn progress_key(&mut self, id: UploadId) -> Key {
        self.key(&id.to_string(), "progress")
    }

    fn key(&self, tag: &str, name: &str) -> Key {
        let (slot, node) = self.map.place(tag);
        Key { text: format!("{}:{{{tag}}}:{name}", self.link.key_prefix), slot, node }
    }

    fn key_of_run(&mut self, tag: impl Display, name: &str) -> Key {
        let mut key = self.key(&tag.to_string(), name);
        // Without a connection there is no run, and the key is not used either.
        if let Some(live) = key.node.and_then(|node| self.live(node)) {
            key.text.push(':');
            key.text.push_str(&live.run);
        }
        key
    }

    fn live(&mut self, node: usize) -> Option<&Live> {
        self.chosen.entry(node).or_insert_with(|| self.map.nodes[node].live()).as_ref()
    }

    /// The values of many keys, in their order; keys of a node that fails count as missing as long as another
    /// node answers.
    pub(super) async fn read(&mut self, keys: &[Key]) -> StoreResult<Vec<Option<Vec<u8>>>> {
        let mut groups: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        keys.iter().enumerate().for_each(|(place, key)| groups.entry(key.slot).or_default().push(place));
        let step = |places: &Vec<usize>| {
            let mut command = cmd("MGET");
            places.iter().for_each(|place| {
                command.arg(&keys[*place].text);
            });
            Step::command(&keys[places[0]], command)
        };
        let steps: Vec<Step> = groups.values().map(step).collect();
        let mut values = vec![None; keys.len()];
        let (mut failure, mut answered) = (None, false);
        for (places, answer) in groups.values().zip(self.run(&steps).await) {
            match answer {
                Ok(Value::Array(found)) => {
                    answered = true;
                    for (place, value) in places.iter().zip(found) {
                        if let Value::BulkString(bytes) = value {
                            values[*place] = Some(bytes);
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if !answered => Err(unavailable(Determinacy::NotDone, error.to_string())),
            _ => Ok(values),
        }
    }

    /// Runs steps that write; their answers, or the first failure.
    pub(super) async fn write(&mut self, steps: &[Step]) -> StoreResult<Vec<Value>> {
        let answers = self.run(steps).await.into_iter().collect::<RedisResult<Vec<Value>>>();
        answers.map_err(|error| unavailable(determinacy(&error), error.to_string()))
    }

    /// Runs steps in one round trip per node, side by side; each step's answer.
    ///
    /// Scripts that a server does not know, because it was started anew, take a second round trip.
    async fn run(&mut self, steps: &[Step]) -> Vec<RedisResult<Value>> {
        let all: Vec<usize> = (0..steps.len()).collect();
        let mut answers = self.send(steps, &all, false).await;
        let is_unknown = |place: &usize| matches!(&answers[*place], Err(error) if error.kind() == NO_SCRIPT);
        let unknown: Vec<usize> = all.iter().copied().filter(is_unknown).collect();
        if !unknown.is_empty() {
            let again = self.send(steps, &unknown, true).await;
            for (place, answer) in unknown.into_iter().zip(again) {
                answers[place] = answer;
            }
        }
        answers
    }

    /// Sends the steps at `places`; an answer for each of them.
    async fn send(&mut self, steps: &[Step], places: &[usize], by_source: bool) -> Vec<RedisResult<Value>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, place) in places.iter().enumerate() {
            if let Some(node) = steps[*place].node
                && self.live(node).is_some()
            {
                groups.entry(node).or_default().push(at);
            }
        }
        let trips = groups.iter().filter_map(|(node, group)| {
            let live = self.chosen.get(node)?.as_ref()?;
            let mut pipeline = Pipeline::with_capacity(group.len());
            group.iter().for_each(|at| {
                pipeline.add_command(steps[places[*at]].render(by_source));
            });
            let mut connection = live.connection.clone();
            Some(async move { (*node, live, connection.req_packed_commands(&pipeline, 0, pipeline.len()).await) })
        });
        let mut answers = vec![Err(RedisError::from(NOT_CONNECTED)); places.len()];
        for (node, live, trip) in join_all(trips).await {
            let group = &groups[&node];
            match trip {
                Ok(values) => {
                    for (at, value) in group.iter().zip(values) {
                        answers[*at] = value.extract_error();
                    }
                }
                Err(error) => group.iter().for_each(|at| answers[*at] = Err(error.clone())),
            }
            let mut failures = group.iter().filter_map(|at| answers[*at].as_ref().err());
            if failures.clone().any(RedisError::is_cluster_error) {
                self.link.outdated();
            }
            if let Some(failure) = failures.find(|error| is_fatal(error)) {
                self.link.close(&self.map.nodes[node], live, failure);
            }
        }
        answers
    }

    /// Merges rows into a mirror.
    pub(super) fn merge_step(&mut self, post_id: PostId, rows: &[ShardCounts], is_fill: bool) -> Step {
        let life_ms = MIRROR_TTL.as_millis().to_string().into_bytes();
        let kind = if is_fill { b"1" } else { b"0" };
        let arguments = vec![kind.to_vec(), pack_rows(rows), life_ms];
        Step::script(Script::MergeMirror, [self.mirror_key(post_id)], arguments)
    }

    /// Sends the mirrors what is pending for them; whether nothing is left.
    pub(super) async fn settle(&mut self) -> bool {
        let pending = self.link.pending_writes.take();
        let mut settled = true;
        for batch in pending.chunks(SETTLE_BATCH) {
            let steps: Vec<Step> = batch.iter().map(|(id, rows)| self.merge_step(*id, rows, false)).collect();
            for ((id, rows), answer) in batch.iter().zip(self.run(&steps).await) {
                if answer.is_err() {
                    settled = false;
                    self.link.pending_writes.add(*id, rows);
                }
            }
        }
        settled
    }
}

const NO_SCRIPT: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);
const NOT_CONNECTED: (ErrorKind, &str) = (ErrorKind::Client, "not connected; trying again in the background");

/// Whether the connection, or the server behind it, is of no more use.
fn is_fatal(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, MasterDown, ReadOnly};
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed | ErrorKind::UnexpectedReturnType => true,
        ErrorKind::Server(kind) => matches!(kind, BusyLoading | MasterDown | ReadOnly),
        _ => error.code() == Some("NOAUTH"),
    }
}

/// A server that answers with an error has done nothing.
fn determinacy(error: &RedisError) -> Determinacy {
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::Client => Determinacy::NotDone,
        _ => Determinacy::Unknown,
    }
}
