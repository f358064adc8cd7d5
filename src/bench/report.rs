//! The report, as text and as JSON.

use super::{
    load::{Measured, Measurement},
    process::Memory,
};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt::Write;

/// Longest line of a note, in characters.
const NOTE_WIDTH: usize = 110;

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    p50_ms: f64,
    p99_ms: f64,
    p99_9_ms: f64,
}

impl Latency {
    /// The percentiles of what was measured; `None` of nothing.
    pub fn of(measured: &Measured) -> Option<Self> {
        let at = |quantile: f64| measured.latency_ns.value_at_quantile(quantile) as f64 / 1_000_000.0;
        (!measured.latency_ns.is_empty()).then(|| Self { p50_ms: at(0.5), p99_ms: at(0.99), p99_9_ms: at(0.999) })
    }
}

/// One line: what was done and what it took.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub operations: u64,
    /// Per second of wall time; `None` where they were made one at a time with pauses.
    pub per_second: Option<f64>,
    /// How long each took; `None` where operations are not timed one by one.
    pub latency: Option<Latency>,
    /// Processor time of what is measured per operation, in milliseconds.
    pub cpu_ms_per_operation: Option<f64>,
    /// Memory of what is measured.
    pub memory: Option<Memory>,
    pub errors: u64,
}

/// Named values in their order; a JSON object.
#[derive(Debug, Default)]
pub struct Named(Vec<(String, Value)>);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub bench: &'static str,
    pub settings: Named,
    pub results: Vec<Row>,
    /// Named ratios of lines.
    pub ratios: Named,
    /// Further measurements, by name.
    pub facts: Named,
    /// How to read it.
    pub notes: Vec<String>,
    /// Something that must not be: the command fails with it after the report.
    pub defect: Option<String>,
}

impl Report {
    pub fn new(bench: &'static str) -> Self {
        Self { bench, ..Self::default() }
    }

    /// Notes what was set.
    pub fn setting(&mut self, name: &str, value: impl Into<Value>) {
        self.settings.0.push((name.to_owned(), value.into()));
    }

    /// Adds a measurement that has no line of its own.
    pub fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.0.push((name.to_owned(), value.into()));
    }

    /// Adds the line of a whole run.
    pub fn add(&mut self, name: &str, measurement: &Measurement) -> Row {
        let mut all = Measured { latency_ns: measurement.kinds[0].latency_ns.clone(), errors: 0, first_error: None };
        for kind in measurement.kinds.iter().skip(1) {
            // Histograms of equal bounds always add up.
            let _ = all.latency_ns.add(&kind.latency_ns);
        }
        for kind in &measurement.kinds {
            all.errors += kind.errors;
            if let Some(error) = &kind.first_error {
                self.notes.push(format!("{name}: the first of {} errors: {error}", kind.errors));
            }
        }
        let operations = measurement.operations();
        let row = Row {
            cpu_ms_per_operation: Some(measurement.cpu_seconds * 1_000.0 / operations.max(1) as f64),
            memory: Some(measurement.memory),
            ..row_of(name, &all, measurement.elapsed.as_secs_f64())
        };
        self.results.push(row.clone());
        row
    }

    /// Adds the line of one kind of operation within a run.
    pub fn add_kind(&mut self, name: &str, measurement: &Measurement, kind: usize) {
        self.results.push(row_of(name, &measurement.kinds[kind], measurement.elapsed.as_secs_f64()));
    }

    /// Compares a line with its floor.
    pub fn compare(&mut self, prefix: &str, row: &Row, floor: &Row) {
        let mut ratio = |name: &str, of: f64, to: f64| {
            let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix} {name}") };
            self.ratios.0.push((name, Value::from(if to > 0.0 { of / to } else { 0.0 })));
        };
        if let (Some(of), Some(to)) = (row.per_second, floor.per_second) {
            ratio("throughput / floor", of, to);
        }
        if let (Some(cpu), Some(floor)) = (row.cpu_ms_per_operation, floor.cpu_ms_per_operation) {
            ratio("CPU per operation / floor", cpu, floor);
        }
        if let (Some(latency), Some(floor)) = (row.latency, floor.latency) {
            ratio("p99 / floor", latency.p99_ms, floor.p99_ms);
        }
    }

    /// Compares the throughput of two lines alone.
    pub fn compare_throughput(&mut self, name: &str, row: &Row, other: &Row) {
        if let (Some(of), Some(to)) = (row.per_second, other.per_second) {
            self.ratios.0.push((name.to_owned(), Value::from(if to > 0.0 { of / to } else { 0.0 })));
        }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|error| error.to_string(), |json| json + "\n")
    }

    pub fn to_text(&self) -> String {
        let settings: Vec<String> =
            self.settings.0.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
        let mut text = format!("tessera bench {} · {}\n\n", self.bench, settings.join(" · "));
        let mut lines = vec![
            ["", "per second", "p50 ms", "p99 ms", "p99.9 ms", "CPU ms/op", "RSS MiB", "peak MiB", "errors"]
                .map(str::to_owned),
        ];
        lines.extend(self.results.iter().map(cells));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        for line in &lines {
            let _ = write!(text, "  {:<width$}", line[0], width = widths[0]);
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                let _ = write!(text, "  {cell:>width$}");
            }
            text.push('\n');
        }
        for Named(values) in [&self.ratios, &self.facts] {
            let widest = values.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            text.push_str(if values.is_empty() { "" } else { "\n" });
            for (name, value) in values {
                let _ = writeln!(text, "  {name:<widest$}  {}", plain(value));
            }
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            wrap(&mut text, note);
        }
        text
    }
}

fn row_of(name: &str, measured: &Measured, seconds: f64) -> Row {
    let operations = measured.latency_ns.len();
    Row {
        name: name.to_owned(),
        operations,
        per_second: Some(operations as f64 / seconds),
        latency: Latency::of(measured),
        cpu_ms_per_operation: None,
        memory: None,
        errors: measured.errors,
    }
}

fn cells(row: &Row) -> [String; 9] {
    let some = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), three_digits);
    let latency = row.latency;
    [
        row.name.clone(),
        some(row.per_second),
        some(latency.map(|latency| latency.p50_ms)),
        some(latency.map(|latency| latency.p99_ms)),
        some(latency.map(|latency| latency.p99_9_ms)),
        some(row.cpu_ms_per_operation),
        some(row.memory.map(|memory| memory.resident_mib)),
        some(row.memory.map(|memory| memory.peak_mib)),
        row.errors.to_string(),
    ]
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => three_digits(number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}

/// A note in lines of a readable length.
fn wrap(text: &mut String, note: &str) {
    let mut length = 0;
    for word in note.split_whitespace() {
        let more = word.chars().count() + 1;
        let breaks = length > 0 && length + more > NOTE_WIDTH;
        text.push_str(if length == 0 {
            "  "
        } else if breaks {
            "\n    "
        } else {
            " "
        });
        length = if breaks { more } else { length + more };
        text.push_str(word);
    }
    text.push('\n');
}

/// Three digits that count, and no exponent.
fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    let mut digits = format!("{value:.decimals$}");
    if decimals == 0 {
        // Thousands apart, as figures of many digits are hard to read.
        let mut place = digits.len();
        while place > 3 && digits.as_bytes()[place - 4].is_ascii_digit() {
            place -= 3;
            digits.insert(place, ',');
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let shown = [0.0, 0.000_012_34, 0.0567, 1.0, 12.345, 999.6, 1_234_567.8].map(three_digits);
        assert_eq!(shown, ["0", "0.0000123", "0.0567", "1.00", "12.3", "1,000", "1,234,568"]);
    }

    #[test]
    fn a_report_is_aligned_and_whole() {
        let mut report = Report::new("feed");
        report.setting("users", 3);
        let mut measured = Measured::new().expect("bounds are right");
        measured.record(std::time::Duration::from_millis(2));
        let memory = Memory { resident_mib: 50.0, peak_mib: 60.0 };
        let measurement = Measurement {
            kinds: vec![measured],
            elapsed: std::time::Duration::from_secs(1),
            cpu_seconds: 0.01,
            memory,
        };
        let row = report.add("a page", &measurement);
        report.compare("", &row, &row);
        let text = report.to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "tessera bench feed · users 3");
        assert_eq!(lines[2].len(), lines[3].len(), "{text}");
        assert!(text.contains("throughput / floor         1.00"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&report.to_json()).expect("JSON")["results"][0]["operations"], 1);
    }
}
