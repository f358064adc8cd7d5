//! Conifers in mist, rank behind rank, with shafts of light.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, lerp, smoothstep};
use super::trees::conifer;
use crate::random::Random;

struct Palette {
    mood: &'static str,
    sky: &'static [u32],
    mist: u32,
    near: u32,
    sun: u32,
}

const PALETTES: [Palette; 4] = [
    Palette {
        mood: "in silver-green morning mist",
        sky: &[0xb8ccc4, 0xdce6dc, 0xf2f2e2],
        mist: 0xd4e0d4,
        near: 0x0e2622,
        sun: 0xfffbe8,
    },
    Palette {
        mood: "in golden backlight",
        sky: &[0xd89a5a, 0xf2c47a, 0xffe8b0],
        mist: 0xf6cf8c,
        near: 0x24160e,
        sun: 0xfff4cc,
    },
    Palette {
        mood: "in blue dusk",
        sky: &[0x24365c, 0x4c6488, 0x94a4b4],
        mist: 0x7c92a8,
        near: 0x060e1c,
        sun: 0xe8e4e8,
    },
    Palette {
        mood: "in violet fog",
        sky: &[0x6a5a86, 0xa88aa4, 0xecc4bc],
        mist: 0xd0a8b4,
        near: 0x1a1026,
        sun: 0xffe8d8,
    },
];

const RANKS: usize = 7;

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let aspect = canvas.aspect();
    let sun = (aspect * random.range(0.25, 0.75), random.range(0.08, 0.2));
    let (sky, mist) = (Ramp::new(palette.sky), Color::hex(palette.mist));
    let (near, sun_color) = (Color::hex(palette.near), Color::hex(palette.sun));
    canvas.shade(|x, y, _| {
        let distance = length(x - sun.0, y - sun.1);
        sky.at(y * 1.2) + sun_color * ((-distance * 2.6).exp() * 0.4)
    });
    let pixel = canvas.pixel();
    for rank in 0..RANKS {
        let nearness = rank as f32 / (RANKS - 1) as f32;
        let color = mist.mix(near, lerp(0.14, 1.0, nearness.powf(1.2)));
        let line = ground_line(noise.sibling(rank as u32), nearness);
        let floors: Vec<f32> = (0..canvas.width()).map(|column| line(column as f32 * pixel)).collect();
        let below = |x: f32, y: f32| y - floors[((x / pixel) as usize).min(floors.len() - 1)];
        let base = plant(canvas, random, &line, nearness, (color, mist));
        canvas.shade(|x, y, behind| behind.mix(base, below(x, y) / pixel + 0.5));
        // Each rank stands in the mist of the next hollow.
        let field = noise.sibling(40 + rank as u32);
        canvas.shade(|x, y, color| {
            let low = smoothstep(-0.24, 0.12, below(x, y)) * lerp(0.85, 0.12, nearness);
            if low < 0.004 {
                return color;
            }
            let drift = 0.62 + 0.55 * field.fbm(x * 1.7, y * 4.5, 3);
            let near_sun = (-length(x - sun.0, y - sun.1) * 2.0).exp();
            let lit = mist.mix(sun_color, near_sun * 0.6);
            color.mix(lit, low * drift)
        });
    }
    shafts(canvas, noise, sun, sun_color);
    palette.mood
}

/// Where a rank of trees stands.
fn ground_line(field: Noise, nearness: f32) -> impl Fn(f32) -> f32 {
    let base = lerp(0.33, 1.06, nearness.powf(1.05));
    move |x| base + field.fbm(x * lerp(1.8, 0.9, nearness), 5.0, 3) * lerp(0.1, 0.16, nearness)
}

/// Plants one rank; gives the colour of the ground it stands on.
fn plant(
    canvas: &mut Canvas,
    random: &mut Random,
    line: impl Fn(f32) -> f32,
    nearness: f32,
    (color, mist): (Color, Color),
) -> Color {
    let aspect = canvas.aspect();
    let tall = lerp(0.13, 0.7, nearness.powf(1.5));
    let count = (aspect * lerp(80.0, 12.0, nearness.sqrt())) as usize;
    let base = color.mix(mist, lerp(0.35, 0.05, nearness));
    for _ in 0..count {
        let x = random.range(-0.05, aspect + 0.05);
        // The nearest rank leaves a clearing, so that one looks through it.
        let open = nearness > 0.75 && (x / aspect - 0.5).abs() < 0.24 * nearness;
        if open && random.chance(0.9) {
            continue;
        }
        let height = tall * random.range(0.55, 1.2);
        conifer(canvas, random, (x, line(x) + 0.01), height, (color, base));
    }
    base
}

/// Light that comes through the crowns in wedges.
fn shafts(canvas: &mut Canvas, noise: Noise, sun: (f32, f32), sun_color: Color) {
    let field = noise.sibling(90);
    canvas.shade(|x, y, color| {
        let (dx, dy) = (x - sun.0, y - sun.1);
        let distance = length(dx, dy);
        let angle = dy.atan2(dx);
        let beam = field.fbm(angle * 4.2, distance * 0.5, 3);
        let reach = (-distance * 1.5).exp() * smoothstep(0.05, 0.4, distance) * smoothstep(-0.1, 0.5, dy);
        color + sun_color * (smoothstep(-0.1, 0.8, beam) * reach * 0.36 + (-distance * 4.0).exp() * 0.12)
    });
}
