//! The sun low over the sea: a lit sky, its broken reflection, and far land.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    sky: &'static [u32],
    sun: u32,
    cloud: u32,
    deep: u32,
    land: u32,
}

const PALETTES: [Palette; 5] = [
    Palette {
        mood: "in orange and plum",
        sky: &[0x2f3b66, 0x7a5a86, 0xd8756b, 0xffb35c],
        sun: 0xffdf9a,
        cloud: 0x5a3a5e,
        deep: 0x14203c,
        land: 0x1a1a2e,
    },
    Palette {
        mood: "in pale gold and blue",
        sky: &[0x4f86b0, 0x9cc0d0, 0xf2dcb4, 0xffe3a0],
        sun: 0xfff6d8,
        cloud: 0xe8b48c,
        deep: 0x17455c,
        land: 0x35586a,
    },
    Palette {
        mood: "in crimson and ink",
        sky: &[0x120c24, 0x42153c, 0xa32a3e, 0xff7a3c],
        sun: 0xffc46a,
        cloud: 0x220f2a,
        deep: 0x080a1a,
        land: 0x07060f,
    },
    Palette {
        mood: "in silver moonlight",
        sky: &[0x0a1424, 0x17304a, 0x31566f, 0x7d9fae],
        sun: 0xeef6ff,
        cloud: 0x22384c,
        deep: 0x050d18,
        land: 0x060e17,
    },
    Palette {
        mood: "in mint and peach",
        sky: &[0x3d8790, 0x86bfb0, 0xf6d8b8, 0xffb99a],
        sun: 0xfff0d6,
        cloud: 0xe89c8c,
        deep: 0x12505c,
        land: 0x2a5a62,
    },
];

struct Sky<'a> {
    ramp: Ramp,
    palette: &'a Palette,
    noise: Noise,
    sun: (f32, f32),
    sun_radius: f32,
    horizon: f32,
    pixel: f32,
}

impl Sky<'_> {
    fn at(&self, x: f32, y: f32) -> Color {
        let color = self.air(x, y);
        let distance = length(x - self.sun.0, y - self.sun.1);
        let edge = self.pixel * 1.5;
        let disc = smoothstep(self.sun_radius + edge, self.sun_radius - edge, distance);
        self.clouded(color.mix(Color::hex(self.palette.sun) * 1.7, disc), x, y)
    }

    /// What the water mirrors: no disc, which waves break up into the glitter path.
    fn mirrored(&self, x: f32, y: f32) -> Color {
        self.clouded(self.air(x, y), x, y)
    }

    fn air(&self, x: f32, y: f32) -> Color {
        let sun_color = Color::hex(self.palette.sun);
        let distance = length(x - self.sun.0, y - self.sun.1);
        let light = (-distance * 3.4).exp() * 0.36 + (-distance * 14.0).exp() * 0.4;
        self.ramp.at(y / self.horizon) + sun_color * light
    }

    fn clouded(&self, color: Color, x: f32, y: f32) -> Color {
        let sun_color = Color::hex(self.palette.sun);
        let distance = length(x - self.sun.0, y - self.sun.1);
        // Clouds lie in a flat layer: they crowd together towards the horizon.
        let height = (self.horizon - y).max(0.0) + 0.09;
        let (u, v) = ((x - self.sun.0) / height * 0.34, 1.0 / height);
        let warp = self.noise.fbm(u * 1.1, v * 0.7, 3) * 0.8;
        let cloud = self.noise.sibling(50).fbm(u + warp, v * 0.9 + warp * 0.4, 6);
        let density = smoothstep(-0.02, 0.42, cloud) * smoothstep(0.0, 0.2, height - 0.07);
        let rim = smoothstep(0.34, 0.02, cloud) * (-distance * 2.2).exp();
        let lit = Color::hex(self.palette.cloud).mix(sun_color, rim * 0.9 + 0.12);
        color.mix(lit, density * 0.85)
    }
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let horizon = random.range(0.46, 0.6);
    let sun_radius = random.range(0.035, 0.06);
    let sky = Sky {
        ramp: Ramp::new(palette.sky),
        palette,
        noise: Noise::new(random.next_u64()),
        sun: (canvas.aspect() * random.range(0.3, 0.7), horizon - random.range(0.03, 0.17)),
        sun_radius,
        horizon,
        pixel: canvas.pixel(),
    };
    let (sun_color, deep) = (Color::hex(palette.sun), Color::hex(palette.deep));
    let waves = sky.noise.sibling(200);
    canvas.shade(|x, y, _| {
        if y < horizon {
            return sky.at(x, y);
        }
        let below = (y - horizon).max(0.0015);
        // Perspective: a point below the horizon lies at a distance of 1 / below.
        let far = 0.16 / (below + 0.012);
        let (u, v) = ((x - sky.sun.0) * far * 6.0, far * 26.0);
        let swell = waves.fbm(u * 0.55, v, 4) + 0.35 * waves.at(u * 2.6, v * 2.1);
        let tilt = swell * (0.02 + 0.24 * below);
        let mirrored = (horizon - below * 0.86 - tilt.abs() * 0.55 - 0.002).max(0.02);
        let fresnel = (1.0 - below * 1.35).clamp(0.25, 0.94);
        let reflected = sky.mirrored(x + tilt * 0.5, mirrored);
        let mut color = deep.mix(reflected, fresnel * (0.82 + 0.18 * swell));
        color = color * (1.0 + swell * 0.16);
        // The glitter path: waves that face both the sun and the eye.
        let spread = sun_radius * 0.7 + below * 0.32;
        let path = (-((x - sky.sun.0) / spread).powi(2)).exp();
        let near = smoothstep(0.12, 0.0, below) * 0.3;
        let glint = smoothstep(0.2, 0.6, swell + path * 0.35 + near) * path;
        color + sun_color * (glint * 1.2 / (1.0 + below * 2.0) + path * 0.12)
    });
    land(canvas, random, &sky);
    canvas.bloom(0.75, 0.02, 0.25);
    if random.chance(0.6) {
        boat(canvas, random, horizon, Color::hex(palette.land) * 0.7);
    }
    palette.mood
}

/// Far headlands that fade with distance.
fn land(canvas: &mut Canvas, random: &mut Random, sky: &Sky) {
    let (aspect, pixel) = (canvas.aspect(), canvas.pixel());
    let dark = Color::hex(sky.palette.land);
    let side = if sky.sun.0 > aspect * 0.5 { 0.0 } else { aspect };
    for layer in 0..3 {
        let reach = aspect * random.range(0.3, 0.62) * (1.0 - 0.22 * layer as f32);
        let tall = random.range(0.035, 0.07) * (1.0 + layer as f32 * 0.4);
        let field = sky.noise.sibling(300 + layer);
        let pale = sky.ramp.at(0.97);
        let color = pale.mix(dark, 0.42 + 0.26 * layer as f32);
        let area = [0.0, sky.horizon - 0.25, aspect, sky.horizon + 0.004];
        canvas.stamp(area, color, |x, y| {
            let from_side = (x - side).abs() / reach;
            let profile = (1.0 - from_side).max(0.0).powf(0.7);
            let crest = tall * profile * (0.75 + 0.5 * field.fbm(x * 5.0, 1.5, 6));
            let foot = if crest > pixel { 0.0015 } else { 0.0 };
            ((crest - (sky.horizon - y).abs().max(-foot)) / pixel).clamp(0.0, 1.0)
        });
    }
}

/// A small sail, near enough to give scale.
fn boat(canvas: &mut Canvas, random: &mut Random, horizon: f32, color: Color) {
    let aspect = canvas.aspect();
    let x = aspect * random.range(0.16, 0.84);
    let (y, size) = (horizon + random.range(0.03, 0.06), random.range(0.035, 0.055));
    canvas.stroke((x - size * 0.42, y), (x + size * 0.4, y), (size * 0.07, size * 0.05), color, 1.0);
    canvas.stroke((x, y), (x, y - size * 1.5), (size * 0.02, size * 0.01), color, 1.0);
    let pixel = canvas.pixel();
    for (lean, top) in [(0.46, 1.45), (-0.34, 1.2)] {
        let area = [x - size, y - size * 1.6, x + size, y];
        canvas.stamp(area, color, |px, py| {
            let up = (y - size * 0.12 - py) / (size * top);
            let out = (px - x - size * 0.03 * f32::signum(lean)) / (size * lean);
            let inside = out.min(1.0 - up - out).min(up);
            (inside * size * 0.45 / pixel + 0.5).clamp(0.0, 1.0) * 0.92
        });
    }
    for ripple in 0..26 {
        let down = ripple as f32 / 26.0;
        let wobble = random.normal() * size * 0.12 * (0.3 + down);
        let half = size * (0.34 - 0.28 * down) * random.range(0.4, 1.0);
        let line = y + size * (0.1 + down * 1.2);
        let from = (x + wobble - half, line);
        let to = (x + wobble + half, line);
        canvas.stroke(from, to, (size * 0.014, size * 0.008), color, 0.55 * (1.0 - down));
    }
}
