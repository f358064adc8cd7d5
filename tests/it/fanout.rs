//! Posts reach everybody who follows, once; and what changes shows in the next feed.

use crate::Node;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tessera_tests::{Operator, Person, eventually, ids_of, side_by_side};

/// How often each post stands in a whole feed, seen ones included.
async fn counted_feed(person: &Person) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for item in person.whole_feed(true).await {
        *counts.entry(item["post"]["post_id"].as_str().expect("an id").to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Waits until the feed has exactly these posts, each once; one that is there twice is never excused.
async fn feed_becomes(person: &Person, expected: &BTreeSet<String>) {
    eventually("the feed to be complete", Duration::from_secs(20), || async {
        let counts = counted_feed(person).await;
        assert!(counts.values().all(|count| *count == 1), "{} sees double: {counts:?}", person.username);
        counts.keys().eq(expected.iter()).then_some(())
    })
    .await;
}

async fn all_follow(people: &[Person], author: &Person) {
    let follows = people.iter().cloned().map(|person| {
        let author = author.clone();
        async move { person.follow(&author).await }
    });
    side_by_side(32, follows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_followers_all_have_the_post_once() {
    let node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("reader", 1_000).await;
    all_follow(&people, &author).await;
    // Half of them have a timeline in memory when the posts come, the others catch up when they read.
    let visits = people[..500].iter().cloned().map(|person| async move { person.feed_ids("").await.len() });
    side_by_side(32, visits).await;

    let mut posts = author.post_pictures(3).await;
    posts.sort();
    let reads = people.iter().cloned().map(|person| {
        let posts = posts.clone();
        async move {
            eventually("all posts", Duration::from_secs(20), || async {
                let mut found = person.feed_ids("?include_seen=true").await;
                found.sort();
                assert!(found.windows(2).all(|pair| pair[0] != pair[1]), "{} sees double", person.username);
                (found == posts).then_some(())
            })
            .await;
        }
    });
    side_by_side(32, reads).await;
    let profile = author.get("/v1/me").await.expect("the author");
    assert_eq!((&profile["follower_count"], &profile["post_count"]), (&1_000.into(), &3.into()));
}

#[tokio::test]
async fn a_timeline_that_was_forgotten_is_full_again() {
    let mut node = Node::start(&["timelines.idle_after_s=1"]);
    let api = node.api();
    let (author, other) = (api.sign_up("author").await, api.sign_up("other").await);
    let reader = api.sign_up("reader").await;
    reader.follow(&author).await;
    reader.follow(&other).await;
    let mut expected: BTreeSet<String> = author.post_pictures(10).await.into_iter().collect();
    feed_becomes(&reader, &expected).await;

    // Long away: the timeline has left memory, and posts came that nobody pushed to it.
    let operator = Operator::of(&node);
    eventually("timelines to leave memory", Duration::from_secs(20), || async {
        let actors = operator.get("/admin/actors").await.ok()?;
        let kinds = actors["items"].as_array()?;
        let timelines = kinds.iter().find(|kind| kind["kind"] == "timeline")?;
        (timelines["active"] == 0).then_some(())
    })
    .await;
    expected.extend(other.post_pictures(10).await);
    feed_becomes(&reader, &expected).await;

    // The snapshot is gone: the hot store lived in the process's memory.
    node.kill();
    node.restart();
    api.answers().await;
    feed_becomes(&reader, &expected).await;
    expected.insert(author.post_picture(99, "after the crash").await.post_id);
    feed_becomes(&reader, &expected).await;
}

#[tokio::test]
async fn follow_and_unfollow_show_in_the_next_feed() {
    let node = Node::start(&["feed.ratios=[1.0, 0.0, 0.0]"]);
    let api = node.api();
    let (reader, author) = (api.sign_up("reader").await, api.sign_up("author").await);
    let posts: BTreeSet<String> = author.post_pictures(5).await.into_iter().collect();
    reader.follow(&author).await;
    let feed: BTreeSet<String> = reader.feed_ids("").await.into_iter().collect();
    assert_eq!(feed, posts, "following back-fills at once");
    reader.delete(&format!("/v1/users/{}/follow", author.id)).await.expect("unfollows");
    assert!(followed(&reader.feed("?include_seen=true").await).is_empty(), "unfollowing removes at once");
    reader.follow(&author).await;
    let feed: BTreeSet<String> = reader.feed_ids("?include_seen=true").await.into_iter().collect();
    assert_eq!(feed, posts, "following again brings them back");
}

/// The posts that are on a page because their author is followed.
fn followed(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    let social = items.iter().filter(|item| item["source"] == "following" || item["source"] == "celebrity");
    social.map(|item| item["post"]["post_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn block_and_mute_show_in_the_next_feed() {
    let node = Node::start(&[]);
    let api = node.api();
    let (reader, author) = (api.sign_up("reader").await, api.sign_up("author").await);
    reader.follow(&author).await;
    let post_id = author.post_picture(1, "hello").await.post_id;
    reader.feed_comes_to(&post_id, true).await;

    let relation = |what: &str| format!("/v1/users/{}/{what}", author.id);
    reader.put(&relation("mute")).await.expect("mutes");
    assert!(reader.feed_ids("?include_seen=true").await.is_empty(), "muted posts are in no feed");
    reader.get(&format!("/v1/posts/{post_id}")).await.expect("asked for by name they are shown");
    reader.delete(&relation("mute")).await.expect("unmutes");
    assert_eq!(reader.feed_ids("?include_seen=true").await, [post_id.as_str()], "the mute left no trace");

    author.put(&format!("/v1/users/{}/block", reader.id)).await.expect("blocks");
    assert!(reader.feed_ids("?include_seen=true").await.is_empty(), "who is blocked sees nothing");
    assert_eq!(reader.get(&format!("/v1/posts/{post_id}")).await.expect_err("hidden").status, 404);
    author.delete(&format!("/v1/users/{}/block", reader.id)).await.expect("unblocks");
    let page = reader.feed("?include_seen=true").await;
    assert!(followed(&page).is_empty(), "the follow does not come back by itself");
    reader.put(&relation("block")).await.expect("blocks");
    assert!(reader.feed_ids("?include_seen=true").await.is_empty(), "nor is what one blocks recommended");
}

#[tokio::test]
async fn edit_and_delete_show_in_the_next_feed() {
    let node = Node::start(&[]);
    let api = node.api();
    let (reader, author) = (api.sign_up("reader").await, api.sign_up("author").await);
    reader.follow(&author).await;
    let kept = author.post_picture(1, "kept").await.post_id;
    let gone = author.post_picture(2, "gone").await.post_id;
    reader.feed_comes_to(&gone, true).await;

    let change = json!({ "caption": "changed #Tag", "alt_text": "words" });
    author.patch(&format!("/v1/posts/{kept}"), change).await.expect("edits");
    let large = {
        let page = reader.feed("?include_seen=true").await;
        let item =
            page["items"].as_array().expect("items").iter().find(|item| item["post"]["post_id"] == kept.as_str());
        let post = &item.expect("the edited post")["post"];
        assert_eq!((&post["caption"], &post["hashtags"]), (&json!("changed #Tag"), &json!(["tag"])));
        assert!(post["edited_at"].is_string());
        let page = reader.feed("?include_seen=true").await;
        let item =
            page["items"].as_array().expect("items").iter().find(|item| item["post"]["post_id"] == gone.as_str());
        item.expect("the other post")["post"]["media"]["large"].as_str().expect("a URL").to_owned()
    };
    assert_eq!(api.fetch(&large, &[]).await.status, 200);

    author.delete(&format!("/v1/posts/{gone}")).await.expect("deletes");
    assert_eq!(reader.feed_ids("?include_seen=true").await, [kept.as_str()]);
    assert_eq!(author.feed_ids("?include_seen=true").await, [kept.as_str()]);
    assert_eq!(reader.get(&format!("/v1/posts/{gone}")).await.expect_err("gone").status, 404);
    assert_eq!(author.list(&format!("/v1/users/{}/posts", author.id)).await.len(), 1);
    assert_eq!(author.get("/v1/me").await.expect("the author")["post_count"], 1);
    eventually("the pictures to be gone", Duration::from_secs(10), || async {
        (api.fetch(&large, &[]).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_the_celebrity_threshold_loses_and_doubles_nothing() {
    let mut node = Node::start(&["feed.celebrity_threshold=10"]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("fan", 14).await;
    let (loyal, fickle) = people.split_at(6);
    let mut expected = BTreeSet::new();
    let mut picture = 0;
    let mut post = async |expected: &mut BTreeSet<String>| {
        picture += 1;
        expected.insert(author.post_picture(picture, "").await.post_id);
    };
    all_follow(loyal, &author).await;
    for round in 0..3 {
        // Up: fans come one by one, each while a post comes, over the threshold of ten.
        for fan in fickle {
            tokio::join!(fan.follow(&author), post(&mut expected));
            check_everybody(loyal, &expected, round).await;
        }
        let sources = author_sources(&loyal[0]).await;
        assert!(sources.contains("celebrity"), "above the threshold posts are pulled: {sources:?}");
        check_everybody(fickle, &expected, round).await;
        if round == 1 {
            node.kill();
            node.restart();
            api.answers().await;
        }
        // Down: they leave again, below nine.
        for fan in fickle {
            let path = format!("/v1/users/{}/follow", author.id);
            let (unfollowed, ()) = tokio::join!(fan.delete(&path), post(&mut expected));
            unfollowed.expect("unfollows");
            check_everybody(loyal, &expected, round).await;
        }
    }
}

async fn check_everybody(people: &[Person], expected: &BTreeSet<String>, round: usize) {
    let checks = people.iter().cloned().map(|person| {
        let expected = expected.clone();
        async move { feed_becomes(&person, &expected).await }
    });
    side_by_side(8, checks).await;
    eprintln!("round {round}: {} posts, everybody has all of them", expected.len());
}

async fn author_sources(person: &Person) -> BTreeSet<String> {
    let page = person.feed("?limit=100&include_seen=true").await;
    assert!(!ids_of(&page).is_empty());
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| item["source"].as_str().expect("a source").to_owned()).collect()
}
