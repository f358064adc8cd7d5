use super::*;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tessera_ports_testing::conformance;

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_and_the_server_keep_the_ports_guarantees() {
    let endpoint = Arc::new(Endpoint::start().await);
    let buckets = AtomicU32::new(0);
    let make = || {
        let bucket = format!("bucket-{}", buckets.fetch_add(1, Ordering::Relaxed));
        let store = store_of(&endpoint.server, &endpoint.credentials, &bucket);
        async move {
            store.ensure_bucket().await.unwrap();
            Arc::new(store) as Arc<dyn ObjectStore>
        }
    };
    let http = endpoint.http.clone();
    let put = move |url: String, headers: Vec<(String, String)>, body: Bytes| {
        let request = headers.iter().fold(http.put(url), |request, (name, value)| request.header(name, value));
        async move { request.body(body).send().await.map_or(400, |reply| reply.status().as_u16()) }
    };
    conformance::object_store(make, put).await;
}
