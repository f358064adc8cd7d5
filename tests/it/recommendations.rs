//! Recommendations under faults, and how the ranking model changes while the node runs.

use reqwest::Method;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tessera_tests::{Node, Operator, Person, eventually, side_by_side};

/// What the shipped model is made of.
const SHIPPED_MODEL: &str = include_str!("../../src/ranking/models/default.json");
/// A feed waits for recommendations for a third of a second; the rest of it has its own work on a busy machine.
const FEED_P99_LIMIT: Duration = Duration::from_secs(1);

async fn recommended(reader: &Person) -> Value {
    reader.get("/v1/recommendations").await.expect("recommendations")
}

async fn breaker_state(operator: &Operator, name: &str) -> Value {
    let list = operator.get("/admin/breakers").await.expect("the breakers");
    let items = list["items"].as_array().expect("items");
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{name} in {list}"))["state"].clone()
}

/// What people follow decides what is recommended to them, so the list that is known will not do any more.
async fn wants_a_new_list(reader: &Person) {
    reader.put("/v1/hashtags/breakers/follow").await.expect("followed");
}

/// Reads feeds of many people side by side, each with a new list of recommendations; every one is answered. Gives how
/// long they took, sorted.
async fn storm(readers: &[Person], rounds: usize) -> Vec<Duration> {
    let reads = (0..rounds).flat_map(|_| readers.iter().cloned()).map(|reader| async move {
        wants_a_new_list(&reader).await;
        let began = std::time::Instant::now();
        let page = reader.feed("?limit=10&include_seen=true").await;
        assert!(page["items"].is_array(), "{page}");
        began.elapsed()
    });
    let mut times = side_by_side(8, reads).await;
    times.sort();
    times
}

fn assert_in_time(times: &[Duration], what: &str) {
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < FEED_P99_LIMIT, "{what}: p99 {p99:?} of {}, slowest {:?}", times.len(), times.last());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_stay_quick_and_whole_while_recommenders_are_killed_hung_and_slowed() {
    let node = Node::start(&["chaos=true", "breaker.open_seconds=1", "log.level=off", "limits.enabled=false"]);
    let operator = Operator::of(&node);
    let author = node.api().sign_up("author").await;
    let liked = author.post_picture(1, "liked").await.post_id;
    author.post_picture(2, "another").await;
    let readers = node.api().sign_up_many("reader", 12).await;
    for reader in &readers {
        reader.post_empty(&format!("/v1/posts/{liked}/likes")).await.expect("a like");
    }
    let user_id = readers[0].get("/v1/me").await.expect("me")["id"].as_str().expect("an id").to_owned();
    eventually("a recommender", Duration::from_secs(20), || async {
        recommended(&readers[0]).await;
        operator.kill(&format!("recommender:{user_id}")).await.then_some(())
    })
    .await;

    // Killed again and again while everybody reads.
    let killing = async {
        for _ in 0..20 {
            operator.kill(&format!("recommender:{user_id}")).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (times, ()) = tokio::join!(storm(&readers, 10), killing);
    assert_in_time(&times, "killed");

    for (breaker, how) in
        [("recommenders", "hang"), ("recommenders", "panic"), ("recommenders", "slow"), ("recommendations", "slow")]
    {
        let order = json!({ "sabotage": { "breaker": breaker, "how": how, "lasting_ms": 20_000 } });
        operator.post("/admin/chaos", Some(order)).await.expect("sabotaged");
        // Likes make new lists, so that the recommenders are asked.
        let liking = async {
            for round in 0..6 {
                for reader in &readers {
                    let method = if round % 2 == 0 { Method::DELETE } else { Method::POST };
                    let path = format!("/v1/posts/{liked}/likes");
                    node.api().call(method, &path, Some(&reader.token), None).await.expect("counted");
                }
            }
        };
        // A window of ten seconds still holds the quick calls before, so it takes some until most are bad.
        let opens = breaker == "recommenders";
        let reading = async {
            let mut times = storm(&readers, 10).await;
            while opens && breaker_state(&operator, breaker).await == "closed" {
                assert!(times.len() < 10_000, "the breaker opens: {breaker} {how}");
                times.extend(storm(&readers, 4).await);
            }
            times.sort();
            times
        };
        let (times, ()) = tokio::join!(reading, liking);
        assert_in_time(&times, &format!("{breaker} {how}"));
        let over = json!({ "sabotage": { "breaker": breaker, "how": how, "lasting_ms": 1 } });
        operator.post("/admin/chaos", Some(over)).await.expect("ended");
        eventually("the breaker closes", Duration::from_secs(30), || async {
            storm(&readers, 1).await;
            for reader in &readers[..6] {
                wants_a_new_list(reader).await;
                recommended(reader).await;
            }
            (breaker_state(&operator, breaker).await == "closed").then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_model_the_list_is_ordered_by_popularity_and_says_so() {
    let node = Node::start(&[]);
    let operator = Operator::of(&node);
    let author = node.api().sign_up("author").await;
    let post_id = author.post_picture(1, "").await.post_id;
    let reader = node.api().sign_up("reader").await;
    let force = |state: &'static str| operator.post("/admin/breakers/ranking-model", Some(json!({ "state": state })));
    force("forced_open").await.expect("forced");
    let list = recommended(&reader).await;
    assert_eq!(list["degraded"], json!(["ranking"]), "{list}");
    assert_eq!(list["items"][0]["post_id"], post_id.as_str());
    assert_eq!(reader.feed("").await["degraded"], json!(["ranking"]));
    force("closed").await.expect("forced");
    eventually("a whole list", Duration::from_secs(30), || async {
        (recommended(&reader).await["degraded"] == json!([])).then_some(())
    })
    .await;
}

/// The shipped model with another bias: all its scores differ.
fn write_model(path: &Path, bias: f64) {
    let mut model: Value = serde_json::from_str(SHIPPED_MODEL).expect("the shipped model");
    model["bias"] = json!(bias);
    let aside = path.with_extension("new");
    std::fs::write(&aside, model.to_string()).expect("written");
    std::fs::rename(&aside, path).expect("renamed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ranking_model_is_used_without_a_restart_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ranker.json");
    write_model(&path, -8.0);
    let node = Node::start(&[&format!("ranking.model={}", path.display())]);
    let author = node.api().sign_up("author").await;
    author.post_picture(1, "").await;
    let readers = node.api().sign_up_many("reader", 3).await;
    let score = |list: Value| list["items"][0]["score"].as_f64().expect("a score");
    let low = score(recommended(&readers[0]).await);
    write_model(&path, 3.0);
    eventually("the new model", Duration::from_secs(30), || async {
        (score(recommended(&readers[1]).await) > low + 0.3).then_some(())
    })
    .await;
    std::fs::write(&path, "{}").expect("written");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(score(recommended(&readers[2]).await) > low + 0.3, "the last good model stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_and_liked_is_kept_for_training() {
    let mut node = Node::start(&["ranking.log_share=1.0"]);
    let author = node.api().sign_up("author").await;
    let post_id = author.post_picture(1, "").await.post_id;
    let reader = node.api().sign_up("reader").await;
    reader.feed_comes_to(&post_id, true).await;
    reader.post_empty(&format!("/v1/posts/{post_id}/likes")).await.expect("a like");
    assert_eq!(node.terminate(), Some(0));
    let folder = node.data_dir().join("impressions");
    let files = std::fs::read_dir(&folder).expect("the log").map(|file| file.expect("a file").path());
    let text: String = files.map(|file| std::fs::read_to_string(file).expect("text")).collect();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let shown = records.iter().find(|record| record["impression"]["source"] == "recommended");
    let features = shown.unwrap_or_else(|| panic!("an impression in {records:?}"))["impression"]["features"].clone();
    assert!(features.as_array().is_some_and(|features| features.len() == 29), "{features}");
    let likes = records.iter().filter(|record| record["engagement"]["kind"] == "like");
    assert_eq!(likes.count(), 1, "{records:?}");
}
