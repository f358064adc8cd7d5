//! `tessera train ranker`: learns the ranking model anew.

use crate::Failure;
use clap::{Args, Subcommand};
use std::{
    fs::{File, Permissions},
    io::{BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tessera_ranking::{
    ModelFile, TrainError, TrainSettings,
    log::{DEFAULT_MAX_IMPRESSIONS, Dataset},
    train,
};
use tessera_ranking_simulation::train_simulated;

/// Files of a log folder that are read.
const LOG_EXTENSION: &str = "jsonl";

/// What can be trained.
#[derive(Debug, Subcommand)]
pub enum Trainable {
    /// The ranking model, from the deployment's own impressions or from simulated ones (docs/ranking.md)
    Ranker(RankerArguments),
}

/// Arguments of `tessera train ranker`.
#[derive(Debug, Args)]
pub struct RankerArguments {
    /// A log of impressions and engagements, or a folder of them (*.jsonl, in order of their names); may be repeated
    #[arg(long = "log", value_name = "PATH", required_unless_present = "simulated", conflicts_with = "simulated")]
    logs: Vec<PathBuf>,
    /// Learn from the simulated populations that the shipped model learned from
    #[arg(long)]
    simulated: bool,
    /// Where the model is written, all of it or nothing; a model in its place is replaced
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Seed of everything random: the same log and seed give the same model
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Impressions that are kept, the newest ones; about 200 bytes each
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_MAX_IMPRESSIONS)]
    max_impressions: usize,
    /// Print the model's card as JSON
    #[arg(long)]
    json: bool,
}

/// Trains, measures and writes.
pub fn run(what: Trainable) -> Result<(), Failure> {
    let Trainable::Ranker(arguments) = what;
    let unwritable = |error| Failure::start_up(format!("cannot write {}: {error}", arguments.output.display()));
    // Before the work, so that a folder that cannot be written to is not found out after it.
    let output = Output::beside(&arguments.output).map_err(unwritable)?;
    let progress = |tree: usize, loss: f64| {
        if tree.is_multiple_of(20) {
            eprintln!("tree {tree}: loss on the validation people {loss:.5}");
        }
    };
    let trained = if arguments.simulated {
        train_simulated(arguments.seed, progress)
    } else {
        let dataset = read_logs(&arguments)?;
        let settings = TrainSettings { seed: arguments.seed, ..TrainSettings::default() };
        train(&dataset, &settings, progress)
    };
    let file = trained.map_err(|error| match error {
        TrainError::TooFew { .. } => Failure::running(format!("{error}; use --simulated until there is more")),
        other => Failure::running(other.to_string()),
    })?;
    let bytes = file.to_bytes().map_err(|error| Failure::running(error.to_string()))?;
    output.write(&arguments.output, &bytes).map_err(unwritable)?;
    print_card(&file, &arguments)
}

fn read_logs(arguments: &RankerArguments) -> Result<Dataset, Failure> {
    let mut dataset = Dataset::new(arguments.max_impressions);
    for path in &arguments.logs {
        let unreadable = |error| Failure::start_up(format!("cannot read {}: {error}", path.display()));
        for file in log_files(path).map_err(unreadable)? {
            let log = File::open(&file).map_err(unreadable)?;
            dataset.read(BufReader::new(log)).map_err(unreadable)?;
        }
    }
    let counts = dataset.counts();
    eprintln!(
        "read {} impressions and {} engagements with them; skipped: {} older impressions, {} of other features, \
         {} engagements without an impression, {} lines that are no records",
        counts.impressions, counts.joined, counts.dropped, counts.other_feature_set, counts.unmatched, counts.malformed
    );
    Ok(dataset)
}

/// The file itself, or the logs in the folder in the order of their names.
fn log_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == LOG_EXTENSION);
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_log).collect();
    files.sort();
    Ok(files)
}

/// A file that is written beside its place and then renamed, so that a node never sees half of it.
struct Output {
    file: tempfile::NamedTempFile,
    folder: PathBuf,
}

impl Output {
    fn beside(path: &Path) -> std::io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A model is no secret, and the node may run as somebody else.
        let readable = Permissions::from_mode(0o644);
        let file = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
        Ok(Self { file, folder: folder.to_owned() })
    }

    fn write(mut self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.as_file().sync_all()?;
        self.file.persist(path)?;
        File::open(self.folder)?.sync_all()
    }
}

fn print_card(file: &ModelFile, arguments: &RankerArguments) -> Result<(), Failure> {
    let (card, held_out) = (&file.card, &file.card.held_out);
    if arguments.json {
        let text = serde_json::to_string(card).map_err(|error| Failure::running(error.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    println!("{}: {} trees from {}", arguments.output.display(), file.trees.len(), card.trained_on);
    println!(
        "{} impressions trained it; held out were {} people with {} lists, {} impressions, {} engaged with",
        card.training_impressions, held_out.viewers, held_out.lists, held_out.impressions, held_out.engaged
    );
    for ranking in &held_out.rankings {
        let (auc, ndcg) = (ranking.auc, ranking.ndcg_at_10);
        println!(
            "{:12}  AUC {:.3} [{:.3}, {:.3}]  NDCG@10 {:.3} [{:.3}, {:.3}]",
            ranking.name, auc.value, auc.low, auc.high, ndcg.value, ndcg.low, ndcg.high
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tessera_ranking::TreeModel;
    use tessera_ranking_simulation::{SimulationSettings, simulate};

    #[test]
    fn a_model_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("ranker.json");
        let arguments = || RankerArguments {
            logs: vec![folder.path().to_owned()],
            simulated: false,
            output: output.clone(),
            seed: 1,
            max_impressions: 100_000,
            json: true,
        };
        fs::write(&output, "the model before").expect("written");
        fs::write(folder.path().join("1.jsonl"), "{}\n").expect("written");
        let failure = run(Trainable::Ranker(arguments())).expect_err("nothing to learn from");
        assert!(failure.message.contains("too short to learn from"), "{}", failure.message);
        assert_eq!(fs::read_to_string(&output).expect("read"), "the model before");

        let mut log = Vec::new();
        let settings = SimulationSettings { people: 200, days: 4, warm_up_days: 2, ..SimulationSettings::default() };
        simulate(&settings, |record| {
            serde_json::to_writer(&mut log, &record).expect("JSON");
            log.push(b'\n');
        });
        fs::write(folder.path().join("2.jsonl"), log).expect("written");
        run(Trainable::Ranker(arguments())).expect("trained");
        TreeModel::load(&fs::read(&output).expect("read")).expect("a model");
        assert_eq!(fs::metadata(&output).expect("it is there").permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 3, "nothing is left beside it");
    }
}
