//! The core of upkeep, and a round over real stores.

use super::{
    Upkeep, UpkeepArgs, UpkeepSettings,
    core::{MAX_UNDELETED, UpkeepCore},
};
use crate::testing::{Ground, alone, eventually};
use std::sync::Arc;
use tessera_domain::{time::HOUR_MS, upload::UploadStatus};
use tessera_ports::ObjectStore;

#[test]
fn rounds_run_one_at_a_time_and_hand_on_what_they_could_not_delete() {
    let mut core = UpkeepCore::default();
    assert_eq!(core.begin(), Some(vec![]));
    assert_eq!(core.begin(), None);
    assert_eq!(core.end(vec!["a".to_owned()]), 0);
    assert_eq!(core.begin(), Some(vec!["a".to_owned()]));
    assert_eq!(core.end(vec![String::new(); MAX_UNDELETED + 3]), 3);
    assert_eq!(core.begin().map(|keys| keys.len()), Some(MAX_UNDELETED));
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_uploads_are_swept_with_their_objects() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let user_id = ground.world.user().await;
    let young = ground.world.open(user_id).await;
    ground.world.advance(-HOUR_MS);
    let forgotten = ground.world.open(user_id).await;
    for upload in [&young, &forgotten] {
        objects.put(&upload.object_key, "image/jpeg", "bytes".into()).await.expect("stored");
    }
    let objects = Arc::new(objects);
    let settings = UpkeepSettings::default();
    let args = UpkeepArgs { node: alone(), ledger: ground.ledger.clone(), objects: objects.clone(), settings };
    Upkeep::start(Arc::new(args), ground.root.get_cell()).await.expect("upkeep starts");
    eventually("the forgotten object goes", || async {
        objects.head(&forgotten.object_key).await.expect("head").is_none().then_some(())
    })
    .await;
    assert_eq!(ground.world.upload(forgotten.id).await.status, UploadStatus::Failed);
    assert_eq!(ground.world.upload(young.id).await.status, UploadStatus::Pending);
    assert!(objects.head(&young.object_key).await.expect("head").is_some());
}
