//! Hashtags and search.

use super::{report::ledger_checks, world::World};
use std::{future::Future, sync::Arc};
use tessera_domain::{PostId, UserId, time::HOUR_MS};
use tessera_ports::ledger::{
    ChangePostOutcome, FollowHashtagOutcome, HashtagRow, MAX_FOLLOWED_HASHTAGS, ProfileChange,
};

ledger_checks!(
    a_hashtags_posts_page_newest_first_and_follow_edits_and_deletions,
    public_posts_of_hashtags_come_once_and_without_private_accounts,
    use_of_hashtags_counts_different_authors_by_hour,
    hashtags_are_followed_once_and_so_many,
    hashtags_are_found_by_their_beginning,
    accounts_are_found_by_the_words_of_their_names,
);

/// A post whose caption is edited to have these hashtags.
async fn tagged(world: &Arc<World>, author: UserId, tags: &[&str]) -> PostId {
    let post_id = world.post(author).await;
    retag(world, author, post_id, tags).await;
    post_id
}

async fn retag(world: &Arc<World>, author: UserId, post_id: PostId, tags: &[&str]) {
    let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let edited = world.ledger.edit_post(post_id, author, Some((tags.join(" "), tags)), None, world.now()).await;
    assert!(matches!(edited, Ok(ChangePostOutcome::Done(_))), "{edited:?}");
}

async fn posts_of(world: &Arc<World>, tag: &str) -> Vec<PostId> {
    let posts = world.ledger.hashtag_posts(tag, None, 10).await.expect("hashtag_posts");
    posts.iter().map(|post| post.post_id).collect()
}

async fn make_private(world: &Arc<World>, user_id: UserId) {
    let change = ProfileChange { private: Some(true), ..ProfileChange::default() };
    assert!(world.ledger.update_profile(user_id, change).await.expect("update_profile").is_some());
}

async fn a_hashtags_posts_page_newest_first_and_follow_edits_and_deletions(world: Arc<World>) {
    let (ada, bob) = (world.user().await, world.user().await);
    let first = tagged(&world, ada, &["fog", "lake"]).await;
    let second = tagged(&world, bob, &["fog"]).await;
    let third = tagged(&world, ada, &["fog"]).await;
    assert_eq!(posts_of(&world, "fog").await, [third, second, first]);
    let page = world.ledger.hashtag_posts("fog", Some(third), 1).await.expect("hashtag_posts");
    assert_eq!(page.iter().map(|post| (post.post_id, post.author_id)).collect::<Vec<_>>(), [(second, bob)]);
    retag(&world, ada, first, &["lake", "dawn"]).await;
    world.ledger.delete_post(second, bob, world.now()).await.expect("delete_post");
    assert_eq!(posts_of(&world, "fog").await, [third], "an edit and a deletion take posts out");
    assert_eq!((posts_of(&world, "lake").await, posts_of(&world, "dawn").await), (vec![first], vec![first]));
    assert_eq!(posts_of(&world, "fo").await, [], "the whole hashtag counts");
}

async fn public_posts_of_hashtags_come_once_and_without_private_accounts(world: Arc<World>) {
    let (ada, bob) = (world.user().await, world.user().await);
    let first = tagged(&world, ada, &["fog", "lake"]).await;
    let second = tagged(&world, ada, &["lake"]).await;
    tagged(&world, bob, &["fog"]).await;
    make_private(&world, bob).await;
    let tags = ["fog".to_owned(), "lake".to_owned(), "none".to_owned()];
    let found = world.ledger.public_hashtag_posts(&tags, PostId(0), 10).await.expect("public_hashtag_posts");
    assert_eq!(found.iter().map(|post| post.post_id).collect::<Vec<_>>(), [second, first]);
    let newer = world.ledger.public_hashtag_posts(&tags, first, 10).await.expect("public_hashtag_posts");
    assert_eq!(newer.iter().map(|post| post.post_id).collect::<Vec<_>>(), [second]);
    assert_eq!(world.ledger.public_hashtag_posts(&[], PostId(0), 10).await.expect("none").len(), 0);
}

async fn use_of_hashtags_counts_different_authors_by_hour(world: Arc<World>) {
    let (ada, bob, hidden) = (world.user().await, world.user().await, world.user().await);
    make_private(&world, hidden).await;
    let since = world.now();
    for author in [ada, ada, bob, hidden] {
        tagged(&world, author, &["fog"]).await;
    }
    world.advance(HOUR_MS);
    tagged(&world, ada, &["fog", "lake"]).await;
    let hours = world.ledger.hashtag_hours(since, 10).await.expect("hashtag_hours");
    let uses: Vec<_> = hours.iter().map(|hour| (hour.tag.as_str(), hour.hour, hour.authors)).collect();
    let now = world.now();
    assert_eq!(uses.len(), 3, "{uses:?}");
    assert_eq!(uses[0], ("fog", now.plus_ms(-HOUR_MS), 2), "strongest first; the world begins at a full hour");
    assert!(uses.contains(&("fog", now, 1)) && uses.contains(&("lake", now, 1)), "{uses:?}");
}

async fn hashtags_are_followed_once_and_so_many(world: Arc<World>) {
    let ada = world.user().await;
    let follow = |tag: String| {
        let world = world.clone();
        async move { world.ledger.follow_hashtag(ada, &tag, world.now()).await.expect("follow_hashtag") }
    };
    for tag in ["lake", "fog", "lake"] {
        assert_eq!(follow(tag.to_owned()).await, FollowHashtagOutcome::Followed);
    }
    assert_eq!(world.ledger.followed_hashtags(ada).await.expect("followed"), ["fog", "lake"]);
    for _ in 0..2 {
        world.ledger.unfollow_hashtag(ada, "lake").await.expect("unfollow_hashtag");
    }
    assert_eq!(world.ledger.followed_hashtags(ada).await.expect("followed"), ["fog"]);
    for number in 1..MAX_FOLLOWED_HASHTAGS {
        assert_eq!(follow(format!("tag{number}")).await, FollowHashtagOutcome::Followed);
    }
    assert_eq!(follow("more".to_owned()).await, FollowHashtagOutcome::TooMany);
    assert_eq!(follow("fog".to_owned()).await, FollowHashtagOutcome::Followed, "one that is followed is no new one");
}

async fn hashtags_are_found_by_their_beginning(world: Arc<World>) {
    let ada = world.user().await;
    tagged(&world, ada, &["fog", "fogbow", "lake"]).await;
    tagged(&world, ada, &["fogbow", "Zoo", "été"]).await;
    let found = world.ledger.search_hashtags("fog", 10).await.expect("search_hashtags");
    let row = |tag: &str, post_count| HashtagRow { tag: tag.to_owned(), post_count };
    assert_eq!(found, [row("fogbow", 2), row("fog", 1)]);
    assert_eq!(world.ledger.search_hashtags("fog", 1).await.expect("search_hashtags"), [row("fogbow", 2)]);
    assert_eq!(world.ledger.search_hashtags("é", 10).await.expect("search_hashtags"), [row("été", 1)]);
    assert_eq!(world.ledger.search_hashtags("fogg", 10).await.expect("search_hashtags"), []);
    let private = world.user().await;
    let change = ProfileChange { private: Some(true), ..ProfileChange::default() };
    world.ledger.update_profile(private, change).await.expect("update_profile");
    tagged(&world, private, &["fog", "fogsecret"]).await;
    let found = world.ledger.search_hashtags("fog", 10).await.expect("search_hashtags");
    assert_eq!(found, [row("fogbow", 2), row("fog", 1)], "what private accounts tag is theirs");
}

async fn accounts_are_found_by_the_words_of_their_names(world: Arc<World>) {
    let users = world.users(4).await;
    for (user_id, name) in users.iter().zip(["Ada Lovelace", "Adalbert Ober", "Löwe Ada", "Grace Lovelock"]) {
        let change = ProfileChange { display_name: Some(name.to_owned()), ..ProfileChange::default() };
        world.ledger.update_profile(*user_id, change).await.expect("update_profile");
    }
    world.follow(users[0], users[2]).await;
    let find = |words: &[&str]| {
        let (world, words) = (world.clone(), words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        async move { world.ledger.search_users(&words, 10).await.expect("search_users") }
    };
    assert_eq!(find(&["ada"]).await, [users[2], users[0], users[1]], "whole words first, then by followers");
    assert_eq!(find(&["ada", "love"]).await, [users[0]], "every word counts");
    assert_eq!(find(&["löw"]).await, [users[2]]);
    assert_eq!(find(&["lovel"]).await.len(), 2);
    assert_eq!((find(&["nobody"]).await, find(&[]).await), (vec![], vec![]));
    let name = world.account(users[3]).await.username.as_str().to_owned();
    assert_eq!(find(&[&name]).await, [users[3]], "a new account is found by its user name");
    let change = ProfileChange { display_name: Some("Hopper".to_owned()), ..ProfileChange::default() };
    world.ledger.update_profile(users[3], change).await.expect("update_profile");
    assert_eq!((find(&["lovelock"]).await, find(&["hopper"]).await), (vec![], vec![users[3]]), "the new name counts");
    assert_eq!(world.ledger.search_users(&["ada".to_owned()], 1).await.expect("search_users"), [users[2]]);
}
