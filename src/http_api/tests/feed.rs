//! The feed: order, pages, what was seen, what is hidden.

use super::{
    support::Edge,
    world::{eventually, post_ids, text},
};
use http::Method;
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeSet, time::Duration};
use tessera_actors::Deadline;
use tessera_domain::{UserId, celebrity::CelebrityRule};

fn sources(feed: &Value) -> Vec<String> {
    feed["items"].as_array().expect("items").iter().map(|item| text(&item["source"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_do_not_shift_and_seen_posts_come_back_only_when_asked_for() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    let posts = edge.publish_many(&ada, 12).await;
    edge.follow(&grace, &ada_id).await;

    let first = edge.feed(&grace, "limit=5").await;
    assert_eq!(post_ids(&first), posts[..5]);
    assert_eq!(sources(&first), ["following"; 5]);
    assert_eq!((&first["caught_up"], &first["items"][0]["seen"]), (&json!(false), &json!(false)));
    let newer = edge.publish(&ada, "newer").await;
    let second = edge.feed(&grace, &format!("limit=5&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!(post_ids(&second), posts[5..10]);
    let third = edge.feed(&grace, &format!("limit=5&cursor={}", text(&second["next_cursor"]))).await;
    assert_eq!(post_ids(&third), posts[10..]);
    assert_eq!((&third["next_cursor"], &third["caught_up"]), (&Value::Null, &json!(true)));
    let by_offset = edge.feed(&grace, "limit=5&offset=5").await;
    assert_eq!(post_ids(&by_offset), posts[5..10], "an offset walks the same snapshot");

    eventually("the newer post", || async {
        let feed = edge.feed(&grace, "limit=5").await;
        (post_ids(&feed) == [newer.clone()]).then_some(())
    })
    .await;
    let again = edge.feed(&grace, "limit=100").await;
    assert_eq!((post_ids(&again).len(), &again["caught_up"]), (0, &json!(true)));
    let all = edge.feed(&grace, "limit=100&include_seen=true").await;
    assert_eq!(post_ids(&all).len(), 13);
    assert!(all["items"].as_array().expect("items").iter().all(|item| item["seen"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_so_marks_what_was_on_screen_itself() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    let posts = edge.publish_many(&ada, 5).await;
    edge.follow(&grace, &ada_id).await;
    for _ in 0..2 {
        let feed = edge.feed(&grace, "limit=10&views=client").await;
        assert_eq!(post_ids(&feed), posts, "serving marks nothing");
    }
    let viewed = |ids: Value| edge.call(Method::POST, "/v1/feed/views", &grace, Some(json!({ "post_ids": ids })));
    for _ in 0..2 {
        assert_eq!(viewed(json!([posts[1], posts[3]])).await.status.as_u16(), 204);
    }
    let left = [posts[0].clone(), posts[2].clone(), posts[4].clone()];
    assert_eq!(post_ids(&edge.feed(&grace, "limit=10&views=client").await), left);
    assert_eq!(post_ids(&edge.feed(&grace, "limit=10").await), left, "for other clients serving marks");
    assert_eq!(edge.feed(&grace, "limit=10&views=client").await["items"], json!([]));
    viewed(json!([])).await.is_problem(422, "validation_failed");
    viewed(json!(vec!["1"; 101])).await.is_problem(422, "validation_failed");
    viewed(json!(["first"])).await.is_problem(400, "malformed_request");
    edge.get("/v1/feed?views=server", &grace).await.is_problem(422, "validation_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_page_asks_the_ledger_nothing() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    edge.publish_many(&ada, 12).await;
    edge.follow(&grace, &ada_id).await;
    let query = "limit=5&include_seen=true";
    edge.feed(&grace, query).await;
    let before = edge.ledger.decorator().calls();
    let first = edge.feed(&grace, query).await;
    edge.feed(&grace, &format!("{query}&cursor={}", text(&first["next_cursor"]))).await;
    let calls = edge.ledger.decorator().calls();
    let asked: Vec<_> = calls.iter().filter(|(method, count)| before.get(*method) != Some(*count)).collect();
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_each_post_once_before_there_is_nothing_new() {
    let edge = Edge::start().await;
    let mut posts = BTreeSet::new();
    for name in ["ada", "grace", "mary"] {
        let (_, token) = edge.person(name).await;
        posts.extend(edge.publish_many(&token, 7).await);
    }
    let (_, newcomer) = edge.person("newcomer").await;
    let mut shown = BTreeSet::new();
    for load in 1..=posts.len() {
        let feed = edge.feed(&newcomer, "limit=50").await;
        let ids = post_ids(&feed);
        assert!(!ids.is_empty(), "load {load}: {} of {} shown", shown.len(), posts.len());
        for id in ids {
            assert!(shown.insert(id.clone()), "load {load} shows {id} again");
        }
        let is_through = shown.len() == posts.len();
        assert_eq!((&feed["next_cursor"], &feed["caught_up"]), (&Value::Null, &json!(is_through)), "load {load}");
        if is_through {
            return;
        }
    }
    panic!("{} of {} posts were shown", shown.len(), posts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authors_own_post_is_in_their_feed_at_once() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    assert_eq!(edge.feed(&ada, "limit=10").await["items"], json!([]), "the timeline is resident");
    for number in 0..3 {
        let id = edge.publish(&ada, &format!("number {number}")).await;
        assert_eq!(post_ids(&edge.feed(&ada, "limit=10").await), [id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_recommendations_from_public_accounts_only() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, bob) = edge.person("bob").await;
    let (_, grace) = edge.person("grace").await;
    let public = edge.publish(&ada, "for all").await;
    let _hidden = edge.publish(&bob, "for friends").await;
    assert_eq!(edge.patch("/v1/me", &bob, json!({ "private": true })).await.status, 200);
    let feed = edge.feed(&grace, "include_seen=true").await;
    assert_eq!((post_ids(&feed), sources(&feed)), (vec![public], vec!["recommended".to_owned()]));
    assert_eq!(edge.put(&format!("/v1/users/{ada_id}/mute"), &grace).await.status, 204);
    assert_eq!(edge.feed(&grace, "include_seen=true").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_and_hidden_posts_do_not_shorten_a_page() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (bob_id, bob) = edge.person("bob").await;
    let (_, grace) = edge.person("grace").await;
    let old = edge.publish_many(&ada, 4).await;
    let blocked = edge.publish_many(&bob, 3).await;
    let new = edge.publish_many(&ada, 4).await;
    edge.follow(&grace, &ada_id).await;
    edge.follow(&grace, &bob_id).await;

    let first = edge.feed(&grace, "limit=2").await;
    assert_eq!(post_ids(&first), new[..2]);
    assert_eq!(edge.delete(&format!("/v1/posts/{}", new[2]), &ada).await.status, 204);
    assert_eq!(edge.put(&format!("/v1/users/{bob_id}/block"), &grace).await.status, 204);
    let edited = edge.patch(&format!("/v1/posts/{}", old[0]), &ada, json!({ "caption": "better" })).await;
    assert_eq!(edited.status, 200);
    let second = edge.feed(&grace, &format!("limit=4&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!(post_ids(&second), [&new[3], &old[0], &old[1], &old[2]].map(String::clone));
    assert_eq!(second["items"][1]["post"]["caption"], "better");
    assert!(!post_ids(&second).iter().any(|id| blocked.contains(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_celebritys_posts_are_pulled() {
    let edge = Edge::start_with(|_, app| app.celebrity_rule = CelebrityRule { threshold: 2 }).await;
    let (ada_id, ada) = edge.person("ada").await;
    let mut readers = Vec::new();
    for name in ["bob", "grace", "linus"] {
        let (_, token) = edge.person(name).await;
        edge.follow(&token, &ada_id).await;
        readers.push(token);
    }
    for reader in &readers {
        edge.feed(reader, "limit=5").await;
    }
    let post = edge.publish(&ada, "hello, all").await;
    for reader in &readers {
        // Celebrities' posts are remembered for a second.
        let feed = eventually("the post", || async {
            let feed = edge.feed(reader, "limit=5").await;
            (feed["items"] != json!([])).then_some(feed)
        })
        .await;
        assert_eq!((post_ids(&feed), sources(&feed)), (vec![post.clone()], vec!["celebrity".to_owned()]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ads_are_marked_and_counted() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, shop) = edge.person("shop").await;
    let (_, grace) = edge.person("grace").await;
    edge.publish_many(&ada, 11).await;
    let promoted = edge.publish(&shop, "buy this").await;
    edge.follow(&grace, &ada_id).await;
    let campaign =
        json!({ "post_id": promoted, "ends_at": "2099-01-01T00:00:00Z", "daily_budget": 100, "frequency_cap": 1 });
    assert_eq!(edge.admin_call(Method::POST, "/admin/ads", Some(campaign)).await.status, 201);
    let feed = edge.feed(&grace, "limit=50").await;
    let ads: Vec<&Value> =
        feed["items"].as_array().expect("items").iter().filter(|item| item["source"] == "ad").collect();
    assert_eq!(ads.len(), 1, "{:?}", sources(&feed));
    assert_eq!(ads[0]["post"]["post_id"], promoted);
    eventually("the impression", || async {
        let ads = edge.admin_call(Method::GET, "/admin/ads", None).await.json();
        (ads["items"][0]["impressions_today"] == 1).then_some(())
    })
    .await;
    let again = edge.feed(&grace, "limit=50&include_seen=true").await;
    assert!(!sources(&again).contains(&"ad".to_owned()), "the cap is reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_timeline_a_feed_comes_from_the_ledger() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    let posts = edge.publish_many(&ada, 5).await;
    edge.follow(&grace, &ada_id).await;
    let opened = edge.feed(&grace, "limit=2").await;
    // A region that drains activates nothing any more.
    edge.actors.refs().timelines.region().drain(Deadline::after(Duration::from_secs(1))).await;
    let mut query = "limit=2".to_owned();
    let mut found = Vec::new();
    for page in 0..3 {
        let feed = edge.get(&format!("/v1/feed?{query}"), &grace).await.json();
        assert_eq!(feed["degraded"], json!(["timeline"]), "page {page}");
        found.extend(post_ids(&feed));
        match feed["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, posts);
    let cursor = text(&opened["next_cursor"]);
    let rest = edge.get(&format!("/v1/feed?limit=10&cursor={cursor}"), &grace).await.json();
    assert_eq!(post_ids(&rest), posts[2..], "an older cursor leads on");
}

#[tokio::test]
async fn a_feed_refuses_what_it_does_not_understand() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=nonsense", "cursor"),
        ("offset=10001", "offset"),
        ("offset=-1", "offset"),
        ("include_seen=perhaps", "include_seen"),
        ("offset=1&cursor=f1-1-1", "offset"),
    ] {
        let problem = edge.get(&format!("/v1/feed?{query}"), &ada).await.is_problem(422, "validation_failed");
        assert_eq!(problem["field"], field, "{query}");
    }
    // A cursor whose snapshot is gone opens the feed anew below what was served.
    assert_eq!(edge.feed(&ada, "cursor=f1-1-1").await["items"], json!([]));
    edge.get("/v1/feed", "").await.is_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_the_head_of_a_feed_shows_nothing() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let post = edge.publish(&ada, "unseen").await;
    for path in ["/v1/feed", "/v1/feed", "/v1/recommendations"] {
        let head = edge.call(Method::HEAD, path, &ada, None).await;
        assert_eq!((head.status.as_u16(), head.header("content-type")), (200, "application/json"));
    }
    assert_eq!(edge.call(Method::HEAD, "/v1/feed", "", None).await.status.as_u16(), 401);
    let feed = edge.feed(&ada, "limit=10").await;
    assert_eq!((post_ids(&feed), &feed["items"][0]["seen"]), (vec![post], &json!(false)));
}

/// Walks the feed from page to page; gives each page's ids and whether it said `caught_up`.
async fn walk(edge: &Edge, token: &str, limit: usize) -> Vec<(Vec<String>, bool)> {
    let (mut pages, mut query) = (Vec::new(), format!("limit={limit}"));
    loop {
        let page = edge.feed(token, &query).await;
        pages.push((post_ids(&page), page["caught_up"] == true));
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit={limit}&cursor={cursor}"),
            None => return pages,
        }
    }
}

/// A reader who follows all of `authors`.
async fn reader_of(edge: &Edge, authors: &[UserId]) -> String {
    let (_, reader) = edge.person("reader").await;
    for author in authors {
        edge.follow(&reader, &author.0.to_string()).await;
    }
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_full_however_many_posts_are_hidden() {
    let mut authors = Vec::new();
    let edge = Edge::start_seeded(async |world| {
        authors = world.users(10).await;
        for number in 0..300 {
            world.post(authors[number % 10]).await;
        }
        world.post(authors[0]).await;
    })
    .await;
    let reader = reader_of(&edge, &authors).await;
    for muted in &authors[1..] {
        assert_eq!(edge.put(&format!("/v1/users/{}/mute", muted.0), &reader).await.status, 204);
    }
    let pages = walk(&edge, &reader, 20).await;
    assert_eq!(pages.iter().map(|(ids, _)| ids.len()).collect::<Vec<_>>(), [20, 11]);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_count_what_the_reader_may_see() {
    let mut authors = Vec::new();
    let edge = Edge::start_seeded(async |world| {
        authors = world.users(2).await;
        for number in 0..120 {
            world.post(authors[number % 2]).await;
        }
    })
    .await;
    let reader = reader_of(&edge, &authors).await;
    assert_eq!(edge.put(&format!("/v1/users/{}/mute", authors[1].0), &reader).await.status, 204);
    let mut ids = Vec::new();
    for offset in [0, 20, 40, 60] {
        ids.push(post_ids(&edge.feed(&reader, &format!("limit=20&offset={offset}")).await));
    }
    assert_eq!(ids.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 20, 0]);
    let distinct: BTreeSet<String> = ids.into_iter().flatten().collect();
    assert_eq!(distinct.len(), 60, "each post that may be seen, once");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_unseen_posts_are_reached_however_old_they_are() {
    let mut authors = Vec::new();
    let edge = Edge::start_seeded(async |world| {
        authors = world.users(3).await;
        for number in 0..1_500 {
            world.post(authors[number % 3]).await;
        }
    })
    .await;
    let reader = reader_of(&edge, &authors).await;
    // Some pages of a feed that is left, so that the next one begins in the middle.
    for _ in 0..2 {
        assert_eq!(post_ids(&edge.feed(&reader, "limit=75").await).len(), 75);
    }
    let pages = walk(&edge, &reader, 100).await;
    let ids: Vec<String> = pages.iter().flat_map(|(ids, _)| ids.clone()).collect();
    assert!(ids.is_sorted_by_key(|id| Reverse(id.parse::<u64>().expect("a number"))), "newest first");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1_350, "every post, once: {}", ids.len());
    assert_eq!(ids.len(), 1_350);
    let caught_up: Vec<bool> = pages.iter().map(|(_, caught_up)| *caught_up).collect();
    assert_eq!(caught_up.iter().position(|caught_up| *caught_up), Some(pages.len() - 1), "only at the end");
    assert_eq!(walk(&edge, &reader, 100).await, [(vec![], true)], "nothing comes again");
    let seen = edge.feed(&reader, "limit=10&include_seen=true").await;
    assert_eq!((post_ids(&seen).len(), &seen["caught_up"]), (10, &json!(true)));
}
