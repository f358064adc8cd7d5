//! The hot store: copies, counter mirrors, snapshots, progress.

use super::{report::store_checks, world::at_once};
use bytes::Bytes;
use std::{future::Future, sync::Arc};
use tessera_domain::{
    PostId, Timestamp, UploadId, UserId,
    counters::{Counts, ShardCounts},
    media::{MediaKind, MediaRecord},
    post::Post,
};
use tessera_ports::HotStore;

store_checks!(HotStore:
    copies_of_posts_come_in_the_order_asked,
    a_copy_is_replaced_by_a_later_one,
    a_later_edit_is_not_replaced_by_an_earlier_one,
    a_removed_post_is_not_put_back,
    removing_counts_what_was_really_there,
    a_mirror_begins_with_a_fill,
    an_update_without_a_mirror_makes_none,
    a_removed_mirror_begins_anew,
    the_highest_version_stays,
    a_fill_completes_and_never_takes_back,
    an_update_ahead_of_its_fill_is_not_lost,
    racing_updates_and_fills_end_at_the_newest,
    counts_survive_a_negative_shard,
    a_snapshot_is_replaced_and_removed,
    progress_is_the_last_noted,
    a_healthy_store_answers,
);

fn post(id: u64, caption: &str) -> Post {
    let upload_id: UploadId = format!("00000000-0000-7000-8000-{id:012x}").parse().expect("a UUID");
    Post {
        id: PostId(id),
        author_id: UserId(id * 10),
        caption: caption.to_owned(),
        alt_text: "A picture".to_owned(),
        hashtags: vec!["lake".to_owned()],
        media: MediaRecord {
            kind: MediaKind::Image,
            upload_id,
            blurhash: "LEHV".to_owned(),
            width: 1_080,
            height: 720,
            details: super::world::media_details(),
        },
        edited_at: Some(Timestamp(5)),
    }
}

fn row(shard: u16, version: u64, likes: i64, comments: i64) -> ShardCounts {
    ShardCounts { shard, version, likes, comments }
}

fn totals(likes: u64, comments: u64) -> Option<Counts> {
    Some(Counts { likes, comments })
}

async fn mirrored(store: &dyn HotStore, id: u64) -> Option<Counts> {
    let counts = store.counts(&[PostId(id)]).await.expect("counts");
    assert_eq!(counts.len(), 1, "one place per id");
    counts[0]
}

/// Fills a mirror as its readers do: they ask for it before they read the ledger.
async fn fill(store: &dyn HotStore, id: u64, rows: &[ShardCounts]) {
    mirrored(store, id).await;
    store.fill_counts(PostId(id), rows).await.expect("fill_counts");
}

async fn copies_of_posts_come_in_the_order_asked(store: Arc<dyn HotStore>) {
    store.put_posts(&[post(1, "one"), post(2, "two"), post(3, "three")]).await.expect("put_posts");
    let asked = [PostId(3), PostId(9), PostId(1), PostId(3)];
    let found = store.posts(&asked).await.expect("posts");
    let expected = [Some(post(3, "three")), None, Some(post(1, "one")), Some(post(3, "three"))];
    assert_eq!(found, expected, "one place per id, None where there is no copy");
    assert!(store.posts(&[]).await.expect("posts").is_empty(), "none asked, none given");
    store.put_posts(&[]).await.expect("put_posts");
}

async fn a_copy_is_replaced_by_a_later_one(store: Arc<dyn HotStore>) {
    store.put_posts(&[post(1, "before")]).await.expect("put_posts");
    store.put_posts(&[post(1, "after")]).await.expect("put_posts");
    let found = store.posts(&[PostId(1)]).await.expect("posts");
    assert_eq!(found, [Some(post(1, "after"))], "the later copy stands");
}

async fn a_later_edit_is_not_replaced_by_an_earlier_one(store: Arc<dyn HotStore>) {
    let version = |caption, edited_at| Post { edited_at, ..post(1, caption) };
    let (first, second, third) = (None, Some(Timestamp(1_000)), Some(Timestamp(2_000)));
    store.put_posts(&[version("second", second), post(2, "other")]).await.expect("put_posts");
    for (edited_at, expected) in [(first, "second"), (third, "third"), (second, "third"), (first, "third")] {
        let caption = if edited_at == third { "third" } else { "late" };
        store.put_posts(&[version(caption, edited_at)]).await.expect("put_posts");
        let found = store.posts(&[PostId(1)]).await.expect("posts");
        assert_eq!(found[0].as_ref().map(|post| &*post.caption), Some(expected), "after one of {edited_at:?}");
    }
}

async fn a_removed_post_is_not_put_back(store: Arc<dyn HotStore>) {
    // A reader loaded both from the ledger; then one is removed that was kept, and one that was not; then it puts.
    let loaded = [post(1, "deleted"), post(2, "deleted"), post(3, "alive")];
    store.put_posts(&loaded[..1]).await.expect("put_posts");
    assert_eq!(store.remove_posts(&[PostId(1), PostId(2)]).await.expect("remove_posts"), 1, "one was kept");
    store.put_posts(&loaded).await.expect("put_posts");
    let found = store.posts(&[PostId(1), PostId(2), PostId(3)]).await.expect("posts");
    assert_eq!(found, [None, None, Some(post(3, "alive"))], "a late put brings nothing back");
    assert_eq!(store.remove_posts(&[PostId(1), PostId(2)]).await.expect("remove_posts"), 0, "nothing is there");
}

async fn removing_counts_what_was_really_there(store: Arc<dyn HotStore>) {
    store.put_posts(&[post(1, "one"), post(2, "two")]).await.expect("put_posts");
    fill(&*store, 1, &[row(0, 1, 5, 0)]).await;
    let ids = [PostId(1), PostId(2), PostId(3)];
    assert_eq!(store.remove_posts(&ids).await.expect("remove_posts"), 3, "two copies and one mirror were there");
    assert_eq!(store.remove_posts(&ids).await.expect("remove_posts"), 0, "they go once");
    assert_eq!(store.posts(&ids).await.expect("posts"), [None, None, None], "no copy is left");
    assert_eq!(mirrored(&*store, 1).await, None, "no mirror either");
}

async fn a_mirror_begins_with_a_fill(store: Arc<dyn HotStore>) {
    fill(&*store, 1, &[row(0, 3, 5, 1), row(4, 1, 2, 2)]).await;
    fill(&*store, 2, &[]).await;
    let counts = store.counts(&[PostId(2), PostId(3), PostId(1)]).await.expect("counts");
    assert_eq!(counts, [totals(0, 0), None, totals(7, 3)], "totals over shards; a post without rows has a mirror too");
    store.update_counts(PostId(1), &[row(4, 2, 3, 2), row(6, 1, 1, 0)]).await.expect("update_counts");
    assert_eq!(mirrored(&*store, 1).await, totals(9, 3), "an update moves shards and adds new ones");
    store.update_counts(PostId(2), &[row(1, 1, 1, 1)]).await.expect("update_counts");
    assert_eq!(mirrored(&*store, 2).await, totals(1, 1), "an empty mirror moves as well");
}

async fn an_update_without_a_mirror_makes_none(store: Arc<dyn HotStore>) {
    store.update_counts(PostId(1), &[row(0, 1, 1, 0)]).await.expect("update_counts");
    assert_eq!(mirrored(&*store, 1).await, None, "one shard's row alone is no total");
    assert_eq!(store.remove_posts(&[PostId(1)]).await.expect("remove_posts"), 0, "there is nothing to remove");
}

async fn a_removed_mirror_begins_anew(store: Arc<dyn HotStore>) {
    fill(&*store, 1, &[row(0, 9, 9, 9)]).await;
    assert_eq!(store.remove_posts(&[PostId(1)]).await.expect("remove_posts"), 1, "a mirror without a copy");
    store.update_counts(PostId(1), &[row(0, 10, 10, 10)]).await.expect("update_counts");
    assert_eq!(mirrored(&*store, 1).await, None, "an update does not bring it back");
    store.fill_counts(PostId(1), &[row(0, 11, 11, 11)]).await.expect("fill_counts");
    assert_eq!(mirrored(&*store, 1).await, totals(11, 11), "a fill does");
}

async fn counts_survive_a_negative_shard(store: Arc<dyn HotStore>) {
    fill(&*store, 1, &[row(0, 1, -3, 2), row(1, 1, 5, -9)]).await;
    assert_eq!(mirrored(&*store, 1).await, totals(2, 0), "shards add up, and a total below zero shows as zero");
}

async fn the_highest_version_stays(store: Arc<dyn HotStore>) {
    fill(&*store, 1, &[row(0, 5, 50, 0)]).await;
    store.update_counts(PostId(1), &[row(0, 4, 40, 9)]).await.expect("update_counts");
    assert_eq!(mirrored(&*store, 1).await, totals(50, 0), "an older row is ignored");
    store.update_counts(PostId(1), &[row(0, 7, 7, 1), row(0, 6, 60, 6)]).await.expect("update_counts");
    assert_eq!(mirrored(&*store, 1).await, totals(7, 1), "a newer one stands, even where its number is lower");
}

async fn a_fill_completes_and_never_takes_back(store: Arc<dyn HotStore>) {
    fill(&*store, 1, &[row(0, 5, 50, 0), row(1, 2, 2, 0)]).await;
    store.fill_counts(PostId(1), &[row(0, 4, 40, 0), row(1, 3, 3, 0), row(2, 1, 1, 0)]).await.expect("fill_counts");
    assert_eq!(mirrored(&*store, 1).await, totals(54, 0), "per shard the highest version, from whichever fill");
}

async fn an_update_ahead_of_its_fill_is_not_lost(store: Arc<dyn HotStore>) {
    // Somebody asks and reads rows (version 1) for a fill; the counter commits version 2 and updates; it fills.
    assert_eq!(mirrored(&*store, 1).await, None);
    store.update_counts(PostId(1), &[row(0, 2, 2, 0)]).await.expect("update_counts");
    store.fill_counts(PostId(1), &[row(0, 1, 1, 0), row(3, 1, 5, 0)]).await.expect("fill_counts");
    assert_eq!(mirrored(&*store, 1).await, totals(7, 0), "a fill that raced an update does not lose it");
}

async fn racing_updates_and_fills_end_at_the_newest(store: Arc<dyn HotStore>) {
    fill(&*store, 1, &[]).await;
    at_once((1..=200u64).map(|step| {
        let store = Arc::clone(&store);
        async move {
            let (shard, version) = ((step % 4) as u16, (step * 37 % 50) + 1);
            let rows = [row(shard, version, version as i64, 1)];
            if step % 5 == 0 {
                store.fill_counts(PostId(1), &rows).await.expect("fill_counts");
            } else {
                store.update_counts(PostId(1), &rows).await.expect("update_counts");
            }
        }
    }))
    .await;
    let newest = |shard: u64| (1..=200u64).filter(|step| step % 4 == shard).map(|step| step * 37 % 50 + 1).max();
    let likes = (0..4).filter_map(newest).sum();
    assert_eq!(mirrored(&*store, 1).await, totals(likes, 4), "each shard ends at its newest row, whatever the order");
}

async fn a_snapshot_is_replaced_and_removed(store: Arc<dyn HotStore>) {
    let user = UserId(7);
    assert_eq!(store.timeline(user).await.expect("timeline"), None, "nothing was kept yet");
    store.put_timeline(user, Bytes::from_static(b"first")).await.expect("put_timeline");
    let large = Bytes::from(vec![7u8; 40_000]);
    store.put_timeline(user, large.clone()).await.expect("put_timeline");
    assert_eq!(store.timeline(user).await.expect("timeline"), Some(large), "a later snapshot replaces it");
    assert_eq!(store.timeline(UserId(8)).await.expect("timeline"), None, "each user has their own");
    assert!(store.remove_timeline(user).await.expect("remove_timeline"), "there was one to remove");
    assert!(!store.remove_timeline(user).await.expect("remove_timeline"), "it goes once");
    assert_eq!(store.timeline(user).await.expect("timeline"), None, "it is gone");
}

async fn progress_is_the_last_noted(store: Arc<dyn HotStore>) {
    let upload = post(1, "").media.upload_id;
    assert_eq!(store.progress(upload).await.expect("progress"), None, "nothing was noted yet");
    for percent in [0, 40, 100] {
        store.put_progress(upload, percent).await.expect("put_progress");
        assert_eq!(store.progress(upload).await.expect("progress"), Some(percent), "the last note stands");
    }
    assert_eq!(store.progress(post(2, "").media.upload_id).await.expect("progress"), None, "each upload has its own");
}

async fn a_healthy_store_answers(store: Arc<dyn HotStore>) {
    store.check().await.expect("check");
}
