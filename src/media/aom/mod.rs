//! The only unsafe code of this crate: one still picture through libaom's encoder, here, and its decoder, in `decoder`.
//!
//! libaom's objects are owned by [`Encoder`], [`Picture`] and [`Frame`], which free them; pointers never leave these
//! files.
#![allow(unsafe_code)]

mod decoder;

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

use libaom_sys as ffi;

use crate::MediaError;
use crate::avif::Planes;

pub(crate) use decoder::{Frame, decode_still};

/// libaom's `cpu-used` in all-intra mode, 0 to 9. Against 6, 8 takes less than half the time for 3 % more bytes and
/// half a point of SSIMULACRA2.
const SPEED: c_int = 8;

/// Bits go where eyes look: activity masking, and quantisation matrices of one level that the encoder's own choices
/// reckon with. What libaom 3.13 calls
/// `tune=iq`, as far as 3.11 has it; 4 % fewer bytes at equal SSIMULACRA2 (docs/media.md).
const OPTIONS: [(&CStr, &CStr); 5] =
    [(c"tune", c"ssim"), (c"dist-metric", c"qm-psnr"), (c"enable-qm", c"1"), (c"qm-min", c"7"), (c"qm-max", c"7")];

/// Encodes planes as a sequence header and one key frame with `still_picture` set, in one thread.
///
/// `quantizer` is `cq-level`, 0 (best) to 63.
pub(crate) fn encode_still(planes: &Planes, quantizer: u8) -> Result<Vec<u8>, MediaError> {
    let picture = Picture::new(planes)?;
    let mut encoder = Encoder::new(planes, quantizer)?;
    let mut bitstream = Vec::new();
    encoder.push(Some(&picture), &mut bitstream)?;
    encoder.push(None, &mut bitstream)?;
    if bitstream.is_empty() {
        return Err(MediaError::encoding("libaom gave no frame"));
    }
    Ok(bitstream)
}

/// An encoder context. Boxed, so that its address never changes while libaom knows it.
struct Encoder {
    context: Box<ffi::aom_codec_ctx_t>,
}

impl Encoder {
    fn new(planes: &Planes, quantizer: u8) -> Result<Self, MediaError> {
        let config = configuration(planes)?;
        // SAFETY: `aom_codec_ctx_t` is a C struct of integers and pointers, for which all zeros is a value.
        let mut context = Box::new(unsafe { MaybeUninit::<ffi::aom_codec_ctx_t>::zeroed().assume_init() });
        // SAFETY: context and configuration live through the call, and libaom copies the configuration.
        let status = unsafe {
            ffi::aom_codec_enc_init_ver(
                &mut *context,
                ffi::aom_codec_av1_cx(),
                &config,
                0,
                ffi::AOM_ENCODER_ABI_VERSION as c_int,
            )
        };
        check(status, "init").map_err(MediaError::encoding)?;
        let mut encoder = Self { context };
        let is_colour = planes.chroma.is_some();
        let matrix = if is_colour { ffi::AOM_CICP_MC_BT_709 } else { ffi::AOM_CICP_MC_UNSPECIFIED };
        let primaries = if is_colour { ffi::AOM_CICP_CP_BT_709 } else { ffi::AOM_CICP_CP_UNSPECIFIED };
        let transfer = if is_colour { ffi::AOM_CICP_TC_SRGB } else { ffi::AOM_CICP_TC_UNSPECIFIED };
        encoder.control(ffi::AOME_SET_CPUUSED, SPEED)?;
        encoder.control(ffi::AOME_SET_CQ_LEVEL, quantizer.min(63).into())?;
        for (name, value) in OPTIONS {
            encoder.option(name, value)?;
        }
        encoder.control(ffi::AV1E_SET_COLOR_PRIMARIES, primaries as c_int)?;
        encoder.control(ffi::AV1E_SET_TRANSFER_CHARACTERISTICS, transfer as c_int)?;
        encoder.control(ffi::AV1E_SET_MATRIX_COEFFICIENTS, matrix as c_int)?;
        encoder.control(ffi::AV1E_SET_COLOR_RANGE, ffi::AOM_CR_FULL_RANGE as c_int)?;
        Ok(encoder)
    }

    fn control(&mut self, id: ffi::aome_enc_control_id, value: c_int) -> Result<(), MediaError> {
        // SAFETY: the context is initialised, and each control that this file sets takes one `int` or `unsigned int`.
        check(unsafe { ffi::aom_codec_control(&mut *self.context, id as c_int, value) }, "control")
            .map_err(MediaError::encoding)
    }

    fn option(&mut self, name: &CStr, value: &CStr) -> Result<(), MediaError> {
        // SAFETY: the context is initialised, and libaom copies what it keeps of the two strings.
        let status = unsafe { ffi::aom_codec_set_option(&mut *self.context, name.as_ptr(), value.as_ptr()) };
        check(status, "option").map_err(MediaError::encoding)
    }

    /// Gives the encoder a picture, or the end of input, and takes what it has to say.
    fn push(&mut self, picture: Option<&Picture>, bitstream: &mut Vec<u8>) -> Result<(), MediaError> {
        let image = picture.map_or(null(), |picture| picture.image.as_ptr().cast_const());
        // SAFETY: the context is initialised; the image, if any, lives through the call, which copies it.
        check(unsafe { ffi::aom_codec_encode(&mut *self.context, image, 0, 1, 0) }, "encode")
            .map_err(MediaError::encoding)?;
        let mut iterator: ffi::aom_codec_iter_t = null();
        loop {
            // SAFETY: the iterator began at null and belongs to this context.
            let packet = unsafe { ffi::aom_codec_get_cx_data(&mut *self.context, &mut iterator) };
            // SAFETY: libaom gives null or a packet that is valid until the next call on the context.
            let Some(packet) = (unsafe { packet.as_ref() }) else { return Ok(()) };
            if packet.kind == ffi::AOM_CODEC_CX_FRAME_PKT {
                // SAFETY: the kind says that `frame` is the union's live member; it describes `sz` bytes at `buf`.
                bitstream.extend_from_slice(unsafe {
                    let frame = packet.data.frame;
                    std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz)
                });
            }
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialised by `new`, and is destroyed once.
        unsafe { ffi::aom_codec_destroy(&mut *self.context) };
    }
}

fn configuration(planes: &Planes) -> Result<ffi::aom_codec_enc_cfg_t, MediaError> {
    let mut config = MaybeUninit::<ffi::aom_codec_enc_cfg_t>::zeroed();
    // SAFETY: libaom writes the whole configuration where it reports success.
    let mut config = unsafe {
        let interface = ffi::aom_codec_av1_cx();
        let status = ffi::aom_codec_enc_config_default(interface, config.as_mut_ptr(), ffi::AOM_USAGE_ALL_INTRA);
        check(status, "configuration").map_err(MediaError::encoding)?;
        config.assume_init()
    };
    config.g_w = planes.width.try_into().map_err(MediaError::encoding)?;
    config.g_h = planes.height.try_into().map_err(MediaError::encoding)?;
    config.g_threads = 1;
    config.g_limit = 1; // One frame: libaom then sets `still_picture`.
    config.g_lag_in_frames = 0;
    config.g_bit_depth = ffi::AOM_BITS_8;
    config.g_input_bit_depth = 8;
    config.rc_end_usage = ffi::AOM_Q;
    config.rc_min_quantizer = 0;
    config.rc_max_quantizer = 63;
    config.monochrome = planes.chroma.is_none().into();
    Ok(config)
}

/// An I420 image in libaom's own memory.
struct Picture {
    image: NonNull<ffi::aom_image_t>,
}

impl Picture {
    fn new(planes: &Planes) -> Result<Self, MediaError> {
        let width = planes.width.try_into().map_err(MediaError::encoding)?;
        let height = planes.height.try_into().map_err(MediaError::encoding)?;
        // SAFETY: a null image asks libaom to allocate; null comes back on failure.
        let image = unsafe { ffi::aom_img_alloc(null_mut(), ffi::AOM_IMG_FMT_I420, width, height, 32) };
        let image = NonNull::new(image).ok_or_else(|| MediaError::encoding("libaom has no memory"))?;
        let mut picture = Self { image };
        picture.fill(0, planes.width, planes.height, Some(&planes.luma));
        for index in [0, 1] {
            let samples = planes.chroma.as_ref().map(|chroma| chroma[index].as_slice());
            picture.fill(index + 1, planes.chroma_width(), planes.chroma_height(), samples);
        }
        // SAFETY: the image was allocated above and nobody else knows it.
        let image = unsafe { picture.image.as_mut() };
        image.range = ffi::AOM_CR_FULL_RANGE;
        image.monochrome = planes.chroma.is_none().into();
        Ok(picture)
    }

    /// Copies rows of `width` samples into a plane; without samples the plane becomes neutral grey.
    fn fill(&mut self, plane: usize, width: usize, height: usize, samples: Option<&[u8]>) {
        // SAFETY: the image is valid as long as `self` is, and borrowed here alone.
        let image = unsafe { self.image.as_mut() };
        let stride = image.stride[plane].unsigned_abs() as usize;
        assert!(width <= stride, "libaom's rows hold the picture's width");
        for row in 0..height {
            // SAFETY: libaom allocated `height` rows of `stride` bytes for this plane, and `width` is at most `stride`.
            let target = unsafe { std::slice::from_raw_parts_mut(image.planes[plane].add(row * stride), width) };
            match samples {
                Some(samples) => target.copy_from_slice(&samples[row * width..][..width]),
                None => target.fill(128),
            }
        }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: allocated by `aom_img_alloc`, freed once.
        unsafe { ffi::aom_img_free(self.image.as_ptr()) };
    }
}

/// What libaom has to say where it fails.
fn check(status: ffi::aom_codec_err_t, step: &str) -> Result<(), String> {
    if status == ffi::AOM_CODEC_OK {
        return Ok(());
    }
    // SAFETY: libaom gives a static string for every number.
    let reason = unsafe { CStr::from_ptr(ffi::aom_codec_err_to_string(status)) };
    Err(format!("libaom {step}: {}", reason.to_string_lossy()))
}
