//! One still picture through libaom's decoder.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use libaom_sys as ffi;

use super::check;
use crate::MediaError;

/// A decoded picture, owned by its decoder and valid while that lives.
pub(crate) struct Frame {
    /// The last reference to the picture goes before the decoder: fields are dropped in order, and this one is only
    /// read.
    image: ffi::aom_image_t,
    _decoder: Decoder,
}

/// Decodes one AV1 picture in one thread.
///
/// The caller has checked the size in each sequence header: libaom allocates by it.
pub(crate) fn decode_still(bitstream: &[u8]) -> Result<Frame, MediaError> {
    let mut decoder = Decoder::new()?;
    let image = decoder.decode(bitstream)?;
    Ok(Frame { image, _decoder: decoder })
}

impl Frame {
    pub(crate) fn width(&self) -> usize {
        self.image.d_w as usize
    }

    pub(crate) fn height(&self) -> usize {
        self.image.d_h as usize
    }

    /// Bits of a sample: 8, 10 or 12.
    pub(crate) fn bit_depth(&self) -> u32 {
        self.image.bit_depth
    }

    /// There is luma alone.
    pub(crate) fn is_grey(&self) -> bool {
        self.image.monochrome != 0
    }

    /// By how many powers of two chroma is narrower and lower than luma.
    pub(crate) fn chroma_shifts(&self) -> (u32, u32) {
        (self.image.x_chroma_shift, self.image.y_chroma_shift)
    }

    pub(crate) fn is_full_range(&self) -> bool {
        self.image.range == ffi::AOM_CR_FULL_RANGE
    }

    /// Primaries, transfer and matrix in the numbers of ITU-T H.273.
    pub(crate) fn code_points(&self) -> [u32; 3] {
        [self.image.cp, self.image.tc, self.image.mc]
    }

    /// Copies the beginning of a row of plane 0, 1 or 2 (of a picture of colours).
    ///
    /// # Panics
    /// Where the plane has no such row, or the row is shorter than `target`.
    pub(crate) fn read_row(&self, plane: usize, row: usize, target: &mut [u16]) {
        let (shift_x, shift_y) = if plane == 0 { (0, 0) } else { self.chroma_shifts() };
        let width = (self.width() + (1 << shift_x) - 1) >> shift_x;
        let height = (self.height() + (1 << shift_y) - 1) >> shift_y;
        assert!(plane == 0 || !self.is_grey(), "a grey picture has one plane");
        assert!(row < height && target.len() <= width, "the row is in the plane");
        let offset = row as isize * self.image.stride[plane] as isize;
        let is_wide = self.image.fmt & ffi::AOM_IMG_FMT_HIGHBITDEPTH != 0;
        // SAFETY: the decoder lives and is not called again, hence its picture is valid. The plane has `height` rows,
        // `stride` bytes apart, of at least `width` samples, which are `u16` where the format says so, and then aligned
        // for it.
        unsafe {
            let start = self.image.planes[plane].offset(offset);
            if is_wide {
                target.copy_from_slice(std::slice::from_raw_parts(start.cast::<u16>(), target.len()));
            } else {
                let samples = std::slice::from_raw_parts(start, target.len());
                target.iter_mut().zip(samples).for_each(|(wide, sample)| *wide = (*sample).into());
            }
        }
    }
}

/// A decoder context. Boxed, so that its address never changes while libaom knows it.
struct Decoder {
    context: Box<ffi::aom_codec_ctx_t>,
}

impl Decoder {
    fn new() -> Result<Self, MediaError> {
        let config = ffi::aom_codec_dec_cfg { threads: 1, w: 0, h: 0, allow_lowbitdepth: 1 };
        // SAFETY: `aom_codec_ctx_t` is a C struct of integers and pointers, for which all zeros is a value.
        let mut context = Box::new(unsafe { MaybeUninit::<ffi::aom_codec_ctx_t>::zeroed().assume_init() });
        // SAFETY: context and configuration live through the call, and libaom copies the configuration.
        let status = unsafe {
            let version = ffi::AOM_DECODER_ABI_VERSION as c_int;
            ffi::aom_codec_dec_init_ver(&mut *context, ffi::aom_codec_av1_dx(), &config, 0, version)
        };
        check(status, "decoder init").map_err(MediaError::encoding)?;
        Ok(Self { context })
    }

    /// The picture shown last. Its planes belong to the decoder.
    fn decode(&mut self, bitstream: &[u8]) -> Result<ffi::aom_image_t, MediaError> {
        // SAFETY: the context is initialised, and the data live through the call.
        let status =
            unsafe { ffi::aom_codec_decode(&mut *self.context, bitstream.as_ptr(), bitstream.len(), null_mut()) };
        check(status, "decode").map_err(corrupt)?;
        let mut iterator: ffi::aom_codec_iter_t = null();
        // SAFETY: the iterator began at null and belongs to this context. libaom gives null or a picture that is valid
        // until the context is destroyed or called again.
        let image = unsafe { ffi::aom_codec_get_frame(&mut *self.context, &mut iterator).as_ref() };
        image.copied().ok_or_else(|| corrupt("libaom gave no picture"))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialised by `new`, and is destroyed once.
        unsafe { ffi::aom_codec_destroy(&mut *self.context) };
    }
}

fn corrupt(detail: impl std::fmt::Display) -> MediaError {
    MediaError::corrupt(crate::ImageFormat::Avif, detail)
}
