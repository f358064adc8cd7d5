//! The API tests, on three nodes behind a load balancer: the same functions as in `tests/it`.
//!
//! Not here are tests of one process: its command line and its start (`command_line`, `operators`), its bounds on
//! memory, jobs, requests and rates, which every node keeps for itself (`overload`, `limits`, `upload_queue`), the demo
//! and the benches.

#[path = "../it/accounts.rs"]
mod accounts;
#[path = "../it/ads.rs"]
mod ads;
#[path = "../it/chaos.rs"]
mod chaos;
#[path = "../it/crash.rs"]
mod crash;
#[path = "../it/fanout.rs"]
mod fanout;
#[path = "../it/history.rs"]
mod history;
#[path = "../it/large_uploads.rs"]
mod large_uploads;
#[path = "../it/likes.rs"]
mod likes;
#[path = "../it/model.rs"]
mod model;
#[path = "../it/notifications.rs"]
mod notifications;
#[path = "../it/openapi.rs"]
mod openapi;
#[path = "../it/paging.rs"]
mod paging;
#[path = "../it/photos.rs"]
mod photos;
#[path = "../it/posts.rs"]
mod posts;
#[path = "../it/refusals.rs"]
mod refusals;
#[path = "../it/videos.rs"]
mod videos;
