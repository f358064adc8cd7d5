//! Pictures painted by program: no downloads, no licences, the same picture for the same seed.

mod aurora;
mod branches;
mod canvas;
mod city;
mod color;
mod dunes;
mod flow;
mod forest;
mod glass;
mod marble;
mod mountains;
mod nebula;
mod noise;
mod papercut;
mod sea;
mod trees;

use crate::random::Random;
use canvas::Canvas;

/// What a picture shows. Every scene has several palettes and compositions, chosen by the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scene {
    /// Northern lights over a lake.
    Aurora,
    /// A flowering branch before a pale disc, in the manner of a woodblock print.
    Branches,
    /// A skyline at night, in rain, over a wet quay.
    City,
    /// Dunes in low sun.
    Dunes,
    /// Bands of colour that follow a field of flow.
    Flow,
    Forest,
    Glass,
    /// Ink drawn through water, with veins of gold.
    Marble,
    /// Mountain ranges behind one another in haze.
    Mountains,
    /// Stars and a nebula.
    Nebula,
    /// Layers of cut paper.
    Papercut,
    /// The sun low over the sea.
    Sea,
}

impl Scene {
    pub const ALL: [Self; 12] = [
        Self::Aurora,
        Self::Branches,
        Self::City,
        Self::Dunes,
        Self::Flow,
        Self::Forest,
        Self::Glass,
        Self::Marble,
        Self::Mountains,
        Self::Nebula,
        Self::Papercut,
        Self::Sea,
    ];
}

/// After how many seeds the palettes of every scene come round: a multiple of how many each has.
pub const PALETTE_PERIOD: u64 = 60;

#[derive(Clone, Debug)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// Rows from the top, three bytes of sRGB a pixel.
    pub rgb: Vec<u8>,
    /// The colours and the light in a few words, to end a description with.
    pub mood: &'static str,
}

/// Paints `scene` in `width` by `height` pixels (each 16 to 4,096; values outside are clamped).
///
/// The same arguments give the same picture; seeds in a row give different palettes, [`PALETTE_PERIOD`] seeds all of
/// them. CPU work of some tenths of a second: not for an async thread.
#[must_use]
pub fn paint(scene: Scene, seed: u64, width: u32, height: u32) -> Picture {
    let (width, height) = (width.clamp(16, 4_096), height.clamp(16, 4_096));
    let mut canvas = Canvas::new(width as usize, height as usize);
    let mut random = Random::for_part(seed, &format!("{scene:?}"));
    let painter = match scene {
        Scene::Aurora => aurora::paint,
        Scene::Branches => branches::paint,
        Scene::City => city::paint,
        Scene::Dunes => dunes::paint,
        Scene::Flow => flow::paint,
        Scene::Forest => forest::paint,
        Scene::Glass => glass::paint,
        Scene::Marble => marble::paint,
        Scene::Mountains => mountains::paint,
        Scene::Nebula => nebula::paint,
        Scene::Papercut => papercut::paint,
        Scene::Sea => sea::paint,
    };
    let mood = painter(&mut canvas, &mut random, (seed % PALETTE_PERIOD) as usize);
    let (vignette, grain) = match scene {
        Scene::Flow | Scene::Papercut | Scene::Branches => (0.12, 0.014),
        Scene::Glass | Scene::Marble => (0.3, 0.016),
        _ => (0.34, 0.022),
    };
    Picture { width, height, rgb: canvas.develop(vignette, grain, seed), mood }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scene_paints_the_same_picture_twice_and_another_for_another_seed() {
        for scene in Scene::ALL {
            let first = paint(scene, 5, 96, 72);
            assert_eq!(first.rgb.len(), 96 * 72 * 3);
            assert_eq!(first.rgb, paint(scene, 5, 96, 72).rgb, "{scene:?}");
            assert_ne!(first.rgb, paint(scene, 6, 96, 72).rgb, "{scene:?}");
        }
    }

    #[test]
    fn no_picture_is_flat() {
        for scene in Scene::ALL {
            for seed in 0..4 {
                let picture = paint(scene, seed, 120, 160);
                let mean = picture.rgb.iter().map(|&value| f64::from(value)).sum::<f64>() / picture.rgb.len() as f64;
                let spread = picture.rgb.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
                let deviation = (spread / picture.rgb.len() as f64).sqrt();
                assert!((4.0..250.0).contains(&mean) && deviation > 8.0, "{scene:?} {seed}: {mean} ± {deviation}");
            }
        }
    }

    #[test]
    fn extreme_sizes_are_clamped() {
        let picture = paint(Scene::Dunes, 1, 0, 1);
        assert_eq!((picture.width, picture.height), (16, 16));
    }
}
