//! The heat sketch, and counters through their reference over a real ledger.

use super::{CounterArgs, CounterRef, CounterSettings, core::HeatSketch};
use crate::{
    ActorError,
    testing::{Ground, at_once, soon},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tessera_domain::{
    PostId, UserId,
    counters::{CounterOperation, CounterOutcome, Counts},
    hash::SeededRandom,
};
use tessera_ports::Ledger;
use tessera_ports_testing::faults::{FaultPlan, Faults, Faulty};

#[test]
fn a_hot_post_is_seen_within_its_second_and_forgotten_after_two() {
    let sketch = HeatSketch::default();
    let mut rate = 0;
    for step in 0..300 {
        rate = sketch.note(PostId(7), Duration::from_millis(step));
    }
    assert!((300..310).contains(&rate), "{rate}");
    assert_eq!(sketch.note(PostId(8), Duration::from_millis(300)), 1, "others stay cold");
    let half = sketch.note(PostId(7), Duration::from_millis(1_500));
    assert!((140..160).contains(&half), "half of the last window still counts: {half}");
    assert_eq!(sketch.note(PostId(7), Duration::from_millis(3_900)), 1);
}

#[test]
fn many_cold_posts_do_not_make_each_other_hot() {
    let sketch = HeatSketch::default();
    let mut highest = 0;
    for post in 0..50_000 {
        highest = highest.max(sketch.note(PostId(post * 4_194_304), Duration::from_micros(post * 19)));
    }
    assert!(highest < 100, "{highest}");
}

fn like(user_id: UserId) -> CounterOperation {
    CounterOperation::Like { user_id }
}

async fn counters(ground: &Ground, ledger: Arc<dyn Ledger>) -> CounterRef {
    let args = CounterArgs::new(&ledger, ground.hot.clone(), CounterSettings::default());
    CounterRef::new(ground.region(args, super::region_settings()))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_likes_share_few_commits_and_each_is_answered() {
    let ground = Ground::new().await;
    let users = ground.world.users(200).await;
    let post_id = ground.world.post(users[0]).await;
    ground.hot.fill_counts(post_id, &[]).await.expect("the mirror begins");
    let counters = counters(&ground, ground.ledger.clone()).await;
    let answers = at_once(users.iter().map(|user_id| {
        let (counters, user_id) = (counters.clone(), *user_id);
        async move { counters.apply(post_id, user_id, like(user_id), soon()).await.expect("liked") }
    }))
    .await;
    assert!(answers.iter().all(|answer| answer.outcome == CounterOutcome::Applied));
    assert_eq!(answers.iter().map(|answer| answer.totals.likes).max(), Some(200));
    let rows = ground.world.rows(post_id).await;
    let commits: u64 = rows.iter().map(|row| row.version).sum();
    assert!(commits <= 60, "{commits} commits for 200 likes");
    let mirrored = ground.hot.counts(&[post_id]).await.expect("the mirror answers");
    assert_eq!(mirrored, [Some(Counts { likes: 200, comments: 0 })]);
    let again = counters.apply(post_id, users[3], like(users[3]), soon()).await.expect("answered");
    assert_eq!((again.outcome, again.totals.likes), (CounterOutcome::AlreadyLiked, 200));
    let missing = counters.apply(PostId(5), users[3], like(users[3]), soon()).await.expect("answered");
    assert_eq!(missing.outcome, CounterOutcome::NotFound);
}

/// Likes and unlikes at random, each sent again until it is acknowledged; returns whether the post is liked at
/// the end.
async fn waver(counters: CounterRef, post_id: PostId, user_id: UserId) -> bool {
    let mut random = SeededRandom::new(user_id.0);
    let mut liked = false;
    for _ in 0..12 {
        liked = random.next_f64() < 0.5;
        let operation = if liked { like(user_id) } else { CounterOperation::Unlike { user_id } };
        while let Err(error) = counters.apply(post_id, user_id, operation.clone(), soon()).await {
            assert!(matches!(&error, ActorError::Store(store) if store.is_transient()), "{error}");
        }
    }
    liked
}

#[tokio::test(flavor = "multi_thread")]
async fn under_faults_and_while_the_spread_changes_the_count_is_the_set_of_likers() {
    let ground = Ground::new().await;
    let users = ground.world.users(48).await;
    let post_id = ground.world.post(users[0]).await;
    let plan = FaultPlan {
        before_rate: 0.1,
        after_rate: 0.2,
        delay_rate: 0.2,
        max_delay: Duration::from_millis(5),
        ..FaultPlan::quiet(11)
    };
    let faulty = Arc::new(Faulty::new(ground.ledger.clone(), Faults::new(plan)));
    let counters = counters(&ground, faulty.clone()).await;
    let heat = tokio::spawn({
        let counters = counters.clone();
        async move {
            // Heats the post by nobody's likes, lets it cool, and so on: its spread changes all the time.
            loop {
                for _ in 0..400 {
                    counters.heat.note(post_id, counters.started.elapsed());
                }
                tokio::time::sleep(Duration::from_millis(1_200)).await;
            }
        }
    });
    let liked = at_once(users.iter().map(|user_id| waver(counters.clone(), post_id, *user_id))).await;
    heat.abort();
    let injected = faulty.decorator().injected();
    assert!(injected.after > 0 && injected.before > 0, "{injected:?}");
    let expected: BTreeSet<_> = users.iter().zip(&liked).filter(|(_, liked)| **liked).map(|(user, _)| *user).collect();
    let likers = ground.ledger.likers(post_id, None, 1_000).await.expect("likers");
    assert_eq!(likers.iter().map(|row| row.user_id).collect::<BTreeSet<_>>(), expected);
    assert_eq!(ground.world.counts(post_id).await.likes, expected.len() as u64);
    assert!(ground.world.rows(post_id).await.len() > 1, "the post was spread over shards");
}
