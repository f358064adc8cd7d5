//! Doors for the fuzz targets in `fuzz/` to what is not public.

use crate::header::read_header;
use crate::raster::{Channels, Raster};
use crate::{ImageFormat, Limits, MediaError, color};

/// Reads the headers of a file of a format, and compares them with the default limits.
///
/// # Errors
/// As [`crate::process_image`].
pub fn check_headers(bytes: &[u8], format: ImageFormat) -> Result<(), MediaError> {
    let limits = Limits::default();
    let header = read_header(bytes, format, &limits)?;
    header.check(&limits)?;
    assert!(header.frames > 0 && header.upright_size().0 > 0, "what passes has a picture");
    Ok(())
}

/// Converts sixteen pixels of each kind by a colour profile.
pub fn apply_profile(profile: &[u8]) {
    for channels in [Channels::Rgb, Channels::Rgba, Channels::Cmyk] {
        let pixels = (0..16 * channels.count()).map(|index| (index * 37) as u8).collect();
        let raster = Raster { width: 4, height: 4, channels, pixels };
        let _ = color::to_srgb(raster, &color::ColorSpace::Icc(profile.to_vec()), false);
    }
}
