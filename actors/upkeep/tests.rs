//! The core of upkeep.

use super::core::{MAX_UNDELETED, UpkeepCore};

#[test]
fn rounds_run_one_at_a_time_and_hand_on_what_they_could_not_delete() {
    let mut core = UpkeepCore::default();
    assert_eq!(core.begin(), Some(vec![]));
    assert_eq!(core.begin(), None);
    assert_eq!(core.end(vec!["a".to_owned()]), 0);
    assert_eq!(core.begin(), Some(vec!["a".to_owned()]));
    assert_eq!(core.end(vec![String::new(); MAX_UNDELETED + 3]), 3);
    assert_eq!(core.begin().map(|keys| keys.len()), Some(MAX_UNDELETED));
}
