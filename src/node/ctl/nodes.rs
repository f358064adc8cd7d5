//! `tessera ctl nodes` and `tessera ctl drain`.

use super::{
    client::AdminClient,
    table::{cell, columns},
};
use crate::Failure;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a drain may take: the grace for load balancers, the requests under way, and the actors' saving.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(250);

const HEADINGS: [&str; 11] =
    ["NAME", "STATUS", "SHARDS", "ADDRESS", "LEASE", "WIRE", "VERSION", "LINK", "ROUND TRIP", "SUSPECTED BY", "ADMIN"];

/// The cluster as a table.
pub fn render(cluster: &Value) -> String {
    let this_node = &cluster["this_node"];
    let rows: Vec<Vec<String>> = nodes(cluster).iter().map(|node| row(node, this_node)).collect();
    format!(
        "seen by {} at epoch {}; {} shards\n\n{}",
        cell(this_node),
        cell(&cluster["epoch"]),
        cell(&cluster["shards"]),
        columns(&HEADINGS, &rows)
    )
}

fn row(node: &Value, this_node: &Value) -> Vec<String> {
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let lease = match node["lease_left_ms"].as_f64() {
        Some(0.0) => "run out".to_owned(),
        Some(left) => format!("{:.1} s", left / 1_000.0),
        None => "-".to_owned(),
    };
    let wire = match (&node["wire_oldest"], &node["wire_newest"]) {
        (Value::Null, _) => "-".to_owned(),
        (oldest, newest) if oldest == newest => cell(newest),
        (oldest, newest) => format!("{oldest} to {newest}"),
    };
    let link = match node["linked"].as_bool() {
        _ if node["name"] == *this_node => "this node",
        Some(true) => "up",
        Some(false) => "down",
        None => "-",
    };
    let round_trip = node["round_trip_ms"].as_f64().map_or("-".to_owned(), |ms| format!("{ms:.2} ms"));
    vec![
        cell(&node["name"]),
        cell(&node["status"]),
        cell(&node["shards"]),
        or_dash(cell(&node["address"])),
        lease,
        wire,
        cell(&node["version"]),
        link.to_owned(),
        round_trip,
        or_dash(cell(&node["suspected_by"])),
        or_dash(cell(&node["admin_url"])),
    ]
}

/// Drains the node that `client` reaches, or the one of this name.
pub async fn drain(client: &AdminClient, name: Option<&str>, wait: bool) -> Result<Value, Failure> {
    let cluster = client.get("/admin/cluster").await?;
    let name = name.or(cluster["this_node"].as_str()).unwrap_or_default().to_owned();
    let target = match cluster["this_node"] == *name {
        true => client.clone(),
        false => client.at(&admin_url(&cluster, &name)?),
    };
    target.post("/admin/drain", Value::Null).await?;
    if wait {
        let started = Instant::now();
        while target.is_alive().await {
            if started.elapsed() > DRAIN_LIMIT {
                return Err(Failure::running(format!(
                    "{name} is still there after {} s; its log says what it waits for",
                    DRAIN_LIMIT.as_secs()
                )));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
    Ok(json!({ "node": name, "state": if wait { "ended" } else { "draining" } }))
}

fn admin_url(cluster: &Value, name: &str) -> Result<String, Failure> {
    let nodes = nodes(cluster);
    let Some(node) = nodes.iter().find(|node| node["name"] == *name) else {
        let names: Vec<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
        return Err(Failure::running(format!("no node is named {name:?}; there are {}", names.join(", "))));
    };
    match node["admin_url"].as_str() {
        Some(url) if !url.is_empty() => Ok(url.to_owned()),
        _ => {
            Err(Failure::running(format!("{name} did not say where its operators reach it; ask it itself by --admin")))
        }
    }
}

fn nodes(cluster: &Value) -> &[Value] {
    cluster["nodes"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::{admin_url, render};
    use serde_json::json;

    #[test]
    fn nodes_are_told_apart_and_found_by_name() {
        let member = |name: &str, lease: u64, linked: Option<bool>, suspects: &[&str]| {
            json!({ "name": name, "status": "ready", "shards": 512, "address": "10.0.0.1:7946", "lease_left_ms": lease,
                "wire_oldest": 1, "wire_newest": 2, "version": "0.1.0", "linked": linked, "round_trip_ms": linked.map(|_| 0.25),
                "suspected_by": suspects, "admin_url": format!("http://{name}:8081") })
        };
        let nodes = [member("a", 4_100, None, &[]), member("b", 0, Some(false), &["a"])];
        let cluster = json!({ "this_node": "a", "epoch": 7, "shards": 1_024, "nodes": nodes });
        let text = render(&cluster);
        for words in
            ["seen by a at epoch 7", "this node", "4.1 s", "run out", "1 to 2", "down", "0.25 ms", "http://b:8081"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(admin_url(&cluster, "b").expect("known"), "http://b:8081");
        let unknown = admin_url(&cluster, "c").expect_err("unknown").message;
        assert!(unknown.contains("there are a, b"), "{unknown}");
    }
}
