//! `tessera bench`.

use crate::Failure;
use clap::Args;

/// Arguments of `tessera bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {}

/// Runs a bench.
pub async fn run(_arguments: BenchArguments) -> Result<(), Failure> {
    Ok(())
}
