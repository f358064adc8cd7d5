//! `tessera migrate` and `tessera rebuild`.

use crate::{
    Failure,
    cli::Rebuildable,
    compose::{self, OpenLedger, OpenObjects},
    config::{Config, LedgerConfig},
};
use futures::{StreamExt, TryStreamExt, stream};
use tessera_actors::visual_search::snapshot_lists;
use tessera_ports::{HotStore, Ledger, StoreResult, ledger::MAX_PAGE};

/// Copies of timelines that are dropped at the same time.
const REMOVALS: usize = 64;

/// Brings the schema up to date: opening the ledger does.
pub async fn migrate(config: Config) -> Result<(), Failure> {
    let OpenLedger { ledger, .. } = compose::open_ledger(&config).await?;
    ledger.check().await.map_err(|error| Failure::start_up(error.to_string()))?;
    ledger.close().await;
    println!("The ledger's schema is up to date.");
    Ok(())
}

/// Recreates what is derived.
pub async fn rebuild(config: Config, what: Rebuildable) -> Result<(), Failure> {
    if let LedgerConfig::Sqlite { path, .. } = &config.ledger
        && !path.exists()
    {
        return Err(Failure::start_up(format!(
            "there is no ledger at {}: set data_dir to that of the node",
            path.display()
        )));
    }
    let OpenLedger { ledger, .. } = compose::open_ledger(&config).await?;
    match what {
        Rebuildable::Counters => {
            let wrong = ledger.rebuild_counters().await.map_err(|error| Failure::running(error.to_string()))?;
            println!("Counters rebuilt; {wrong} were wrong.");
        }
        Rebuildable::Index => {
            rebuild_index(&config).await?;
            println!(
                "The visual index is made anew from the ledger when its shards next start; on running nodes by `tessera ctl index --rebuild`."
            );
        }
        Rebuildable::Timelines => {
            let hot = compose::open_hot(&config).await?;
            let dropped = drop_timelines(&*ledger, &*hot).await.map_err(|error| Failure::running(error.to_string()))?;
            println!(
                "{dropped} kept timelines were dropped: they are read anew from the ledger when they are next needed. What was \
                 seen is remembered. Timelines in the memory of nodes that run meanwhile stay as they are."
            );
        }
    }
    ledger.close().await;
    Ok(())
}

/// Drops the copies of timelines that the hot store keeps; returns how many there were.
async fn drop_timelines(ledger: &dyn Ledger, hot: &dyn HotStore) -> StoreResult<u64> {
    let (mut dropped, mut after) = (0, None);
    loop {
        let accounts = ledger.account_ids(after, MAX_PAGE).await?;
        let Some(last) = accounts.last() else { return Ok(dropped) };
        after = Some(*last);
        let removals = stream::iter(accounts.into_iter().map(|account| hot.remove_timeline(account)));
        let removed: Vec<bool> = removals.buffer_unordered(REMOVALS).try_collect().await?;
        dropped += removed.into_iter().filter(|removed| *removed).count() as u64;
    }
}

/// Drops the snapshots that shards begin with. A shard that runs writes a new one of what it holds.
async fn rebuild_index(config: &Config) -> Result<(), Failure> {
    let OpenObjects { store, server, .. } = compose::open_objects(config).await?;
    let deleted = store.delete(&snapshot_lists(config.visual_shards)).await;
    if let Some(server) = server {
        server.shutdown().await;
    }
    deleted.map_err(|error| Failure::running(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::drop_timelines;
    use bytes::Bytes;
    use tessera_domain::{Timestamp, UserId, user::Username};
    use tessera_ports::{
        HotStore,
        ledger::{AccountLedger, NewUser},
    };
    use tessera_stores::{
        memory::MemoryHotStore,
        sqlite::{SqliteLedger, SqliteOptions},
    };

    #[tokio::test]
    async fn every_accounts_timeline_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        let ledger = SqliteLedger::open(path, SqliteOptions::default()).await.expect("a ledger");
        let hot = MemoryHotStore::new(1024 * 1024);
        for id in 1..=3 {
            let user = NewUser {
                id: UserId(id),
                username: Username::from_stored(format!("user{id}")),
                display_name: String::new(),
                password_hash: "!".to_owned(),
                created_at: Timestamp(0),
            };
            ledger.create_user(user).await.expect("an account");
        }
        for id in [1, 3] {
            hot.put_timeline(UserId(id), Bytes::from_static(b"old")).await.expect("kept");
        }
        assert_eq!(drop_timelines(&*ledger, &hot).await.expect("dropped"), 2);
        assert_eq!(hot.timeline(UserId(3)).await.expect("read"), None);
        assert_eq!(drop_timelines(&*ledger, &hot).await.expect("dropped"), 0);
    }
}
