//! The other commands of the binary, against a running node or its stopped data.

use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tessera_tests::{Ended, Node, run_to_end};

fn ctl(node: &Node, arguments: &[&str]) -> Ended {
    let folder = node.data_dir().display().to_string();
    let mut all = vec!["ctl", "--admin", &node.admin, "--data-dir", &folder];
    all.extend(arguments);
    run_to_end(&all)
}

fn ctl_json(node: &Node, arguments: &[&str]) -> Value {
    let ended = ctl(node, &[&["--json"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.stdout))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctl_shows_and_steers_a_running_node() {
    let mut node = Node::start(&[]);
    let ada = node.api().sign_up("ada").await;
    let post_id = ada.post_picture(1, "").await.post_id;
    let failed = ada.upload(b"this is no picture at all".to_vec(), "image/png", "x").await;
    let id = failed["upload_id"].as_str().expect("an id");

    let status = ctl_json(&node, &["status"]);
    assert_eq!((&status["ready"], &status["jobs"]["dead"]), (&json!(true), &json!(1)), "{status}");
    assert_eq!(ctl_json(&node, &["nodes"])["nodes"][0]["status"], "ready");
    assert_eq!(ctl_json(&node, &["jobs", "--state", "dead"])["items"][0]["id"], id);
    ctl_json(&node, &["jobs", "--retry", id]);
    let until = ["--until", "2099-01-01T00:00:00Z", "--daily-budget", "100"];
    ctl_json(&node, &[&["ads", "--promote", &post_id], &until[..]].concat());
    assert_eq!(ctl_json(&node, &["ads"])["items"][0]["post_id"], post_id.as_str());
    assert_eq!(ctl_json(&node, &["events"])["items"], json!([]));
    for command in ["status", "nodes", "jobs", "events", "ads", "breakers"] {
        let ended = ctl(&node, &[command]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(command == "breakers" || !ended.stdout.trim().is_empty(), "{command} says something");
    }
    let unknown = ctl(&node, &["jobs", "--retry", "17"]);
    assert!(unknown.code != Some(0) && unknown.stderr.contains("404"), "{unknown:?}");
    let unknown = ctl(&node, &["drain", "--node", "nobody"]);
    assert!(unknown.code != Some(0) && unknown.stderr.contains("tessera-1"), "{unknown:?}");

    let drained = ctl_json(&node, &["drain", "--wait"]);
    assert_eq!(drained["state"], "ended");
    assert_eq!(tokio::task::block_in_place(|| node.exit_code()), Some(0));
    let gone = ctl(&node, &["status"]);
    assert!(gone.code != Some(0) && gone.stderr.contains(&node.admin), "it says who does not answer: {gone:?}");
}

/// What others than the owner may do with what lies in a folder, by name.
fn open_to_others(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let open = entries.filter(|entry| entry.metadata().expect("metadata").permissions().mode() & 0o077 != 0);
    open.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_keeps_is_its_users_alone() {
    let mut node = Node::start(&[]);
    node.api().sign_up("ada").await.post_picture(1, "").await;
    let folder = node.data_dir().to_owned();
    assert!(folder.join("ledger.sqlite-wal").exists() && folder.join("objects").exists());
    assert_eq!(open_to_others(&folder), [""; 0]);
    assert_eq!(open_to_others(&folder.join("objects")), [""; 0]);
    // As an earlier version left them.
    for (name, mode) in [("ledger.sqlite", 0o644), ("objects", 0o755), ("objects-credentials", 0o640)] {
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).expect("changed");
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("changed");
    tokio::task::block_in_place(|| node.restart());
    assert_eq!(open_to_others(&folder), [""; 0]);
    let mode = fs::metadata(&folder).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "a folder that was there is the operator's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrate_and_rebuild_leave_a_right_ledger_as_it_is() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
    bob.follow(&ada).await;
    let post_id = ada.post_picture(1, "").await.post_id;
    bob.post_empty(&format!("/v1/posts/{post_id}/likes")).await.expect("liked");
    bob.post(&format!("/v1/posts/{post_id}/comments"), json!({ "text": "nice" })).await.expect("commented");
    let before = [ada.get("/v1/me").await, bob.get(&format!("/v1/posts/{post_id}")).await];

    let folder = format!("data_dir={}", node.data_dir().display());
    let busy = run_to_end(&["rebuild", "counters", "--set", &folder]);
    assert_eq!(busy.code, Some(2), "not under a running node: {busy:?}");
    assert_eq!(tokio::task::block_in_place(|| node.terminate()), Some(0));
    let migrated = run_to_end(&["migrate", "--set", &folder]);
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let rebuilt = run_to_end(&["rebuild", "counters", "--set", &folder]);
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    assert!(rebuilt.stdout.contains(" 0 were wrong"), "counters never drift: {}", rebuilt.stdout);
    assert_eq!(run_to_end(&["rebuild", "timelines", "--set", &folder]).code, Some(0));

    node.restart();
    api.answers().await;
    let after = [ada.get("/v1/me").await, bob.get(&format!("/v1/posts/{post_id}")).await];
    assert_eq!(before.map(Result::ok), after.map(Result::ok));
}

#[test]
fn wrong_use_says_what_would_be_right() {
    let help = run_to_end(&["--help"]);
    assert_eq!(help.code, Some(0));
    for command in ["serve", "demo", "ctl", "bench", "migrate", "rebuild"] {
        assert!(help.stdout.contains(command), "{command} is in the help");
    }
    assert_eq!(run_to_end(&["--version"]).code, Some(0));
    let wrong = run_to_end(&["srve"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("serve"), "{}", wrong.stderr);
    for shell in ["bash", "zsh", "fish"] {
        assert!(run_to_end(&["completions", shell]).stdout.contains("tessera"));
    }
}
