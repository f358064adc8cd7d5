//! A flowering branch before a pale disc, grown by a small L-system, in the manner of a woodblock print.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, lerp, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    ground: &'static [u32],
    disc: u32,
    bark: u32,
    petals: &'static [u32],
    heart: u32,
}

const PALETTES: [Palette; 5] = [
    Palette {
        mood: "in pink on pale gold",
        ground: &[0xe9d9b8, 0xf3e7cd, 0xf6e2cf],
        disc: 0xd9573f,
        bark: 0x2b1f1c,
        petals: &[0xf7b8bf, 0xf49aa8, 0xfce1df],
        heart: 0xa8324a,
    },
    Palette {
        mood: "in white on deep indigo",
        ground: &[0x10203f, 0x1d3a63, 0x3f6486],
        disc: 0xf4e6bd,
        bark: 0x070d1a,
        petals: &[0xf6f3ec, 0xdfe6ef, 0xffffff],
        heart: 0xd8a23a,
    },
    Palette {
        mood: "in plum on mist green",
        ground: &[0xa9c1b2, 0xcfdccb, 0xe9e8d3],
        disc: 0xf7f1dc,
        bark: 0x2a2430,
        petals: &[0xb8507f, 0xd07a9c, 0x93386a],
        heart: 0xf1c65a,
    },
    Palette {
        mood: "in coral on dusk blue",
        ground: &[0x4f6a8c, 0x9aa3b5, 0xf0bfa4],
        disc: 0xffe3b4,
        bark: 0x1c1a26,
        petals: &[0xff8d73, 0xffb09a, 0xffd6c4],
        heart: 0x8c2333,
    },
    Palette {
        mood: "in yellow on slate",
        ground: &[0x2a3a42, 0x4a626a, 0x8fa6a2],
        disc: 0xe9efe4,
        bark: 0x0f1416,
        petals: &[0xf6c445, 0xffdc7c, 0xf2ac2c],
        heart: 0x8a4a14,
    },
];

/// The L-system's alphabet: grow a length, turn, remember and return, flower.
#[derive(Clone, Copy, PartialEq)]
enum Symbol {
    Bud,
    Grow,
    Left,
    Right,
    Open,
    Close,
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let aspect = canvas.aspect();
    let from_left = random.chance(0.5);
    let disc = (aspect * if from_left { 0.62 } else { 0.38 }, random.range(0.36, 0.46));
    ground(canvas, noise, palette, disc, random.range(0.22, 0.29));
    let bark = Color::hex(palette.bark);
    let mut flowers = Vec::new();
    for branch in 0..3 {
        let side = if from_left { -0.03 } else { aspect + 0.03 };
        let start = (side, [0.95, 0.62, 1.04][branch] + random.range(-0.05, 0.05));
        let upward: f32 = [0.42, 0.12, 0.72][branch];
        let angle = if from_left { -upward } else { std::f32::consts::PI + upward };
        let length = aspect.min(1.25) * [0.105, 0.075, 0.07][branch];
        let radius = [0.017, 0.009, 0.011][branch];
        let pen = Pen { at: start, angle, length, radius };
        grow(canvas, random, pen, bark, &mut flowers);
    }
    let petals: Vec<Color> = palette.petals.iter().map(|&code| Color::hex(code)).collect();
    for at in flowers {
        let size = random.range(0.015, 0.027);
        let color = *random.pick(&petals);
        blossom(canvas, random, at, size, color, Color::hex(palette.heart));
    }
    for _ in 0..random.below(16) + 14 {
        let at = (random.range(0.0, aspect), random.range(0.1, 1.0));
        let angle = random.range(0.0, std::f32::consts::TAU);
        let color = *random.pick(&petals);
        petal(canvas, at, angle, random.range(0.007, 0.012), color, random.range(0.5, 0.95));
    }
    palette.mood
}

fn ground(canvas: &mut Canvas, noise: Noise, palette: &Palette, disc: (f32, f32), radius: f32) {
    let (ramp, sun, pixel) = (Ramp::new(palette.ground), Color::hex(palette.disc), canvas.pixel());
    canvas.shade(|x, y, _| {
        // Washi: long soft fibres and an uneven wash.
        let wash = noise.fbm(x * 1.4, y * 1.9, 4);
        let fibre = noise.sibling(9).at(x * 14.0 + wash * 3.0, y * 190.0) * 0.014;
        let mut color = ramp.at(y + wash * 0.08);
        let distance = length(x - disc.0, y - disc.1);
        let inside = smoothstep(radius + pixel, radius - pixel, distance);
        let bokashi = 0.62 + 0.38 * smoothstep(disc.1 + radius, disc.1 - radius * 0.6, y);
        color = color.mix(sun, inside * bokashi * (0.94 + 0.1 * wash));
        // Bands of cloud drift across the disc.
        let band = noise.sibling(12).fbm(x * 0.9, y * 8.0, 3);
        let cloud = smoothstep(0.16, 0.3, band) * smoothstep(0.2, 0.5, y) * 0.5;
        color.mix(ramp.at(1.0), cloud) * (1.0 + fibre)
    });
}

#[derive(Clone, Copy)]
struct Pen {
    at: (f32, f32),
    angle: f32,
    length: f32,
    radius: f32,
}

/// Rewrites the axiom a few times, then walks the word with a pen.
fn grow(canvas: &mut Canvas, random: &mut Random, mut pen: Pen, bark: Color, flowers: &mut Vec<(f32, f32)>) {
    let mut stack = Vec::new();
    for symbol in word(random) {
        match symbol {
            Symbol::Grow => {
                for _ in 0..4 {
                    pen.angle += random.normal() * 0.09;
                    let (sin, cos) = pen.angle.sin_cos();
                    let to = (pen.at.0 + cos * pen.length * 0.25, pen.at.1 + sin * pen.length * 0.25);
                    let radius = pen.radius * 0.965;
                    canvas.stroke(pen.at, to, (pen.radius, radius), bark, 1.0);
                    (pen.at, pen.radius) = (to, radius);
                }
                if pen.radius < 0.0052 && random.chance(0.5) {
                    let (sin, cos) = (pen.angle + 1.57).sin_cos();
                    let aside = random.normal() * 0.014;
                    flowers.push((pen.at.0 + cos * aside, pen.at.1 + sin * aside));
                }
            }
            Symbol::Left => pen.angle -= random.range(0.3, 0.62),
            Symbol::Right => pen.angle += random.range(0.3, 0.62),
            Symbol::Open => {
                stack.push(pen);
                pen.radius *= 0.62;
                pen.length *= 0.86;
            }
            Symbol::Close => pen = stack.pop().unwrap_or(pen),
            Symbol::Bud => flowers.push(pen.at),
        }
    }
}

fn word(random: &mut Random) -> Vec<Symbol> {
    use Symbol::{Bud, Close, Grow, Left, Open, Right};
    let rules: [&[Symbol]; 4] = [
        &[Grow, Open, Left, Bud, Close, Grow, Open, Right, Bud, Close, Bud],
        &[Grow, Open, Right, Grow, Bud, Close, Grow, Bud],
        &[Grow, Grow, Open, Left, Bud, Close, Right, Bud],
        &[Grow, Open, Left, Grow, Bud, Close, Open, Right, Bud, Close, Grow, Bud],
    ];
    let mut word = vec![Grow, Grow, Bud];
    for _ in 0..4 {
        word = word
            .into_iter()
            .flat_map(|symbol| match symbol {
                Bud => random.pick(&rules).to_vec(),
                other => vec![other],
            })
            .collect();
    }
    word
}

/// Five notched petals around a heart with stamens.
fn blossom(canvas: &mut Canvas, random: &mut Random, at: (f32, f32), size: f32, color: Color, heart: Color) {
    let turn = random.range(0.0, std::f32::consts::TAU);
    let squash = random.range(0.7, 1.0);
    for index in 0..5 {
        let angle = turn + index as f32 * std::f32::consts::TAU / 5.0;
        let center = (at.0 + angle.cos() * size * 0.55, at.1 + angle.sin() * size * 0.55 * squash);
        petal(canvas, center, angle, size * 0.56, color * random.range(0.93, 1.04), 0.96);
    }
    canvas.glow(at, size * 0.34, (heart.mix(color, 0.3)) * 0.12);
    canvas.disc(at, size * 0.15, heart, 0.9);
    for index in 0..7 {
        let angle = turn + 0.3 + index as f32 * 0.9;
        let reach = size * random.range(0.34, 0.52);
        let tip = (at.0 + angle.cos() * reach, at.1 + angle.sin() * reach * squash);
        let pixel = canvas.pixel();
        canvas.stroke(at, tip, (pixel * 0.5, pixel * 0.4), heart, 0.7);
        canvas.disc(tip, size * 0.055, heart, 0.9);
    }
}

/// A rounded petal, darker towards its root, with a notch at its tip.
fn petal(canvas: &mut Canvas, at: (f32, f32), angle: f32, size: f32, color: Color, opacity: f32) {
    let pixel = canvas.pixel();
    let (sin, cos) = angle.sin_cos();
    let area = [at.0 - size * 1.2, at.1 - size * 1.2, at.0 + size * 1.2, at.1 + size * 1.2];
    for (shrink, tone) in [(1.0, 0.9), (0.93, 1.0)] {
        canvas.stamp(area, color * tone, |x, y| {
            let (dx, dy) = ((x - at.0) / size, (y - at.1) / size);
            let (along, across) = (dx * cos + dy * sin, (dy * cos - dx * sin).abs());
            let notch = 0.16 * (1.0 - across * 6.0).max(0.0) * smoothstep(0.3, 1.0, along);
            let width = lerp(0.55, 0.92, smoothstep(-1.0, 0.4, along));
            let shape = shrink - (along * along + (across / width).powi(2)).sqrt() - notch;
            (shape * size / pixel + 0.5).clamp(0.0, 1.0) * opacity
        });
    }
}
