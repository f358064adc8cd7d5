//! What is sent: keys, commands and scripts.

use super::script::Script;
use redis::Cmd;

/// A key and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: String,
    /// In a cluster, keys of one slot may meet in one command.
    pub(super) slot: u16,
    /// The node that owns it, if any does.
    pub(super) node: Option<usize>,
}

/// A command, or a script and what it is given, and the node that it goes to.
pub(super) struct Step {
    pub(super) node: Option<usize>,
    work: Work,
}

enum Work {
    Command(Cmd),
    Script { script: Script, keys: Vec<Key>, arguments: Vec<Vec<u8>> },
}

impl Step {
    /// A command for the node that has this key.
    pub(super) fn command(key: &Key, command: Cmd) -> Self {
        Self { node: key.node, work: Work::Command(command) }
    }

    /// A script; all of its keys share a hash tag, so they are on one node.
    pub(super) fn script<const N: usize>(script: Script, keys: [Key; N], arguments: Vec<Vec<u8>>) -> Self {
        let node = keys.first().and_then(|key| key.node);
        Self { node, work: Work::Script { script, keys: keys.into(), arguments } }
    }

    /// The command as sent; a script by its hash, or by its source where the server does not know it.
    pub(super) fn render(&self, by_source: bool) -> Cmd {
        match &self.work {
            Work::Command(command) => command.clone(),
            Work::Script { script, keys, arguments } => {
                let mut command = script.command(by_source);
                command.arg(keys.len());
                keys.iter().for_each(|key| {
                    command.arg(&key.text);
                });
                for argument in arguments {
                    command.arg(&argument[..]);
                }
                command
            }
        }
    }
}
