//! Conifers in silhouette, shared by the scenes that have a wood in them.

use super::canvas::Canvas;
use super::color::Color;
use super::noise::Noise;
use crate::random::Random;

/// One conifer with its foot at `foot`, coloured from `crown` at the top to `base` at the foot.
pub(super) fn conifer(
    canvas: &mut Canvas,
    random: &mut Random,
    foot: (f32, f32),
    height: f32,
    (crown, base): (Color, Color),
) {
    let noise = Noise::new(random.next_u64());
    let half_width = height * random.range(0.13, 0.2);
    let tiers = (height / canvas.pixel() / 9.0).clamp(6.0, 26.0);
    let lean = random.range(-0.02, 0.02);
    let pixel = canvas.pixel();
    let area = [foot.0 - half_width * 1.5, foot.1 - height, foot.0 + half_width * 1.5, foot.1];
    // Colours change along the height, so the tree is stamped in slices.
    let slices = 12;
    for slice in 0..slices {
        let top = area[1] + height * slice as f32 / slices as f32;
        let bottom = area[1] + height * (slice + 1) as f32 / slices as f32;
        let color = crown.mix(base, (slice as f32 + 0.5) / slices as f32);
        canvas.stamp([area[0], top, area[2], bottom], color, |x, y| {
            if y < top || y >= bottom {
                return 0.0;
            }
            let down = (y - area[1]) / height;
            let side = x - foot.0 - lean * height * (1.0 - down);
            if side.abs() > half_width * 1.5 * down + pixel {
                return 0.0;
            }
            // Boughs: each tier widens downwards and droops, left and right out of step.
            let shift = if side < 0.0 { 0.37 } else { 0.0 };
            let droop = side.abs() / half_width * 0.9;
            let turn = down.powf(0.9) * tiers + shift - droop;
            let tier = turn - turn.floor();
            let bough = 0.72 + 0.42 * noise.cell(turn as i32, i32::from(side < 0.0));
            let rough = noise.at(x / pixel * 0.19, y / pixel * 0.19) * 0.25;
            let reach = half_width * down.powf(0.85) * (0.4 + 0.5 * tier + rough) * bough;
            let trunk = height * 0.012 * (0.3 + down);
            ((reach.max(trunk) - side.abs()) / pixel + 0.5).clamp(0.0, 1.0)
        });
    }
}
