//! `tessera demo`: a node, and people in it, made through the public API.

use crate::{Failure, cli::Settings, serve};
use clap::Args;
use tessera_demo::{DemoOptions, PASSWORD, populate};

/// Arguments of `tessera demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    #[command(flatten)]
    settings: Settings,
    /// Another seed gives another world
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo until a signal ends it.
pub async fn run(arguments: DemoArguments) -> Result<(), Failure> {
    let mut settings = arguments.settings;
    // A world moves in faster than people would; whoever sets limits.enabled means it and wins.
    settings.sets.insert(0, "limits.enabled=false".to_owned());
    let config = settings.load()?;
    let mut options = DemoOptions::new("http://127.0.0.1");
    options.seed = arguments.seed;
    let people = tessera_demo::people(&options);
    let people = serde_json::json!({ "people": people, "password": PASSWORD }).to_string();
    let node = serve::start(config, Some(people.into())).await?;
    options.base_url = node.http_url();
    eprintln!("People are moving in, with 60 photos, through the public API. Watch them at {} …", node.http_url());
    let populating = async {
        let world = populate(options).await.map_err(|error| Failure::running(format!("the demo world: {error}")))?;
        let people = world.people.len();
        eprintln!(
            "{people} people, {} photos and {} videos are in. Open {} and sign in as one of them.",
            world.posts,
            world.videos,
            node.http_url()
        );
        Ok::<_, Failure>(())
    };
    tokio::select! {
        populated = populating => populated?,
        () = node.stop_requested() => {}
    }
    node.announce();
    node.run_until_stopped().await
}
