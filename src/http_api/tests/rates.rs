//! Rate limits.

use super::support::{Edge, request};
use crate::{Quota, guard::PeerAddress};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn each_class_has_its_own_budget() {
    let edge = Edge::start_with(|settings, _| {
        settings.rates.enabled = true;
        settings.rates.reads = Quota { per_minute: 1, burst: 3 };
        settings.rates.writes = Quota { per_minute: 1, burst: 2 };
    })
    .await;
    let (_, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    for _ in 0..3 {
        assert_eq!(edge.get("/v1/me", &ada).await.status, 200);
    }
    let refused = edge.get("/v1/me", &ada).await;
    refused.is_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(edge.get("/v1/me", &grace).await.status, 200);
    assert_eq!(edge.put("/v1/users/@grace/mute", &ada).await.status, 204);
}

#[tokio::test]
async fn log_ins_count_by_address() {
    let edge = Edge::start_with(|settings, _| {
        settings.rates.enabled = true;
        settings.rates.credentials = Quota { per_minute: 1, burst: 2 };
    })
    .await;
    let body = json!({ "username": "x", "password": "y" });
    let log_in = async |address: &str| {
        let mut request = request(Method::POST, "/v1/sessions", "", &[], Some(body.clone()));
        request.extensions_mut().insert(PeerAddress(address.parse().expect("address")));
        edge.send(request).await.status.as_u16()
    };
    assert_eq!(log_in("192.0.2.1:1").await, 401);
    assert_eq!(log_in("192.0.2.1:2").await, 401);
    assert_eq!(log_in("192.0.2.1:3").await, 429);
    assert_eq!(log_in("192.0.2.2:1").await, 401);
}
