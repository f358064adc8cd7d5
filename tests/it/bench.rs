//! The benches print their reports beside their floors. Speed itself is not judged here.

use serde_json::Value;
use tessera_tests::run_to_end;

/// Runs a bench briefly and checks its report, as text and as JSON.
fn check_bench(arguments: &[&str]) {
    let json = run_to_end(&[&["bench"], arguments, &["--json"]].concat());
    assert_eq!(json.code, Some(0), "{json:?}");
    let report: Value = serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {}", json.stdout));
    assert_eq!(report["bench"], arguments[0]);
    let results = report["results"].as_array().expect("results");
    let names: Vec<&str> = results.iter().map(|result| result["name"].as_str().expect("a name")).collect();
    assert!(names.iter().any(|name| name.starts_with("floor")), "a floor stands beside: {names:?}");
    assert!(names.iter().any(|name| !name.starts_with("floor")), "{names:?}");
    for result in results {
        assert!(result["operations"].as_u64() > Some(0), "{result}");
        assert_eq!(result["errors"], 0, "{result}");
        for quantile in ["p50_ms", "p99_ms", "p99_9_ms"] {
            assert!(result["latency"].is_null() || result["latency"][quantile].is_number(), "{quantile} of {result}");
        }
    }
}

#[test]
fn likes_are_reported_beside_one_commit_each() {
    check_bench(&["likes", "--seconds", "1", "--warmup-seconds", "0", "--users", "64", "--posts", "20"]);
}

#[test]
fn feeds_are_reported_beside_a_route_that_serves_the_same_bytes() {
    check_bench(&["feed", "--seconds", "1", "--warmup-seconds", "0", "--users", "50", "--posts", "200"]);
}

#[test]
fn fan_out_is_reported_beside_a_plain_push() {
    check_bench(&["fanout", "--followers", "200", "--authors", "2", "--posts-per-author", "5", "--uploads", "1"]);
}

#[test]
fn messages_are_reported_beside_channels_and_sockets() {
    check_bench(&["messages", "--milliseconds", "400", "--warmup-milliseconds", "100"]);
}

#[test]
fn searches_are_reported_beside_a_scan_of_all_vectors() {
    let small = ["--vectors", "3000", "--queries", "50", "--rounds", "1", "--milliseconds", "20"];
    check_bench(&[&["search", "--instant-distance"][..], &small].concat());
}
