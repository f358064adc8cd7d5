//! Likes are exact: whatever clients do at the same time and wherever the process dies.

use crate::Node;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tessera_tests::{Person, Problem, eventually, seeds, side_by_side};

/// Clients at the same time.
const CLIENTS: usize = 200;
/// Changes that each client makes.
const ROUNDS: usize = 6;

/// How long after a lost answer the like may still be committed: a statement's time limit (5 s by default), with a
/// margin. One second was too short: statements that wait for a row's lock behind a slow sync took two.
const LAST_COMMITS: Duration = Duration::from_secs(6);

/// What a client may believe of its own like, from the answers it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    Liked,
    NotLiked,
    /// An answer never came: it may have happened or not.
    Either,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It is so now, by this request.
    Done,
    /// It was so before.
    AlreadySo,
    Unknown,
}

fn answer(result: Result<serde_json::Value, Problem>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(problem) if problem.code == "duplicate_like" => Answer::AlreadySo,
        // Refused before anything was done, or cut off: the caller may ask again.
        Err(problem) if problem.status == 0 || problem.status == 503 => Answer::Unknown,
        Err(problem) => panic!("a like is never answered {problem:?}"),
    }
}

/// One client: likes and unlikes at random, often twice at once, and keeps book of what it was told.
async fn client(person: Person, post_id: Arc<str>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let path = format!("/v1/posts/{post_id}/likes");
    let (mut belief, mut story) = (Belief::NotLiked, Vec::new());
    for _ in 0..ROUNDS {
        let (like, twice, pause_ms) = (random.random_bool(0.6), random.random_bool(0.4), random.random_range(0..120));
        let change = || async {
            let result = if like { person.post_empty(&path).await } else { person.delete(&path).await };
            answer(result)
        };
        let answers =
            if twice { <[_; 2]>::from(tokio::join!(change(), change())).to_vec() } else { vec![change().await] };
        story.push(format!("{} → {answers:?}", if like { "like" } else { "unlike" }));
        check_answers(like, belief, &answers, &story);
        let wanted = if like { Belief::Liked } else { Belief::NotLiked };
        let known = answers.iter().any(|answer| *answer != Answer::Unknown);
        // With one answer the other request, the same one, is harmless whether it happened or not.
        belief = match belief {
            _ if known => wanted,
            before if before == wanted => wanted,
            _ => Belief::Either,
        };
        if answers.contains(&Answer::Unknown) {
            // Where several nodes serve, the one that commits it may outlive the one that would have answered: even a
            // change that was harmless when it was sent could land after the next one.
            tokio::time::sleep(LAST_COMMITS).await;
        }
        if belief == Belief::Either {
            belief = resolve(&person, &post_id).await;
            story.push(format!("looks: {belief:?}"));
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    let liked = resolve(&person, &post_id).await;
    assert_eq!(liked, belief, "seed {seed}: what was acknowledged stands: {story:?}");
}

/// Of two equal likes at once exactly one counts; a like that stands is never counted again.
fn check_answers(like: bool, before: Belief, answers: &[Answer], story: &[String]) {
    if !like || answers.contains(&Answer::Unknown) {
        return;
    }
    let counted = answers.iter().filter(|answer| **answer == Answer::Done).count();
    let expected = usize::from(before == Belief::NotLiked);
    assert_eq!(counted, expected, "from {before:?}: {story:?}");
}

/// Asks until there is an answer whether the person likes the post.
async fn resolve(person: &Person, post_id: &str) -> Belief {
    let liked = eventually("an answer after the restart", Duration::from_secs(60), || async {
        person.get(&format!("/v1/posts/{post_id}")).await.ok()?["liked"].as_bool()
    });
    if liked.await { Belief::Liked } else { Belief::NotLiked }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_equals_the_set_of_acknowledged_likes_through_a_kill() {
    storms(&[1, 2, 3], Node::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_equals_the_set_of_acknowledged_likes_through_a_drain() {
    storms(&[4], |node| assert_eq!(node.terminate(), Some(0))).await;
}

/// Storms of likes with the node ended by `end` in the middle of each, and started again.
async fn storms(default_seeds: &[u64], end: fn(&mut Node)) {
    let mut node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("liker", CLIENTS).await;
    for seed in seeds(default_seeds) {
        eprintln!("TESSERA_SEED={seed}");
        let post_id: Arc<str> = author.post_picture(seed, "like me").await.post_id.into();
        let clients = people.iter().enumerate().map(|(number, person)| {
            tokio::spawn(client(person.clone(), post_id.clone(), seed.wrapping_mul(1_000_003) + number as u64))
        });
        let clients: Vec<_> = clients.collect();
        let delay_ms = StdRng::seed_from_u64(seed).random_range(100..400);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        assert!(clients.iter().any(|client| !client.is_finished()), "the kill comes in the middle");
        tokio::task::block_in_place(|| {
            end(&mut node);
            node.restart();
        });
        for client in clients {
            client.await.expect("every client's book balances");
        }
        check_post(&author, &people, &post_id).await;
    }
}

/// Count, list of likers and every person's own view tell the same story.
async fn check_post(author: &Person, people: &[Person], post_id: &Arc<str>) {
    let views = people.iter().cloned().map(|person| {
        let post_id = post_id.clone();
        async move { (resolve(&person, &post_id).await == Belief::Liked).then_some(person.id) }
    });
    let liking: BTreeSet<String> = side_by_side(16, views).await.into_iter().flatten().collect();
    let post = author.get(&format!("/v1/posts/{post_id}")).await.expect("the post");
    assert_eq!(post["like_count"].as_u64(), Some(liking.len() as u64), "the count is exact");
    let likers = author.list(&format!("/v1/posts/{post_id}/likes")).await;
    let listed: Vec<String> = likers.iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    let distinct: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), distinct.len(), "nobody is listed twice");
    assert_eq!(distinct, liking, "the list has whoever likes it");
    eprintln!("{} of {} like the post", liking.len(), people.len());
}

#[tokio::test]
async fn a_like_answers_with_the_posts_total_and_unliking_takes_it_back_once() {
    let node = Node::start(&[]);
    let api = node.api();
    let people = api.sign_up_many("person", 12).await;
    let post_id = people[0].post_picture(1, "").await.post_id;
    let path = format!("/v1/posts/{post_id}/likes");
    for (number, person) in people.iter().enumerate() {
        assert_eq!(person.post_empty(&path).await.expect("liked")["like_count"], number as u64 + 1);
        assert_eq!(person.post_empty(&path).await.expect_err("twice").code, "duplicate_like");
    }
    for left in [11, 11] {
        assert_eq!(people[3].delete(&path).await.expect("unliked")["like_count"], left);
    }
    let post = people[3].get(&format!("/v1/posts/{post_id}")).await.expect("the post");
    assert_eq!((&post["like_count"], &post["liked"]), (&11.into(), &false.into()));
}
