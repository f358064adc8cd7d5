//! Values with the bytes that they are shown as.

use std::{ops::Deref, sync::OnceLock};

/// A value that a node keeps, and the bytes that the edge shows of it, made when they are first wanted. Both leave
/// memory together, so that the bytes are never those of an older value.
#[derive(Debug)]
pub struct Shown<T> {
    value: T,
    runs: OnceLock<Runs>,
}

/// Bytes in a few runs, between which stands what changes more often than the value.
#[derive(Debug, Default)]
pub struct Runs {
    bytes: Box<[u8]>,
    /// Where each run ends.
    ends: Box<[usize]>,
}

impl Runs {
    pub fn new<const N: usize>(runs: [&[u8]; N]) -> Self {
        let ends = runs.iter().scan(0, |end, run| {
            *end += run.len();
            Some(*end)
        });
        Self { ends: ends.collect(), bytes: runs.concat().into() }
    }

    /// All of them, without what stands between them.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One of the runs; empty past the last one.
    pub fn run(&self, number: usize) -> &[u8] {
        let begin = number.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before));
        let (Some(begin), Some(end)) = (begin, self.ends.get(number)) else { return &[] };
        &self.bytes[*begin..*end]
    }
}

impl<T> Shown<T> {
    pub fn new(value: T) -> Self {
        Self { value, runs: OnceLock::new() }
    }

    /// The runs that the value is shown as; `make` makes them where nobody has. Whoever asks makes the same of a value.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn runs<E>(&self, make: impl FnOnce(&T) -> Result<Runs, E>) -> Result<&Runs, E> {
        match self.runs.get() {
            Some(runs) => Ok(runs),
            None => {
                let made = make(&self.value)?;
                Ok(self.runs.get_or_init(|| made))
            }
        }
    }
}

impl<T> Deref for Shown<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn runs_are_made_once_and_found_by_number() {
        let shown = Shown::new(7);
        let make = |value: &i32| Ok::<_, Infallible>(Runs::new([b"a".as_slice(), b"", value.to_string().as_bytes()]));
        let runs = shown.runs(make).expect("runs");
        assert_eq!((runs.run(0), runs.run(1), runs.run(2), runs.run(3)), (&b"a"[..], &b""[..], &b"7"[..], &b""[..]));
        assert_eq!(runs.len(), 2);
        assert!(std::ptr::eq(runs, shown.runs(|_| Err("made again")).expect("the same runs")));
        assert!(Shown::new(1).runs(|_| Err("no bytes")).is_err());
        assert_eq!(*shown + 1, 8);
    }
}
