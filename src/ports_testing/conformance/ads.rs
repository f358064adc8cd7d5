//! Campaigns and their spend.

use super::{
    report::ledger_checks,
    world::{World, at_once},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    AdId, PostId, UserId,
    ads::Ad,
    post::PostRef,
    time::{DAY_MS, HOUR_MS},
};
use tessera_ports::ledger::{AdImpressions, AdSpend};

ledger_checks!(
    a_campaign_needs_its_post,
    campaigns_come_newest_first_and_active_ones_apart,
    spend_is_summed_over_users_and_starts_anew_each_day,
    impressions_at_once_are_all_counted,
);

fn campaign(world: &World, post_id: PostId) -> Ad {
    Ad {
        id: AdId(world.id()),
        post_id,
        starts_at: world.now(),
        ends_at: world.now().plus_ms(HOUR_MS),
        daily_budget: 100,
        frequency_cap: 3,
    }
}

async fn active(world: &World) -> Vec<AdSpend> {
    world.ledger.ads(world.now(), true, 10).await.expect("ads")
}

async fn a_campaign_needs_its_post(world: Arc<World>) {
    let author = world.user().await;
    let post_id = world.post(author).await;
    let ad = campaign(&world, post_id);
    for attempt in 1..=2 {
        assert!(world.ledger.put_ad(ad.clone()).await.expect("put_ad"), "attempt {attempt}: a campaign is stored");
    }
    let orphan = campaign(&world, PostId(world.id()));
    assert!(!world.ledger.put_ad(orphan).await.expect("put_ad"), "a campaign without its post is refused");
    let expected = AdSpend { ad, post: PostRef { post_id, author_id: author }, impressions_today: 0 };
    assert_eq!(active(&world).await, [expected], "the campaign with its post and author, once");
}

async fn campaigns_come_newest_first_and_active_ones_apart(world: Arc<World>) {
    let post_id = world.post(world.user().await).await;
    let now = world.now();
    let running = campaign(&world, post_id);
    let ended = Ad { starts_at: now.plus_ms(-HOUR_MS), ends_at: now, ..campaign(&world, post_id) };
    let planned = Ad { starts_at: now.plus_ms(1), ..campaign(&world, post_id) };
    for ad in [&running, &ended, &planned] {
        assert!(world.ledger.put_ad(ad.clone()).await.expect("put_ad"), "a campaign is stored");
    }
    let ids = |ads: Vec<AdSpend>| ads.into_iter().map(|spend| spend.ad.id).collect::<Vec<_>>();
    let all = ids(world.ledger.ads(now, false, 10).await.expect("ads"));
    assert_eq!(all, [planned.id, ended.id, running.id], "all campaigns, newest first");
    assert_eq!(ids(active(&world).await), [running.id], "shown from starts_at until before ends_at");
    assert_eq!(ids(world.ledger.ads(now, false, 2).await.expect("ads")), all[..2], "up to the limit");
    world.advance(1);
    assert_eq!(ids(active(&world).await), [planned.id, running.id], "a planned one starts in time");
}

async fn spend_is_summed_over_users_and_starts_anew_each_day(world: Arc<World>) {
    let post_id = world.post(world.user().await).await;
    let users = world.users(2).await;
    let ad = Ad { ends_at: world.now().plus_ms(3 * DAY_MS), ..campaign(&world, post_id) };
    world.ledger.put_ad(ad.clone()).await.expect("put_ad");
    let day = world.now().utc_day();
    let seen = |user_id: UserId, count| AdImpressions { ad_id: ad.id, user_id, count };
    let add = |day, impressions: Vec<AdImpressions>| {
        let world = Arc::clone(&world);
        async move { world.ledger.add_impressions(day, &impressions).await.expect("add_impressions") }
    };
    add(day, vec![seen(users[0], 1), seen(users[1], 2)]).await;
    add(day, vec![seen(users[0], 4)]).await;
    add(day + 1, vec![seen(users[0], 10)]).await;
    assert_eq!(active(&world).await[0].impressions_today, 7, "today's impressions over all users");
    let of = |user_id, day| {
        let world = Arc::clone(&world);
        async move { world.ledger.impressions_of(user_id, day).await.expect("impressions_of") }
    };
    assert_eq!(of(users[0], day).await, [seen(users[0], 5)], "one user's impressions of today");
    assert_eq!(of(users[0], day + 1).await, [seen(users[0], 10)], "and of tomorrow");
    assert!(of(users[1], day + 1).await.is_empty(), "none where nothing was shown");
    world.advance(DAY_MS);
    assert_eq!(active(&world).await[0].impressions_today, 10, "the budget starts anew each UTC day");
}

async fn impressions_at_once_are_all_counted(world: Arc<World>) {
    let post_id = world.post(world.user().await).await;
    let user_id = world.user().await;
    let ad = campaign(&world, post_id);
    world.ledger.put_ad(ad.clone()).await.expect("put_ad");
    let day = world.now().utc_day();
    at_once((0..50).map(|_| {
        let (world, impression) = (Arc::clone(&world), AdImpressions { ad_id: ad.id, user_id, count: 1 });
        async move { world.ledger.add_impressions(day, &[impression]).await.expect("add_impressions") }
    }))
    .await;
    assert_eq!(active(&world).await[0].impressions_today, 50, "no impression is lost in a race");
}
