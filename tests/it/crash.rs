//! What was acknowledged survives SIGKILL at any moment, once.

use crate::Node;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tessera_tests::{Person, eventually, seeds, side_by_side, small_gif, small_jpeg, tiny_film};

const CRASHES: usize = 5;
const UPLOADERS: usize = 6;
/// Videos that each uploader sends, among the pictures: they take a hundred times as long.
const VIDEOS: usize = 2;
/// Files that each uploader has acknowledged between two crashes, at most: however slow the machine is at starting
/// nodes, the workers can finish them all.
const FILES_PER_LIFE: usize = 8;

/// What one uploader was told.
#[derive(Default)]
struct Uploads {
    acknowledged: Vec<String>,
    /// `complete` was sent and never answered.
    unknown: Vec<String>,
    /// Of all these, those whose bytes are no picture.
    refused: BTreeSet<String>,
}

/// What all uploaders see of the crashes.
#[derive(Default)]
struct Storm {
    lives: AtomicUsize,
    is_over: AtomicBool,
}

/// Uploads one file after the other until the storm is over, a few videos first, then photos and animations; every
/// fourth is a text that claims to be a JPEG.
async fn upload_storm(person: Person, seed: u64, film: Arc<Vec<u8>>, storm: Arc<Storm>) -> Uploads {
    let mut random = StdRng::seed_from_u64(seed);
    let mut told = Uploads::default();
    while !storm.is_over.load(Ordering::Relaxed) {
        if told.acknowledged.len() >= FILES_PER_LIFE * (1 + storm.lives.load(Ordering::Relaxed)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let is_picture = random.random_ratio(3, 4);
        let is_video = is_picture && told.acknowledged.len() < VIDEOS;
        let (content_type, bytes) = match (is_picture, is_video) {
            (true, true) => ("video/mp4", film.to_vec()),
            (true, false) if random.random_ratio(1, 5) => ("image/gif", small_gif(random.random())),
            (true, false) => ("image/jpeg", small_jpeg(random.random())),
            (false, _) => ("image/jpeg", b"this is no picture, whatever it says".to_vec()),
        };
        let Ok(ticket) = person.create_upload(content_type, bytes.len()).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if !person.put_object(&ticket, bytes).await.is_success() {
            continue;
        }
        let id = ticket["upload_id"].as_str().expect("an id").to_owned();
        if !is_picture {
            told.refused.insert(id.clone());
        }
        match person.post(&format!("/v1/uploads/{id}/complete"), json!({ "caption": id })).await {
            Ok(_) => told.acknowledged.push(id),
            Err(problem) if problem.status == 0 || problem.status == 503 => told.unknown.push(id),
            Err(problem) => panic!("seed {seed}: a stored upload is refused: {problem:?}"),
        }
    }
    told
}

/// Waits for each upload's end; gives the posts, by upload. Unacknowledged ones may have been taken or not.
async fn outcomes(person: &Person, told: &Uploads) -> BTreeMap<String, String> {
    let mut posts = BTreeMap::new();
    for id in told.acknowledged.iter().chain(&told.unknown) {
        let state = if told.unknown.contains(id) {
            let state = person.get(&format!("/v1/uploads/{id}")).await.expect("an upload that was opened is known");
            if state["status"] == "pending" {
                continue;
            }
            person.upload_ended(id).await
        } else {
            person.upload_ended(id).await
        };
        match state["status"].as_str() {
            Some("completed") => {
                assert!(!told.refused.contains(id), "a text is no picture");
                let post_id = state["post_id"].as_str().expect("a completed upload has its post").to_owned();
                assert!(state["error"].is_null());
                posts.insert(id.clone(), post_id);
            }
            _ => {
                assert!(state["post_id"].is_null(), "{state}");
                assert!(!state["error"].as_str().unwrap_or_default().is_empty(), "a failure is stated: {state}");
            }
        }
    }
    posts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_upload_ends_in_one_post_or_one_stated_failure() {
    let seed = seeds(&[11])[0];
    eprintln!("TESSERA_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut node = Node::start(&[]);
    let api = node.api();
    let follower = api.sign_up("follower").await;
    let people = api.sign_up_many("uploader", UPLOADERS).await;
    for person in &people {
        follower.follow(person).await;
    }
    let storm = Arc::new(Storm::default());
    let film = Arc::new(tiny_film());
    let storms = people.iter().enumerate().map(|(number, person)| {
        tokio::spawn(upload_storm(person.clone(), seed + number as u64, film.clone(), storm.clone()))
    });
    let storms: Vec<_> = storms.collect();
    for _ in 0..CRASHES {
        tokio::time::sleep(Duration::from_millis(random.random_range(500..1_500))).await;
        node.kill();
        node.restart();
        storm.lives.fetch_add(1, Ordering::Relaxed);
    }
    storm.is_over.store(true, Ordering::Relaxed);
    let mut all_posts = BTreeSet::new();
    for (person, storm) in people.iter().zip(storms) {
        let told = storm.await.expect("the storm ends well");
        let posts = outcomes(person, &told).await;
        let pictures = told.acknowledged.iter().filter(|id| !told.refused.contains(*id)).count();
        eprintln!("{}: {} acknowledged, {} posts", person.username, told.acknowledged.len(), posts.len());
        assert!(pictures > 0, "the storm got through");
        let listed = person.list(&format!("/v1/users/{}/posts", person.id)).await;
        let by_caption: Vec<_> = listed.iter().map(|post| (text(&post["caption"]), text(&post["post_id"]))).collect();
        let distinct: BTreeMap<_, _> = by_caption.iter().cloned().collect();
        assert_eq!(by_caption.len(), distinct.len(), "no upload made two posts");
        assert_eq!(distinct, posts, "the posts are those of the completed uploads");
        let me = person.get("/v1/me").await.expect("an account");
        assert_eq!(me["post_count"].as_u64(), Some(posts.len() as u64), "and are counted");
        all_posts.extend(posts.into_values());
    }
    everything_reaches(&follower, &all_posts).await;
}

/// The fan-outs under way are finished: the feed has every post once.
async fn everything_reaches(follower: &Person, posts: &BTreeSet<String>) {
    eventually("all posts in the follower's feed", Duration::from_secs(60), || async {
        let items = follower.whole_feed(true).await;
        let ids: Vec<String> = items.iter().map(|item| text(&item["post"]["post_id"])).collect();
        let distinct: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(ids.len(), distinct.len(), "the feed has nothing twice");
        (distinct == *posts).then_some(())
    })
    .await;
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Comments under one key each, asked for until it is acknowledged, whatever dies in between.
async fn comment_storm(person: Person, post_id: String, stop: Arc<AtomicBool>, made: Arc<AtomicU64>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let comment = format!("{} says {number}", person.username);
        let path = format!("/v1/posts/{post_id}/comments");
        let first = eventually("an acknowledged comment", Duration::from_secs(60), || async {
            match person.post_once(&path, json!({ "text": comment }), &format!("key-{number}")).await {
                Ok(reply) => Some(reply),
                // 409: the first try is still under way.
                Err(problem) if [0, 409, 503].contains(&problem.status) => None,
                Err(problem) => panic!("{problem:?}"),
            }
        })
        .await;
        // Asked once more under the same key, as a client does that lost the answer.
        if number % 3 == 0
            && let Ok(again) = person.post_once(&path, json!({ "text": comment }), &format!("key-{number}")).await
        {
            assert_eq!(again["id"], first["id"], "the same key gives the same comment");
        }
        acknowledged.push(comment);
        made.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_comments_and_follows_are_there_once_after_crashes() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("talker", 8).await;
    let fans = api.sign_up_many("fan", 60).await;
    let post_id = author.post_picture(1, "talk to me").await.post_id;
    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let comments = people
        .iter()
        .cloned()
        .map(|person| tokio::spawn(comment_storm(person, post_id.clone(), stop.clone(), made.clone())));
    let comments: Vec<_> = comments.collect();
    let followed = tokio::spawn(follow_storm(fans, author.clone()));
    for crash in 1..=CRASHES as u64 {
        eventually("some more comments", Duration::from_secs(60), || async {
            (made.load(Ordering::Relaxed) >= crash * 20).then_some(())
        })
        .await;
        node.kill();
        node.restart();
    }
    stop.store(true, Ordering::Relaxed);
    let mut said = Vec::new();
    for task in comments {
        said.extend(task.await.expect("comments go well"));
    }
    let listed = author.list(&format!("/v1/posts/{post_id}/comments")).await;
    let mut texts: Vec<String> = listed.iter().map(|comment| text(&comment["text"])).collect();
    texts.sort();
    said.sort();
    assert_eq!(texts, said, "every acknowledged comment is there once");
    let post = author.get(&format!("/v1/posts/{post_id}")).await.expect("the post");
    assert_eq!(post["comment_count"].as_u64(), Some(said.len() as u64));

    let mut followed = followed.await.expect("follows go well");
    let followers = author.list(&format!("/v1/users/{}/followers", author.id)).await;
    let mut ids: Vec<String> = followers.iter().map(|user| text(&user["id"])).collect();
    ids.sort();
    followed.sort();
    assert_eq!(ids, followed, "every acknowledged follow is there once");
    assert_eq!(author.get("/v1/me").await.expect("the author")["follower_count"].as_u64(), Some(ids.len() as u64));
}

/// Everybody follows the author, with pauses, until it is acknowledged; gives their ids.
async fn follow_storm(fans: Vec<Person>, author: Person) -> Vec<String> {
    let follows = fans.into_iter().map(|fan| {
        let path = format!("/v1/users/{}/follow", author.id);
        async move {
            eventually("an acknowledged follow", Duration::from_secs(60), || async { fan.put(&path).await.ok() }).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            fan.id
        }
    });
    side_by_side(2, follows).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_edits_and_deletions_survive_a_kill_right_behind_them() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let (author, reader) = (api.sign_up("author").await, api.sign_up("reader").await);
    reader.follow(&author).await;
    let posts = author.post_pictures(6).await;
    for post_id in &posts {
        reader.feed_comes_to(post_id, true).await;
    }
    let pictures = reader.whole_feed(true).await;
    let (gone, kept) = posts.split_at(3);
    for post_id in gone {
        author.delete(&format!("/v1/posts/{post_id}")).await.expect("deletes");
    }
    for post_id in kept {
        author.patch(&format!("/v1/posts/{post_id}"), json!({ "caption": "changed" })).await.expect("edits");
    }
    node.kill();
    node.restart();
    api.answers().await;
    for person in [&author, &reader] {
        let feed = person.whole_feed(true).await;
        let found: BTreeSet<String> = feed.iter().map(|item| text(&item["post"]["post_id"])).collect();
        assert_eq!(found, kept.iter().cloned().collect());
        assert!(feed.iter().all(|item| item["post"]["caption"] == "changed"));
    }
    assert_eq!(author.get("/v1/me").await.expect("the author")["post_count"], 3);
    // The clean-up behind the deletions is finished by the restarted node.
    for item in pictures.iter().filter(|item| gone.contains(&text(&item["post"]["post_id"]))) {
        for name in ["large", "medium", "thumbnail", "avif", "webp"] {
            let url = text(&item["post"]["media"][name]);
            eventually("a deleted picture to be gone", Duration::from_secs(60), || async {
                (api.fetch(&url, &[]).await.status == 404).then_some(())
            })
            .await;
        }
    }
}
