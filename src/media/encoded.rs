//! A picture as it is served.

/// Side of the box of the medium JPEG, the AVIF, the WebP and the animation, in pixels.
pub(crate) const MEDIUM_SIDE: u32 = 640;

/// One file to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedImage {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
    /// Media type, such as `image/avif`.
    pub content_type: &'static str,
}
