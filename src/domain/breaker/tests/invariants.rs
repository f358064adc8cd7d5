//! What holds whatever happens.

use super::*;
use proptest::{collection::vec, prelude::*};

/// What may happen to a breaker.
#[derive(Debug, Clone)]
enum Act {
    Begin,
    /// The call under way at this place (modulo their number) ends, after milliseconds.
    End(usize, Outcome, u64),
    Release(usize),
    Wait(u64),
    Force(BreakerState),
}

fn act() -> impl Strategy<Value = Act> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Ignored)];
    prop_oneof![
        10 => Just(Act::Begin),
        8 => (any::<usize>(), outcome, 0u64..8_000).prop_map(|(place, outcome, ms)| Act::End(place, outcome, ms)),
        2 => any::<usize>().prop_map(Act::Release),
        3 => (0u64..7_000).prop_map(Act::Wait),
        1 => (0usize..5).prop_map(|place| Act::Force(BreakerState::ALL[place])),
    ]
}

fn any_settings() -> impl Strategy<Value = BreakerSettings> {
    let window = prop_oneof![(0u32..12).prop_map(WindowSize::Calls), (0u32..12).prop_map(WindowSize::Seconds)];
    (window, 0u32..10, 0u32..6, 0.0f64..1.2, 0.0f64..1.2, proptest::option::of(0u64..9_000)).prop_map(
        |(window, minimum_calls, half_open_permits, failure_rate, slow_call_rate, half_open_ms)| BreakerSettings {
            window,
            minimum_calls,
            half_open_permits,
            failure_rate,
            slow_call_rate,
            half_open_wait: half_open_ms.map(Duration::from_millis),
            ..settings()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn permits_rates_and_counts_stay_in_bounds(settings in any_settings(), acts in vec(act(), 1..200)) {
        let mut rig = Rig::new(settings);
        let (mut now, mut refused, mut half_open_cycle) = (START, 0, 0u64);
        // With the half-open cycle in which they began, 0 for none.
        let mut under_way: Vec<(Permission, u64)> = Vec::new();
        for act in acts {
            match act {
                Act::Wait(ms) => now += Duration::from_millis(ms),
                Act::Force(state) => rig.force(state, now),
                Act::End(place, outcome, took_ms) if !under_way.is_empty() => {
                    let (permission, _) = under_way.swap_remove(place % under_way.len());
                    rig.end_one(permission, outcome, Duration::from_millis(took_ms), now);
                }
                Act::Release(place) if !under_way.is_empty() => {
                    rig.breaker.gate().release(under_way.swap_remove(place % under_way.len()).0);
                }
                Act::Begin => match rig.acquire(now) {
                    Ok(permission) => {
                        let cycle = (rig.breaker.take_transitions().iter())
                            .filter(|change| change.to == BreakerState::HalfOpen)
                            .count() as u64;
                        half_open_cycle += cycle;
                        let state = rig.state(now);
                        prop_assert!(!matches!(state, BreakerState::ForcedOpen | BreakerState::Open));
                        let half_open = state == BreakerState::HalfOpen;
                        under_way.push((permission, if half_open { half_open_cycle } else { 0 }));
                    }
                    Err(_) => {
                        refused += 1;
                        let state = rig.state(now);
                        prop_assert!(!matches!(state, BreakerState::Closed | BreakerState::Disabled), "{state:?}");
                    }
                },
                Act::End(..) | Act::Release(_) => {}
            }
            let state = rig.state(now);
            half_open_cycle += (rig.breaker.take_transitions().iter())
                .filter(|change| change.to == BreakerState::HalfOpen)
                .count() as u64;
            if state == BreakerState::HalfOpen {
                let probes = under_way.iter().filter(|(_, cycle)| *cycle == half_open_cycle).count();
                prop_assert!(probes <= settings.half_open_permits.max(1) as usize, "{probes} under way");
            }
            let metrics = rig.metrics(now);
            prop_assert!(metrics.failed <= metrics.calls && metrics.slow <= metrics.calls);
            for rate in [metrics.failure_rate, metrics.slow_call_rate].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&rate), "{rate}");
            }
            prop_assert_eq!(rig.breaker.gate().not_permitted(), refused);
            prop_assert!(metrics.not_permitted <= refused);
        }
    }
}
