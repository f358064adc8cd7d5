//! A city at night in rain: towers in mist with lit windows, neon, and the wet quay that mirrors them.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, lerp, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    sky: &'static [u32],
    glow: u32,
    tower: u32,
    windows: &'static [u32],
}

const PALETTES: [Palette; 4] = [
    Palette {
        mood: "in blue night and warm windows",
        sky: &[0x0a1224, 0x182a48, 0x40506c],
        glow: 0xd8945a,
        tower: 0x0a111e,
        windows: &[0xffc878, 0xffe2b0, 0xffa850, 0xbcd8ff],
    },
    Palette {
        mood: "in magenta and cyan neon",
        sky: &[0x100a24, 0x2c1648, 0x5c2c68],
        glow: 0xd04a90,
        tower: 0x0c0818,
        windows: &[0xff7ac0, 0x6ae8f0, 0xffd0e8, 0xa080ff],
    },
    Palette {
        mood: "in the last green of dusk",
        sky: &[0x0c2230, 0x245058, 0x86a08a],
        glow: 0xe8c890,
        tower: 0x08161c,
        windows: &[0xffe0a0, 0xffc070, 0xf8f0d0, 0xff9060],
    },
    Palette {
        mood: "in ember and smoke",
        sky: &[0x1a1014, 0x402028, 0x8a4838],
        glow: 0xff8a4a,
        tower: 0x120a0c,
        windows: &[0xffb060, 0xff8040, 0xffe0b0, 0xff6050],
    },
];

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let quay = random.range(0.7, 0.78);
    let (sky, glow) = (Ramp::new(palette.sky), Color::hex(palette.glow));
    canvas.shade(|x, y, _| {
        let cloud = noise.fbm(x * 1.6, y * 3.2, 5);
        let low = smoothstep(0.1, quay, y);
        sky.at(y / quay) * (1.0 + cloud * 0.35) + glow * (low * low * 0.14 * (1.0 + cloud))
    });
    let windows: Vec<Color> = palette.windows.iter().map(|&code| Color::hex(code)).collect();
    let tower = Color::hex(palette.tower);
    for layer in 0..4 {
        let nearness = layer as f32 / 3.0;
        let air = sky.at(0.75) + glow * 0.1;
        let wall = air.mix(tower, 0.4 + 0.58 * nearness);
        street(canvas, random, quay, nearness, wall, &windows);
        // Mist between the blocks carries the city's light.
        canvas.shade(|x, y, color| {
            let low = smoothstep(quay - 0.3, quay, y) * (1.0 - nearness * 0.75);
            let drift = 0.75 + 0.5 * noise.sibling(layer).fbm(x * 2.0, y * 5.0, 3);
            color.mix(air + glow * 0.16, (low * 0.6 * drift).clamp(0.0, 1.0))
        });
    }
    canvas.bloom(0.3, 0.012, 0.8);
    canvas.bloom(0.4, 0.07, 0.9);
    wet_quay(canvas, noise, quay, tower);
    rain(canvas, random, glow);
    palette.mood
}

/// One row of buildings, from the left edge to the right.
fn street(canvas: &mut Canvas, random: &mut Random, quay: f32, nearness: f32, wall: Color, windows: &[Color]) {
    let aspect = canvas.aspect();
    let center = aspect * random.range(0.35, 0.65);
    let mut left = -random.range(0.0, 0.08);
    while left < aspect {
        let width = random.range(0.035, 0.09) * lerp(0.8, 1.5, nearness);
        let middle = 1.0 - ((left + width * 0.5 - center) / aspect).abs() * 1.3;
        let tall = random.range(0.12, 0.3) + random.unit().powi(3) * 0.3 * middle.max(0.1);
        let tall = (tall * lerp(1.5, 0.72, nearness)).min(quay * 0.86);
        let area = [left, quay - tall, left + width, quay];
        building(canvas, random, area, wall, nearness);
        light_windows(canvas, random, area, nearness, windows);
        left += width * random.range(0.82, 1.25);
    }
}

fn block(canvas: &mut Canvas, [left, top, right, bottom]: [f32; 4], color: Color, opacity: f32) {
    let pixel = canvas.pixel();
    let area = [left - pixel, top - pixel, right + pixel, bottom + pixel];
    canvas.stamp(area, color, |x, y| {
        let inside = (x - left).min(right - x).min(y - top).min(bottom - y);
        (inside / pixel + 0.5).clamp(0.0, 1.0) * opacity
    });
}

fn building(canvas: &mut Canvas, random: &mut Random, area: [f32; 4], wall: Color, nearness: f32) {
    let [left, top, right, bottom] = area;
    let width = right - left;
    block(canvas, area, wall, 1.0);
    // One side catches more of the mist's light.
    block(canvas, [left, top, left + width * 0.16, bottom], wall * 1.25, 0.8);
    match random.below(5) {
        0 => {
            for tier in 1..4 {
                let inset = width * 0.14 * tier as f32;
                let rise = 0.014 * tier as f32;
                block(canvas, [left + inset, top - rise, right - inset, top], wall, 1.0);
            }
        }
        1 => {
            let x = lerp(left, right, random.range(0.3, 0.7));
            let tip = (x, top - random.range(0.03, 0.09));
            canvas.stroke((x, top), tip, (0.0016, 0.0006), wall, 1.0);
            canvas.glow(tip, 0.0032, Color::new(1.6, 0.12, 0.08) * (0.5 + nearness));
        }
        2 => block(canvas, [left + width * 0.2, top - 0.012, left + width * 0.5, top], wall, 1.0),
        _ => {}
    }
}

fn light_windows(canvas: &mut Canvas, random: &mut Random, area: [f32; 4], nearness: f32, windows: &[Color]) {
    let [left, top, right, bottom] = area;
    let pixel = canvas.pixel();
    let across = (0.0072 * lerp(0.75, 1.35, nearness)).max(pixel * 4.0);
    let down = across * random.range(1.15, 1.7);
    let (wide, tall) = (across * random.range(0.45, 0.7), down * random.range(0.4, 0.62));
    let occupancy = random.range(0.08, 0.42);
    let tint = *random.pick(windows);
    let columns = ((right - left) / across - 0.8).max(0.0) as usize;
    let rows = ((bottom - top) / down - 1.0).max(0.0) as usize;
    let start = left + (right - left - columns as f32 * across) * 0.5;
    for row in 0..rows {
        // Whole floors are sometimes lit or dark.
        let floor = if random.chance(0.08) { 0.95 } else { occupancy * random.range(0.3, 1.3) };
        for column in 0..columns {
            if !random.chance(floor) {
                continue;
            }
            let light = if random.chance(0.75) { tint } else { *random.pick(windows) };
            let (x, y) = (start + column as f32 * across, top + down * (row as f32 + 0.6));
            let power = (0.3 + 1.5 * random.unit().powi(2)) * lerp(0.55, 1.0, nearness);
            block(canvas, [x, y, x + wide, y + tall], light * power, 0.92);
        }
    }
}

/// The ground mirrors the city: smeared downwards, rippled, with puddles sharper than the stone.
fn wet_quay(canvas: &mut Canvas, noise: Noise, quay: f32, stone: Color) {
    let (sharp, soft) = (canvas.blurred(0.003), canvas.blurred(0.022));
    canvas.shade(|x, y, color| {
        let below = y - quay;
        if below < 0.0 {
            return color;
        }
        let far = 0.1 / (below + 0.03);
        let puddle = smoothstep(-0.1, 0.3, noise.sibling(70).fbm(x * far * 2.2, far * 9.0, 4));
        let ripple = noise.sibling(71).fbm(x * far * 14.0, far * 60.0, 2);
        let (u, v) = (x + ripple * 0.008, (quay - below * 1.5 - ripple * 0.01).max(0.0));
        let mirrored = soft.sample(x + ripple * 0.014, v).mix(sharp.sample(u, v), puddle * 0.8);
        let kerb = smoothstep(0.006, 0.0, below) * 0.75;
        stone.mix(mirrored, 0.62 + 0.26 * puddle) * (1.0 - kerb) * (1.0 - below * 1.1)
    });
}

fn rain(canvas: &mut Canvas, random: &mut Random, glow: Color) {
    let (aspect, pixel) = (canvas.aspect(), canvas.pixel());
    let slant = random.range(-0.16, 0.16);
    let color = glow.mix(Color::WHITE, 0.6);
    for _ in 0..(620.0 * aspect) as usize {
        let (x, y) = (random.range(-0.1, aspect + 0.1), random.range(-0.1, 1.0));
        let depth = random.unit();
        let length = lerp(0.02, 0.085, depth * depth);
        let to = (x + slant * length, y + length);
        let radius = pixel * lerp(0.35, 0.8, depth);
        canvas.stroke((x, y), to, (radius * 0.3, radius), color, lerp(0.07, 0.2, depth));
    }
}
