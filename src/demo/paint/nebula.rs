//! A star field and a nebula: warped clouds of light, lanes of dust, stars by magnitude.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    space: u32,
    /// From the thin edge to the dense core.
    gas: &'static [u32],
    /// A second gas that lies across the first.
    veil: u32,
}

const PALETTES: [Palette; 5] = [
    Palette {
        mood: "in rose and teal",
        space: 0x04060f,
        gas: &[0x0a1030, 0x4a1a5c, 0xc03a6a, 0xff9a7a, 0xfff0d8],
        veil: 0x2aa6b0,
    },
    Palette {
        mood: "in amber and indigo",
        space: 0x05050e,
        gas: &[0x100c2a, 0x5a2418, 0xc86a22, 0xffc060, 0xfff6da],
        veil: 0x3a4ad0,
    },
    Palette {
        mood: "in blue and silver",
        space: 0x02050c,
        gas: &[0x06142c, 0x12407a, 0x3f8fd0, 0xaee0f6, 0xffffff],
        veil: 0x8a50c8,
    },
    Palette {
        mood: "in emerald and violet",
        space: 0x03070a,
        gas: &[0x062026, 0x0f5a52, 0x3fae7c, 0xc8f0a8, 0xfffbe0],
        veil: 0x8a38b8,
    },
    Palette {
        mood: "in magenta and gold",
        space: 0x06030c,
        gas: &[0x1a0630, 0x6a1470, 0xd0308a, 0xff8a9a, 0xffe6b8],
        veil: 0xd89a3a,
    },
];

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let (gas, veil) = (Ramp::new(palette.gas), Color::hex(palette.veil));
    let space = Color::hex(palette.space);
    let center = (canvas.aspect() * random.range(0.38, 0.62), random.range(0.38, 0.62));
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    let scale = random.range(1.6, 2.3);

    canvas.shade(|x, y, _| {
        let (dx, dy) = (x - center.0, y - center.1);
        let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let (u, v) = (along * scale, across * scale);
        let bend_u = noise.fbm(u, v, 4);
        let bend_v = noise.sibling(20).fbm(u + 5.2, v + 1.3, 4);
        let density = noise.sibling(40).fbm(u + bend_u * 1.5, v + bend_v * 1.5, 6);
        let arm = (-(along * 1.15).powi(2) - (across * 2.1 + bend_u * 0.5).powi(2)).exp();
        let light = arm * (0.52 + 0.95 * density) + 0.1 * density.max(0.0);
        let dust = noise.sibling(60).ridged(u * 1.1 + bend_v, v * 1.3 + bend_u * 1.2, 5);
        let shade = smoothstep(0.62, 0.92, dust) * 0.8;
        let mut color = space + gas.at(light * 1.12) * (light.clamp(0.0, 1.0).powf(0.8) * 1.35);
        let wisp = smoothstep(0.0, 0.6, bend_v + 0.35 * bend_u) * (0.18 + arm * 0.6);
        color = color + veil * (wisp * wisp * 0.9);
        color * (1.0 - shade * (0.35 + 0.55 * arm))
    });
    stars(canvas, random, noise);
    canvas.bloom(0.7, 0.03, 0.3);
    palette.mood
}

fn stars(canvas: &mut Canvas, random: &mut Random, noise: Noise) {
    let (aspect, pixel) = (canvas.aspect(), canvas.pixel());
    let tints = [0xffffff, 0xcfe0ff, 0xfff0d8, 0xffd9b8, 0xbcd4ff].map(Color::hex);
    for _ in 0..(2_600.0 * aspect) as usize {
        let (x, y) = (random.range(0.0, aspect), random.unit());
        // Stars cluster a little.
        if noise.at(x * 3.0, y * 3.0) < random.range(-1.0, 0.5) {
            continue;
        }
        // Few bright stars, many faint ones: brightness follows a power law.
        let magnitude = random.unit().powi(7);
        let tint = *random.pick(&tints);
        let radius = pixel * (0.75 + 1.1 * magnitude);
        canvas.glow((x, y), radius, tint * (0.16 + 1.9 * magnitude));
    }
    for _ in 0..random.below(4) + 4 {
        let at = (random.range(0.05, aspect - 0.05), random.range(0.05, 0.95));
        let power = random.range(0.35, 1.0);
        flare(canvas, at, power, *random.pick(&tints));
    }
}

/// A bright star with the spikes that a mirror telescope's spider gives.
fn flare(canvas: &mut Canvas, (x, y): (f32, f32), power: f32, tint: Color) {
    let pixel = canvas.pixel();
    canvas.glow((x, y), pixel * 2.2 + 0.0035 * power, tint * 1.8);
    canvas.glow((x, y), 0.02 * power + 0.005, tint * (0.2 * power));
    let length = 0.018 + 0.06 * power;
    for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
        let tip = (x + dx * length, y + dy * length);
        canvas.stroke((x, y), tip, (pixel * 1.1, pixel * 0.05), tint * 1.4, 0.75);
    }
}
