//! Shards that are made to begin anew, whatever they are doing.

use super::*;
use crate::visual_search::reconcile::Reconcile;
use tessera_ports_testing::faults::{FaultPlan, Faults, Faulty};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_made_anew_while_it_compares_is_whole_only_with_all_its_posts() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let all = posts(&ground, author, 40).await.len() as u64;
    // So slow that a comparison of all slots takes a second or so.
    let slow = FaultPlan { delay_rate: 1.0, max_delay: Duration::from_millis(30), ..FaultPlan::quiet(7) };
    let ledger = Arc::new(Faulty::new(ground.ledger.clone(), Faults::new(slow)));
    let search = start_over(&ground, ledger, Arc::new(objects), 1);
    let look = async || {
        let stats = search.describe(soon()).await.remove(0).expect("it answers");
        (stats.complete, stats.models.iter().map(|model| model.live).sum::<u64>())
    };
    eventually("half of its posts", async || (look().await.1 >= all / 2).then_some(())).await;
    assert!(!look().await.0, "it still compares");
    search.rebuild(soon()).await.expect("rebuilds");
    let live = eventually("it is whole", async || {
        let (complete, live) = look().await;
        complete.then_some(live)
    })
    .await;
    assert_eq!(live, all, "whole means all posts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beginning_anew_leaves_one_timer_for_comparisons() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    posts(&ground, author, 3).await;
    let ledger = Arc::new(Faulty::new(ground.ledger.clone(), Faults::new(FaultPlan::quiet(7))));
    let search = start_over(&ground, ledger.clone(), Arc::new(objects), 1);
    for _ in 0..6 {
        whole(&search).await;
        search.rebuild(soon()).await.expect("rebuilds");
    }
    whole(&search).await;
    let begun = || ledger.decorator().calls().get("embedding_models").copied().unwrap_or_default();
    let (before, watched) = (begun(), Instant::now());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (begun, most) = (begun() - before, watched.elapsed().as_millis() as u64 / 200 + 1);
    assert!(begun <= most, "{begun} comparisons where one timer makes {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_was_made_anew_writes_a_snapshot_of_what_it_holds_now() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let objects: Arc<dyn ObjectStore> = Arc::new(objects);
    let author = ground.world.user().await;
    posts(&ground, author, 5).await;
    let search = start(&ground, objects.clone(), 1);
    whole(&search).await;
    let list = "index/visual/0-of-1/list";
    let snapshot = async || objects.get(list, 1 << 20).await.expect("get");
    eventually("a snapshot", snapshot).await;
    objects.delete(&[list.to_owned()]).await.expect("delete");
    search.rebuild(soon()).await.expect("rebuilds");
    eventually("a snapshot of the same posts, read anew", snapshot).await;
}

#[test]
fn a_timer_of_an_earlier_comparison_is_of_no_use() {
    let mut reconcile = Reconcile::default();
    assert!(reconcile.begin() && !reconcile.begin(), "one at a time");
    assert!(reconcile.end(), "it was asked for again");
    let first = reconcile.number();
    assert!(reconcile.is_last(first));
    assert!(reconcile.begin());
    assert!(!reconcile.is_last(first), "a later one sets its own timer");
    assert!(!reconcile.end(), "nobody asked again");
}
