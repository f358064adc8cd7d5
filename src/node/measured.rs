//! This program as the benches measure it.

use crate::{
    Failure,
    compose::{self, OpenLedger},
    config::{self, Config},
    serve,
};
use async_trait::async_trait;
use tessera_bench::{MeasuredNode, NodeSettings, SeededLedger, StartedNode};

/// Makes what the benches measure, as `tessera serve` would.
pub struct Program;

#[async_trait(?Send)]
impl MeasuredNode for Program {
    async fn open_ledger(&self, settings: &NodeSettings) -> Result<SeededLedger, tessera_bench::Failure> {
        let config = load(settings)?;
        let OpenLedger { ledger, .. } = compose::open_ledger(&config).await?;
        Ok(SeededLedger { ledger, celebrity_rule: config.celebrity_rule })
    }

    async fn start(&self, settings: &NodeSettings) -> Result<StartedNode, tessera_bench::Failure> {
        let node = serve::start(load(settings)?, None).await?;
        let ledger = node.ledger();
        let serving = async move {
            node.announce();
            Ok(node.run_until_stopped().await?)
        };
        Ok(StartedNode { ledger, serving: Box::pin(serving) })
    }
}

fn load(settings: &NodeSettings) -> Result<Config, Failure> {
    config::load(settings.config.as_deref(), std::iter::empty(), &settings.sets)
        .map_err(|error| Failure::start_up(error.to_string()))
}

impl From<Failure> for tessera_bench::Failure {
    fn from(Failure { message, code }: Failure) -> Self {
        Self { message, code }
    }
}

impl From<tessera_bench::Failure> for Failure {
    fn from(tessera_bench::Failure { message, code }: tessera_bench::Failure) -> Self {
        Self { message, code }
    }
}
