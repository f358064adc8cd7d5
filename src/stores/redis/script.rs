//! The scripts, each for one step that must be atomic.

use redis::{Cmd, cmd};
use std::sync::LazyLock;

/// A script that runs in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    PutPost,
    RemovePost,
    MergeMirror,
}

static PUT_POST: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("scripts/put_post.lua")));
static REMOVE_POST: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("scripts/remove_post.lua")));
static MERGE_MIRROR: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("scripts/merge_mirror.lua")));

impl Script {
    /// The beginning of the command that runs it: by its source, or by its hash where the server knows it.
    pub(super) fn command(self, by_source: bool) -> Cmd {
        let (source, hashed) = match self {
            Script::PutPost => (include_str!("scripts/put_post.lua"), &*PUT_POST),
            Script::RemovePost => (include_str!("scripts/remove_post.lua"), &*REMOVE_POST),
            Script::MergeMirror => (include_str!("scripts/merge_mirror.lua"), &*MERGE_MIRROR),
        };
        let mut command = cmd(if by_source { "EVAL" } else { "EVALSHA" });
        command.arg(if by_source { source } else { hashed.get_hash() });
        command
    }
}
