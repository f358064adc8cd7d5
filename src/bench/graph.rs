//! The social graph that feeds are measured on.

use crate::Failure;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};
use tessera_domain::hash::SeededRandom;

/// Users of socfb-Reed98, the graph of DeathStarBench's social network
/// (<https://networkrepository.com/socfb-Reed98.php>).
pub const REED98_USERS: usize = 962;
/// Its friendships. Each is followed both ways.
const REED98_EDGES: usize = 18_812;
/// The largest graph taken from a file.
const MAX_EDGES: usize = 2_000_000;

/// Friendships between users numbered from 0.
#[derive(Debug)]
pub struct Graph {
    pub users: usize,
    /// Pairs; each is meant both ways.
    pub edges: Vec<(usize, usize)>,
}

impl Graph {
    /// Reads an edge list: two numbers a line, further words and lines that begin with `#` or `%` do not count.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::start_up(format!("--graph {}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut numbers: HashMap<u64, usize> = HashMap::new();
        let mut edges = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with(['#', '%']) {
                continue;
            }
            let mut ends = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
            let (Some(from), Some(to)) = (ends.next(), ends.next()) else {
                return Err(wrong(format!("line {}: expected two numbers", index + 1)));
            };
            let mut number = |name| {
                let next = numbers.len();
                *numbers.entry(name).or_insert(next)
            };
            let (from, to) = (number(from), number(to));
            if from != to {
                edges.insert((from.min(to), from.max(to)));
            }
            if edges.len() > MAX_EDGES {
                return Err(wrong(format!("more than {MAX_EDGES} edges")));
            }
        }
        if edges.is_empty() {
            return Err(wrong("no edges".to_owned()));
        }
        Ok(Self::sorted(numbers.len(), edges))
    }

    /// A graph of `users` users with the mean degree and about the degree distribution of socfb-Reed98: ends of edges
    /// are drawn by log-normal weights (its 25, 50, 75, 90 and 99 % degrees are 14, 29, 54, 87, 157; this gives about
    /// 13, 26, 52, 88, 195).
    pub fn like_reed98(users: usize, seed: u64) -> Self {
        let mut random = SeededRandom::new(seed);
        let mut total = 0.0;
        let cumulative: Vec<f64> = (0..users)
            .map(|_| {
                total += normal(&mut random).exp();
                total
            })
            .collect();
        let draw = |random: &mut SeededRandom| {
            let at = random.next_f64() * total;
            cumulative.partition_point(|weight| *weight <= at).min(users - 1)
        };
        // A small graph cannot hold as many edges per user; a quarter of all pairs is quickly found.
        let wanted = (REED98_EDGES * users / REED98_USERS).min(users * users.saturating_sub(1) / 8);
        let mut edges = HashSet::new();
        while edges.len() < wanted {
            let (from, to) = (draw(&mut random), draw(&mut random));
            if from != to {
                edges.insert((from.min(to), from.max(to)));
            }
        }
        Self::sorted(users, edges)
    }

    /// The order of a hash set is random; runs are to be alike.
    fn sorted(users: usize, edges: HashSet<(usize, usize)>) -> Self {
        let mut edges: Vec<_> = edges.into_iter().collect();
        edges.sort_unstable();
        Self { users, edges }
    }

    /// Who follows whom: each edge both ways.
    pub fn follows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.edges.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)])
    }
}

/// A normally distributed number (Box and Muller, 1958).
fn normal(random: &mut SeededRandom) -> f64 {
    let (radius, angle) = (1.0 - random.next_f64(), random.next_f64());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_made_graph_has_the_size_and_about_the_degrees_of_the_real_one() {
        let graph = Graph::like_reed98(REED98_USERS, 1);
        assert_eq!((graph.users, graph.edges.len()), (REED98_USERS, REED98_EDGES));
        assert_eq!(graph.edges, Graph::like_reed98(REED98_USERS, 1).edges, "a seed gives one graph");
        let mut degrees = vec![0; graph.users];
        graph.follows().for_each(|(follower, _)| degrees[follower] += 1);
        degrees.sort_unstable();
        let median = degrees[graph.users / 2];
        assert!((20..=38).contains(&median), "{median}");
        assert!((150..=500).contains(&degrees[graph.users - 1]), "{:?}", degrees.last());
    }

    #[test]
    fn small_graphs_are_made_too() {
        for users in [1, 2, 3, 10] {
            assert_eq!(Graph::like_reed98(users, 1).users, users);
        }
    }

    #[test]
    fn edge_lists_are_read_once_each() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writeln!(file, "% a comment\n7 9\n9 7 0.5\n\n7 7\n9 100 1").expect("written");
        let graph = Graph::read(file.path()).expect("a graph");
        assert_eq!((graph.users, graph.edges), (3, vec![(0, 1), (1, 2)]));
        writeln!(file, "seven nine").expect("written");
        assert!(Graph::read(file.path()).expect_err("no numbers").message.contains("line 7"));
    }
}
