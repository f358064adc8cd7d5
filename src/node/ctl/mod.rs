//! `tessera ctl`: an operator's view of a running node, over its admin listener.

mod client;
mod nodes;
mod table;

use crate::Failure;
use clap::{Args, Subcommand};
use client::AdminClient;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Entries of a list that are shown at once.
const PAGE: usize = 100;

/// Arguments of `tessera ctl`.
#[derive(Debug, Args)]
pub struct CtlArguments {
    /// The node's admin listener
    #[arg(long, env = "TESSERA_ADMIN_URL", default_value = "http://127.0.0.1:8081", global = true)]
    admin: String,
    /// Where the node keeps its data: its generated admin token is read from there. TESSERA__ADMIN__TOKEN wins
    #[arg(long, env = "TESSERA__DATA_DIR", default_value = "./tessera-data", global = true)]
    data_dir: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: CtlCommand,
}

#[derive(Debug, Subcommand)]
enum CtlCommand {
    /// Whether the node is ready, what its actors do and how many jobs wait
    Status,
    /// The nodes of the cluster: their shares, leases, versions, and the links to them
    Nodes,
    /// Drain a node: it finishes what is under way, hands over what it owns and exits
    Drain {
        /// This node of the cluster, in place of the one that --admin reaches
        #[arg(long, value_name = "NAME")]
        node: Option<String>,
        /// Wait until it has ended
        #[arg(long)]
        wait: bool,
    },
    /// Media jobs
    Jobs {
        /// Only queued, leased or dead ones
        #[arg(long, value_parser = ["queued", "leased", "dead"])]
        state: Option<String>,
        /// Go on behind an earlier page: its last line says where
        #[arg(long)]
        cursor: Option<String>,
        /// Queue a dead job anew
        #[arg(long, value_name = "ID", conflicts_with_all = ["state", "cursor"])]
        retry: Option<String>,
    },
    /// Events of the outbox that were given up: effects of posts, likes and deletions that are still missing
    Events {
        /// Go on behind an earlier page: its last line says where
        #[arg(long)]
        cursor: Option<String>,
        /// Make a dead event due anew
        #[arg(long, value_name = "ID", conflicts_with = "cursor")]
        retry: Option<String>,
    },
    /// Circuit breakers
    Breakers {
        /// Put one into a state: closed, open, half_open, disabled or forced_open
        #[arg(long, value_name = "NAME=STATE", value_parser = name_and_state)]
        force: Option<(String, String)>,
    },
    /// The visual index: its shards, how much they hold, how well they find it
    Index {
        /// Make it anew from the ledger
        #[arg(long)]
        rebuild: bool,
    },
    /// Advertisements
    Ads {
        /// Promote this post
        #[arg(long, value_name = "ID", requires_all = ["until", "daily_budget"])]
        promote: Option<String>,
        /// Show it until then, as in 2030-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Most impressions per UTC day
        #[arg(long, value_name = "IMPRESSIONS")]
        daily_budget: Option<u64>,
        /// Most impressions per UTC day to one user
        #[arg(long, value_name = "IMPRESSIONS", default_value_t = 3)]
        frequency_cap: u32,
    },
}

/// Runs one command against a node.
pub async fn run(arguments: CtlArguments) -> Result<(), Failure> {
    let client = AdminClient::new(&arguments.admin, &arguments.data_dir)?;
    let reply = match &arguments.command {
        CtlCommand::Status => status(&client).await?,
        CtlCommand::Nodes => client.get("/admin/cluster").await?,
        CtlCommand::Drain { node, wait } => nodes::drain(&client, node.as_deref(), *wait).await?,
        CtlCommand::Events { retry: Some(id), .. } => {
            client.post(&format!("/admin/events/{id}/retry"), Value::Null).await?
        }
        CtlCommand::Events { retry: None, cursor } => {
            client.get(&page("/admin/events", None, cursor.as_deref())).await?
        }
        CtlCommand::Breakers { force: Some((name, state)) } => {
            client.post(&format!("/admin/breakers/{name}"), json!({ "state": state })).await?
        }
        CtlCommand::Breakers { force: None } => client.get("/admin/breakers").await?,
        CtlCommand::Index { rebuild: true } => client.post("/admin/visual/rebuild", Value::Null).await?,
        CtlCommand::Index { rebuild: false } => client.get("/admin/visual").await?,
        CtlCommand::Jobs { retry: Some(id), .. } => {
            client.post(&format!("/admin/jobs/{id}/retry"), Value::Null).await?
        }
        CtlCommand::Jobs { retry: None, state, cursor } => {
            client.get(&page("/admin/jobs", state.as_deref(), cursor.as_deref())).await?
        }
        CtlCommand::Ads { promote: Some(post_id), until, daily_budget, frequency_cap } => {
            let campaign = json!({ "post_id": post_id, "ends_at": until, "daily_budget": daily_budget,
                "frequency_cap": frequency_cap });
            client.post("/admin/ads", campaign).await?
        }
        CtlCommand::Ads { .. } => client.get("/admin/ads").await?,
    };
    if arguments.json {
        println!("{reply:#}");
        return Ok(());
    }
    match &arguments.command {
        CtlCommand::Nodes => print!("{}", nodes::render(&reply)),
        _ => print!("{}", table::render(&reply)),
    }
    Ok(())
}

fn name_and_state(text: &str) -> Result<(String, String), String> {
    let (name, state) = text.split_once('=').ok_or("expected NAME=STATE, as in recommendations=forced_open")?;
    Ok((name.to_owned(), state.to_owned()))
}

/// The path of a page of a list.
fn page(path: &str, state: Option<&str>, cursor: Option<&str>) -> String {
    let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    format!("{path}?limit={PAGE}{state}{cursor}")
}

async fn status(client: &AdminClient) -> Result<Value, Failure> {
    let ready = client.get_whatever_status("/readyz").await?;
    let cluster = client.get("/admin/cluster").await?;
    let actors = client.get("/admin/actors").await?;
    let breakers = client.get("/admin/breakers").await?;
    let backlog = client.get("/admin/backlog").await?;
    let nodes = cluster["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let in_status = |status: &str| nodes.iter().filter(|node| node["status"] == status).count();
    Ok(json!({
        "node": cluster["this_node"],
        "ready": ready["ready"],
        "missing": ready["missing"],
        "degraded": ready["degraded"],
        "epoch": cluster["epoch"],
        "nodes": { "joining": in_status("joining"), "ready": in_status("ready"), "draining": in_status("draining") },
        "jobs": backlog["jobs"],
        "events": backlog["events"],
        "actors": actors,
        "breakers": noteworthy(&breakers),
    }))
}

/// The breakers that are not closed, or whose supervisor has restarted something.
fn noteworthy(breakers: &Value) -> Vec<&Value> {
    let is_quiet = |breaker: &Value| breaker["state"] == "closed" && breaker["restarts"] == 0;
    items(breakers).iter().filter(|breaker| !is_quiet(breaker)).collect()
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}
