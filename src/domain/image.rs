//! A picture in memory, as far as layers other than the codecs need one.

/// An upright picture in sRGB, without transparency: 8-bit R, G, B interleaved, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbImage {
    pub width: u32,
    pub height: u32,
    /// `width * height * 3` bytes.
    pub pixels: Vec<u8>,
}
