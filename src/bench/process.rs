//! Processor time and memory of a process, from `/proc`.

use crate::Failure;

/// Clock ticks per second in `/proc` (`USER_HZ` is 100 on every architecture this builds for; proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub u32);

/// Memory of a process.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Memory {
    /// Resident now, in MiB.
    pub resident_mib: f64,
    /// The most that was ever resident, in MiB.
    pub peak_mib: f64,
}

impl Process {
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// Seconds of processor time used so far, user and system, to a hundredth (proc(5), `/proc/pid/stat`).
    pub fn cpu_seconds(self) -> Result<f64, Failure> {
        let stat = self.proc_file("stat")?;
        // The second field is the program's name in parentheses, which may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
            _ => Err(Failure::running(format!("/proc/{}/stat cannot be read", self.0))),
        }
    }

    /// Its memory (proc(5), `/proc/pid/status`).
    pub fn memory(self) -> Result<Memory, Failure> {
        let status = self.proc_file("status")?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next()?.parse::<f64>().ok())
                .map_or(0.0, |kib| kib / 1024.0)
        };
        Ok(Memory { resident_mib: mib("VmRSS"), peak_mib: mib("VmHWM") })
    }

    fn proc_file(self, name: &str) -> Result<String, Failure> {
        let path = format!("/proc/{}/{name}", self.0);
        std::fs::read_to_string(&path)
            .map_err(|error| Failure::running(format!("{path}: {error}; has the measured process ended?")))
    }
}

/// Processor time of some processes together, in seconds.
pub fn cpu_seconds(processes: &[Process]) -> Result<f64, Failure> {
    processes.iter().map(|process| process.cpu_seconds()).sum()
}

/// Memory of some processes together.
pub fn memory(processes: &[Process]) -> Result<Memory, Failure> {
    processes.iter().try_fold(Memory::default(), |sum, process| {
        let memory = process.memory()?;
        Ok(Memory { resident_mib: sum.resident_mib + memory.resident_mib, peak_mib: sum.peak_mib + memory.peak_mib })
    })
}

/// Processor time that this thread used so far, in seconds. The kernel brings it up to date at least every few
/// milliseconds (`/proc/thread-self/schedstat`).
pub fn thread_cpu_seconds() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds
        .map(|nanoseconds| nanoseconds / 1e9)
        .ok_or_else(|| Failure::running("this kernel does not count a thread's time"))
}
