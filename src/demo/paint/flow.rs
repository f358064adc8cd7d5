//! Bands of colour laid along a field of flow until no room is left, on paper.

use super::canvas::Canvas;
use super::color::Color;
use super::noise::{Noise, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    paper: u32,
    inks: &'static [u32],
}

const PALETTES: [Palette; 6] = [
    Palette {
        mood: "in brick, navy and mustard on cream",
        paper: 0xf3ead8,
        inks: &[0xc8452e, 0x1d3557, 0xe0a32e, 0x2f6f73, 0x20242c, 0xe8c9a0],
    },
    Palette {
        mood: "in coral and ice on midnight blue",
        paper: 0x0f1b33,
        inks: &[0xff7f6a, 0xf6e7cf, 0x6fc3d0, 0x2f5f9a, 0xf2b84b, 0xd9e8ee],
    },
    Palette {
        mood: "in sage and terracotta on bone",
        paper: 0xefe8dc,
        inks: &[0x6f8f72, 0xc4714c, 0x39473f, 0xd9b48a, 0xa4bfa6, 0x8a3f2c],
    },
    Palette {
        mood: "in pinks and plums on blush",
        paper: 0xf9e9e2,
        inks: &[0xd8577a, 0x6a2a52, 0xf0a08c, 0x2f2240, 0xe8c24f, 0x9b4f86],
    },
    Palette {
        mood: "in blues on white paper",
        paper: 0xf4f4ee,
        inks: &[0x0b3c6f, 0x2f74b5, 0x8fbbe0, 0x12243d, 0x5a95b0, 0xe36f47],
    },
    Palette {
        mood: "in ember tones on charcoal",
        paper: 0x17161a,
        inks: &[0xf25c2a, 0xf7a93b, 0x8c2f39, 0xf3e3c3, 0x5b5f66, 0xc23a2b],
    },
];

/// Which band holds each cell of a grid as fine as the pixels; zero is free.
struct Ground {
    owners: Vec<u16>,
    columns: usize,
    rows: usize,
    cell: f32,
}

impl Ground {
    fn at(&mut self, x: f32, y: f32) -> Option<&mut u16> {
        let (column, row) = ((x / self.cell).floor(), (y / self.cell).floor());
        let inside = column >= 0.0 && row >= 0.0 && (column as usize) < self.columns && (row as usize) < self.rows;
        inside.then(|| &mut self.owners[row as usize * self.columns + column as usize])
    }

    /// Calls `visit` for the cells of a disc, until it says stop.
    fn disc(&mut self, (x, y): (f32, f32), radius: f32, mut visit: impl FnMut(&mut u16) -> bool) -> bool {
        let steps = (radius / self.cell).ceil() as i32;
        for down in -steps..=steps {
            for along in -steps..=steps {
                if down * down + along * along > steps * steps {
                    continue;
                }
                let at = (x + along as f32 * self.cell, y + down as f32 * self.cell);
                if let Some(owner) = self.at(at.0, at.1)
                    && !visit(owner)
                {
                    return false;
                }
            }
        }
        true
    }
}

struct Field {
    noise: Noise,
    frequency: f32,
    turn: f32,
    lean: f32,
}

impl Field {
    fn angle(&self, x: f32, y: f32) -> f32 {
        let (u, v) = (x * self.frequency, y * self.frequency);
        self.lean + self.turn * (self.noise.at(u, v) + 0.22 * self.noise.sibling(1).at(u * 2.3, v * 2.3))
    }
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let (aspect, pixel) = (canvas.aspect(), canvas.pixel());
    let paper = Color::hex(palette.paper);
    canvas.shade(|x, y, _| paper * (1.0 + 0.025 * noise.fbm(x * 60.0, y * 60.0, 3)));
    let field = Field {
        noise: noise.sibling(9),
        frequency: random.range(0.7, 1.3),
        turn: random.range(1.6, 2.9),
        lean: random.range(0.0, std::f32::consts::TAU),
    };
    let cell = pixel * 2.0;
    let (columns, rows) = ((aspect / cell) as usize + 1, (1.0 / cell) as usize + 1);
    let mut ground = Ground { owners: vec![0; columns * rows], columns, rows, cell };
    let inks: Vec<Color> = palette.inks.iter().map(|&code| Color::hex(code)).collect();
    let widths = [0.021, 0.013, 0.008, 0.005, 0.0028];
    let mut owner = 0;
    for (stage, radius) in widths.into_iter().enumerate() {
        // Wide bands first, then ever finer ones in the gaps.
        let attempts = [70, 260, 700, 1_600, 3_000][stage];
        for _ in 0..attempts {
            let start = (random.range(0.02, aspect - 0.02), random.range(0.02, 0.98));
            let band = trace(&mut ground, &field, start, radius, aspect);
            if band.len() < 8 {
                continue;
            }
            owner += 1;
            for &at in &band {
                ground.disc(at, radius + 0.0024, |cell| {
                    *cell = owner;
                    true
                });
            }
            let region = noise.sibling(30).at(start.0 * 1.2, start.1 * 1.2) * 2.4 + random.normal() * 0.9;
            let ink = inks[(region + 40.0) as usize % inks.len()];
            lay(canvas, random, &band, radius, ink);
        }
    }
    palette.mood
}

/// Follows the field both ways from `start` while the band's whole width is free.
fn trace(ground: &mut Ground, field: &Field, start: (f32, f32), radius: f32, aspect: f32) -> Vec<(f32, f32)> {
    let margin = 0.035 + radius;
    let step = 0.004;
    let mut free = |(x, y): (f32, f32)| {
        x > margin
            && y > margin
            && x < aspect - margin
            && y < 1.0 - margin
            && ground.disc((x, y), radius + 0.0024, |owner| *owner == 0)
    };
    let mut halves = [Vec::new(), Vec::new()];
    for (half, direction) in halves.iter_mut().zip([1.0, -1.0]) {
        let mut at = start;
        while half.len() < 260 && free(at) {
            half.push(at);
            let (sin, cos) = field.angle(at.0, at.1).sin_cos();
            at = (at.0 + cos * step * direction, at.1 + sin * step * direction);
        }
    }
    let [forward, backward] = halves;
    backward.into_iter().skip(1).rev().chain(forward).collect()
}

/// Lays one band; some are striped along their length.
fn lay(canvas: &mut Canvas, random: &mut Random, band: &[(f32, f32)], radius: f32, ink: Color) {
    let striped = radius > 0.007 && random.chance(0.22);
    let stripe = random.range(0.02, 0.05);
    let tone = random.range(0.92, 1.08);
    for (index, pair) in band.windows(2).enumerate() {
        let along = index as f32 * 0.004;
        let shade = if striped && (along / stripe).fract() < 0.32 { ink.mix(Color::WHITE, 0.78) } else { ink };
        let ends = smoothstep(0.0, 3.0, index as f32) * smoothstep(0.0, 3.0, (band.len() - 1 - index) as f32);
        canvas.stroke(pair[0], pair[1], (radius * (0.9 + 0.1 * ends), radius * (0.9 + 0.1 * ends)), shade * tone, 1.0);
    }
}
