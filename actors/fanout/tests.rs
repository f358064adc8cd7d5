//! The lane's order and chunks.

use super::{
    core::{CHUNK, FanoutCore, Step},
    requests::Delivery,
};
use tessera_domain::{PostId, UserId, post::PostRef};

fn post(id: u64) -> Delivery {
    Delivery::Post(PostRef { post_id: PostId(id), author_id: UserId(1) })
}

#[test]
fn deliveries_keep_their_order_and_every_target_is_reached_once() {
    let mut core = FanoutCore::default();
    let users: Vec<UserId> = (0..2_500).map(UserId).collect();
    assert!(core.add(post(1), users.clone(), "first"));
    assert!(!core.add(post(2), vec![], "second"));
    let mut log = Vec::new();
    let mut reached = Vec::new();
    loop {
        match core.step() {
            Step::Push(delivery, chunk) => {
                assert!(chunk.len() <= CHUNK);
                assert_eq!(delivery, post(1));
                core.reached(chunk.len() as u64);
                reached.extend(chunk);
            }
            Step::Done(waiter, count) => log.push((waiter, count)),
            Step::Idle => break,
        }
    }
    assert_eq!(log, [("first", 2_500), ("second", 0)]);
    assert_eq!(reached, users);
}
