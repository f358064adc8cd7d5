//! What operators see and do: health, metrics, jobs, drain, and a start that goes wrong.

use serde_json::json;
use std::time::Duration;
use tessera_tests::{Api, Node, Operator, eventually, run_to_end, side_by_side, small_jpeg};

#[tokio::test]
async fn health_and_metrics_are_open_and_the_rest_needs_the_operators_token() {
    let node = Node::start(&[]);
    let (api, operator) = (node.api(), Operator::of(&node));
    let ada = api.sign_up("ada").await;
    ada.post_picture(1, "").await;
    let open = operator.api();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let reply = open.fetch(&open.url(path), &[]).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    assert_eq!(operator.metric("tessera_media_jobs_done_total").await, Some(1.0));
    assert!(operator.metric("tessera_actors_active").await.is_some());

    for path in ["/admin/cluster", "/admin/actors", "/admin/jobs", "/admin/ads", "/admin/breakers"] {
        operator.get(path).await.unwrap_or_else(|problem| panic!("{path}: {problem:?}"));
        for token in [None, Some("wrong"), Some(ada.token.as_str())] {
            let refused = open.call(reqwest::Method::GET, path, token, None).await.expect_err("refused");
            assert_eq!((refused.status, refused.code.as_str()), (401, "unauthenticated"), "{path} with {token:?}");
        }
        let public = api.call(reqwest::Method::GET, path, Some(&node.admin_token()), None).await;
        assert_eq!(public.expect_err("not on the public listener").status, 404);
    }
    let cluster = operator.get("/admin/cluster").await.expect("the cluster");
    assert_eq!((&cluster["nodes"][0]["status"], &cluster["shards"]), (&json!("ready"), &json!(1024)));
}

#[tokio::test]
async fn dead_jobs_are_listed_with_their_reason_and_can_be_tried_again() {
    let node = Node::start(&[]);
    let operator = Operator::of(&node);
    let ada = node.api().sign_up("ada").await;
    let state = ada.upload(b"this is no picture at all".to_vec(), "image/png", "x").await;
    let id = state["upload_id"].as_str().expect("an id");
    let dead = operator.get("/admin/jobs?state=dead").await.expect("jobs");
    assert_eq!((&dead["items"][0]["id"], &dead["items"][0]["state"]), (&json!(id), &json!("dead")));
    assert_eq!(dead["items"][0]["user_id"], ada.id.as_str());
    assert_eq!(dead["items"][0]["last_error"], state["error"]);

    operator.post(&format!("/admin/jobs/{id}/retry"), None).await.expect("queued anew");
    eventually("the job to die again", Duration::from_secs(30), || async {
        let dead = operator.get("/admin/jobs?state=dead").await.ok()?;
        let upload = ada.get(&format!("/v1/uploads/{id}")).await.ok()?;
        (dead["items"].as_array()?.len() == 1 && upload["status"] == "failed").then_some(())
    })
    .await;
    assert_eq!(operator.get("/admin/jobs?state=queued").await.expect("jobs")["items"], json!([]));
    for (path, status) in
        [("/admin/jobs/17/retry", 404), ("/admin/jobs/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/retry", 404)]
    {
        assert_eq!(operator.post(path, None).await.expect_err("refused").status, status);
    }
    assert_eq!(operator.get("/admin/jobs?state=lost").await.expect_err("refused").status, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_under_way_and_exits_0() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let bytes = small_jpeg(1);
    let ticket = ada.create_upload("image/jpeg", bytes.len()).await.expect("an upload");
    assert!(ada.put_object(&ticket, bytes).await.is_success());
    let id = ticket["upload_id"].as_str().expect("an id").to_owned();
    ada.post_empty(&format!("/v1/uploads/{id}/complete")).await.expect("accepted");
    // Log-ins are slow on purpose: these are under way when the signal comes.
    let requests = (0..16).map(|_| {
        let api = api.clone();
        tokio::spawn(async move {
            let body = json!({ "username": "ada", "password": "correct horse battery" });
            api.call(reqwest::Method::POST, "/v1/sessions", None, Some(body)).await
        })
    });
    let requests: Vec<_> = requests.collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let code = tokio::task::block_in_place(|| node.terminate());
    assert_eq!(code, Some(0));
    for request in requests {
        let result = request.await.expect("no panic");
        assert!(result.is_ok(), "a request that was under way is answered: {result:?}");
    }
    assert_eq!(ada.get("/v1/me").await.expect_err("nobody is there").status, 0);

    node.restart();
    api.answers().await;
    assert_eq!(ada.upload_ended(&id).await["status"], "completed", "the job went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_at_once() {
    let mut node = Node::start(&["http.drain_timeout_ms=20000"]);
    let api = node.api();
    let reader = api.sign_up("ada").await;
    // A client that keeps its request open holds the drain up.
    let address = node.http.trim_start_matches("http://").to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await.expect("connects");
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{{",
        reader.token
    );
    tokio::io::AsyncWriteExt::write_all(&mut slow, head.as_bytes()).await.expect("sends");
    tokio::time::sleep(Duration::from_millis(200)).await;
    node.signal("TERM");
    eventually("the drain", Duration::from_secs(10), || async {
        // Readiness goes first; the listener may be gone as well.
        let url = format!("{}/readyz", node.admin);
        match api.client().get(&url).send().await {
            Ok(reply) => (reply.status() == 503).then_some(()),
            Err(_) => Some(()),
        }
    })
    .await;
    let started = std::time::Instant::now();
    node.signal("TERM");
    let code = tokio::task::block_in_place(|| node.exit_code());
    assert!(started.elapsed() < Duration::from_secs(5), "at once: {:?}", started.elapsed());
    assert_ne!(code, Some(0), "the drain was cut short, and the exit code says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_can_drain_a_node() {
    let mut node = Node::start(&[]);
    Operator::of(&node).post("/admin/drain", None).await.expect("drains");
    assert_eq!(tokio::task::block_in_place(|| node.exit_code()), Some(0));
}

#[test]
fn a_start_that_cannot_be_says_why_and_exits_2() {
    let node = Node::start(&[]);
    let port = node.http.trim_start_matches("http://").to_owned();
    let taken = format!("http.listen={port}");
    let taken_admin = format!("admin.listen={port}");
    let folder = format!("data_dir={}", node.data_dir().display());
    let free = ["http.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0"];
    let cases: &[(&[&str], &[&str])] = &[
        (&[&taken, free[1]], &["http.listen", "--set http.listen="]),
        (&[free[0], &taken_admin], &["admin.listen", "--set admin.listen="]),
        (&[free[0], free[1], &folder], &["in use by another process", "another data folder"]),
        (&["http.lisen=127.0.0.1:0"], &["http.lisen", "http.listen"]),
        (&["http.listen=somewhere"], &["http.listen", "address:port"]),
        (&["uploads.max_bytes=0"], &["uploads.max_bytes", "at least 1"]),
        (&["uploads.max_bytes=many"], &["uploads.max_bytes"]),
        (&["feed.ratios=[0.1, 0.1, 0.9]"], &["feed.ratios", "ads"]),
        (&["mode=galaxy"], &["mode", "embedded"]),
        (&["ledger.url=mysql://x"], &["ledger.url", "sqlite:"]),
        (&[free[0], free[1], "data_dir=/proc/nowhere"], &["/proc/nowhere"]),
        (&["admin.token=secret"], &["admin.token"]),
    ];
    for (settings, words) in cases {
        let mut arguments = vec!["serve"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let ended = run_to_end(&arguments);
        assert_eq!(ended.code, Some(2), "{settings:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{settings:?}: {ended:?}");
        for word in *words {
            assert!(ended.stderr.contains(word), "{settings:?} should speak of {word:?}: {}", ended.stderr);
        }
    }
    let missing = run_to_end(&["serve", "--config", "/nowhere/tessera.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("/nowhere/tessera.toml"), "{}", missing.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_survives_many_clients_that_hang_up() {
    let node = Node::start(&[]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let address = node.http.trim_start_matches("http://").to_owned();
    let hang_ups = (0..200).map(|number: usize| {
        let address = address.clone();
        async move {
            let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connects");
            let garbage = [
                "GET /v1/feed HTTP/1.1\r\n",
                "\u{0}\u{1}\u{2}\r\n\r\n",
                "POST /v1/users HTTP/1.1\r\ncontent-length: 9999\r\n\r\n{",
                "",
            ];
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, garbage[number % 4].as_bytes()).await;
        }
    });
    side_by_side(50, hang_ups).await;
    ada.get("/v1/me").await.expect("the others are served");
    let reply = Api::send(api.request(reqwest::Method::GET, &format!("/{}", "x".repeat(60_000)))).await;
    assert!((400..500).contains(&reply.status), "an endless address is refused: {}", reply.status);
    let reply = Api::send(api.request(reqwest::Method::GET, "/v1/me").header("x-long", "y".repeat(1_000_000))).await;
    assert!((400..500).contains(&reply.status), "so is an endless header: {}", reply.status);
}
