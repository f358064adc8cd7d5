//! A Varnish in front of the product: what is deleted is gone from there too, even where it was away meanwhile.

use serde_json::json;
use std::time::Duration;
use tessera_test_servers::{Port, Varnish};
use tessera_tests::{Api, Node, eventually};

/// How long a purge may take, its retries included.
const PURGE_LIMIT: Duration = Duration::from_secs(30);

/// The status of a picture, asked of a cache.
async fn status(cache: &Varnish, path: &str) -> u16 {
    Api::new(&cache.url()).fetch(&format!("{}{path}", cache.url()), &[]).await.status
}

#[tokio::test]
async fn deleted_pictures_leave_every_cache() {
    let ports = [Port::free(), Port::free()];
    let caches = ports.each_ref().map(|port| format!("http://127.0.0.1:{}", port.number())).join(", ");
    let node = Node::start(&[&format!("cdn.purge_url={caches}")]);
    let origin = node.http.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let [first, mut second] = ports.map(|port| Varnish::start_at(port, origin));
    let ada = node.api().sign_up("ada").await;
    let (doomed, kept) = (ada.post_picture(1, "doomed").await.post_id, ada.post_picture(2, "kept").await.post_id);
    let mut paths = Vec::new();
    for id in [&doomed, &kept] {
        let post = ada.get(&format!("/v1/posts/{id}")).await.expect("the post");
        let media = post["media"].as_object().expect("media").values();
        let urls = media.filter_map(|url| url.as_str()?.strip_prefix(&node.http).map(str::to_owned));
        paths.push(urls.collect::<Vec<String>>());
    }
    let [doomed_paths, kept_paths] = [&paths[0], &paths[1]];
    assert_eq!((doomed_paths.len(), kept_paths.len()), (5, 5), "{paths:?}");
    for path in paths.iter().flatten() {
        assert_eq!((status(&first, path).await, status(&second, path).await), (200, 200), "{path}");
    }

    // An edit lets go of the pictures as well: they are fetched anew, and their age begins anew.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let edit = json!({ "caption": "edited", "alt_text": "a picture" });
    ada.patch(&format!("/v1/posts/{kept}"), edit).await.expect("edited");
    eventually("a fresh copy", PURGE_LIMIT, || async {
        let url = format!("{}{}", first.url(), kept_paths[0]);
        let age = Api::new(&first.url()).fetch(&url, &[]).await.headers["age"].to_str().ok()?.parse::<u64>().ok()?;
        (age <= 2).then_some(())
    })
    .await;

    // One cache hangs while the post is deleted.
    second.pause();
    ada.delete(&format!("/v1/posts/{doomed}")).await.expect("deleted");
    for path in doomed_paths {
        eventually("the cache forgets the picture", PURGE_LIMIT, || async {
            (status(&first, path).await == 404).then_some(())
        })
        .await;
    }
    second.go_on();
    for path in doomed_paths {
        eventually("the other one forgets it", PURGE_LIMIT, || async {
            (status(&second, path).await == 404).then_some(())
        })
        .await;
    }
    for path in kept_paths {
        assert_eq!((status(&first, path).await, status(&second, path).await), (200, 200), "{path}");
    }
}
