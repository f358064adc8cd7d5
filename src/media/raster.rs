//! Pixels in memory, eight bits a channel, and what is done to their geometry.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{PixelTrait, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, RgbaImage};

use crate::MediaError;
use crate::focus::Focus;

/// What the bytes of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    Rgb,
    /// Alpha is not premultiplied.
    Rgba,
    /// As a JPEG stores it.
    Cmyk,
}

impl Channels {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A picture. `pixels` holds exactly `width * height * channels.count()` bytes, row after row.
#[derive(Debug, Clone)]
pub(crate) struct Raster {
    pub width: u32,
    pub height: u32,
    pub channels: Channels,
    pub pixels: Vec<u8>,
}

impl Raster {
    pub(crate) fn short_side(&self) -> u32 {
        self.width.min(self.height)
    }

    /// Scaled by Lanczos3 to an exact size; a copy where it has that size already.
    pub(crate) fn scale(&self, (width, height): (u32, u32)) -> Result<Self, MediaError> {
        if (width, height) == (self.width, self.height) {
            return Ok(self.clone());
        }
        self.resize(width, height, &ResizeOptions::new())
    }

    /// The largest square around `focus`, scaled down to `side` where it is larger.
    pub(crate) fn cover(&self, side: u32, focus: Focus) -> Result<Self, MediaError> {
        let side = side.min(self.short_side());
        self.resize(side, side, &ResizeOptions::new().fit_into_destination(Some((focus.x, focus.y))))
    }

    /// The part at `area` (left, top, width, height, in pixels and inside the picture), scaled to an exact size.
    pub(crate) fn scale_part(&self, area: [f64; 4], (width, height): (u32, u32)) -> Result<Self, MediaError> {
        let [left, top, area_width, area_height] = area;
        self.resize(width, height, &ResizeOptions::new().crop(left, top, area_width, area_height))
    }

    fn resize(&self, width: u32, height: u32, options: &ResizeOptions) -> Result<Self, MediaError> {
        let pixels = match self.channels {
            Channels::Rgb => self.resize_as::<U8x3>(width, height, options)?,
            // Alpha weighs the colours, so that what is invisible does not bleed into edges.
            Channels::Rgba => self.resize_as::<U8x4>(width, height, &options.use_alpha(true))?,
            Channels::Cmyk => self.resize_as::<U8x4>(width, height, &options.use_alpha(false))?,
        };
        Ok(Self { width, height, channels: self.channels, pixels })
    }

    /// Typed, because the untyped call compiles every pixel type there is, which takes minutes.
    fn resize_as<P: PixelTrait>(
        &self,
        width: u32,
        height: u32,
        options: &ResizeOptions,
    ) -> Result<Vec<u8>, MediaError> {
        let source =
            TypedImageRef::<P>::from_buffer(self.width, self.height, &self.pixels).map_err(MediaError::encoding)?;
        let mut pixels = vec![0; width as usize * height as usize * self.channels.count()];
        let mut target = TypedImage::<P>::from_buffer(width, height, &mut pixels).map_err(MediaError::encoding)?;
        Resizer::new().resize_typed(&source, &mut target, options).map_err(MediaError::encoding)?;
        Ok(pixels)
    }

    /// Turned and mirrored as EXIF asks. CMYK must have become RGB before.
    pub(crate) fn orient(self, orientation: Orientation) -> Result<Self, MediaError> {
        if orientation == Orientation::NoTransforms {
            return Ok(self);
        }
        let channels = self.channels;
        let picture = match channels {
            Channels::Rgb => RgbImage::from_raw(self.width, self.height, self.pixels).map(DynamicImage::from),
            Channels::Rgba => RgbaImage::from_raw(self.width, self.height, self.pixels).map(DynamicImage::from),
            Channels::Cmyk => None,
        };
        let mut picture = picture.ok_or_else(|| MediaError::encoding("pixels that cannot be turned"))?;
        picture.apply_orientation(orientation);
        Ok(Self { width: picture.width(), height: picture.height(), channels, pixels: picture.into_bytes() })
    }

    /// RGB where no pixel is transparent, so that no encoder writes an empty alpha plane.
    pub(crate) fn without_idle_alpha(self) -> Self {
        let is_idle = self.channels == Channels::Rgba && self.pixels.chunks_exact(4).all(|pixel| pixel[3] == 255);
        if is_idle { self.flatten_on_white() } else { self }
    }

    /// RGB with transparency laid over white.
    pub(crate) fn flatten_on_white(self) -> Self {
        if self.channels != Channels::Rgba {
            return self;
        }
        let over_white = |value: u8, alpha: u8| {
            let sum = u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            ((sum + 127) / 255) as u8
        };
        let pixels = self
            .pixels
            .chunks_exact(4)
            .flat_map(|pixel| [0, 1, 2].map(|channel| over_white(pixel[channel], pixel[3])))
            .collect();
        Self { channels: Channels::Rgb, pixels, ..self }
    }
}

/// The size that `width` x `height` takes in a square box: aspect kept, nothing enlarged, no side below one pixel.
pub(crate) fn fit_size(width: u32, height: u32, box_side: u32) -> (u32, u32) {
    let long_side = width.max(height);
    if long_side <= box_side {
        return (width, height);
    }
    let scale = |side: u32| {
        let scaled = (u64::from(side) * u64::from(box_side) + u64::from(long_side) / 2) / u64::from(long_side);
        (scaled as u32).max(1) // At most `box_side`.
    };
    (scale(width), scale(height))
}
