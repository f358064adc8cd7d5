//! Which of what stands behind a breaker must be restarted, and when restarting is no use.

use crate::{
    breaker::wards::{Complaint, Symptom},
    restart,
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tessera_cluster::{EntityVitals, IntensityMeter};

/// Complaints of one kind that make a restart.
const COMPLAINTS: u32 = 3;
/// A mailbox that stands still or is full must do so for this long: many callers may complain at the same moment.
const LASTS_FOR: Duration = Duration::from_millis(500);
/// Complaints further apart do not belong together.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// The most wards that are watched; the one that was watched first is forgotten for a further one.
const MAX_SUSPECTS: usize = 256;

/// What is done where restarting what stands behind a breaker did not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::breaker) enum Escalation {
    /// The breaker opens, so that nobody calls for a while.
    Open,
    /// It opens, and all that stands behind it is restarted.
    RestartAll,
}

#[derive(Debug)]
struct Suspect {
    ward: u64,
    symptom: Symptom,
    /// At the first complaint.
    vitals: EntityVitals,
    complaints: u32,
    first: Instant,
    last: Instant,
}

/// Whom callers complained of lately.
#[derive(Debug)]
pub(in crate::breaker) struct Suspects {
    /// The one watched longest first.
    watched: VecDeque<Suspect>,
    restarts: IntensityMeter,
    escalations: IntensityMeter,
}

impl Suspects {
    pub fn new() -> Self {
        Self {
            watched: VecDeque::new(),
            restarts: IntensityMeter::new(restart::WARD),
            escalations: IntensityMeter::new(restart::ESCALATION),
        }
    }

    /// Takes in a complaint of a ward that shows these vitals; gives whether the ward must be restarted.
    pub fn complain(&mut self, complaint: Complaint, vitals: EntityVitals, now: Instant) -> bool {
        let Complaint { ward, symptom, .. } = complaint;
        // It has served all that it was sent: what did not answer is behind it, and a restart changes nothing there.
        if symptom == Symptom::Hung && vitals.waiting == 0 {
            return false;
        }
        self.watched.retain(|suspect| now.saturating_duration_since(suspect.last) < FORGOTTEN_AFTER);
        let known = self.watched.iter_mut().find(|suspect| suspect.ward == ward && suspect.symptom == symptom);
        let Some(suspect) = known else {
            if self.watched.len() == MAX_SUSPECTS {
                self.watched.pop_front();
            }
            self.watched.push_back(Suspect { ward, symptom, vitals, complaints: 1, first: now, last: now });
            return false;
        };
        let has_moved = suspect.vitals.handled != vitals.handled;
        if suspect.vitals.activation != vitals.activation || (symptom == Symptom::Hung && has_moved) {
            *suspect = Suspect { ward, symptom, vitals, complaints: 1, first: now, last: now };
            return false;
        }
        suspect.complaints += 1;
        suspect.last = now;
        let lasts = symptom == Symptom::Panicked || now.saturating_duration_since(suspect.first) >= LASTS_FOR;
        lasts && suspect.complaints >= COMPLAINTS
    }

    /// A ward was restarted; gives what to do besides, where that happened too often.
    pub fn restarted(&mut self, ward: u64, now: Instant) -> Option<Escalation> {
        self.watched.retain(|suspect| suspect.ward != ward);
        if self.restarts.allow(now) {
            return None;
        }
        self.restarts = IntensityMeter::new(restart::WARD);
        Some(if self.escalations.allow(now) { Escalation::Open } else { Escalation::RestartAll })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: EntityVitals = EntityVitals { activation: 1, handled: 10, waiting: 1 };

    fn complaint(ward: u64, symptom: Symptom) -> Complaint {
        Complaint { ward, symptom, is_from_here: true }
    }

    /// At which of these complaints, so many milliseconds after the first, the ward is restarted.
    fn restarted_at(symptom: Symptom, complaints: &[(u64, EntityVitals)]) -> Option<u64> {
        let (mut suspects, start) = (Suspects::new(), Instant::now());
        let mut complaints = complaints.iter();
        let restarted = complaints
            .find(|(ms, vitals)| suspects.complain(complaint(7, symptom), *vitals, start + Duration::from_millis(*ms)));
        restarted.map(|(ms, _)| *ms)
    }

    #[test]
    fn a_ward_hangs_whose_mailbox_stands_still_while_callers_wait_in_vain() {
        let at = |times: &[u64]| times.iter().map(|ms| (*ms, STUCK)).collect::<Vec<_>>();
        assert_eq!(restarted_at(Symptom::Hung, &at(&[0, 300, 600, 900])), Some(600));
        assert_eq!(restarted_at(Symptom::Hung, &at(&[0, 0, 0, 0])), None, "all callers at once are one occasion");
        assert_eq!(restarted_at(Symptom::Hung, &at(&[0, 11_000, 22_000, 33_000])), None, "now and then is no hang");
        let moving: Vec<_> = (0..20).map(|n| (n * 400, EntityVitals { handled: n, ..STUCK })).collect();
        assert_eq!(restarted_at(Symptom::Hung, &moving), None, "it is slow, and it moves");
        let idle: Vec<_> = (0..20).map(|n| (n * 400, EntityVitals { waiting: 0, ..STUCK })).collect();
        assert_eq!(restarted_at(Symptom::Hung, &idle), None, "what it waits for hangs");
        let anew = [0, 400].map(|ms| (ms, STUCK));
        let anew = [&anew[..], &[800, 1_000].map(|ms| (ms, EntityVitals { activation: 2, ..STUCK }))].concat();
        assert_eq!(restarted_at(Symptom::Hung, &anew), None, "the one complained of is gone already");
    }

    #[test]
    fn a_ward_that_panics_or_is_full_again_and_again_is_restarted() {
        let moving: Vec<_> = (0..4).map(|n| (n * 100, EntityVitals { handled: n, ..STUCK })).collect();
        assert_eq!(restarted_at(Symptom::Panicked, &moving), Some(200));
        let full: Vec<_> = (0..9).map(|n| (n * 100, EntityVitals { handled: n, waiting: 256, ..STUCK })).collect();
        assert_eq!(restarted_at(Symptom::Flooded, &full), Some(500));
    }

    #[test]
    fn restarts_that_do_not_help_escalate_step_by_step() {
        let (mut suspects, start) = (Suspects::new(), Instant::now());
        let mut steps = Vec::new();
        for second in 0..18 {
            let step = suspects.restarted(second, start + Duration::from_secs(second));
            steps.extend(step.map(|step| (second, step)));
        }
        let expected = [(5, Escalation::Open), (11, Escalation::RestartAll), (17, Escalation::RestartAll)];
        assert_eq!(steps, expected);
        let (mut suspects, hour) = (Suspects::new(), Duration::from_secs(3_600));
        for number in 0..20 {
            assert_eq!(suspects.restarted(1, start + hour * number), None, "now and then is no trouble");
        }
    }

    #[test]
    fn however_many_are_complained_of_few_are_watched() {
        let mut suspects = Suspects::new();
        for ward in 0..10_000 {
            suspects.complain(complaint(ward, Symptom::Flooded), STUCK, Instant::now());
        }
        assert_eq!(suspects.watched.len(), MAX_SUSPECTS);
    }
}
