//! The feeder's core, and the pool over real stores.

mod pool;

use super::core::{
    FeederCore, JobKey, MAX_STARVED_ATTEMPTS, Wanted, outage_delay_ms, retry_delay_ms, starved_delay_ms,
};
use tessera_domain::{
    Timestamp, UploadId, UserId,
    upload::{Upload, UploadStatus},
};
use tessera_ports::ledger::MediaJob;

fn job(number: u64) -> MediaJob {
    let id = format!("01890000-0000-7000-8000-{number:012}").parse::<UploadId>().expect("a UUID");
    let upload = Upload {
        id,
        user_id: UserId(1),
        object_key: format!("uploads/1/0/{id}.jpg"),
        content_type: "image/jpeg".to_owned(),
        file_size_bytes: 1,
        checksum_sha256: None,
        multipart_id: None,
        status: UploadStatus::Processing,
        caption: String::new(),
        alt_text: String::new(),
        error: None,
        post_id: None,
        created_at: Timestamp(0),
        expires_at: Timestamp(1),
    };
    MediaJob { upload, attempt: 2, queued_at: Timestamp(0), lease_token: number }
}

fn video(number: u64) -> MediaJob {
    let mut job = job(number);
    job.upload.content_type = "video/mp4".to_owned();
    job
}

fn wanted(jobs: usize, videos: usize) -> Option<Wanted> {
    Some(Wanted { jobs, videos })
}

#[test]
fn videos_leave_half_of_the_workers_to_photos() {
    let mut core = FeederCore::new(5);
    assert_eq!(core.wake(true), wanted(5, 2));
    core.claimed(&[video(1), video(2), job(3)]);
    assert_eq!(core.wake(true), wanted(2, 0), "no third video");
    core.claimed(&[]);
    core.ended(JobKey::of(&video(1)));
    assert_eq!(core.wake(true), wanted(3, 1));
    assert_eq!(FeederCore::new(1).wake(true), wanted(1, 1), "a single worker does everything");
    assert_eq!(FeederCore::new(5).wake(false), wanted(5, 0), "a node that cannot convert videos leaves them to others");
}

#[test]
fn a_job_is_called_off_by_its_flag() {
    let mut core = FeederCore::new(2);
    core.wake(true);
    core.claimed(&[video(1)]);
    let held = core.cancel_flag(JobKey::of(&video(1)));
    core.cancel_flag(JobKey::of(&video(1))).cancel();
    assert!(held.is_cancelled());
}

#[test]
fn no_more_is_claimed_than_workers_are_free() {
    let mut core = FeederCore::new(2);
    assert_eq!(core.wake(true), wanted(2, 1));
    assert_eq!(core.wake(true), None, "one claim at a time");
    assert!(core.claimed(&[job(1)]));
    assert!(core.take_claim_again(), "the wake during the claim is not forgotten");
    assert!(!core.take_claim_again());
    assert_eq!(core.wake(true), wanted(1, 1));
    assert!(core.claimed(&[job(2)]));
    assert_eq!(core.wake(true), None, "all workers are busy");
    assert_eq!(core.ended(JobKey::of(&job(1))), Some(2));
    assert_eq!(core.ended(JobKey::of(&job(1))), None);
    assert_eq!(core.wake(true), wanted(1, 1));
}

#[test]
fn a_drain_starts_nothing_and_ends_with_the_last_job() {
    let mut core = FeederCore::new(2);
    core.wake(true);
    core.claimed(&[job(1)]);
    assert_eq!(core.wake(true), wanted(1, 1));
    core.drain();
    assert!(!core.is_drained());
    assert!(!core.claimed(&[job(2)]), "what a late claim brings is given back");
    assert_eq!(core.running(), [JobKey::of(&job(1))]);
    core.ended(JobKey::of(&job(1)));
    assert!(!core.is_drained(), "not before it was given back");
    assert!(core.claimed(&[]));
    assert!(core.is_drained());
    assert_eq!(core.wake(true), None);
}

#[test]
fn retries_back_off_within_bounds_and_apart() {
    for attempt in 1..=40 {
        let longest = (1_000i64 << (attempt - 1).min(16)).min(60_000);
        let delays: Vec<_> = (0..20).map(|number| retry_delay_ms(job(number).upload.id, attempt)).collect();
        assert!(delays.iter().all(|delay| (longest / 2..=longest).contains(delay)), "{attempt}: {delays:?}");
        assert!(delays.iter().max() > delays.iter().min());
    }
}

#[test]
fn what_the_machine_lacks_is_waited_for_and_not_for_ever() {
    let id = job(1).upload.id;
    let delays: Vec<_> = (1..MAX_STARVED_ATTEMPTS).map_while(|attempt| starved_delay_ms(id, attempt)).collect();
    assert_eq!(delays.len(), 4);
    let whole: i64 = delays.iter().sum();
    assert!((25 * 60_000..=50 * 60_000).contains(&whole), "{delays:?}");
    assert_eq!(starved_delay_ms(id, MAX_STARVED_ATTEMPTS), None);
}

#[test]
fn an_outage_of_half_a_day_is_waited_for_in_growing_steps() {
    let id = job(1).upload.id;
    let (mut age, mut tries) = (-5, 0);
    while let Some(delay) = outage_delay_ms(id, age) {
        assert!((500..=60_000).contains(&delay) && delay <= 1_000.max(age / 2), "{delay} after {age}");
        (age, tries) = (age + delay, tries + 1);
    }
    assert!((12 * 60..12 * 60 + 2).contains(&(age / 60_000)) && tries < 1_500, "{tries} tries in {age} ms");
}
