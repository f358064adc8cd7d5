//! Ink drawn through water: noise bent by noise bent by noise, with veins of gold.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    inks: &'static [u32],
    gold: u32,
}

const PALETTES: [Palette; 5] = [
    Palette {
        mood: "in indigo, bone and gold",
        inks: &[0x0a1430, 0x1c3566, 0x5a86a8, 0xe6e0d0, 0xf6f0e2],
        gold: 0xe0b050,
    },
    Palette {
        mood: "in emerald, black and gold",
        inks: &[0x04110e, 0x0c3a30, 0x1f7a5e, 0x8ac0a0, 0xf0f2e4],
        gold: 0xe8c060,
    },
    Palette {
        mood: "in blush, wine and copper",
        inks: &[0x2a0a1a, 0x7a2240, 0xd0708a, 0xf6cfc4, 0xfff4ea],
        gold: 0xd88a50,
    },
    Palette { mood: "in sumi ink on paper", inks: &[0x0c0c10, 0x33363d, 0x8a8d92, 0xe4e1d8, 0xf7f4ea], gold: 0xc03a2a },
    Palette {
        mood: "in lagoon, sand and coral",
        inks: &[0x06303c, 0x128090, 0x7ad0c0, 0xf4e4c0, 0xfff6e4],
        gold: 0xf07a5a,
    },
];

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let (inks, gold) = (Ramp::new(palette.inks), Color::hex(palette.gold));
    let scale = random.range(1.15, 1.7);
    let (sin, cos) = random.range(0.0, std::f32::consts::TAU).sin_cos();
    let pull = random.range(1.5, 2.2);
    canvas.shade(|x, y, _| {
        // Stretched one way, as if combed.
        let (u, v) = ((x * cos + y * sin) * scale * 0.7, (y * cos - x * sin) * scale * 1.25);
        let first_u = noise.fbm(u, v, 4);
        let first_v = noise.sibling(11).fbm(u + 5.2, v + 1.3, 4);
        let (bent_u, bent_v) = (u + pull * first_u, v + pull * first_v);
        let second_u = noise.sibling(23).fbm(bent_u + 1.7, bent_v + 9.2, 4);
        let second_v = noise.sibling(37).at(bent_u + 8.3, bent_v + 2.8);
        let ink = noise.sibling(51).fbm(u + pull * second_u, v + pull * second_v, 5);
        let tone = 0.5 + 0.95 * ink + 0.22 * second_u;
        let mut color = inks.at(tone);
        // Thin pigment gathers where the sheets fold.
        let fold = (first_u * first_u + second_v * second_v).sqrt();
        color = color * (0.82 + 0.36 * smoothstep(0.0, 0.7, fold));
        let contour = (tone * 7.0 + second_u * 1.5).fract();
        let line = smoothstep(0.06, 0.0, (contour - 0.5).abs()) * 0.12;
        color = color * (1.0 - line);
        let vein = (ink - 0.12 + 0.3 * second_v).abs();
        let leaf = smoothstep(0.02, 0.004, vein) * smoothstep(-0.1, 0.4, first_v + 0.15);
        let glitter = 0.75 + 0.7 * noise.sibling(60).at(x * 210.0, y * 210.0).abs();
        color.mix(gold * glitter, leaf)
    });
    canvas.bloom(0.8, 0.012, 0.2);
    palette.mood
}
