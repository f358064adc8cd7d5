//! Dunes in low sun: a height field seen in perspective, lit from the side, with wind ripples and long shadows.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    sky: &'static [u32],
    lit: u32,
    shade: u32,
    haze: u32,
}

const PALETTES: [Palette; 4] = [
    Palette {
        mood: "in amber light and blue shade",
        sky: &[0x4f86b8, 0xa8c4cc, 0xf4dcb4],
        lit: 0xf2a65a,
        shade: 0x5a3a44,
        haze: 0xf2d2a8,
    },
    Palette {
        mood: "in rose light at dusk",
        sky: &[0x2c2a5a, 0x8a5a8c, 0xf2a08c],
        lit: 0xf08a6a,
        shade: 0x3a2248,
        haze: 0xe89a90,
    },
    Palette {
        mood: "in pale morning light",
        sky: &[0x86b4c8, 0xc8dcd8, 0xfaf0d8],
        lit: 0xf6d8a4,
        shade: 0x8a7468,
        haze: 0xf6e8cc,
    },
    Palette {
        mood: "in red evening light",
        sky: &[0x182038, 0x6a3a50, 0xf07a48],
        lit: 0xe0562c,
        shade: 0x2a1020,
        haze: 0xe07848,
    },
];

const NEAR: f32 = 0.55;
const FAR: f32 = 26.0;
const STEPS: usize = 1_500;

struct Sand {
    noise: Noise,
    sin: f32,
    cos: f32,
}

impl Sand {
    /// Height of the sand: crests along one wind direction, bent and broken, steep on the lee side.
    fn height(&self, x: f32, z: f32) -> f32 {
        let (along, across) = (x * self.cos + z * self.sin, z * self.cos - x * self.sin);
        let bend = self.noise.at(along * 0.22, across * 0.3) * 1.5 + self.noise.at(along * 0.6, across * 0.5) * 0.3;
        let phase = across * 0.42 + bend;
        let saw = phase - phase.floor();
        let crest = if saw < 0.72 {
            let rise = saw / 0.72;
            rise * rise * (1.6 - 0.6 * rise)
        } else {
            let fall = (1.0 - saw) / 0.28;
            fall * (0.55 + 0.45 * fall)
        };
        let tall = 0.55 + 0.75 * smoothstep(-0.7, 0.8, self.noise.sibling(3).at(x * 0.16, z * 0.16));
        crest * tall + 0.4 * self.noise.sibling(4).at(x * 0.2, z * 0.2)
    }
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let aspect = canvas.aspect();
    let (sin, cos) = (random.range(0.35, 0.8) * if random.chance(0.5) { 1.0 } else { -1.0 }).sin_cos();
    let sand = Sand { noise, sin, cos };
    let horizon = random.range(0.3, 0.4);
    let sun_left = random.chance(0.5);
    let sun = (if sun_left { -0.08 } else { aspect + 0.08 }, horizon - 0.1);
    let (sky, haze) = (Ramp::new(palette.sky), Color::hex(palette.haze));
    canvas.shade(|x, y, _| {
        let distance = length(x - sun.0, y - sun.1);
        let cloud = smoothstep(0.1, 0.7, noise.sibling(8).fbm(x * 1.4, y * 9.0, 5));
        sky.at(y / horizon).mix(haze, cloud * 0.4) + haze * ((-distance * 2.6).exp() * 0.5)
    });
    let light = Light {
        toward: if sun_left { -1.0 } else { 1.0 },
        lit: Color::hex(palette.lit),
        shade: Color::hex(palette.shade),
        haze,
    };
    let eye = (0.0..40.0_f32, sand.height(0.0, 0.0).max(1.0) + random.range(0.9, 1.3));
    let offset = random.range(eye.0.start, eye.0.end);
    for column in 0..canvas.width() {
        draw_column(canvas, &sand, &light, column, (offset, eye.1, horizon));
    }
    palette.mood
}

struct Light {
    /// -1 when the sun stands left, 1 when it stands right.
    toward: f32,
    lit: Color,
    shade: Color,
    haze: Color,
}

impl Light {
    fn color(&self, sand: &Sand, x: f32, z: f32, height: f32, distance: f32) -> Color {
        let reach = 0.045 + distance * 0.006;
        let slope_x = (sand.height(x + reach, z) - height) / reach;
        let slope_z = (sand.height(x, z + reach) - height) / reach;
        // Wind ripples: a fine wave that fades before it would shimmer.
        let fade = smoothstep(4.2, 0.8, distance);
        let warp = sand.noise.fbm(x * 1.1, z * 1.1, 2) * 5.0;
        let ripple = (z * 34.0 + x * 9.0 + warp).cos() * 0.2 * fade;
        let grain = sand.noise.fbm(x * 40.0, z * 40.0, 2) * 0.12 * fade;
        let normal = (1.0 + slope_x * slope_x + slope_z * slope_z).sqrt();
        let facing = (0.4 - self.toward * slope_x * 1.1 - slope_z * 0.12 + ripple) / normal;
        let mut lit = smoothstep(-0.1, 0.72, facing + grain);
        let mut shadow: f32 = 0.0;
        // A few steps towards the sun find the crests that cast a shadow here.
        for step in 1..12 {
            let away = step as f32 * 0.15;
            let ray = height + away * 0.42 + 0.03;
            let over = sand.height(x + self.toward * away, z + away * 0.25) - ray;
            shadow = shadow.max(smoothstep(-0.03 - away * 0.04, 0.04 + away * 0.1, over));
        }
        lit *= 1.0 - shadow;
        let color = self.shade.mix(self.lit, lit) * (0.86 + 0.34 * lit);
        color.mix(self.haze, 1.0 - (-distance * 0.062).exp())
    }
}

/// Walks away from the eye along one column; each step covers what it shows of the lines that nearer steps left free.
fn draw_column(
    canvas: &mut Canvas,
    sand: &Sand,
    light: &Light,
    column: usize,
    (offset, eye, horizon): (f32, f32, f32),
) {
    let (aspect, rows) = (canvas.aspect(), canvas.height());
    let across = (column as f32 + 0.5) * canvas.pixel() - aspect * 0.5;
    let mut top = rows as f32;
    let mut lines = vec![(Color::BLACK, 0.0_f32); rows];
    for step in 0..STEPS {
        let distance = NEAR * (FAR / NEAR).powf(step as f32 / STEPS as f32);
        let (x, z) = (across * distance * 1.25 + offset, distance);
        let height = sand.height(x, z);
        let row = ((horizon + (eye - height) / distance * 0.42) * rows as f32).max(0.0);
        // Hidden, or too little to see: the next step shows it.
        if row > top - 0.6 {
            continue;
        }
        let color = light.color(sand, x, z, height, distance);
        for (line, (sum, covered)) in lines.iter_mut().enumerate().take(top.ceil() as usize).skip(row as usize) {
            let share = (line as f32 + 1.0).min(top) - (line as f32).max(row);
            *sum = *sum + color * share;
            *covered += share;
        }
        top = row;
    }
    for (line, (sum, covered)) in lines.into_iter().enumerate() {
        let pixel = canvas.pixel_mut(column, line);
        *pixel = *pixel * (1.0 - covered).max(0.0) + sum;
    }
}
