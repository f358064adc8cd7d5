//! The core of a recommender, and the entity through its reference over a real ledger.

use super::{LikeChanged, RecommenderArgs, RecommenderRef, RecommenderSettings, core::Taste, region_settings};
use crate::{
    UserKey,
    testing::{Ground, eventually, soon},
};
use std::sync::Arc;
use tessera_domain::{
    PostId, Timestamp, UserId, counters::CounterOperation, ids::ID_EPOCH_MS, post::PostRef, time::DAY_MS,
};
use tessera_ports::{Ledger, ledger::StandingLike};
use tessera_ports_testing::faults::{FaultPlan, Faults, Faulty};

const NOW: Timestamp = Timestamp(ID_EPOCH_MS + 100 * DAY_MS);
const ME: UserId = UserId(1);

fn like(number: u64, days_ago: i64) -> StandingLike {
    let post = PostRef { post_id: PostId(number), author_id: UserId(9) };
    StandingLike { user_id: ME, post, at: NOW.plus_ms(-days_ago * DAY_MS) }
}

fn users(taste: &Taste) -> Vec<u64> {
    taste.similar_users().into_iter().map(|(user, _)| user.0).collect()
}

#[test]
fn whoever_likes_the_same_rare_things_lately_is_most_alike() {
    let crowd = (100..140).map(|user| (PostId(1), UserId(user)));
    let likers = crowd.chain([
        (PostId(1), ME),
        (PostId(1), UserId(2)),
        (PostId(2), UserId(3)),
        (PostId(2), UserId(4)),
        (PostId(3), UserId(4)),
    ]);
    let taste = Taste::loaded(ME, vec![like(1, 0), like(2, 0), like(3, 60)], &likers.collect::<Vec<_>>(), NOW);
    assert_eq!(users(&taste)[..2], [4, 3], "two in common beat one, and a rare one beats what everybody likes");
    assert!(!users(&taste).contains(&1), "nobody is like themselves");
    assert_eq!(taste.similar_users()[0].1, 1.0);
}

#[test]
fn likes_move_the_taste_and_memory_is_bounded() {
    let mut taste = Taste::loaded(ME, vec![], &[], NOW);
    taste.liked(like(1, 0), &[ME, UserId(2)], NOW);
    taste.liked(like(1, 0), &[ME, UserId(3)], NOW);
    assert_eq!(users(&taste), [2], "a like counts once");
    assert!(taste.unliked(PostId(1)));
    assert!(!taste.unliked(PostId(1)), "it is gone already");
    assert_eq!(taste.likes().count(), 0);
    for number in 0..300 {
        let likers: Vec<UserId> = (0..50).map(|liker| UserId(10 + number * 50 + liker)).collect();
        taste.liked(like(number, 0), &likers, NOW);
    }
    assert_eq!((taste.likes().count(), users(&taste).len()), (100, 50));
    assert!(taste.heap_bytes() < 200_000, "{}", taste.heap_bytes());
}

fn recommenders(ground: &Ground, ledger: Arc<dyn Ledger>) -> RecommenderRef {
    let args = RecommenderArgs { ledger, settings: RecommenderSettings::default() };
    RecommenderRef::new(ground.region(args, region_settings()))
}

#[tokio::test(flavor = "multi_thread")]
async fn taste_comes_from_the_ledger_and_follows_likes() {
    let ground = Ground::new().await;
    let people = ground.world.users(4).await;
    let (author, ada, bob, grace) = (people[0], people[1], people[2], people[3]);
    let posts = ground.world.posts(author, 2).await;
    for (user_id, post_id) in [(ada, posts[0]), (bob, posts[0]), (grace, posts[1])] {
        ground.world.apply(post_id, 0, &[CounterOperation::Like { user_id }]).await;
    }
    let recommenders = recommenders(&ground, ground.ledger.clone());
    let taste = recommenders.taste(ada, soon()).await.expect("a taste");
    assert_eq!(taste.likes.iter().map(|(post, _)| post.post_id).collect::<Vec<_>>(), [posts[0]]);
    assert_eq!(taste.similar_users, [(bob, 1.0)]);
    let post = PostRef { post_id: posts[1], author_id: author };
    ground.world.apply(post.post_id, 0, &[CounterOperation::Like { user_id: ada }]).await;
    recommenders.like_changed(ada, LikeChanged::Liked { post, at: tessera_ports::clock::now() });
    eventually("the like is taken in", || async {
        let taste = recommenders.taste(ada, soon()).await.expect("a taste");
        let alike: Vec<UserId> = taste.similar_users.iter().map(|(user, _)| *user).collect();
        (taste.likes.len() == 2 && alike.contains(&grace) && alike.contains(&bob)).then_some(())
    })
    .await;
    ground.world.apply(posts[0], 0, &[CounterOperation::Unlike { user_id: ada }]).await;
    recommenders.like_changed(ada, LikeChanged::Unliked(posts[0]));
    eventually("it is taken back", || async {
        let taste = recommenders.taste(ada, soon()).await.expect("a taste");
        (taste.likes.len() == 1).then_some(())
    })
    .await;
    // Taken back while it is compared, and before it is heard of.
    let post = PostRef { post_id: posts[0], author_id: author };
    let liked = || LikeChanged::Liked { post, at: tessera_ports::clock::now() };
    let unliked = || LikeChanged::Unliked(posts[0]);
    for change in [liked(), unliked(), unliked(), liked()] {
        let told = recommenders.region().call_if_active(UserKey(ada), soon(), change).await;
        assert_eq!(told, Ok(Some(())));
    }
    for _ in 0..30 {
        let taste = recommenders.taste(ada, soon()).await.expect("a taste");
        assert!(taste.likes.len() <= 1, "taken back before it was compared: {:?}", taste.likes);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_fails_is_told_and_asked_again() {
    let ground = Ground::new().await;
    let user = ground.world.user().await;
    let faults = Faults::new(FaultPlan { before_rate: 1.0, ..FaultPlan::quiet(1) });
    let faulty = Arc::new(Faulty::new(ground.ledger.clone(), faults));
    let recommenders = recommenders(&ground, faulty.clone());
    assert!(recommenders.taste(user, soon()).await.is_err());
    faulty.decorator().set_enabled(false);
    assert_eq!(recommenders.taste(user, soon()).await.expect("a taste").likes, []);
}
