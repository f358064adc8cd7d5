//! Pages of a feed: stable, without doubles or gaps, and never the same post twice unless asked for.

use crate::Node;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tessera_tests::{Person, ids_of, side_by_side};

/// Authors with posts, and a reader who follows them all.
async fn world(node: &Node, authors: usize, posts_each: usize) -> (Person, Vec<Person>, BTreeSet<String>) {
    let api = node.api();
    let reader = api.sign_up("reader").await;
    let authors = api.sign_up_many("author", authors).await;
    let mut posts = BTreeSet::new();
    for author in &authors {
        reader.follow(author).await;
        posts.extend(author.post_pictures(posts_each).await);
    }
    (reader, authors, posts)
}

fn cursor_of(page: &Value) -> Option<String> {
    page["next_cursor"].as_str().map(str::to_owned)
}

/// Walks on from a page's cursor to the end; gives the ids in order and whether the end said `caught_up`.
async fn walk_on(reader: &Person, first: &Value, limit: usize) -> (Vec<String>, bool) {
    let (mut ids, mut next, mut caught_up) = (Vec::new(), cursor_of(first), first["caught_up"] == true);
    while let Some(cursor) = next {
        let page = reader.feed(&format!("?limit={limit}&cursor={cursor}")).await;
        ids.extend(ids_of(&page));
        (next, caught_up) = (cursor_of(&page), page["caught_up"] == true);
    }
    (ids, caught_up)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_posts_are_paged_without_doubles_or_gaps_while_others_post() {
    let node = Node::start(&[]);
    let (reader, authors, posts) = world(&node, 5, 100).await;
    let witness = follower_of(&authors).await;
    let stop = Arc::new(AtomicBool::new(false));
    let posting: Vec<_> =
        authors.iter().take(2).cloned().map(|author| tokio::spawn(go_on_posting(author, stop.clone()))).collect();

    let first = reader.feed("?limit=50").await;
    let top = ids_of(&first);
    let (rest, caught_up) = walk_on(&reader, &first, 50).await;
    let walked: Vec<String> = top.iter().chain(&rest).cloned().collect();
    let by_offset = ids_of(&reader.feed("?limit=50&offset=100").await);

    stop.store(true, Ordering::Relaxed);
    let mut later = BTreeSet::new();
    for task in posting {
        later.extend(task.await.expect("posting goes well"));
    }
    assert!(later.len() >= 2, "others did post");
    let distinct: BTreeSet<String> = walked.iter().cloned().collect();
    assert_eq!(walked.len(), distinct.len(), "no post comes twice");
    let missing: Vec<_> = posts.difference(&distinct).collect();
    assert!(missing.is_empty(), "no post is missing: {missing:?}");
    let shifted: Vec<_> = distinct.difference(&posts).filter(|id| rest.contains(id)).collect();
    assert!(shifted.is_empty(), "posts that came later do not shift an open feed: {shifted:?}");
    assert!(caught_up, "the end of the feed says so");
    assert_eq!(by_offset, walked[100..150], "an offset leads into the same feed");

    for post_id in &later {
        witness.feed_comes_to(post_id, true).await;
    }
    seen_posts_stay_away(&reader, &distinct, &later).await;
}

/// Somebody with the same timeline, who tells when posts have arrived without the reader seeing anything.
async fn follower_of(authors: &[Person]) -> Person {
    let witness = authors[0].api.sign_up("witness").await;
    for author in authors {
        witness.follow(author).await;
    }
    witness.feed("").await;
    witness
}

async fn go_on_posting(author: Person, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut posted = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        posted.push(author.post_picture(posted.len() as u64 + 1_000, "meanwhile").await.post_id);
    }
    posted
}

/// What was seen comes back only when asked for, and then behind everything that was not.
async fn seen_posts_stay_away(reader: &Person, seen: &BTreeSet<String>, later: &BTreeSet<String>) {
    let mut fresh: BTreeSet<String> = later.difference(seen).cloned().collect();
    let first = reader.feed("?limit=100").await;
    let (rest, caught_up) = walk_on(reader, &first, 100).await;
    let unseen: BTreeSet<String> = ids_of(&first).into_iter().chain(rest).collect();
    assert!(unseen.is_disjoint(seen), "seen posts do not come back");
    assert_eq!(unseen, fresh, "the new ones are all there");
    assert!(caught_up);

    let page = reader.feed("").await;
    assert!(ids_of(&page).is_empty() && page["caught_up"] == true, "now everything was seen");
    let everything = reader.whole_feed(true).await;
    fresh.extend(seen.iter().cloned());
    let ids: Vec<String> =
        everything.iter().map(|item| item["post"]["post_id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), fresh.len(), "include_seen goes through all posts, each once");
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), fresh);
    assert!(everything.iter().all(|item| item["seen"] == true));
}

#[tokio::test]
async fn unseen_posts_come_before_seen_ones_when_both_are_wanted() {
    let node = Node::start(&[]);
    let (reader, authors, old) = world(&node, 2, 10).await;
    let witness = follower_of(&authors).await;
    let first: BTreeSet<String> = reader.feed_ids("?limit=100").await.into_iter().collect();
    assert_eq!(first, old);
    let new: BTreeSet<String> = authors[0].post_pictures(5).await.into_iter().collect();
    for post_id in &new {
        witness.feed_comes_to(post_id, true).await;
    }
    // A reader who pages by fives with `include_seen` never meets a post twice and sees all of them.
    let mut ids = Vec::new();
    let mut next = Some(String::new());
    while let Some(cursor) = next {
        let page = reader.feed(&format!("?limit=5&include_seen=true{cursor}")).await;
        ids.extend(ids_of(&page));
        next = cursor_of(&page).map(|cursor| format!("&cursor={cursor}"));
    }
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!((ids.len(), distinct), (25, old.union(&new).cloned().collect()));
    assert_eq!(ids[..5].iter().cloned().collect::<BTreeSet<_>>(), new, "the unseen ones come first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_goes_on_without_doubles_when_its_feed_was_lost() {
    let mut node = Node::start(&[]);
    let (reader, authors, posts) = world(&node, 3, 30).await;
    let first = reader.feed("?limit=40").await;
    let top = ids_of(&first);
    assert_eq!(top.len(), 40);

    // SIGKILL: the opened feed and the marks of what was seen go down with the process.
    node.kill();
    node.restart();
    reader.api.answers().await;
    let newer = authors[0].post_picture(7, "newer").await.post_id;
    let (rest, caught_up) = walk_on(&reader, &first, 40).await;
    let walked: Vec<String> = top.iter().chain(&rest).cloned().collect();
    let distinct: BTreeSet<String> = walked.iter().cloned().collect();
    assert_eq!(walked.len(), distinct.len(), "no post comes twice");
    assert!(posts.is_subset(&distinct), "no post is missing");
    assert!(!rest.contains(&newer), "a continued feed goes on below; what is newer is on top of the next one");
    assert!(caught_up);
    assert!(reader.feed_ids("?limit=100").await.contains(&newer));
}

#[tokio::test]
async fn several_readers_page_one_node_at_once() {
    let node = Node::start(&[]);
    let (_, authors, posts) = world(&node, 2, 20).await;
    let readers = node.api().sign_up_many("other", 20).await;
    let walks = readers.into_iter().map(|reader| {
        let (authors, posts) = (authors.clone(), posts.clone());
        async move {
            for author in &authors {
                reader.follow(author).await;
            }
            let first = reader.feed("?limit=7").await;
            let (rest, _) = walk_on(&reader, &first, 7).await;
            let ids: Vec<String> = ids_of(&first).into_iter().chain(rest).collect();
            assert_eq!(ids.len(), posts.len(), "{}", reader.username);
            assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), posts);
        }
    });
    side_by_side(20, walks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_is_remembered_over_a_restart() {
    let mut node = Node::start(&[]);
    let (reader, authors, posts) = world(&node, 2, 15).await;
    let seen: BTreeSet<String> = reader.feed_ids("?limit=20").await.into_iter().collect();
    assert_eq!(seen.len(), 20);
    assert_eq!(tokio::task::block_in_place(|| node.terminate()), Some(0));
    node.restart();
    reader.api.answers().await;
    let newer = authors[1].post_picture(50, "").await.post_id;
    let first = reader.feed("?limit=100").await;
    let mut expected: BTreeSet<String> = posts.difference(&seen).cloned().collect();
    expected.insert(newer);
    assert_eq!(ids_of(&first).into_iter().collect::<BTreeSet<_>>(), expected, "the unseen ones, and only those");
}
