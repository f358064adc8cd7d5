//! What a caller meets while Redis is well, hangs, is away and comes back: our hot store beside redis-rs's own clients.

#[path = "../../../src/stores/redis/mod.rs"]
#[allow(dead_code)]
mod ours;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_domain::UserId;
use tessera_ports::HotStore;

const PORT: u16 = 17_791;
/// Processor time in `/proc/self/stat` counts a hundred ticks a second.
const TICKS_PER_S: f64 = 100.0;
const CALLERS: u64 = 64;
const CALLS_EACH: u64 = 3_000;

#[derive(Clone)]
enum Client {
    Ours(Arc<ours::RedisHotStore>),
    Manager(ConnectionManager),
    Multiplexed(MultiplexedConnection),
}

impl Client {
    /// `manager` with its six retries, `impatient` with none.
    async fn connect(name: &str) -> Self {
        let url = format!("redis://127.0.0.1:{PORT}");
        let client = redis::Client::open(url.as_str()).expect("a URL");
        match name {
            "ours" => {
                let store = ours::RedisHotStore::connect(ours::RedisOptions::new(url)).await;
                Self::Ours(Arc::new(store.expect("options")))
            }
            "multiplexed" => Self::Multiplexed(client.get_multiplexed_async_connection().await.expect("connection")),
            _ => {
                let config = ConnectionManagerConfig::new()
                    .set_response_timeout(Some(Duration::from_millis(100)))
                    .set_connection_timeout(Some(Duration::from_millis(500)))
                    .set_min_delay(Duration::from_millis(100))
                    .set_max_delay(Duration::from_secs(1))
                    .set_number_of_retries(if name == "impatient" { 0 } else { 6 });
                Self::Manager(client.get_connection_manager_with_config(config).await.expect("connection"))
            }
        }
    }

    /// Reads one key; how long that took and whether it was answered.
    async fn call(&self, key: u64) -> (Duration, bool) {
        let began = Instant::now();
        let answered = match self {
            Self::Ours(store) => store.timeline(UserId(key)).await.is_ok(),
            Self::Manager(manager) => read(&mut manager.clone(), key).await,
            Self::Multiplexed(connection) => read(&mut connection.clone(), key).await,
        };
        (began.elapsed(), answered)
    }
}

async fn read(connection: &mut impl ConnectionLike, key: u64) -> bool {
    let mut command = redis::cmd("MGET");
    command.arg(format!("tessera:{{u{key}}}:timeline"));
    command.query_async::<Vec<Option<Vec<u8>>>>(connection).await.is_ok()
}

fn start_server() -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &PORT.to_string(), "--save", "", "--appendonly", "no"]).stdout(Stdio::null());
    command.spawn().expect("redis-server")
}

fn stop(mut server: Child) {
    server.kill().expect("killed");
    server.wait().expect("ended");
}

fn run(program: &str, arguments: &[&str]) {
    Command::new(program).args(arguments).stdout(Stdio::null()).status().expect(program);
}

/// A call every 5 ms, none waiting for another; prints what became of them.
async fn observe(name: &str, client: &Client, what: &str, life: Duration) {
    let until = Instant::now() + life;
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let mut calls = Vec::new();
    while Instant::now() < until {
        tick.tick().await;
        let (client, key) = (client.clone(), calls.len() as u64);
        calls.push(tokio::spawn(async move { client.call(key).await }));
    }
    let mut ended = Vec::new();
    for call in calls {
        ended.push(call.await.expect("a call"));
    }
    ended.sort();
    let at = |share: f64| ended[((ended.len() - 1) as f64 * share) as usize].0.as_secs_f64() * 1e3;
    let answered = ended.iter().filter(|call| call.1).count();
    let (total, p50, p99) = (ended.len(), at(0.5), at(0.99));
    println!("{name:12} {what:32} {answered:5} of {total:5} answered, p50 {p50:9.3} ms, p99 {p99:9.3} ms");
}

fn processor_time_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

async fn cost(name: &str) {
    let server = start_server();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let client = Client::connect(name).await;
    let (began, spent) = (Instant::now(), processor_time_s());
    let call = |caller: u64| {
        let client = client.clone();
        tokio::spawn(async move {
            for number in 0..CALLS_EACH {
                client.call(caller * CALLS_EACH + number).await;
            }
        })
    };
    for caller in (0..CALLERS).map(call).collect::<Vec<_>>() {
        caller.await.expect("a caller");
    }
    let each = (processor_time_s() - spent) * 1e6 / (CALLERS * CALLS_EACH) as f64;
    println!("{name:12} {CALLERS} callers: {:.2} s, {each:.1} us of CPU a call", began.elapsed().as_secs_f64());
    stop(server);
}

async fn trouble(name: &str) {
    let mut server = start_server();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let client = Client::connect(name).await;
    let seconds = Duration::from_secs;
    let process = server.id().to_string();
    observe(name, &client, "it is well, 1 s", seconds(1)).await;
    run("kill", &["-STOP", &process]);
    observe(name, &client, "it hangs, 3 s", seconds(3)).await;
    run("kill", &["-CONT", &process]);
    tokio::time::sleep(seconds(2)).await;
    observe(name, &client, "2 s after it went on, 1 s", seconds(1)).await;
    stop(server);
    observe(name, &client, "it is away, 10 s", seconds(10)).await;
    let began = Instant::now();
    server = start_server();
    while !client.call(1).await.1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{name:12} answers again {} ms after it was started", began.elapsed().as_millis());
    stop(server);
}

#[tokio::main]
async fn main() {
    for name in ["multiplexed", "manager", "ours"].repeat(3) {
        cost(name).await;
    }
    for name in ["manager", "impatient", "ours"] {
        trouble(name).await;
    }
}
