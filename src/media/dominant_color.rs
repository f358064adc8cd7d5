//! The colour that a picture has most of, to paint its place with before it is there.
//!
//! Not the mean, which is a colour that may be nowhere in the picture. Pixels of a miniature are counted in boxes of
//! OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020), where equal distances look alike; the
//! heaviest box with its neighbours is the cluster, and its mean the colour.

use std::collections::BTreeMap;

use crate::MediaError;
use crate::raster::{Channels, Raster, fit_size};

/// Long side of the miniature, in pixels.
const MINIATURE_SIDE: u32 = 96;

/// Side of a box in OKLab, whose lightness goes from 0 to 1.
const BOX_SIDE: f32 = 0.05;

/// Weight and weighted sum of the colours in a box.
#[derive(Debug, Clone, Copy, Default)]
struct Cluster {
    weight: f64,
    sum: [f64; 3],
}

impl Cluster {
    fn add(&mut self, other: &Self) {
        self.weight += other.weight;
        (0..3).for_each(|axis| self.sum[axis] += other.sum[axis]);
    }
}

/// The colour of the largest cluster, as sRGB; white where nothing can be seen. Transparent pixels count by their
/// alpha.
pub(crate) fn dominant_color(raster: &Raster) -> Result<[u8; 3], MediaError> {
    let miniature = raster.scale(fit_size(raster.width, raster.height, MINIATURE_SIDE))?;
    let mut boxes: BTreeMap<[i8; 3], Cluster> = BTreeMap::new();
    for pixel in miniature.pixels.chunks_exact(miniature.channels.count()) {
        let weight = if miniature.channels == Channels::Rgba { f64::from(pixel[3]) } else { 255.0 };
        let color = oklab_of([pixel[0], pixel[1], pixel[2]]);
        let place = color.map(|value| (value / BOX_SIDE).floor() as i8); // Within 20 of the origin.
        let sum = color.map(|value| f64::from(value) * weight);
        boxes.entry(place).or_default().add(&Cluster { weight, sum });
    }
    let mut best = Cluster::default();
    for [lightness, a, b] in boxes.keys() {
        let mut cluster = Cluster::default();
        for step in 0..27 {
            let neighbor = [lightness + step % 3 - 1, a + step / 3 % 3 - 1, b + step / 9 - 1];
            boxes.get(&neighbor).into_iter().for_each(|found| cluster.add(found));
        }
        if cluster.weight > best.weight {
            best = cluster;
        }
    }
    if best.weight == 0.0 {
        return Ok([255; 3]);
    }
    Ok(srgb_of(best.sum.map(|sum| (sum / best.weight) as f32)))
}

fn oklab_of(srgb: [u8; 3]) -> [f32; 3] {
    let [red, green, blue] = srgb.map(|sample| {
        let value = f32::from(sample) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let long = (0.412_221_47 * red + 0.536_332_55 * green + 0.051_445_995 * blue).cbrt();
    let medium = (0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue).cbrt();
    let short = (0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue).cbrt();
    [
        0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short,
        1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short,
        0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short,
    ]
}

fn srgb_of([lightness, a, b]: [f32; 3]) -> [u8; 3] {
    let long = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let linear = [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ];
    linear.map(|value| {
        let coded = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (coded * 255.0).round() as u8 // Conversion saturates at 0 and 255.
    })
}
