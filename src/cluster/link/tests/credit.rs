//! The queue of a peer, its credits, the table of those that wait, and lateness.

use super::super::{
    frame::{Entry, FrameError, Header},
    outbox::{FRAMES_IN_FLIGHT, Outbox, OutboxLimits, Refused},
    pending::Pending,
    transit::Transit,
};
use super::service::{ECHO, request};
use crate::{Deadline, transport::RemoteError};
use std::time::{Duration, Instant};

const LIMITS: OutboxLimits = OutboxLimits { requests: 10_000, bytes: 1024 * 1024 };

fn outbox() -> Outbox {
    Outbox::new(2, 42, LIMITS, Instant::now())
}

fn ask(id: u64, bytes: usize) -> Entry {
    Entry::Request { id, request: request(ECHO, vec![0; bytes]), remaining: Duration::ZERO }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

fn open(frame: Option<Vec<u8>>) -> (Header, Vec<Entry>) {
    let (header, entries) = Header::read(frame.expect("a frame").into()).unwrap();
    (header, entries.map(Result::unwrap).collect())
}

#[test]
fn what_waits_goes_together_and_four_frames_are_under_way_at_most() {
    let mut outbox = outbox();
    for id in 1..=1_000 {
        outbox.offer(ask(id, 1_000), soon()).unwrap();
    }
    let now = Instant::now();
    let frames: Vec<_> = std::iter::from_fn(|| outbox.next_frame(now)).collect();
    assert_eq!(frames.len() as u64, FRAMES_IN_FLIGHT);
    assert!(frames.iter().all(|frame| frame.len() <= 66_000 && frame.len() > 60_000));
    outbox.acknowledged(1).unwrap();
    assert!(outbox.next_frame(now).is_some());
    assert!(outbox.next_frame(now).is_none());
    assert_eq!(outbox.acknowledged(6), Err(FrameError::Acknowledgement));
}

#[test]
fn a_large_value_has_its_own_frame_and_order_holds() {
    let mut outbox = outbox();
    for (id, bytes) in [(1, 10), (2, 900_000), (3, 10), (4, 10)] {
        outbox.offer(ask(id, bytes), soon()).unwrap();
    }
    let ids = |frame| {
        let (_, entries) = open(frame);
        entries.iter().map(|entry| if let Entry::Request { id, .. } = entry { *id } else { 0 }).collect::<Vec<_>>()
    };
    let now = Instant::now();
    assert_eq!(ids(outbox.next_frame(now)), [1]);
    assert_eq!(ids(outbox.next_frame(now)), [2]);
    assert_eq!(ids(outbox.next_frame(now)), [3, 4]);
    assert_eq!(outbox.waiting_bytes(), 0);
}

#[test]
fn past_its_bounds_it_refuses_and_answers_are_replaced() {
    let limits = OutboxLimits { requests: 3, bytes: 1_000 };
    let mut outbox = Outbox::new(1, 1, limits, Instant::now());
    assert_eq!(outbox.offer(ask(1, 2_000), soon()), Err(Refused::Overloaded), "bytes");
    for id in 1..=3 {
        outbox.offer(ask(id, 10), soon()).unwrap();
    }
    assert_eq!(outbox.offer(ask(4, 10), soon()), Err(Refused::Overloaded), "requests");
    let failure = |id| move || Entry::Failure { id, error: RemoteError::Lost };
    outbox.answer(Entry::Answer { id: 8, payload: vec![0; 500].into() }, failure(8));
    outbox.answer(Entry::Answer { id: 9, payload: vec![0; 5_000].into() }, failure(9));
    let (_, entries) = open(outbox.next_frame(Instant::now()));
    assert!(matches!(entries[3], Entry::Answer { id: 8, .. }));
    assert_eq!(entries[4], Entry::Failure { id: 9, error: RemoteError::Lost });
}

#[test]
fn the_remaining_time_travels_and_what_is_late_stays() {
    let mut outbox = outbox();
    let begin = Instant::now();
    outbox.offer(ask(1, 0), Deadline::after(Duration::from_millis(100))).unwrap();
    outbox.offer(ask(2, 0), Deadline::after(Duration::from_secs(10))).unwrap();
    let (_, entries) = open(outbox.next_frame(begin + Duration::from_secs(4)));
    let [Entry::Request { id: 2, remaining, .. }] = entries[..] else { panic!("{entries:?}") };
    assert!(remaining > Duration::from_millis(5_900) && remaining <= Duration::from_millis(6_100), "{remaining:?}");
    assert_eq!(outbox.expired(), 1);
}

#[test]
fn acknowledgements_ride_along_or_go_alone_before_credits_run_out() {
    let mut outbox = outbox();
    let now = Instant::now();
    outbox.handled();
    assert!(outbox.next_frame(now).is_none(), "one can wait");
    outbox.handled();
    let (header, entries) = open(outbox.next_frame(now));
    assert!(!header.counted && entries.is_empty() && header.acknowledged == 2);
    assert!(outbox.next_frame(now).is_none());
    outbox.handled();
    outbox.offer(ask(1, 0), soon()).unwrap();
    let (header, _) = open(outbox.next_frame(now));
    assert!(header.counted && header.acknowledged == 3);
    // Even without a credit left: or two nodes that both wait for credits would wait for ever.
    for id in 2..20 {
        outbox.offer(ask(id, 60_000), soon()).unwrap();
        while outbox.next_frame(now).is_some() {}
    }
    outbox.handled();
    outbox.handled();
    let (header, entries) = open(outbox.next_frame(now));
    assert!(!header.counted && entries.is_empty() && header.acknowledged == 5);
}

#[test]
fn signs_of_life_need_no_credit_and_do_not_pile_up() {
    let mut outbox = outbox();
    let now = Instant::now();
    for id in 0..FRAMES_IN_FLIGHT + 1 {
        outbox.offer(ask(id, 60_000), soon()).unwrap();
    }
    while outbox.next_frame(now).is_some() {}
    for at_us in 0..1_000 {
        outbox.control(Entry::Ping { at_us });
    }
    let (header, entries) = open(outbox.next_frame(now));
    assert!(!header.counted && entries.len() == 16);
}

#[test]
fn goodbye_is_the_last_word() {
    let mut outbox = outbox();
    outbox.offer(ask(1, 0), soon()).unwrap();
    outbox.goodbye();
    assert_eq!(outbox.offer(ask(2, 0), soon()), Err(Refused::Closed));
    let (_, entries) = open(outbox.next_frame(Instant::now()));
    assert!(matches!(entries[..], [Entry::Request { id: 1, .. }, Entry::Goodbye]), "{entries:?}");
}

#[test]
fn at_the_end_the_unsent_are_told_apart_from_the_sent() {
    let mut outbox = outbox();
    let mut pending = Pending::new(3);
    let mut opened: Vec<_> = (0..3).map(|_| pending.open().unwrap()).collect();
    assert_eq!(pending.open().err(), Some(RemoteError::Overloaded), "bounded");
    outbox.offer(ask(opened[0].0, 0), soon()).unwrap();
    outbox.next_frame(Instant::now()).unwrap();
    outbox.offer(ask(opened[1].0, 0), soon()).unwrap();
    outbox.offer(ask(opened[2].0, 0), soon()).unwrap();
    pending.forget(opened[2].0);
    let unsent = outbox.close();
    pending.close(&unsent);
    assert_eq!(opened[0].1.try_recv(), Ok(Err(RemoteError::Lost)));
    assert_eq!(opened[1].1.try_recv(), Ok(Err(RemoteError::Unlinked)));
    assert!(opened[2].1.try_recv().is_err(), "nobody waits");
    assert_eq!(pending.open().err(), Some(RemoteError::Unlinked));
    assert_eq!(outbox.offer(ask(9, 0), soon()), Err(Refused::Closed));
    assert!(outbox.next_frame(Instant::now()).is_none());
}

#[test]
fn lateness_is_what_a_frame_waited_beyond_the_shortest_trip() {
    let begin = Instant::now();
    let mut transit = Transit::new(begin);
    let mut check = |sent_at_ms: u32, after_ms: u64, late_ms: u64| {
        let late = transit.lateness(sent_at_ms, begin + Duration::from_millis(after_ms));
        assert_eq!(late, Duration::from_millis(late_ms), "sent {sent_at_ms}, received {after_ms}");
    };
    // The sender's clock is 1,000 ms ahead and a trip takes 5 ms; the sums are right all the same.
    check(1_020, 25, 0);
    check(1_100, 110, 5);
    check(1_200, 200, 0);
    check(1_300, 4_300, 4_000);
    // A suspended reader finds an old frame first, and then many: the shortest trip is remembered.
    check(2_000, 61_000, 60_000);
    check(2_500, 61_000, 59_500);
    check(62_000, 61_000, 0);
}

#[test]
fn clocks_that_drift_apart_make_nothing_late() {
    let begin = Instant::now();
    let mut transit = Transit::new(begin);
    // A second an hour, far more than real clocks differ.
    for second in 0..36_000_u64 {
        let sent_at_ms = (second * 1_000) as u32;
        let now = begin + Duration::from_millis(second * 1_000 + second * 1_000 / 3_600);
        let late = transit.lateness(sent_at_ms, now);
        assert!(late < Duration::from_millis(20), "{second}: {late:?}");
    }
}
