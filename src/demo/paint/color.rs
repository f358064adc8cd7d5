//! Colours in linear light, and ramps between them mixed in Oklab, where mixtures stay clean.

use std::ops::{Add, Mul};

/// Linear-light sRGB primaries; values above 1 are brighter than white and are rolled off when the canvas is developed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Color {
    pub(super) red: f32,
    pub(super) green: f32,
    pub(super) blue: f32,
}

impl Color {
    pub(super) const BLACK: Self = Self::new(0.0, 0.0, 0.0);
    pub(super) const WHITE: Self = Self::new(1.0, 1.0, 1.0);

    pub(super) const fn new(red: f32, green: f32, blue: f32) -> Self {
        Self { red, green, blue }
    }

    /// From `0xRRGGBB` as designers write it.
    pub(super) fn hex(code: u32) -> Self {
        let channel = |shift: u32| {
            let value = ((code >> shift) & 0xff) as f32 / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        Self::new(channel(16), channel(8), channel(0))
    }

    /// `amount` 0 is `self`, 1 is `other`; clamped.
    #[inline]
    pub(super) fn mix(self, other: Self, amount: f32) -> Self {
        let amount = amount.clamp(0.0, 1.0);
        self * (1.0 - amount) + other * amount
    }

    pub(super) fn luminance(self) -> f32 {
        0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue
    }

    fn to_oklab(self) -> [f32; 3] {
        let Self { red, green, blue } = self;
        let long = (0.412_221_46 * red + 0.536_332_55 * green + 0.051_445_995 * blue).cbrt();
        let medium = (0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue).cbrt();
        let short = (0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue).cbrt();
        [
            0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short,
            1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short,
            0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short,
        ]
    }

    fn from_oklab([lightness, a, b]: [f32; 3]) -> Self {
        let long = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
        let medium = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
        let short = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
        Self::new(
            (4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_93 * short).max(0.0),
            (-1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short).max(0.0),
            (-0.004_196_086 * long - 0.703_418_6 * medium + 1.707_614_7 * short).max(0.0),
        )
    }
}

impl Add for Color {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self::new(self.red + other.red, self.green + other.green, self.blue + other.blue)
    }
}

impl Mul<f32> for Color {
    type Output = Self;

    #[inline]
    fn mul(self, factor: f32) -> Self {
        Self::new(self.red * factor, self.green * factor, self.blue * factor)
    }
}

/// A gradient through evenly spaced stops, tabulated once so that a pixel costs one look-up.
pub(super) struct Ramp {
    table: Vec<Color>,
}

impl Ramp {
    const STEPS: usize = 512;

    /// `codes` must hold at least one `0xRRGGBB`.
    pub(super) fn new(codes: &[u32]) -> Self {
        let stops: Vec<[f32; 3]> = codes.iter().map(|&code| Color::hex(code).to_oklab()).collect();
        let last = stops.len() - 1;
        let table = (0..=Self::STEPS)
            .map(|step| {
                let position = step as f32 / Self::STEPS as f32 * last as f32;
                let index = (position as usize).min(last.saturating_sub(1));
                let (from, to) = (stops[index], stops[(index + 1).min(last)]);
                let amount = position - index as f32;
                Color::from_oklab([0, 1, 2].map(|axis| from[axis] + (to[axis] - from[axis]) * amount))
            })
            .collect();
        Self { table }
    }

    /// The colour at `position` in 0..1; clamped.
    #[inline]
    pub(super) fn at(&self, position: f32) -> Color {
        let scaled = position.clamp(0.0, 1.0) * Self::STEPS as f32;
        let index = (scaled as usize).min(Self::STEPS - 1);
        self.table[index].mix(self.table[index + 1], scaled - index as f32)
    }
}
