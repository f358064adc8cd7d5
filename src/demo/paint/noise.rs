//! Gradient noise and the fractal sums of it that give ridges, clouds, smoke and water.

/// A field of smooth noise; different seeds give unrelated fields.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    seed: u32,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed: (seed ^ (seed >> 32)) as u32 }
    }

    /// Another field of the same family.
    pub(super) fn sibling(self, number: u32) -> Self {
        Self { seed: self.seed.wrapping_add(number.wrapping_mul(0x9e37_79b9)) }
    }

    #[inline]
    fn hash(self, x: i32, y: i32) -> u32 {
        let mut hash = self.seed ^ (x as u32).wrapping_mul(0x85eb_ca6b) ^ (y as u32).wrapping_mul(0xc2b2_ae35);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
        hash = (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39);
        hash ^ (hash >> 15)
    }

    /// Uniform in 0..1, one value for each cell of the integer lattice.
    #[inline]
    pub(super) fn cell(self, x: i32, y: i32) -> f32 {
        (self.hash(x, y) >> 8) as f32 / (1u32 << 24) as f32
    }

    #[inline]
    fn corner(self, x: i32, y: i32, dx: f32, dy: f32) -> f32 {
        const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;
        const GRADIENTS: [(f32, f32); 8] = [
            (1.0, 0.0),
            (DIAGONAL, DIAGONAL),
            (0.0, 1.0),
            (-DIAGONAL, DIAGONAL),
            (-1.0, 0.0),
            (-DIAGONAL, -DIAGONAL),
            (0.0, -1.0),
            (DIAGONAL, -DIAGONAL),
        ];
        let (gradient_x, gradient_y) = GRADIENTS[(self.hash(x, y) & 7) as usize];
        gradient_x * dx + gradient_y * dy
    }

    /// Smooth noise in about -1..1, zero at lattice points (Perlin, "Improving noise", with its quintic fade).
    #[inline]
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (cell_x, cell_y) = (floor(x), floor(y));
        let (dx, dy) = (x - cell_x as f32, y - cell_y as f32);
        let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
        let (fade_x, fade_y) = (fade(dx), fade(dy));
        let top = lerp(self.corner(cell_x, cell_y, dx, dy), self.corner(cell_x + 1, cell_y, dx - 1.0, dy), fade_x);
        let bottom = lerp(
            self.corner(cell_x, cell_y + 1, dx, dy - 1.0),
            self.corner(cell_x + 1, cell_y + 1, dx - 1.0, dy - 1.0),
            fade_x,
        );
        lerp(top, bottom, fade_y) * 1.5
    }

    /// Fractional Brownian motion: `octaves` of noise, each twice as fine and half as strong; about -1..1.
    #[inline]
    pub(super) fn fbm(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut strength, mut total) = (0.0, 1.0, 0.0);
        let (mut x, mut y) = (x, y);
        for octave in 0..octaves {
            sum += strength * self.sibling(octave).at(x, y);
            total += strength;
            strength *= 0.5;
            // A turn between octaves hides the lattice.
            (x, y) = (1.6 * x + 1.2 * y + 3.7, -1.2 * x + 1.6 * y + 1.3);
        }
        sum / total
    }

    /// Ridged noise in 0..1: sharp crests where the noise crosses zero.
    #[inline]
    pub(super) fn ridged(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut strength, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
        for octave in 0..octaves {
            let crest = 1.0 - self.sibling(octave).at(x * scale, y * scale).abs();
            sum += strength * crest * crest;
            total += strength;
            strength *= 0.48;
            scale *= 2.03;
        }
        sum / total
    }
}

/// `f32::floor` is a call into the C library on the oldest 64-bit processors, which all our builds allow for; this is
/// not.
#[inline]
fn floor(value: f32) -> i32 {
    let truncated = value as i32;
    truncated - i32::from(value < truncated as f32)
}

/// The distance from the origin. Unlike `f32::hypot` it may overflow, and is several times as fast.
#[inline]
pub(super) fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

#[inline]
pub(super) fn lerp(from: f32, to: f32, amount: f32) -> f32 {
    from + (to - from) * amount
}

/// 0 below `low`, 1 above `high`, smooth between.
#[inline]
pub(super) fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let position = ((value - low) / (high - low)).clamp(0.0, 1.0);
    position * position * (3.0 - 2.0 * position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_bounded() {
        let noise = Noise::new(11);
        let mut previous = noise.at(0.0, 0.3);
        for step in 1..20_000 {
            let value = noise.at(step as f32 * 0.001, 0.3);
            assert!(value.abs() <= 1.5 && (value - previous).abs() < 0.01);
            previous = value;
        }
    }
}
