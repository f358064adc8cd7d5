//! Accounts, sessions and saved replies.

use super::{
    report::ledger_checks,
    world::{World, at_once, sorted},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    UserId,
    event::Event,
    time::{DAY_MS, HOUR_MS},
    user::{User, Username},
};
use tessera_ports::ledger::{CreateUserOutcome, NewUser, ProfileChange, SavedReply};

ledger_checks!(
    an_account_reads_back_as_it_was_made,
    a_name_is_given_once,
    of_many_at_once_one_gets_the_name,
    making_an_account_again_by_its_id_is_harmless,
    unknown_accounts_are_left_out,
    all_accounts_are_listed_page_by_page,
    a_profile_change_leaves_other_fields_alone,
    a_session_is_valid_until_it_runs_out,
    an_ended_session_is_gone,
    the_first_saved_reply_stays,
    saved_replies_are_kept_apart_and_for_a_day,
);

async fn an_account_reads_back_as_it_was_made(world: Arc<World>) {
    let new = world.new_user();
    world.ledger.create_user(new.clone()).await.expect("create_user");
    let expected = User {
        id: new.id,
        username: new.username.clone(),
        display_name: new.display_name,
        bio: String::new(),
        private: false,
        celebrity: false,
        celebrity_ended_at: None,
        post_count: 0,
        follower_count: 0,
        following_count: 0,
        created_at: new.created_at,
        deleted_at: None,
    };
    assert_eq!(world.account(new.id).await, expected, "an account by id");
    let by_name = world.ledger.user_by_name(&new.username).await.expect("user_by_name");
    assert_eq!(by_name, Some(expected), "an account by name");
    let credentials = world.ledger.credentials(&new.username).await.expect("credentials");
    assert_eq!(credentials, Some((new.id, new.password_hash)), "credentials by name");
}

async fn a_name_is_given_once(world: Arc<World>) {
    let first = world.new_user();
    let second = NewUser { username: first.username.clone(), ..world.new_user() };
    let second_id = second.id;
    assert_eq!(world.ledger.create_user(first.clone()).await.expect("create_user"), CreateUserOutcome::Created);
    let outcome = world.ledger.create_user(second).await.expect("create_user");
    assert_eq!(outcome, CreateUserOutcome::UsernameTaken, "a name that somebody has is taken");
    let (owner, _) = world.ledger.credentials(&first.username).await.expect("credentials").expect("the first account");
    assert_eq!(owner, first.id, "the name stays with the first account");
    assert!(world.ledger.users(&[second_id]).await.expect("users").is_empty(), "a refused account does not exist");
}

async fn of_many_at_once_one_gets_the_name(world: Arc<World>) {
    let username = Username::parse("everybodys_favourite").expect("a valid name");
    let outcomes = at_once((0..20).map(|_| {
        let (world, username) = (Arc::clone(&world), username.clone());
        async move {
            let new = NewUser { username, ..world.new_user() };
            world.ledger.create_user(new).await.expect("create_user")
        }
    }))
    .await;
    let created = outcomes.iter().filter(|outcome| **outcome == CreateUserOutcome::Created).count();
    assert_eq!(created, 1, "of 20 at once exactly one gets the name");
}

async fn making_an_account_again_by_its_id_is_harmless(world: Arc<World>) {
    let new = world.new_user();
    for attempt in 1..=2 {
        let outcome = world.ledger.create_user(new.clone()).await.expect("create_user");
        assert_eq!(outcome, CreateUserOutcome::Created, "attempt {attempt}: a write may be sent again by its id");
    }
}

async fn unknown_accounts_are_left_out(world: Arc<World>) {
    let known = world.users(3).await;
    let mut asked = known.clone();
    asked.insert(1, UserId(world.id()));
    let found: Vec<UserId> = world.ledger.users(&asked).await.expect("users").iter().map(|user| user.id).collect();
    assert_eq!(sorted(&found), sorted(&known), "users() gives those that exist");
    assert!(world.ledger.users(&[]).await.expect("users").is_empty(), "asking for nobody gives nobody");
    let nobody = Username::parse("nobody_here").expect("a valid name");
    assert_eq!(world.ledger.user_by_name(&nobody).await.expect("user_by_name"), None, "an unknown name");
    assert_eq!(world.ledger.credentials(&nobody).await.expect("credentials"), None, "an unknown name's credentials");
}

async fn all_accounts_are_listed_page_by_page(world: Arc<World>) {
    let mut known = world.users(5).await;
    known.sort_unstable();
    let mut listed = Vec::new();
    loop {
        let page = world.ledger.account_ids(listed.last().copied(), 2).await.expect("account_ids");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2, "up to a limit");
        listed.extend(page);
    }
    assert!(listed.is_sorted(), "in the order of their ids: {listed:?}");
    assert!(known.iter().all(|id| listed.contains(id)), "everybody: {listed:?}");
}

async fn a_profile_change_leaves_other_fields_alone(world: Arc<World>) {
    let user_id = world.user().await;
    let before = world.account(user_id).await;
    world.events().await;

    let change = ProfileChange { bio: Some("Climbs".to_owned()), ..ProfileChange::default() };
    let changed = world.ledger.update_profile(user_id, change).await.expect("update_profile");
    let expected = User { bio: "Climbs".to_owned(), ..before.clone() };
    assert_eq!(changed, Some(expected.clone()), "only the biography changes");

    let change = ProfileChange { display_name: Some("Ada".to_owned()), bio: None, private: Some(true) };
    world.ledger.update_profile(user_id, change).await.expect("update_profile");
    let expected = User { display_name: "Ada".to_owned(), private: true, ..expected };
    assert_eq!(world.account(user_id).await, expected, "None leaves the biography as it is");
    let told = vec![Event::UserChanged { user_id }; 2];
    assert_eq!(world.events().await, told, "each change records UserChanged");

    let missing = world.ledger.update_profile(UserId(world.id()), ProfileChange::default()).await;
    assert_eq!(missing.expect("update_profile"), None, "a missing account has no profile");
    assert!(world.events().await.is_empty(), "a change of nothing records nothing");
}

async fn a_session_is_valid_until_it_runs_out(world: Arc<World>) {
    let user_id = world.user().await;
    let (token, expires_at) = ([7; 32], world.now().plus_ms(HOUR_MS));
    world.ledger.create_session(token, user_id, world.now(), expires_at).await.expect("create_session");
    let at = |now| world.ledger.session_user(token, now);
    assert_eq!(at(world.now()).await.expect("session_user"), Some(user_id), "a fresh session is valid");
    assert_eq!(at(expires_at.plus_ms(-1)).await.expect("session_user"), Some(user_id), "valid to the last millisecond");
    assert_eq!(at(expires_at.plus_ms(1)).await.expect("session_user"), None, "a session that ran out is nobody's");
    let other = world.ledger.session_user([8; 32], world.now()).await.expect("session_user");
    assert_eq!(other, None, "an unknown token is nobody's");
}

async fn an_ended_session_is_gone(world: Arc<World>) {
    let user_id = world.user().await;
    let expires_at = world.now().plus_ms(HOUR_MS);
    for token in [[1; 32], [2; 32]] {
        world.ledger.create_session(token, user_id, world.now(), expires_at).await.expect("create_session");
    }
    assert!(world.ledger.delete_session([1; 32]).await.expect("delete_session"), "there was a session to end");
    assert!(!world.ledger.delete_session([1; 32]).await.expect("delete_session"), "it ends once");
    assert_eq!(world.ledger.session_user([1; 32], world.now()).await.expect("session_user"), None, "ended is gone");
    let other = world.ledger.session_user([2; 32], world.now()).await.expect("session_user");
    assert_eq!(other, Some(user_id), "the user's other session goes on");
}

fn reply(number: u8) -> SavedReply {
    SavedReply { fingerprint: [number; 32], label: 201, body: vec![number; 5] }
}

async fn the_first_saved_reply_stays(world: Arc<World>) {
    let save = |number: u8| {
        let world = Arc::clone(&world);
        async move { world.ledger.save_reply("42", "key", reply(number), world.now()).await.expect("save_reply") }
    };
    save(1).await;
    save(2).await;
    let saved = world.ledger.saved_reply("42", "key", world.now()).await.expect("saved_reply");
    assert_eq!(saved, Some(reply(1)), "the first reply stays");

    let racing = at_once((10..20).map(|number| {
        let world = Arc::clone(&world);
        async move {
            world.ledger.save_reply("42", "race", reply(number), world.now()).await.expect("save_reply");
            world.ledger.saved_reply("42", "race", world.now()).await.expect("saved_reply")
        }
    }))
    .await;
    assert!(racing[0].is_some(), "a read after a save sees a reply");
    assert!(racing.iter().all(|seen| *seen == racing[0]), "of ten at once everybody sees the same first one");
}

async fn saved_replies_are_kept_apart_and_for_a_day(world: Arc<World>) {
    let now = world.now();
    world.ledger.save_reply("42", "key", reply(1), now).await.expect("save_reply");
    world.ledger.save_reply("43", "key", reply(2), now).await.expect("save_reply");
    let at = |scope: &'static str, key: &'static str, now| {
        let world = Arc::clone(&world);
        async move { world.ledger.saved_reply(scope, key, now).await.expect("saved_reply") }
    };
    assert_eq!(at("42", "key", now).await, Some(reply(1)), "each scope has its own keys");
    assert_eq!(at("43", "key", now).await, Some(reply(2)), "each scope has its own keys");
    assert_eq!(at("42", "other", now).await, None, "an unused key has no reply");
    assert_eq!(at("42", "key", now.plus_ms(DAY_MS - 1)).await, Some(reply(1)), "younger than a day");
    assert_eq!(at("42", "key", now.plus_ms(DAY_MS + 1)).await, None, "older than a day");
}
