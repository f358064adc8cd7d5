//! Every colour space becomes sRGB, so that the profile can be dropped.

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients, TransferCharacteristics,
    TransformOptions,
};

use crate::MediaError;
use crate::raster::{Channels, Raster};

/// What the numbers of a picture mean.
pub(crate) enum ColorSpace {
    /// Nothing is said: sRGB, or grey or ideal inks.
    Srgb,
    /// An embedded ICC profile.
    Icc(Vec<u8>),
    CodePoints(CodePoints),
}

/// A colour space by the numbers of ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodePoints {
    pub primaries: u8,
    pub transfer: u8,
    pub matrix: u8,
    pub is_full_range: bool,
}

impl CodePoints {
    pub(crate) const UNSPECIFIED: u8 = 2;

    /// Brightness beyond what sRGB can show.
    pub(crate) fn is_hdr(&self) -> bool {
        matches!(self.transfer, 16 | 18)
    }

    /// `None` for sRGB itself, for what is read as sRGB since it says nothing or differs from it for cameras alone
    /// (BT.709, 601), and for what is unknown.
    fn profile(&self) -> Option<ColorProfile> {
        let is_srgb_curve = matches!(self.transfer, 1 | 6 | 13 | 14 | 15 | Self::UNSPECIFIED);
        if matches!(self.primaries, 1 | Self::UNSPECIFIED) && is_srgb_curve {
            return None;
        }
        let primaries = if self.primaries == Self::UNSPECIFIED { 1 } else { self.primaries };
        let transfer = if is_srgb_curve { 13 } else { self.transfer };
        let profile = ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
            transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
            matrix_coefficients: MatrixCoefficients::Identity, // The pixels are RGB by now.
            full_range: true,
        });
        profile.red_trc.is_some().then_some(profile)
    }
}

/// Converts to sRGB. A profile that is broken, or made for another kind of pixels, is ignored as
/// browsers ignore it: RGB is then taken for sRGB, and CMYK is mixed from ideal inks.
///
/// `inverted_inks` says that CMYK samples are stored with 255 for no ink.
pub(crate) fn to_srgb(raster: Raster, space: &ColorSpace, inverted_inks: bool) -> Result<Raster, MediaError> {
    let mut raster = raster;
    if raster.channels == Channels::Cmyk && inverted_inks {
        raster.pixels.iter_mut().for_each(|sample| *sample = 255 - *sample);
    }
    let profile = match space {
        ColorSpace::Srgb => None,
        ColorSpace::Icc(bytes) => ColorProfile::new_from_slice(bytes)
            .inspect_err(|error| tracing::debug!(%error, "an unreadable colour profile is ignored"))
            .ok(),
        ColorSpace::CodePoints(code_points) => code_points.profile(),
    };
    if let Some(converted) = profile.and_then(|profile| convert(&raster, &profile)) {
        return Ok(converted);
    }
    Ok(match raster.channels {
        Channels::Cmyk => mix_ideal_inks(&raster),
        Channels::Rgb | Channels::Rgba => raster,
    })
}

/// `None` where the profile does not fit the pixels or the conversion is not supported.
fn convert(raster: &Raster, profile: &ColorProfile) -> Option<Raster> {
    let (source_layout, target) = match (raster.channels, profile.color_space) {
        (Channels::Rgb, DataColorSpace::Rgb) => (Layout::Rgb, Channels::Rgb),
        (Channels::Rgba, DataColorSpace::Rgb) => (Layout::Rgba, Channels::Rgba),
        (Channels::Rgb, DataColorSpace::Gray) => (Layout::Gray, Channels::Rgb),
        (Channels::Rgba, DataColorSpace::Gray) => (Layout::GrayAlpha, Channels::Rgba),
        (Channels::Cmyk, DataColorSpace::Cmyk) => (Layout::Rgba, Channels::Rgb), // Layout: four samples a pixel.
        _ => return None,
    };
    let target_layout = if target == Channels::Rgba { Layout::Rgba } else { Layout::Rgb };
    let grey;
    let source = match source_layout {
        Layout::Gray => {
            grey = raster.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect::<Vec<u8>>();
            &grey
        }
        Layout::GrayAlpha => {
            grey = raster.pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[3]]).collect();
            &grey
        }
        _ => &raster.pixels,
    };
    let count = raster.width as usize * raster.height as usize;
    let mut pixels = vec![0; count * target.count()];
    profile
        .create_transform_8bit(source_layout, &ColorProfile::new_srgb(), target_layout, TransformOptions::default())
        .and_then(|transform| transform.transform(source, &mut pixels))
        .inspect_err(|error| tracing::debug!(%error, "a colour profile that cannot be applied is ignored"))
        .ok()?;
    Some(Raster { channels: target, pixels, ..*raster })
}

/// Red is what cyan and black leave of white, and so on. Samples are amounts of ink.
fn mix_ideal_inks(raster: &Raster) -> Raster {
    let left_over = |ink: u8, black: u8| {
        let product = u32::from(255 - ink) * u32::from(255 - black);
        ((product + 127) / 255) as u8
    };
    let pixels = raster
        .pixels
        .chunks_exact(4)
        .flat_map(|pixel| [0, 1, 2].map(|channel| left_over(pixel[channel], pixel[3])))
        .collect();
    Raster { channels: Channels::Rgb, pixels, ..*raster }
}
