//! The `tessera` binary: one program that is a node, a demo, an operator's tool and a bench.

mod cli;
mod cluster_view;
mod compose;
mod config;
mod ctl;
mod demo;
mod failure;
mod gauges;
mod hooks;
mod maintain;
mod measured;
mod private_files;
mod s3;
mod serve;
mod telemetry;
mod train;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use config::Config;
pub use failure::Failure;
use std::{io::Write, process::ExitCode, time::Duration};

// Actors come and go: an allocator that gives memory back matters more than a fast one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work off the async threads may go on once a command has ended.
const LAST_TASKS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tessera: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "tessera", &mut script);
        // Nobody minds a reader that has read enough.
        let _ = std::io::stdout().write_all(&script);
        return Ok(());
    }
    let keeps_data = |command: &Command| {
        use Command::{Demo, Migrate, Rebuild, S3, Serve};
        matches!(command, Serve(_) | Demo(_) | Migrate(_) | Rebuild { .. } | S3(_))
    };
    if keeps_data(&cli.command) {
        private_files::create_private();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::start_up(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(settings) => serve::run(settings.load()?).await,
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Ctl(arguments) => ctl::run(arguments).await,
            Command::Bench(arguments) => Ok(tessera_bench::run(arguments, &measured::Program).await?),
            Command::Migrate(settings) => maintain::migrate(prepared(settings)?).await,
            Command::Rebuild { what, settings } => maintain::rebuild(prepared(settings)?, what).await,
            Command::Train { what } => train::run(what),
            Command::S3(arguments) => s3::run(arguments).await,
            Command::Completions { .. } => Ok(()),
        }
    });
    // Dropping the runtime would wait for a picture that is being converted, however long that takes. Its job
    // was given back.
    runtime.shutdown_timeout(LAST_TASKS);
    result
}

fn prepared(settings: cli::Settings) -> Result<Config, Failure> {
    let config = settings.load()?;
    telemetry::start_logging(&config).map_err(Failure::start_up)?;
    private_files::tighten(&config);
    Ok(config)
}
