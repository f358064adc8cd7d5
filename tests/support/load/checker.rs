//! Compares what was acknowledged with how things are.

use super::{
    Load,
    history::{History, Standing},
};
use crate::{Api, Person, eventually, side_by_side};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long what follows an acknowledgement (pictures, feeds, mirrored counts) may take after the last fault.
const CONVERGENCE: Duration = Duration::from_secs(90);

/// Compares a finished load with what each of `apis` (nodes, or a load balancer) says now.
///
/// # Panics
/// When something acknowledged is missing, something is there twice, or a count is not the number of its rows.
pub async fn check(load: &Load, history: &History, apis: &[Api]) {
    for api in apis {
        check_likes(load, history, api).await;
        check_comments(load, history, api).await;
        check_follows(load, history, api).await;
    }
    let mut posts = BTreeMap::new();
    for number in 0..load.people.len() {
        posts.insert(number, check_posts(load, history, &apis[number % apis.len()], number).await);
    }
    for api in apis {
        check_feeds(load, history, api, &posts).await;
    }
}

async fn check_likes(load: &Load, history: &History, api: &Api) {
    let reader = load.people[0].on(api);
    for post in load.posts.iter() {
        let likers = ids(&reader.list(&format!("/v1/posts/{post}/likes")).await, "id");
        let distinct: BTreeSet<&String> = likers.iter().collect();
        assert_eq!(likers.len(), distinct.len(), "post {post}: nobody likes it twice");
        for (number, deeds) in history.people.iter().enumerate() {
            let Some(standing) = deeds.likes.get(post) else { continue };
            let found = distinct.contains(&load.people[number].id);
            assert!(!standing.contradicts(found), "post {post}: the like of {number} is {standing:?}, found: {found}");
        }
        eventually("the count of likes to be that of the likers", CONVERGENCE, || async {
            let shown = reader.get(&format!("/v1/posts/{post}")).await.ok()?;
            (shown["like_count"].as_u64() == Some(likers.len() as u64)).then_some(())
        })
        .await;
    }
}

async fn check_comments(load: &Load, history: &History, api: &Api) {
    let reader = load.people[0].on(api);
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for post in load.posts.iter() {
        let comments = reader.list(&format!("/v1/posts/{post}/comments")).await;
        for text in ids(&comments, "text") {
            *found.entry(text).or_default() += 1;
        }
        let shown = reader.get(&format!("/v1/posts/{post}")).await.expect("a post");
        assert_eq!(
            shown["comment_count"].as_u64(),
            Some(comments.len() as u64),
            "post {post}: its comments are counted"
        );
    }
    for (text, (post, standing)) in history.people.iter().flat_map(|deeds| &deeds.comments) {
        let times = found.remove(text).unwrap_or(0);
        assert!(times <= 1, "{text:?} stands {times} times under {post}");
        assert!(!standing.contradicts(times == 1), "{text:?} under {post} is {standing:?}, found {times} times");
    }
    assert!(found.is_empty(), "nobody said this: {found:?}");
}

async fn check_follows(load: &Load, history: &History, api: &Api) {
    for (number, author) in load.people.iter().enumerate() {
        let author = author.on(api);
        let followers = ids(&author.list(&format!("/v1/users/{}/followers", author.id)).await, "id");
        let distinct: BTreeSet<&String> = followers.iter().collect();
        assert_eq!(followers.len(), distinct.len(), "nobody follows {number} twice");
        for (follower, deeds) in history.people.iter().enumerate() {
            let Some(standing) = deeds.follows.get(&number) else { continue };
            let found = distinct.contains(&load.people[follower].id);
            assert!(!standing.contradicts(found), "{follower} follows {number}: {standing:?}, found: {found}");
        }
        let me = author.get("/v1/me").await.expect("an account");
        assert_eq!(
            me["follower_count"].as_u64(),
            Some(followers.len() as u64),
            "the followers of {number} are counted"
        );
    }
}

/// Every upload that was acknowledged became one post; gives the posts by their ids.
async fn check_posts(load: &Load, history: &History, api: &Api, number: usize) -> BTreeSet<String> {
    let (person, deeds) = (load.people[number].on(api), &history.people[number]);
    for (upload, standing) in &deeds.uploads {
        let state = person.get(&format!("/v1/uploads/{upload}")).await.expect("an upload that was opened is known");
        if *standing == Standing::Either && state["status"] == "pending" {
            continue;
        }
        let state = person.upload_ended(upload).await;
        assert_eq!(state["status"], "completed", "upload {upload} of {number}: {state}");
    }
    let listed = person.list(&format!("/v1/users/{}/posts", person.id)).await;
    let captions = ids(&listed, "caption");
    for (upload, standing) in &deeds.uploads {
        let times = captions.iter().filter(|caption| *caption == upload).count();
        assert!(times <= 1, "upload {upload} of {number} made {times} posts");
        assert!(
            !standing.contradicts(times == 1),
            "upload {upload} of {number} is {standing:?} and made {times} posts"
        );
    }
    let me = person.get("/v1/me").await.expect("an account");
    assert_eq!(me["post_count"].as_u64(), Some(listed.len() as u64), "the posts of {number} are counted");
    ids(&listed, "post_id").into_iter().collect()
}

/// Every follower's feed comes to hold every post of those whom they follow, nothing twice.
async fn check_feeds(load: &Load, history: &History, api: &Api, posts: &BTreeMap<usize, BTreeSet<String>>) {
    let checks = history.people.iter().enumerate().map(|(number, deeds)| {
        let person = load.people[number].on(api);
        let certain = deeds.follows.iter().filter(|(_, standing)| **standing == Standing::Is).map(|(author, _)| author);
        let expected: BTreeSet<String> = certain.flat_map(|author| &posts[author]).cloned().collect();
        async move { feed_holds(&person, number, &expected).await }
    });
    side_by_side(4, checks.collect::<Vec<_>>()).await;
}

async fn feed_holds(person: &Person, number: usize, expected: &BTreeSet<String>) {
    let missing = std::sync::Mutex::new(Vec::new());
    let comes = eventually("the feed to be whole", CONVERGENCE * 2, || async {
        let feed = person.whole_feed(true).await;
        let items: Vec<String> = feed
            .iter()
            .filter(|item| item["source"] != "ad")
            .map(|item| item["post"]["post_id"].as_str().expect("an id").to_owned())
            .collect();
        let distinct: BTreeSet<String> = items.iter().cloned().collect();
        assert_eq!(items.len(), distinct.len(), "{number} sees double");
        let lacks: Vec<String> = expected.difference(&distinct).cloned().collect();
        let whole = lacks.is_empty();
        *missing.lock().expect("not poisoned") = lacks;
        whole.then_some(())
    });
    if tokio::time::timeout(CONVERGENCE, comes).await.is_err() {
        panic!("the feed of {number} ({}) lacks {:?}", person.id, missing.lock().expect("not poisoned"));
    }
}

fn ids(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().expect("a text").to_owned()).collect()
}
