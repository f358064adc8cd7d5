//! Runs checks one by one, keeps going after a failure, and tells at the end which guarantees broke.

use std::{future::Future, time::Duration};

/// A check that takes longer hangs.
const CHECK_TIMEOUT: Duration = Duration::from_secs(120);

/// As much of a panic's message as the list of failures shows; the panic itself printed all of it.
const MAX_MESSAGE_CHARS: usize = 600;

/// What has failed so far.
pub(super) struct Report {
    port: &'static str,
    checked: usize,
    failures: Vec<String>,
}

impl Report {
    pub(super) fn new(port: &'static str) -> Self {
        Self { port, checked: 0, failures: Vec::new() }
    }

    /// Runs one check in a task of its own, so that its panic ends it alone.
    pub(super) async fn run(&mut self, name: &'static str, check: impl Future<Output = ()> + Send + 'static) {
        self.checked += 1;
        let mut task = tokio::spawn(check);
        let failure = match tokio::time::timeout(CHECK_TIMEOUT, &mut task).await {
            Ok(Ok(())) => return,
            Ok(Err(panic)) => panic_message(panic),
            Err(_) => {
                task.abort();
                format!("took more than {CHECK_TIMEOUT:?}")
            }
        };
        let name = name.rsplit_once("conformance::").map_or(name, |(_, short)| short);
        self.failures.push(format!("{name}: {failure}"));
    }

    /// Panics with every broken guarantee, if there is any.
    pub(super) fn finish(self) {
        assert!(
            self.failures.is_empty(),
            "the {} broke {} of {} checks:\n  {}",
            self.port,
            self.failures.len(),
            self.checked,
            self.failures.join("\n  ")
        );
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "was cancelled".to_owned() };
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("panicked").replace('\n', " ").chars().take(MAX_MESSAGE_CHARS).collect()
}

/// Makes a module's `run`, which runs the named checks of the ledger, each in a world of its own.
macro_rules! ledger_checks {
    ($($check:ident),* $(,)?) => {
        pub(super) async fn run<F, Fut>(make: &F, report: &mut super::report::Report)
        where
            F: Fn() -> Fut,
            Fut: Future<Output = std::sync::Arc<dyn tessera_ports::Ledger>>,
        {
            $(
                let world = super::World::new(make().await);
                report.run(concat!(module_path!(), "::", stringify!($check)), $check(world)).await;
            )*
        }
    };
}

/// The same for checks that need nothing but the store.
macro_rules! store_checks {
    ($port:ident: $($check:ident),* $(,)?) => {
        pub(super) async fn run<F, Fut>(make: &F, report: &mut super::report::Report)
        where
            F: Fn() -> Fut,
            Fut: Future<Output = std::sync::Arc<dyn tessera_ports::$port>>,
        {
            $( report.run(concat!(module_path!(), "::", stringify!($check)), $check(make().await)).await; )*
        }
    };
}

pub(super) use {ledger_checks, store_checks};
