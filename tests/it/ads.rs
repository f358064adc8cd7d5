//! Advertisements: shown to those who did not ask, seldom, within budget and cap.

use crate::Node;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tessera_tests::{Operator, Person, eventually};

/// A node with a reader whose feed has posts of a followed author, and an advertiser with some posts.
async fn world(posts: usize, promoted: usize) -> (Node, Operator, Person, Vec<String>) {
    let node = Node::start(&["feed.ratios=[0.9, 0.0, 0.1]"]);
    let api = node.api();
    let (author, advertiser) = (api.sign_up("author").await, api.sign_up("advertiser").await);
    let reader = api.sign_up("reader").await;
    reader.follow(&author).await;
    author.post_pictures(posts).await;
    let promoted = advertiser.post_pictures(promoted).await;
    let operator = Operator::of(&node);
    (node, operator, reader, promoted)
}

fn campaign(post_id: &str, daily_budget: u64, frequency_cap: u32) -> Value {
    json!({ "post_id": post_id, "ends_at": "2099-01-01T00:00:00Z", "daily_budget": daily_budget, "frequency_cap": frequency_cap })
}

/// Where on a page ads stand.
fn ads_on(page: &Value) -> Vec<(usize, String)> {
    let items = page["items"].as_array().expect("items").iter().enumerate();
    let ads = items.filter(|(_, item)| item["source"] == "ad");
    ads.map(|(place, item)| (place, item["post"]["post_id"].as_str().expect("an id").to_owned())).collect()
}

/// Opens feeds until ads are in them, as campaigns reach the node's actors a moment later.
async fn first_page_with_ads(reader: &Person, query: &str) -> Value {
    eventually("an ad", Duration::from_secs(30), || async {
        let page = reader.feed(query).await;
        (!ads_on(&page).is_empty()).then_some(page)
    })
    .await
}

#[tokio::test]
async fn ads_keep_to_their_share_and_never_follow_one_another() {
    let (_node, operator, reader, promoted) = world(60, 12).await;
    assert!(ads_on(&reader.feed("?limit=1").await).is_empty(), "without a campaign there are no ads");
    for post_id in &promoted {
        operator.post("/admin/ads", Some(campaign(post_id, 1_000, 100))).await.expect("a campaign");
    }
    let page = first_page_with_ads(&reader, "?limit=100&include_seen=true").await;
    let places: Vec<usize> = ads_on(&page).into_iter().map(|(place, _)| place).collect();
    let items = page["items"].as_array().expect("items").len();
    for (count, place) in places.iter().enumerate() {
        assert!((count + 1) * 10 <= place + 1, "at every place at most a tenth are ads: {places:?}");
    }
    assert!(places.windows(2).all(|pair| pair[1] > pair[0] + 1), "no two in a row: {places:?}");
    assert!(places.len() * 10 <= items && places.len() >= 4, "{} of {items}", places.len());
}

#[tokio::test]
async fn a_user_sees_an_ad_as_often_as_its_cap_allows() {
    let (_node, operator, reader, promoted) = world(30, 2).await;
    for post_id in &promoted {
        operator.post("/admin/ads", Some(campaign(post_id, 1_000, 3))).await.expect("a campaign");
    }
    first_page_with_ads(&reader, "?limit=15&include_seen=true").await;
    let mut shown: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..20 {
        for (_, post_id) in ads_on(&reader.feed("?limit=15&include_seen=true").await) {
            *shown.entry(post_id).or_default() += 1;
        }
    }
    assert!(shown.values().all(|count| *count <= 3), "{shown:?}");
    assert!(ads_on(&reader.feed("?limit=15&include_seen=true").await).is_empty(), "the caps are used up");
}

#[tokio::test]
async fn a_campaign_ends_with_its_daily_budget() {
    let (node, operator, _, promoted) = world(15, 1).await;
    operator.post("/admin/ads", Some(campaign(&promoted[0], 5, 100))).await.expect("a campaign");
    let readers = node.api().sign_up_many("other", 10).await;
    let author =
        readers[0].get("/v1/users/@author").await.expect("the author")["id"].as_str().expect("an id").to_owned();
    for reader in &readers {
        reader.put(&format!("/v1/users/{author}/follow")).await.expect("follows");
    }
    first_page_with_ads(&readers[0], "?limit=12&include_seen=true").await;
    let mut shown = 1;
    for reader in &readers {
        shown += ads_on(&reader.feed("?limit=12&include_seen=true").await).len();
    }
    // Nodes tell each other what they show; what crosses on the way is shown once more at the most by each other node.
    assert!(
        (5..5 + Node::NODES).contains(&shown),
        "ten readers would have seen it, the budget is five on {} nodes: {shown}",
        Node::NODES
    );
    eventually("the spend in the ledger", Duration::from_secs(20), || async {
        let ads = operator.get("/admin/ads").await.ok()?;
        (ads["items"][0]["impressions_today"] == shown).then_some(())
    })
    .await;
}

#[tokio::test]
async fn campaigns_that_make_no_sense_are_refused() {
    let (_node, operator, reader, promoted) = world(1, 1).await;
    let mut early = campaign(&promoted[0], 10, 10);
    early["ends_at"] = json!("2000-01-01T00:00:00Z");
    let mut unknown = campaign(&promoted[0], 10, 10);
    unknown["title"] = json!("Buy!");
    let mut undated = campaign(&promoted[0], 10, 10);
    undated["ends_at"] = json!("tomorrow");
    let cases = [
        (campaign(&promoted[0], 0, 1), 422),
        (campaign(&promoted[0], 1, 0), 422),
        (campaign("1", 1, 1), 404),
        (early, 422),
        (unknown, 400),
        (undated, 400),
    ];
    for (body, status) in cases {
        let refused = operator.post("/admin/ads", Some(body.clone())).await.expect_err("refused");
        assert_eq!(refused.status, status, "{body}: {refused:?}");
    }
    assert_eq!(operator.get("/admin/ads").await.expect("a list")["items"], json!([]));
    assert!(ads_on(&reader.feed("").await).is_empty());
}
