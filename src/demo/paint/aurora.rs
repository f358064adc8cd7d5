//! Northern lights: curtains with a sharp hem and long rays, over a lake that mirrors them.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, lerp, smoothstep};
use super::trees::conifer;
use crate::random::Random;

struct Palette {
    mood: &'static str,
    night: &'static [u32],
    /// From the hem of a curtain to its top.
    light: &'static [u32],
}

const PALETTES: [Palette; 4] = [
    Palette {
        mood: "in green and violet",
        night: &[0x050a1c, 0x0b1a36, 0x17324c],
        light: &[0xd8ffc0, 0x3cf08a, 0x1fb890, 0x3a58b8, 0x5a2a9a],
    },
    Palette {
        mood: "in teal and rose",
        night: &[0x060818, 0x10183a, 0x2a2c58],
        light: &[0xd0fff0, 0x3ae8c8, 0x2a90c0, 0x9a4ab8, 0xd0407a],
    },
    Palette {
        mood: "in pale green",
        night: &[0x030a12, 0x082028, 0x12404a],
        light: &[0xf0ffd0, 0x8af080, 0x30c070, 0x108a6a, 0x0a5a60],
    },
    Palette {
        mood: "in red and green",
        night: &[0x070814, 0x14122c, 0x28243e],
        light: &[0xe0ffc8, 0x50e878, 0x50a060, 0xb83a58, 0xa02050],
    },
];

struct Curtain {
    base: f32,
    sway: f32,
    tall: f32,
    power: f32,
    field: Noise,
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let (night, light) = (Ramp::new(palette.night), Ramp::new(palette.light));
    let shore = random.range(0.68, 0.76);
    let curtains: Vec<Curtain> = (0..3)
        .map(|index| Curtain {
            base: lerp(0.3, 0.56, index as f32 / 2.0) + random.range(-0.04, 0.04),
            sway: random.range(0.1, 0.22),
            tall: random.range(0.16, 0.34),
            power: random.range(0.45, 1.0),
            field: noise.sibling(10 + index),
        })
        .collect();
    canvas.shade(|x, y, _| {
        let mut color = night.at(y / shore);
        for curtain in &curtains {
            color = color + light_of(curtain, &light, x, y);
        }
        color
    });
    canvas.bloom(0.3, 0.06, 0.25);
    hills(canvas, random, noise, shore, night.at(1.0));
    mirror(canvas, noise, shore, night.at(0.3));
    stars(canvas, random, shore - 0.14);
    palette.mood
}

fn light_of(curtain: &Curtain, light: &Ramp, x: f32, y: f32) -> Color {
    let field = curtain.field;
    let wander = field.fbm(x * 1.1, 0.4, 2) * 1.7 + 0.2 * field.at(x * 3.7, 7.0);
    let hem = curtain.base + curtain.sway * wander;
    let up = (hem - y) / curtain.tall;
    if up < -0.12 {
        return Color::BLACK;
    }
    // Rays follow the folds: narrow where the curtain turns away from the eye.
    let fold = x * 5.0 + wander * 3.0;
    let ray = 0.45 + 0.55 * field.at(fold * 5.0, 20.0 + y * 0.4) + 0.3 * field.at(fold * 14.0, 30.0);
    let patch = smoothstep(-0.35, 0.5, field.fbm(x * 1.3, 50.0, 2));
    let rise = smoothstep(-0.07, 0.05, up);
    let fall = (-up.max(0.0) * (1.9 - 0.7 * ray)).exp();
    let strength = rise * fall * (0.25 + 0.85 * ray.max(0.0).powf(1.4)) * patch * curtain.power;
    light.at(up * 0.42) * (strength * 1.15)
}

fn stars(canvas: &mut Canvas, random: &mut Random, lowest: f32) {
    let (aspect, pixel) = (canvas.aspect(), canvas.pixel());
    for _ in 0..(900.0 * aspect) as usize {
        let at = (random.range(0.0, aspect), random.range(0.0, lowest));
        let magnitude = random.unit().powi(6);
        let fade = smoothstep(lowest, lowest - 0.3, at.1);
        let tint = Color::new(0.85, 0.92, 1.0) * ((0.14 + 1.5 * magnitude) * fade);
        canvas.glow(at, pixel * (0.7 + 0.8 * magnitude), tint);
    }
}

fn hills(canvas: &mut Canvas, random: &mut Random, noise: Noise, shore: f32, pale: Color) {
    let (aspect, pixel) = (canvas.aspect(), canvas.pixel());
    for layer in 0..3 {
        let field = noise.sibling(80 + layer);
        let color = pale * (0.42 - 0.15 * layer as f32);
        let tall = 0.13 - 0.035 * layer as f32;
        canvas.stamp([0.0, 0.3, aspect, shore + pixel], color, |x, y| {
            let crest = shore - tall * (0.45 + 0.9 * (field.ridged(x * 1.3, 2.5, 5) - 0.4));
            ((y - crest) / pixel + 0.5).clamp(0.0, 1.0)
        });
    }
    let dark = pale * 0.07;
    for _ in 0..(aspect * 130.0) as usize {
        let x = random.range(-0.02, aspect + 0.02);
        let grove = smoothstep(-0.5, 0.6, noise.at(x * 2.2, 90.0));
        let height = random.range(0.025, 0.055) * (0.5 + 1.5 * grove);
        conifer(canvas, random, (x, shore + 0.004), height, (dark, dark));
    }
}

/// The lake: what lies above the shore, upside down, drawn out and broken by small waves.
fn mirror(canvas: &mut Canvas, noise: Noise, shore: f32, water: Color) {
    let above = canvas.blurred(0.004);
    canvas.shade(|x, y, color| {
        let below = y - shore;
        if below < 0.0 {
            return color;
        }
        let far = 0.12 / (below + 0.02);
        let wave = noise.sibling(120).fbm(x * far * 5.0, far * 40.0, 3);
        let from = (shore - below * 1.15 - wave.abs() * 0.03 * (0.2 + below * 4.0)).max(0.0);
        let reflected = above.sample(x + wave * 0.02 * (0.3 + below * 3.0), from);
        let rim = smoothstep(0.008, 0.0, below) * 0.008;
        water.mix(reflected, 0.74 - below * 0.7) + Color::WHITE * rim
    });
}
