//! The core of upkeep, and a round over real stores.

use super::{PURGE_ROWS, Upkeep, UpkeepArgs, UpkeepSettings, core::UpkeepCore};
use crate::limited::LimitedLedger;
use crate::testing::{Ground, alone, eventually};
use std::sync::Arc;
use tessera_domain::{UserId, counters::CounterOperation, media::media_folder, time::HOUR_MS, upload::UploadStatus};
use tessera_ports::{ObjectStore, clock};

#[test]
fn rounds_run_one_at_a_time() {
    let mut core = UpkeepCore::default();
    assert_eq!(core.begin(), Some(0));
    assert_eq!(core.begin(), None);
    core.end();
    assert_eq!(core.begin(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_forgotten_uploads_and_late_ones_of_cancelled_uploads_go() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let user_id = ground.world.user().await;
    let young = ground.world.open(user_id).await;
    ground.world.advance(-HOUR_MS);
    let forgotten = ground.world.open(user_id).await;
    let called_off = ground.world.open(user_id).await;
    ground.ledger.cancel_upload(called_off.id, user_id, ground.world.now()).await.expect("cancel_upload");
    // What was under way when it was called off comes all the same.
    let made_of_it = format!("{}/grid.jpg", media_folder(user_id, called_off.id));
    for key in [&young.object_key, &forgotten.object_key, &called_off.object_key, &made_of_it] {
        objects.put(key, "image/jpeg", "bytes".into()).await.expect("stored");
    }
    let objects = Arc::new(objects);
    let settings = UpkeepSettings::default();
    let args = UpkeepArgs {
        node: alone(),
        ledger: LimitedLedger::new(&ground.ledger, settings.call_limit),
        objects: objects.clone(),
        settings,
    };
    Upkeep::start(Arc::new(args), ground.root.get_cell()).await.expect("upkeep starts");
    for key in [&forgotten.object_key, &called_off.object_key, &made_of_it] {
        eventually("the object goes", || async { objects.head(key).await.expect("head").is_none().then_some(()) })
            .await;
    }
    let ended = || async { ground.ledger.ended_uploads(clock::now(), 10).await.expect("ended_uploads") };
    eventually("the ledger knows", || async { ended().await.is_empty().then_some(()) }).await;
    assert_eq!(ground.world.upload(forgotten.id).await.status, UploadStatus::Failed);
    assert_eq!(ground.world.upload(young.id).await.status, UploadStatus::Pending);
    assert!(objects.head(&young.object_key).await.expect("head").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_post_left_behind_goes() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let post_id = ground.world.post(author).await;
    let likes: Vec<_> =
        (0..PURGE_ROWS as u64 + 1).map(|number| CounterOperation::Like { user_id: UserId(1 + number) }).collect();
    ground.world.apply(post_id, 0, &likes).await;
    ground.ledger.delete_post(post_id, author, ground.world.now()).await.expect("delete_post");
    let settings = UpkeepSettings::default();
    let args = UpkeepArgs {
        node: alone(),
        ledger: LimitedLedger::new(&ground.ledger, settings.call_limit),
        objects: Arc::new(objects),
        settings,
    };
    Upkeep::start(Arc::new(args), ground.root.get_cell()).await.expect("upkeep starts");
    // A step of no rows tells only whether anything is left.
    let left = || async { ground.ledger.purge_deleted_post(0).await.expect("purge_deleted_post") };
    eventually("nothing is left", || async { left().await.is_none().then_some(()) }).await;
}
