//! `tessera migrate` and `tessera rebuild`.

use crate::{
    Failure,
    cli::Rebuildable,
    compose::{self, OpenLedger},
    config::Config,
};

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
    let OpenLedger { ledger, .. } = compose::open_ledger(&config).await?;
    match what {
        Rebuildable::Counters => {
            let wrong = ledger.rebuild_counters().await.map_err(|error| Failure::running(error.to_string()))?;
            println!("Counters rebuilt; {wrong} were wrong.");
        }
        Rebuildable::Timelines => {
            println!("Timelines live in memory and are rebuilt from the ledger when they are next read.");
        }
    }
    ledger.close().await;
    Ok(())
}
