//! Mountain ranges one behind the other, each paler and warmer with distance, under a low sun.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, lerp, smoothstep};
use super::trees::conifer;
use crate::random::Random;

struct Palette {
    mood: &'static str,
    /// From the zenith to the horizon.
    sky: &'static [u32],
    sun: u32,
    haze: u32,
    near: u32,
}

const PALETTES: [Palette; 5] = [
    Palette {
        mood: "in the rose and amber of dawn",
        sky: &[0x5b6f9e, 0x9c93b8, 0xe6b0a8, 0xffd9a0],
        sun: 0xfff0c4,
        haze: 0xf3b79c,
        near: 0x16202f,
    },
    Palette {
        mood: "in the violet light after sunset",
        sky: &[0x221d44, 0x553a72, 0xa9557f, 0xf08a6c],
        sun: 0xffc07a,
        haze: 0xc4688a,
        near: 0x0d0b1c,
    },
    Palette {
        mood: "in cold blue morning air",
        sky: &[0x3c6c94, 0x79a7c2, 0xb9d4dc, 0xf4efdc],
        sun: 0xfffbe8,
        haze: 0xb9d0d8,
        near: 0x0f2630,
    },
    Palette {
        mood: "in golden evening haze",
        sky: &[0x7d5a4a, 0xc78a52, 0xf0b65e, 0xffe29a],
        sun: 0xfff3c0,
        haze: 0xf2b866,
        near: 0x23140f,
    },
    Palette {
        mood: "in green twilight",
        sky: &[0x0f2c3a, 0x2b6470, 0x7fae9c, 0xe8d9a4],
        sun: 0xfff0bd,
        haze: 0x93b8a2,
        near: 0x071a1c,
    },
];

const RANGES: usize = 7;

struct Range {
    /// Height of the crest at each column.
    crest: Vec<f32>,
    color: Color,
    /// How much haze lies at its foot, and over what depth.
    haze_depth: f32,
    mist: f32,
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let aspect = canvas.aspect();
    let sun = (aspect * random.range(0.25, 0.75), random.range(0.28, 0.42));
    let sun_radius = random.range(0.028, 0.05);
    let (sky, sun_color) = (Ramp::new(palette.sky), Color::hex(palette.sun));
    let (haze, near) = (Color::hex(palette.haze), Color::hex(palette.near));
    let ranges = ranges(canvas, random, noise, near, haze);
    let (pixel, width) = (canvas.pixel(), canvas.width());

    canvas.shade(|x, y, _| {
        let distance = length(x - sun.0, y - sun.1);
        let warmth = (-distance * 3.2).exp();
        let mut color = sky.at(y / 0.62);
        let cloud = noise.fbm(x * 1.3 + 9.0, y * 7.0, 5);
        let veil = smoothstep(0.05, 0.55, cloud) * smoothstep(0.6, 0.15, y);
        color = color.mix(haze.mix(sun_color, 0.35), veil * 0.5);
        color = color + sun_color * (warmth * 0.34 + (-distance * 11.0).exp() * 0.5);
        let disc = smoothstep(sun_radius + pixel, sun_radius - pixel, distance);
        color = color.mix(sun_color * 1.7, disc);
        let column = ((x / pixel) as usize).min(width - 1);
        for range in &ranges {
            let below = y - range.crest[column];
            let coverage = (below / pixel + 0.5).clamp(0.0, 1.0);
            if coverage > 0.0 {
                let lit_haze = haze.mix(sun_color, warmth * 0.55);
                let relief = noise.fbm(x * 9.0, below * 16.0, 3) * 0.09;
                let depth = (below / range.haze_depth).clamp(0.0, 1.0);
                let drift = noise.fbm(x * 2.1, y * 6.0, 3) * 0.12 * depth;
                let mist = (depth.powf(1.4) * 0.82 + drift) * range.mist;
                let rock = range.color.mix(lit_haze, warmth * 0.35 * range.mist) * (1.0 + relief);
                color = color.mix(rock.mix(lit_haze, mist.clamp(0.0, 0.92)), coverage);
            }
        }
        color
    });
    wood(canvas, random, noise, near);
    palette.mood
}

fn ranges(canvas: &Canvas, random: &mut Random, noise: Noise, near: Color, haze: Color) -> Vec<Range> {
    let pixel = canvas.pixel();
    let first = random.range(0.4, 0.48);
    (0..RANGES)
        .map(|index| {
            let nearness = index as f32 / (RANGES - 1) as f32;
            let field = noise.sibling(100 + index as u32);
            let base = lerp(first + 0.05, 0.97, nearness.powf(1.15)) + random.range(-0.02, 0.02);
            let scale = lerp(2.6, 1.3, nearness);
            let relief = lerp(0.13, 0.24, (nearness * 3.1).sin().abs());
            let crest = (0..canvas.width())
                .map(|column| {
                    let x = column as f32 * pixel * scale + index as f32 * 17.0;
                    let broad = field.fbm(x * 0.55, 0.5, 2) * 0.6;
                    let sharp = field.ridged(x, 3.5, 6) - 0.62;
                    base - relief * (broad + sharp) - 0.02
                })
                .collect();
            Range {
                crest,
                color: haze.mix(near, 0.2 + 0.78 * nearness.powf(0.75)),
                haze_depth: lerp(0.16, 0.4, nearness),
                mist: lerp(1.0, 0.35, nearness.powf(1.5)),
            }
        })
        .collect()
}

/// A wood along the lower edge gives the eye a place to stand.
fn wood(canvas: &mut Canvas, random: &mut Random, noise: Noise, near: Color) {
    let aspect = canvas.aspect();
    let color = near * 0.55;
    let valley = random.range(0.3, 0.7) * aspect;
    let count = (aspect * 95.0) as usize;
    for _ in 0..count {
        let x = random.range(-0.05, aspect + 0.05);
        let rise = smoothstep(0.0, aspect * 0.6, (x - valley).abs());
        let foot = 1.06 - 0.1 * rise + noise.at(x * 3.0, 40.0) * 0.02;
        let height = random.range(0.07, 0.15) * (0.75 + 0.7 * rise);
        conifer(canvas, random, (x, foot), height, (color, color * 0.8));
    }
}
