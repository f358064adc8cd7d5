//! `tessera migrate` and `tessera rebuild`.

use crate::{
    Failure,
    cli::Rebuildable,
    compose::{self, OpenLedger, OpenObjects},
    config::{Config, LedgerConfig},
};
use tessera_actors::visual_search::snapshot_lists;

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
            println!("Timelines live in memory and are rebuilt from the ledger when they are next read.");
        }
    }
    ledger.close().await;
    Ok(())
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
