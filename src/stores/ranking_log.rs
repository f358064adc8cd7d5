//! The log that the ranking model learns from, as files of JSON lines.
//!
//! A thread of its own writes; callers hand over and go on. Files are named by the time of their first line, begin anew
//! past a sixteenth of what may be kept, and the oldest go.

use parking_lot::Mutex;
use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tessera_domain::impression::LogRecord;
use tessera_ports::{RankingLog, clock};

/// Pieces that the kept bytes lie in.
const FILES: u64 = 16;
/// Batches that may wait for the writer.
const QUEUE: usize = 1_024;
/// How long a line stays in memory.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// What `tessera train ranker` looks for.
const EXTENSION: &str = "jsonl";

/// Where the log lies and how large it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankingLogOptions {
    /// The folder; made where it is missing.
    pub folder: PathBuf,
    /// Past this many bytes, about, the oldest file goes.
    pub max_bytes: u64,
}

impl RankingLogOptions {
    /// 256 MiB in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), max_bytes: 256 * 1024 * 1024 }
    }
}

/// Writes the log. Dropped, it writes what waits and ends.
pub struct FileRankingLog {
    queue: Mutex<Option<SyncSender<Vec<LogRecord>>>>,
    dropped: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl FileRankingLog {
    /// Begins a file in the folder when the first line comes.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn open(options: RankingLogOptions) -> io::Result<Self> {
        std::fs::create_dir_all(&options.folder)?;
        let (queue, batches) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = Writer { options, file: None, dropped: dropped.clone() };
        let writer = std::thread::Builder::new().name("ranking-log".to_owned()).spawn(move || writer.run(&batches))?;
        Ok(Self { queue: Mutex::new(Some(queue)), dropped, writer: Mutex::new(Some(writer)) })
    }

    /// Records that found no room or could not be written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl RankingLog for FileRankingLog {
    fn write(&self, records: Vec<LogRecord>) {
        if records.is_empty() {
            return;
        }
        let count = records.len() as u64;
        let queue = self.queue.lock();
        let taken = queue.as_ref().is_some_and(|queue| queue.try_send(records).is_ok());
        if !taken {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Drop for FileRankingLog {
    fn drop(&mut self) {
        self.queue.lock().take();
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

struct Writer {
    options: RankingLogOptions,
    file: Option<(BufWriter<File>, u64)>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(&mut self, batches: &Receiver<Vec<LogRecord>>) {
        loop {
            let (records, ended) = match batches.recv_timeout(FLUSH_INTERVAL) {
                Ok(records) => (records, false),
                Err(RecvTimeoutError::Timeout) => (Vec::new(), false),
                Err(RecvTimeoutError::Disconnected) => (Vec::new(), true),
            };
            let count = records.len() as u64;
            let done = if records.is_empty() { self.flush() } else { self.append(&records) };
            if let Err(error) = done {
                tracing::warn!(%error, "impressions are lost: their log cannot be written");
                self.dropped.fetch_add(count, Ordering::Relaxed);
                self.file = None;
            }
            if ended {
                return;
            }
        }
    }

    fn append(&mut self, records: &[LogRecord]) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        if self.file.as_ref().is_some_and(|(_, bytes)| *bytes >= self.options.max_bytes / FILES) {
            self.flush()?;
            self.file = None;
        }
        let (file, bytes) = match &mut self.file {
            Some(open) => open,
            None => {
                let begun = self.begin()?;
                self.file.insert(begun)
            }
        };
        file.write_all(&lines)?;
        *bytes += lines.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some((file, _)) => file.flush(),
            None => Ok(()),
        }
    }

    /// A new file, once the oldest ones have made room for it. They say who saw what: nobody else may read them.
    fn begin(&self) -> io::Result<(BufWriter<File>, u64)> {
        let mut known: Vec<PathBuf> = std::fs::read_dir(&self.options.folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
            .collect();
        known.sort_unstable();
        let surplus = (known.len() + 1).saturating_sub(FILES as usize);
        for old in &known[..surplus] {
            std::fs::remove_file(old)?;
        }
        let name = format!("{:015}-{}.{EXTENSION}", clock::now().0, std::process::id());
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(self.options.folder.join(name))?;
        Ok((BufWriter::new(file), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::{
        PostId, Timestamp, UserId,
        impression::{Engagement, EngagementKind},
    };

    fn like(post: u64) -> LogRecord {
        let kind = EngagementKind::Like;
        LogRecord::Engagement(Engagement { viewer_id: UserId(1), post_id: PostId(post), kind, at: Timestamp(9) })
    }

    fn lines(folder: &Path) -> (usize, Vec<LogRecord>) {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).expect("files").map(|file| file.expect("a file").path()).collect();
        files.sort();
        let text: String = files.iter().map(|file| std::fs::read_to_string(file).expect("text")).collect();
        (files.len(), text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect())
    }

    #[test]
    fn what_was_written_is_there_when_the_log_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = FileRankingLog::open(RankingLogOptions::new(folder.path())).expect("opens");
        log.write(vec![like(1), like(2)]);
        log.write(Vec::new());
        log.write(vec![like(3)]);
        assert_eq!(log.dropped(), 0);
        drop(log);
        assert_eq!(lines(folder.path()), (1, vec![like(1), like(2), like(3)]));
    }

    #[test]
    fn the_oldest_goes_when_it_grows_too_large() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RankingLogOptions { max_bytes: 16 * 100, ..RankingLogOptions::new(folder.path()) };
        let log = FileRankingLog::open(options).expect("opens");
        for post in 0..200 {
            log.write(vec![like(post)]);
            // File names are milliseconds.
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(log);
        let (files, kept) = lines(folder.path());
        assert!((2..=16).contains(&files), "{files}");
        assert!(kept.len() < 100 && kept.last() == Some(&like(199)), "{} kept", kept.len());
    }

    #[test]
    fn a_folder_that_goes_away_costs_lines_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("log");
        let log = FileRankingLog::open(RankingLogOptions::new(&inner)).expect("opens");
        std::fs::remove_dir(&inner).expect("removed");
        log.write(vec![like(1)]);
        let began = std::time::Instant::now();
        while log.dropped() == 0 && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(log.dropped(), 1);
    }
}
