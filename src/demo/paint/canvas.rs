//! The canvas: linear-light pixels, anti-aliased marks, bloom, and the development into 8-bit sRGB.
//!
//! Painters measure in picture heights: `y` runs from 0 (top) to 1, `x` from 0 to [`Canvas::aspect`].

use super::color::Color;
use super::noise::{Noise, length, smoothstep};

pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![Color::BLACK; width * height] }
    }

    /// Width over height, which is also the right edge.
    pub(super) fn aspect(&self) -> f32 {
        self.width as f32 / self.height as f32
    }

    /// The side of one pixel.
    pub(super) fn pixel(&self) -> f32 {
        1.0 / self.height as f32
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    #[inline]
    pub(super) fn pixel_mut(&mut self, column: usize, row: usize) -> &mut Color {
        &mut self.pixels[row * self.width + column]
    }

    /// Gives every pixel a new colour from its position and its present colour.
    pub(super) fn shade(&mut self, mut color: impl FnMut(f32, f32, Color) -> Color) {
        let pixel = self.pixel();
        for (row, line) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            let y = (row as f32 + 0.5) * pixel;
            for (column, value) in line.iter_mut().enumerate() {
                *value = color((column as f32 + 0.5) * pixel, y, *value);
            }
        }
    }

    /// Lays `color` over the box around a shape, as much as `coverage` (0..1) says at each pixel.
    pub(super) fn stamp(
        &mut self,
        [left, top, right, bottom]: [f32; 4],
        color: Color,
        coverage: impl Fn(f32, f32) -> f32,
    ) {
        self.visit([left, top, right, bottom], |x, y, value| {
            let amount = coverage(x, y);
            if amount > 0.0 {
                *value = value.mix(color, amount);
            }
        });
    }

    fn visit(&mut self, [left, top, right, bottom]: [f32; 4], mut change: impl FnMut(f32, f32, &mut Color)) {
        let pixel = self.pixel();
        let first = |edge: f32| (edge / pixel).floor().max(0.0) as usize;
        let (first_column, first_row) = (first(left), first(top));
        let end_column = ((right / pixel).ceil().max(0.0) as usize).min(self.width);
        let end_row = ((bottom / pixel).ceil().max(0.0) as usize).min(self.height);
        for row in first_row..end_row {
            let y = (row as f32 + 0.5) * pixel;
            for column in first_column..end_column {
                let x = (column as f32 + 0.5) * pixel;
                change(x, y, &mut self.pixels[row * self.width + column]);
            }
        }
    }

    /// A filled disc with a smooth edge.
    pub(super) fn disc(&mut self, (x, y): (f32, f32), radius: f32, color: Color, opacity: f32) {
        let pixel = self.pixel();
        let reach = radius + pixel;
        self.stamp([x - reach, y - reach, x + reach, y + reach], color, |px, py| {
            let distance = length(px - x, py - y);
            ((radius - distance) / pixel + 0.5).clamp(0.0, 1.0) * opacity
        });
    }

    /// Adds light that falls off as a bell curve with the given radius.
    pub(super) fn glow(&mut self, (x, y): (f32, f32), radius: f32, color: Color) {
        let reach = radius * 3.0;
        self.visit([x - reach, y - reach, x + reach, y + reach], |px, py, value| {
            let distance = ((px - x).powi(2) + (py - y).powi(2)) / (radius * radius);
            if distance < 9.0 {
                *value = *value + color * (-distance).exp();
            }
        });
    }

    /// A stroke with round ends whose radius runs from the first to the second value.
    pub(super) fn stroke(&mut self, from: (f32, f32), to: (f32, f32), radii: (f32, f32), color: Color, opacity: f32) {
        let pixel = self.pixel();
        let reach = radii.0.max(radii.1) + pixel;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length_squared = (dx * dx + dy * dy).max(1e-12);
        let area =
            [from.0.min(to.0) - reach, from.1.min(to.1) - reach, from.0.max(to.0) + reach, from.1.max(to.1) + reach];
        self.stamp(area, color, |x, y| {
            let along = (((x - from.0) * dx + (y - from.1) * dy) / length_squared).clamp(0.0, 1.0);
            let distance = length(x - from.0 - along * dx, y - from.1 - along * dy);
            let radius = radii.0 + (radii.1 - radii.0) * along;
            // Strokes thinner than a pixel fade instead of breaking up.
            let thinness = (radius * 2.0 / pixel).min(1.0);
            ((radius.max(pixel * 0.5) - distance) / pixel + 0.5).clamp(0.0, 1.0) * thinness * opacity
        });
    }

    /// The colour between pixels, by bilinear interpolation; positions outside give the nearest edge.
    pub(super) fn sample(&self, x: f32, y: f32) -> Color {
        let column = (x * self.height as f32 - 0.5).clamp(0.0, self.width as f32 - 1.001);
        let row = (y * self.height as f32 - 0.5).clamp(0.0, self.height as f32 - 1.001);
        let (left, top) = (column as usize, row as usize);
        let at = |column: usize, row: usize| self.pixels[row * self.width + column];
        let (along, down) = (column - left as f32, row - top as f32);
        at(left, top).mix(at(left + 1, top), along).mix(at(left, top + 1).mix(at(left + 1, top + 1), along), down)
    }

    /// A blurred copy of this canvas, at about `radius` (three box blurs approach a bell curve).
    pub(super) fn blurred(&self, radius: f32) -> Self {
        let reach = ((radius * self.height as f32 * 0.6) as usize).max(1);
        let (mut source, mut target) = (self.pixels.clone(), self.pixels.clone());
        for _ in 0..3 {
            blur_rows(&source, &mut target, self.width, reach);
            blur_columns(&target, &mut source, self.width, reach);
        }
        Self { pixels: source, ..*self }
    }

    /// Lets light above `threshold` spill over `radius`, as in a lens.
    pub(super) fn bloom(&mut self, threshold: f32, radius: f32, strength: f32) {
        let mut bright = Self::new(self.width, self.height);
        for (target, source) in bright.pixels.iter_mut().zip(&self.pixels) {
            let excess = (source.luminance() - threshold).max(0.0);
            *target = *source * (excess / (source.luminance() + 1e-6));
        }
        let bright = bright.blurred(radius);
        for (target, light) in self.pixels.iter_mut().zip(&bright.pixels) {
            *target = *target + *light * strength;
        }
    }

    /// Develops the picture: vignette, highlight roll-off, film grain (which also hides banding), 8-bit sRGB.
    pub(super) fn develop(mut self, vignette: f32, grain: f32, seed: u64) -> Vec<u8> {
        let (half_width, half_height) = (self.aspect() * 0.5, 0.5);
        self.shade(|x, y, color| {
            let (dx, dy) = ((x - half_width) / half_width, (y - half_height) / half_height);
            color * (1.0 - vignette * smoothstep(0.35, 2.1, dx * dx + dy * dy))
        });
        let noise = Noise::new(seed ^ 0x0067_7261_696e);
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        for (index, color) in self.pixels.iter().enumerate() {
            let (column, row) = ((index % self.width) as i32, (index / self.width) as i32);
            let speck = noise.cell(column, row) + noise.cell(column, row + 70_001) - 1.0
                + 0.5 * (noise.cell(column / 2, row / 2 + 140_001) - 0.5);
            for value in [color.red, color.green, color.blue] {
                let encoded = encode_srgb(roll_off(value));
                // Grain is strongest in the middle tones, as on film.
                let weight = 0.35 + 2.6 * encoded * (1.0 - encoded);
                let level = (encoded + speck * grain * weight) * 255.0 + 0.5;
                bytes.push(level.clamp(0.0, 255.0) as u8);
            }
        }
        bytes
    }
}

/// A running-sum box blur along every row, edges repeated.
fn blur_rows(source: &[Color], target: &mut [Color], width: usize, reach: usize) {
    let scale = 1.0 / (2 * reach + 1) as f32;
    for (from, to) in source.chunks_exact(width).zip(target.chunks_exact_mut(width)) {
        let mut sum = (0..reach).fold(from[0] * (reach + 1) as f32, |sum, column| sum + from[column.min(width - 1)]);
        for (column, value) in to.iter_mut().enumerate() {
            sum = sum + from[(column + reach).min(width - 1)];
            *value = sum * scale;
            sum = sum + from[column.saturating_sub(reach)] * -1.0;
        }
    }
}

/// The same along every column, a whole row of running sums at a time, so that memory is read in order.
fn blur_columns(source: &[Color], target: &mut [Color], width: usize, reach: usize) {
    let scale = 1.0 / (2 * reach + 1) as f32;
    let rows: Vec<&[Color]> = source.chunks_exact(width).collect();
    let last = rows.len() - 1;
    let mut sums: Vec<Color> = rows[0].iter().map(|&color| color * (reach + 1) as f32).collect();
    let add = |sums: &mut [Color], row: &[Color], sign: f32| {
        for (sum, &color) in sums.iter_mut().zip(row) {
            *sum = *sum + color * sign;
        }
    };
    for row in 0..reach {
        add(&mut sums, rows[row.min(last)], 1.0);
    }
    for (row, line) in target.chunks_exact_mut(width).enumerate() {
        add(&mut sums, rows[(row + reach).min(last)], 1.0);
        for (value, &sum) in line.iter_mut().zip(&sums) {
            *value = sum * scale;
        }
        add(&mut sums, rows[row.saturating_sub(reach)], -1.0);
    }
}

/// Keeps colours as they are up to 0.8 and bends everything above softly towards 1.
fn roll_off(value: f32) -> f32 {
    const KNEE: f32 = 0.8;
    if value <= KNEE { value.max(0.0) } else { KNEE + (1.0 - KNEE) * (1.0 - (-(value - KNEE) / (1.0 - KNEE)).exp()) }
}

fn encode_srgb(value: f32) -> f32 {
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}
