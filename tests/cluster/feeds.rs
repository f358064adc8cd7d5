//! A feed whose pages are read on different nodes: what an entry carries is known on all of them.

use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tessera_tests::{Api, Person, cluster::Cluster, eventually, ids_of};

/// Posts on a page: few, so that an ad (one place in ten) is on none of the first two.
const PAGE: usize = 4;

/// The page of a new feed, opened on this node, that lacks nothing and has a recommended post on it.
async fn opened(reader: &Person) -> Value {
    eventually("a feed with everything in it", Duration::from_secs(30), || async {
        let page = reader.feed(&format!("?limit={PAGE}")).await;
        let recommends = page["items"].as_array()?.iter().any(|item| item["source"] == "recommended");
        (page["degraded"] == json!([]) && recommends).then_some(page)
    })
    .await
}

/// Waits for the first impressions over `count - 1`, and asserts that they are as many as that, over all campaigns.
async fn impressions_come_to(cluster: &Cluster, count: u64) {
    let counted = eventually("an impression", Duration::from_secs(30), || async {
        let ads = cluster.operator().get("/admin/ads").await.ok()?;
        let ads = ads["items"].as_array()?;
        let counted: u64 = ads.iter().filter_map(|ad| ad["impressions_today"].as_u64()).sum();
        (counted >= count).then_some(counted)
    })
    .await;
    assert_eq!(counted, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reasons_and_campaigns_are_right_on_whichever_node_a_page_is_read() {
    let cluster = Cluster::start(3);
    let nodes: Vec<Api> = cluster.nodes.iter().map(|node| node.api()).collect();
    let author = nodes[0].sign_up("author").await;
    let advertiser = nodes[0].sign_up("advertiser").await;
    let reader = nodes[0].sign_up("reader").await;
    reader.follow(&author).await;
    author.post_pictures(24).await;
    reader.put("/v1/hashtags/fog/follow").await.expect("follows a hashtag");
    for number in 0..8 {
        // Of one author at most two posts are recommended.
        let stranger = nodes[0].sign_up(&format!("stranger{number}")).await;
        stranger.post_picture(number, "in the #fog").await;
        stranger.post_picture(100 + number, "still #fog").await;
    }
    // Two campaigns for one post: which of them put it into the feed is known only to whoever put it there.
    let promoted = advertiser.post_picture(7, "buy this").await.post_id;
    for daily_budget in [1_000, 2_000] {
        let campaign = json!({ "post_id": promoted, "ends_at": "2099-01-01T00:00:00Z", "daily_budget": daily_budget,
            "frequency_cap": 10 });
        cluster.operator().post("/admin/ads", Some(campaign)).await.expect("a campaign");
    }
    let onlooker = nodes[0].sign_up("onlooker").await;
    onlooker.follow(&author).await;
    eventually("an ad in a feed", Duration::from_secs(30), || async {
        let page = onlooker.feed("?limit=100&include_seen=true").await;
        page["items"].as_array()?.iter().any(|item| item["source"] == "ad").then_some(())
    })
    .await;
    impressions_come_to(&cluster, 1).await;

    let mut page = opened(&reader).await;
    let (mut ids, mut reasons, mut ads) = (Vec::new(), Vec::new(), 0);
    for number in 1.. {
        ids.extend(ids_of(&page));
        for item in page["items"].as_array().expect("items") {
            match item["source"].as_str() {
                Some("recommended") if number > 1 => reasons.push(item["reason"].clone()),
                Some("ad") => ads += 1,
                _ => {}
            }
        }
        // Each page on another node than the one before, and none but the first on the node that opened the feed.
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let query = format!("?limit={PAGE}&cursor={cursor}");
        page = reader.on(&nodes[1 + number % 2]).feed(&query).await;
        assert_eq!(page["degraded"], json!([]), "{page}");
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "no post comes twice");
    assert!(reasons.len() >= 4, "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason == "because you follow #fog"), "{reasons:?}");
    assert_eq!(ads, 1, "one post is promoted, and a feed shows each post once");
    // One of one campaign, not of both.
    impressions_come_to(&cluster, 2).await;
}
