//! Layers of cut paper, lit from above: the contours of one smooth field, each casting a soft shadow.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, lerp, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    /// From the deepest sheet to the uppermost.
    sheets: &'static [u32],
}

const PALETTES: [Palette; 6] = [
    Palette { mood: "from deep teal to cream", sheets: &[0x06303a, 0x0f5a62, 0x2f8f8c, 0x8cc7b0, 0xf2e8cf] },
    Palette { mood: "from plum to peach", sheets: &[0x2a1038, 0x6a2458, 0xb84a68, 0xf08a72, 0xffd8b0] },
    Palette { mood: "from navy to sky and white", sheets: &[0x0c1a3c, 0x1f4480, 0x4f86c0, 0xa8cfe6, 0xf6f8f4] },
    Palette { mood: "from brick to marigold", sheets: &[0x4a1414, 0x98282a, 0xd8562e, 0xf2a03c, 0xfbe2a0] },
    Palette { mood: "from forest to lime", sheets: &[0x0c2a20, 0x1f5a3a, 0x4f8f4a, 0xa8c060, 0xf0efc4] },
    Palette { mood: "from night violet to rose and gold", sheets: &[0x150f38, 0x4a2a80, 0xa8488c, 0xf08a80, 0xf8d878] },
];

struct Sheets {
    noise: Noise,
    center: (f32, f32),
    ring: f32,
    scale: f32,
    count: f32,
}

impl Sheets {
    /// How many sheets lie at a point: whole numbers are the cut edges.
    fn height(&self, x: f32, y: f32) -> f32 {
        let distance = length(x - self.center.0, (y - self.center.1) * 1.1);
        let bend = self.noise.at(x * self.scale, y * self.scale)
            + 0.38 * self.noise.sibling(1).at(x * self.scale * 2.2, y * self.scale * 2.2);
        let field = lerp(0.5 + 0.62 * bend, distance * 1.25 + 0.3 * bend, self.ring);
        field.clamp(0.0, 0.999) * self.count
    }
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let aspect = canvas.aspect();
    let sheets = Sheets {
        noise,
        center: (aspect * random.range(0.36, 0.64), random.range(0.38, 0.62)),
        ring: random.range(0.35, 0.95),
        scale: random.range(1.2, 2.0),
        count: [8.0, 9.0, 11.0, 13.0][random.below(4)],
    };
    let ramp = Ramp::new(palette.sheets);
    let angle: f32 = random.range(3.7, 5.4);
    let light = (angle.cos(), angle.sin());
    // The field is looked up many times for each pixel, so it is tabulated once, a little beyond the edges.
    let table = Table::new(&sheets, canvas);
    let pixel = canvas.pixel();
    canvas.shade(|x, y, _| {
        let here = table.at(x, y);
        let level = here.floor();
        let sheet = |level: f32| ramp.at((level + 0.5) / sheets.count);
        let fibre =
            noise.sibling(7).fbm(x * 46.0, y * 62.0, 3) * 0.035 + noise.sibling(8).at(x * 260.0, y * 260.0) * 0.012;
        let mut shadow: f32 = 0.0;
        for step in 1..=10 {
            let away = step as f32 * 0.0034;
            let there = table.at(x + light.0 * away, y + light.1 * away);
            let rise = there - level - 1.0;
            // A sheet that lies `n` above throws its shadow `n` times as far.
            let over = (rise + 1.0).floor() * 0.016 - away;
            if rise > 0.0 {
                shadow = shadow.max(smoothstep(-0.012, 0.014, over + 0.006));
            }
        }
        let slope =
            length(table.at(x + pixel, y) - table.at(x - pixel, y), table.at(x, y + pixel) - table.at(x, y - pixel))
                / (2.0 * pixel);
        let edge = (here - level) / slope.max(1e-3);
        // The cut edge shows as a bright line where it faces the light.
        let drop = here - table.at(x + light.0 * pixel * 2.0, y + light.1 * pixel * 2.0);
        let facing = smoothstep(-0.3, 0.7, drop / (slope * pixel * 2.0).max(1e-4));
        let rim = smoothstep(pixel * 3.2, pixel * 0.8, edge) * facing;
        // Where sheets meet, little light gets in from any side.
        let next = (level + 1.0 - here) / slope.max(1e-3);
        let corner = 0.2 * (-next / 0.006).exp();
        let paper = |color: Color| color * ((1.0 + fibre) * (1.0 - 0.62 * shadow.max(corner)));
        let color = paper(sheet(level)).mix(Color::WHITE, rim * 0.34 * f32::from(level > 0.0));
        // Anti-aliasing across the cut: blend with the sheet below in the last pixel.
        let below = sheet((level - 1.0).max(0.0)) * 0.5;
        below.mix(color, (edge / pixel + 0.35).clamp(0.0, 1.0))
    });
    palette.mood
}

struct Table {
    values: Vec<f32>,
    columns: usize,
    rows: usize,
    step: f32,
}

impl Table {
    const MARGIN: f32 = 0.05;

    fn new(sheets: &Sheets, canvas: &Canvas) -> Self {
        let step = canvas.pixel() * 2.0;
        let count = |length: f32| ((length + 2.0 * Self::MARGIN) / step) as usize + 2;
        let (columns, rows) = (count(canvas.aspect()), count(1.0));
        let values = (0..columns * rows)
            .map(|index| {
                let x = (index % columns) as f32 * step - Self::MARGIN;
                let y = (index / columns) as f32 * step - Self::MARGIN;
                sheets.height(x, y)
            })
            .collect();
        Self { values, columns, rows, step }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let column = ((x + Self::MARGIN) / self.step).clamp(0.0, self.columns as f32 - 1.001);
        let row = ((y + Self::MARGIN) / self.step).clamp(0.0, self.rows as f32 - 1.001);
        let (left, top) = (column as usize, row as usize);
        let value = |column: usize, row: usize| self.values[row * self.columns + column];
        let (along, down) = (column - left as f32, row - top as f32);
        lerp(
            lerp(value(left, top), value(left + 1, top), along),
            lerp(value(left, top + 1), value(left + 1, top + 1), along),
            down,
        )
    }
}
