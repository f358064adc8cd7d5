//! Embeddings: written with their posts, listed for an index, gone with their posts.

use super::{
    report::ledger_checks,
    world::{LEASE_MS, World, at_once, sorted},
};
use std::{collections::BTreeSet, future::Future, sync::Arc};
use tessera_domain::{PostId, UserId, post::PostRef};
use tessera_ports::ledger::{
    EMBEDDING_SLOTS, Embedding, FinishJobOutcome, FinishedMedia, PostEmbedding, PostRange, PostsToEmbed, embedding_slot,
};

ledger_checks!(
    an_embedding_is_written_with_its_post,
    a_second_finisher_changes_no_embedding,
    embeddings_of_two_models_stand_side_by_side,
    a_second_embedding_by_a_model_replaces_the_first,
    embeddings_of_posts_that_are_gone_are_left_out,
    a_deletion_takes_the_embeddings_along,
    no_embedding_outlives_a_deletion_at_the_same_time,
    every_embedded_post_is_listed_in_its_slot,
    posts_without_an_embedding_come_newest_first,
    superseded_embeddings_can_be_dropped,
);

fn embedding(model: &str, seed: u64) -> Embedding {
    let vector = (0..8).map(|index| (seed as f32 + 0.1).mul_add(0.01, index as f32 / 3.0)).collect();
    Embedding { model: model.to_owned(), vector, perceptual_hash: u64::MAX - seed }
}

async fn embedded_post(world: &World, author: UserId, embedding: &Embedding) -> PostId {
    world.queue(author).await;
    let job = world.claim_one().await;
    let finished = FinishedMedia { embedding: Some(embedding.clone()), ..world.finished(&job) };
    match world.ledger.finish_job(job.upload.id, job.lease_token, finished).await.expect("finish_job") {
        FinishJobOutcome::Posted(post_id) => post_id,
        FinishJobOutcome::LeaseLost => panic!("a held job can be finished"),
    }
}

async fn put(world: &World, embeddings: &[(PostId, Embedding)]) -> u64 {
    world.ledger.put_embeddings(embeddings).await.expect("put_embeddings")
}

async fn read(world: &World, id: PostId, model: Option<&str>) -> Vec<Embedding> {
    let mut found = world.ledger.embeddings(&[id], model).await.expect("embeddings");
    found.sort_by(|a, b| a.embedding.model.cmp(&b.embedding.model));
    found.into_iter().map(|found| found.embedding).collect()
}

async fn an_embedding_is_written_with_its_post(world: Arc<World>) {
    let author = world.user().await;
    let given = embedding("first", 7);
    let post_id = embedded_post(&world, author, &given).await;
    let plain = world.post(author).await;
    let found = world.ledger.embeddings(&[post_id, plain, PostId(world.id())], None).await.expect("embeddings");
    let expected = PostEmbedding { post: PostRef { post_id, author_id: author }, embedding: given };
    assert_eq!(found, [expected], "bit by bit what was handed in, with its author; none where none was");
    assert_eq!(world.ledger.posts(&[post_id]).await.expect("posts").len(), 1, "the post is there with it");
}

async fn a_second_finisher_changes_no_embedding(world: Arc<World>) {
    world.queue(world.user().await).await;
    let slow = world.claim_one().await;
    world.advance(LEASE_MS + 1);
    let quick = world.claim_one().await;
    let finish = async |job: &tessera_ports::ledger::MediaJob, seed: u64| {
        let finished = FinishedMedia { embedding: Some(embedding("first", seed)), ..world.finished(job) };
        let outcome = world.ledger.finish_job(job.upload.id, job.lease_token, finished).await.expect("finish_job");
        let FinishJobOutcome::Posted(post_id) = outcome else { panic!("both hear of the post") };
        post_id
    };
    let post_id = finish(&quick, 1).await;
    assert_eq!(finish(&slow, 2).await, post_id, "one post");
    assert_eq!(read(&world, post_id, None).await, [embedding("first", 1)], "with one embedding, the first one's");
}

async fn embeddings_of_two_models_stand_side_by_side(world: Arc<World>) {
    let id = embedded_post(&world, world.user().await, &embedding("first", 1)).await;
    assert_eq!(put(&world, &[(id, embedding("second", 2))]).await, 1, "one was written");
    assert_eq!(read(&world, id, None).await, [embedding("first", 1), embedding("second", 2)], "both stand");
    assert_eq!(read(&world, id, Some("second")).await, [embedding("second", 2)], "one model's");
    assert!(read(&world, id, Some("third")).await.is_empty(), "none of a model that made none");
    let mut models = world.ledger.embedding_models().await.expect("embedding_models");
    models.sort();
    assert_eq!(models, ["first", "second"], "each model that made one");
}

async fn a_second_embedding_by_a_model_replaces_the_first(world: Arc<World>) {
    let id = world.post(world.user().await).await;
    put(&world, &[(id, embedding("first", 1))]).await;
    put(&world, &[(id, embedding("first", 2))]).await;
    assert_eq!(read(&world, id, None).await, [embedding("first", 2)], "the later one stands");
    put(&world, &[(id, embedding("first", 3)), (id, embedding("first", 4))]).await;
    assert_eq!(read(&world, id, None).await, [embedding("first", 4)], "in one call too");
}

async fn embeddings_of_posts_that_are_gone_are_left_out(world: Arc<World>) {
    let author = world.user().await;
    let posts = world.posts(author, 2).await;
    world.ledger.delete_post(posts[0], author, world.now()).await.expect("delete_post");
    let given = [
        (posts[0], embedding("first", 1)),
        (PostId(world.id()), embedding("first", 2)),
        (posts[1], embedding("first", 3)),
    ];
    assert_eq!(put(&world, &given).await, 1, "only the one whose post exists");
    assert_eq!(put(&world, &[]).await, 0, "none of none");
    assert!(read(&world, posts[0], None).await.is_empty(), "a deleted post has none");
    assert_eq!(read(&world, posts[1], None).await.len(), 1, "the other one has one");
}

async fn a_deletion_takes_the_embeddings_along(world: Arc<World>) {
    let author = world.user().await;
    let id = embedded_post(&world, author, &embedding("first", 1)).await;
    put(&world, &[(id, embedding("second", 2))]).await;
    world.ledger.delete_post(id, author, world.now()).await.expect("delete_post");
    assert!(read(&world, id, None).await.is_empty(), "neither is left");
    assert!(world.ledger.embedding_models().await.expect("embedding_models").is_empty(), "nor is its model in use");
    let listed = world.ledger.embedded_posts("first", embedding_slot(id), None, 10).await.expect("embedded_posts");
    assert!(listed.is_empty(), "nor listed");
}

async fn no_embedding_outlives_a_deletion_at_the_same_time(world: Arc<World>) {
    let author = world.user().await;
    for id in world.posts(author, 10).await {
        at_once((0..2_u64).map(|task| {
            let world = Arc::clone(&world);
            async move {
                if task == 0 {
                    world.ledger.delete_post(id, author, world.now()).await.expect("delete_post");
                } else {
                    put(&world, &[(id, embedding("first", 1))]).await;
                }
            }
        }))
        .await;
    }
    assert!(world.ledger.embedding_models().await.expect("embedding_models").is_empty(), "no row is left behind");
}

async fn every_embedded_post_is_listed_in_its_slot(world: Arc<World>) {
    let posts = world.posts(world.user().await, 12).await;
    let embeddings: Vec<_> = posts.iter().map(|id| (*id, embedding("first", id.0))).collect();
    put(&world, &embeddings[1..]).await;
    put(&world, &[(posts[0], embedding("second", 1))]).await;
    let mut listed = Vec::new();
    for slot in 0..EMBEDDING_SLOTS {
        let mut after = None;
        loop {
            let page = world.ledger.embedded_posts("first", slot, after, 1).await.expect("embedded_posts");
            let Some(id) = page.first() else { break };
            assert!(after < Some(*id), "oldest first, after the last one");
            assert_eq!(embedding_slot(*id), slot, "in the post's own slot");
            listed.push(*id);
            after = Some(*id);
        }
    }
    assert_eq!(sorted(&listed), posts[1..], "each once, and only those of the model");
    let slots: BTreeSet<u16> = posts.iter().map(|id| embedding_slot(*id)).collect();
    assert!(slots.len() > 4, "posts spread over the slots");
}

async fn posts_without_an_embedding_come_newest_first(world: Arc<World>) {
    let posts = world.posts(world.user().await, 5).await;
    put(&world, &[(posts[1], embedding("first", 1)), (posts[3], embedding("second", 1))]).await;
    let missing =
        async |model, range, limit| world.ledger.posts_to_embed(model, range, limit).await.expect("posts_to_embed");
    let found = |posts: &[PostId], looked_up_to| PostsToEmbed { posts: posts.to_vec(), looked_up_to };
    let before = |id| PostRange { after: None, before: Some(id) };
    let all = found(&[posts[4], posts[3], posts[2], posts[0]], None);
    assert_eq!(missing("first", PostRange::ALL, 10).await, all, "all but the embedded one");
    let some = found(&[posts[4], posts[3]], Some(posts[3]));
    assert_eq!(missing("first", PostRange::ALL, 2).await, some, "as many as asked for, and how far they go");
    assert_eq!(missing("first", before(posts[3]), 3).await, found(&[posts[2], posts[0]], None), "before the last one");
    let range = PostRange { after: Some(posts[1]), before: Some(posts[4]) };
    assert_eq!(missing("first", range, 10).await, found(&[posts[3], posts[2]], None), "those of a range");
    assert_eq!(missing("unheard of", PostRange::ALL, 10).await.posts.len(), 5, "all, by a model that made none");
}

async fn superseded_embeddings_can_be_dropped(world: Arc<World>) {
    let posts = world.posts(world.user().await, 4).await;
    let by = |model, posts: &[PostId]| posts.iter().map(|id| (*id, embedding(model, id.0))).collect::<Vec<_>>();
    put(&world, &[by("first", &posts), by("second", &posts[1..])].concat()).await;
    let drop = async |model, ids| {
        let dropped = world.ledger.drop_superseded_embeddings(model, "second", ids).await;
        dropped.expect("drop_superseded_embeddings")
    };
    assert_eq!(drop("second", &posts).await, 0, "none is its own successor");
    let dropped = [drop("first", &posts[..2]).await, drop("first", &posts).await, drop("first", &posts).await];
    assert_eq!(dropped, [1, 2, 0], "of those asked for, then the rest, then none");
    assert_eq!(read(&world, posts[0], None).await.len(), 1, "what the new model has not embedded keeps the old one");
    for id in &posts[1..] {
        assert_eq!(read(&world, *id, None).await, [embedding("second", id.0)], "the others have the new one only");
    }
}
