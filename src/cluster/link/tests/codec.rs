//! Frames as bytes.

use super::super::frame::{Entries, Entry, FrameError, Header};
use crate::{
    transport::{RemoteError, Request},
    wire::{WIRE_NEWEST, WIRE_OLDEST},
};
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;

fn header(version: u16) -> Header {
    Header { version, counted: true, session: 42, acknowledged: 7, sent_at_ms: (version >= 2).then_some(1_234) }
}

fn write(version: u16, entries: &[Entry]) -> Vec<u8> {
    let mut frame = Vec::new();
    header(version).write(&mut frame);
    entries.iter().for_each(|entry| entry.write(&mut frame));
    frame
}

fn read(frame: Vec<u8>) -> Result<(Header, Vec<Entry>), FrameError> {
    let (header, entries): (_, Entries) = Header::read(frame.into())?;
    Ok((header, entries.collect::<Result<_, _>>()?))
}

fn any_request() -> impl Strategy<Value = Request> {
    (any::<u16>(), any::<u64>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(
        |(method, epoch, only_if_active, payload)| Request { method, epoch, only_if_active, payload: payload.into() },
    )
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let remaining = (0..u32::MAX).prop_map(|ms| Duration::from_millis(u64::from(ms)));
    prop_oneof![
        (any::<u64>(), any_request(), remaining.clone()).prop_map(|(id, request, remaining)| Entry::Request {
            id,
            request,
            remaining
        }),
        (any_request(), remaining).prop_map(|(request, remaining)| Entry::Notice { request, remaining }),
        (any::<u64>(), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(id, payload)| Entry::Answer { id, payload: payload.into() }),
        (any::<u64>(), any::<u64>()).prop_map(|(id, epoch)| Entry::Failure { id, error: RemoteError::Moved { epoch } }),
        (any::<u64>(), ".*").prop_map(|(id, detail)| Entry::Failure { id, error: RemoteError::Malformed { detail } }),
        any::<u64>().prop_map(|at_us| Entry::Ping { at_us }),
        any::<u64>().prop_map(|at_us| Entry::Pong { at_us }),
        Just(Entry::Goodbye),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        version in WIRE_OLDEST..=WIRE_NEWEST,
        entries in prop::collection::vec(any_entry(), 0..20),
    ) {
        prop_assert_eq!(read(write(version, &entries)), Ok((header(version), entries)));
    }

    #[test]
    fn garbage_never_panics(frame in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(frame);
    }

    #[test]
    fn a_damaged_frame_never_panics(
        entries in prop::collection::vec(any_entry(), 1..6),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut frame = write(2, &entries);
        let at = at.index(frame.len());
        frame[at] = byte;
        let _ = read(frame.clone());
        frame.truncate(cut.index(frame.len()));
        let _ = read(frame);
    }
}

#[test]
fn an_entry_of_a_later_version_is_stepped_over_and_told() {
    for (kind, about_the_writer) in [(100, true), (200, false)] {
        let mut frame = write(2, &[Entry::Ping { at_us: 1 }]);
        frame.extend([kind]);
        frame.extend(5_u64.to_be_bytes());
        frame.extend(3_u32.to_be_bytes());
        frame.extend(b"new");
        Entry::Pong { at_us: 2 }.write(&mut frame);
        let (_, entries) = read(frame).unwrap();
        let [_, Entry::Unreadable { id: 5, is_request, detail }, Entry::Pong { at_us: 2 }] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!(
            (*is_request, &detail[..]),
            (about_the_writer, &*format!("this version knows no entry of kind {kind}"))
        );
    }
}

#[test]
fn a_request_with_a_flag_of_a_later_version_is_told() {
    let request = Request { method: 1, epoch: 2, only_if_active: false, payload: Bytes::from_static(b"x") };
    let mut frame = write(1, &[Entry::Request { id: 9, request, remaining: Duration::from_secs(1) }]);
    let flags_from_the_end = 1 + 4 + 8 + 1;
    let at = frame.len() - flags_from_the_end;
    frame[at] = 0x80;
    let (_, entries) = read(frame).unwrap();
    let Entry::Unreadable { id: 9, is_request: true, detail } = &entries[0] else { panic!("{entries:?}") };
    assert!(detail.contains("0b10000000"), "{detail}");
}

#[test]
fn an_error_of_a_later_version_still_ends_the_wait() {
    let mut frame = write(1, &[Entry::Failure { id: 3, error: RemoteError::Lost }]);
    let last = frame.len() - 1;
    frame[last] = 99;
    let (_, entries) = read(frame).unwrap();
    assert!(matches!(&entries[0], Entry::Unreadable { id: 3, is_request: false, .. }), "{entries:?}");
}

#[test]
fn what_is_no_frame_says_why() {
    assert_eq!(read(vec![]), Err(FrameError::Truncated));
    assert_eq!(read(b"GET / HTTP/1.1\r\n".to_vec()), Err(FrameError::Magic));
    let mut frame = write(1, &[]);
    frame[3] = 9;
    assert_eq!(read(frame), Err(FrameError::Version(9)));
    let mut frame = write(1, &[Entry::Answer { id: 1, payload: Bytes::from_static(b"abc") }]);
    frame.pop();
    assert_eq!(read(frame), Err(FrameError::Truncated));
}

#[test]
fn a_small_payload_does_not_keep_a_large_frame_in_memory() {
    let large = Entry::Answer { id: 1, payload: vec![1; 50_000].into() };
    let small = Entry::Answer { id: 2, payload: vec![2; 10].into() };
    let frame = Bytes::from(write(2, &[large, small]));
    let range = frame.as_ptr_range();
    let (_, entries) = Header::read(frame.clone()).unwrap();
    let inside: Vec<bool> = entries
        .map(|entry| match entry.unwrap() {
            Entry::Answer { payload, .. } => range.contains(&payload.as_ptr()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(inside, [true, false]);
}
