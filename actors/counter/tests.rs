//! The heat sketch.

use super::core::HeatSketch;
use std::time::Duration;
use tessera_domain::PostId;

#[test]
fn a_hot_post_is_seen_within_its_second_and_forgotten_after_two() {
    let sketch = HeatSketch::default();
    let mut rate = 0;
    for step in 0..300 {
        rate = sketch.note(PostId(7), Duration::from_millis(step));
    }
    assert!((300..310).contains(&rate), "{rate}");
    assert_eq!(sketch.note(PostId(8), Duration::from_millis(300)), 1, "others stay cold");
    let half = sketch.note(PostId(7), Duration::from_millis(1_500));
    assert!((140..160).contains(&half), "half of the last window still counts: {half}");
    assert_eq!(sketch.note(PostId(7), Duration::from_millis(3_900)), 1);
}

#[test]
fn many_cold_posts_do_not_make_each_other_hot() {
    let sketch = HeatSketch::default();
    let mut highest = 0;
    for post in 0..50_000 {
        highest = highest.max(sketch.note(PostId(post * 4_194_304), Duration::from_micros(post * 19)));
    }
    assert!(highest < 100, "{highest}");
}
