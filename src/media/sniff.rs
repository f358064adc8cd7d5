//! What a file is, by its first bytes. Names and declared types are never trusted.

/// The formats that are accepted as uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// JPEG (ISO 10918), baseline or progressive.
    Jpeg,
    /// PNG (W3C), also animated (its default image counts).
    Png,
    /// WebP (RFC 9649), lossy, lossless or animated.
    WebP,
    /// GIF 87a or 89a.
    Gif,
    /// AVIF (AV1 Image File Format), also a sequence (its primary item counts).
    Avif,
}

impl ImageFormat {
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::WebP, Self::Gif, Self::Avif];

    /// The media type, such as `image/jpeg`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The format of a declared media type. Case and parameters are ignored, and the common misnomers
    /// `image/jpg` and `image/pjpeg` are read as JPEG.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpg" | "image/pjpeg" => Some(Self::Jpeg),
            other => Self::ALL.into_iter().find(|format| format.content_type() == other),
        }
    }

    /// The format's name, such as `JPEG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Avif => "AVIF",
        }
    }

    pub(crate) fn with_article(self) -> &'static str {
        match self {
            Self::Jpeg => "a JPEG",
            Self::Png => "a PNG",
            Self::WebP => "a WebP",
            Self::Gif => "a GIF",
            Self::Avif => "an AVIF",
        }
    }
}

/// The accepted format that `bytes` begin with, if any. Ten or so bytes decide; the rest may still be damaged.
pub fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some(ImageFormat::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageFormat::Png)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some(ImageFormat::Gif)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some(ImageFormat::WebP)
    } else if brands(bytes).any(|brand| matches!(brand, b"avif" | b"avis")) {
        Some(ImageFormat::Avif)
    } else {
        None
    }
}

/// The major and then the compatible brands of a file that begins with an `ftyp` box; at most 32 are looked at.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let head = match bytes {
        [a, b, c, d, b'f', b't', b'y', b'p', ..] => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            &bytes[8..length.clamp(8, bytes.len())]
        }
        _ => &[],
    };
    // The minor version stands between.
    head.chunks_exact(4).enumerate().filter(|(index, _)| *index != 1).map(|(_, brand)| brand).take(32)
}

/// A well-known kind of file that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignFormat {
    /// The name with its article, such as "an SVG drawing".
    pub name: &'static str,
    /// A photograph that common software can save as a JPEG.
    pub is_photo: bool,
}

impl ForeignFormat {
    const fn photo(name: &'static str) -> Self {
        Self { name, is_photo: true }
    }

    const fn other(name: &'static str) -> Self {
        Self { name, is_photo: false }
    }
}

/// The well-known kind of file, not accepted, that `bytes` begin with.
pub fn sniff_unsupported(bytes: &[u8]) -> Option<ForeignFormat> {
    const MAGIC: [(&[u8], ForeignFormat); 13] = [
        (b"II*\0", ForeignFormat::photo("a TIFF picture")),
        (b"MM\0*", ForeignFormat::photo("a TIFF picture")),
        (b"II+\0", ForeignFormat::photo("a TIFF picture")),
        (b"MM\0+", ForeignFormat::photo("a TIFF picture")),
        (b"BM", ForeignFormat::photo("a BMP picture")),
        (b"%PDF-", ForeignFormat::other("a PDF document")),
        (b"8BPS", ForeignFormat::photo("a Photoshop document")),
        (b"\x1a\x45\xdf\xa3", ForeignFormat::other("a WebM or Matroska video")),
        (b"\xff\x0a", ForeignFormat::photo("a JPEG XL picture")),
        (b"\0\0\0\x0cJXL \r\n\x87\n", ForeignFormat::photo("a JPEG XL picture")),
        (b"PK\x03\x04", ForeignFormat::other("a ZIP archive")),
        (b"\0\0\x01\0", ForeignFormat::other("an icon")),
        (b"\0\0\0\x0cjP  \r\n\x87\n", ForeignFormat::photo("a JPEG 2000 picture")),
    ];
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(*format);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        let is_heic = |brand: &[u8]| {
            matches!(brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1")
        };
        let is_photo = brands(bytes).any(is_heic);
        return Some(if is_photo {
            ForeignFormat::photo("a HEIC picture")
        } else {
            ForeignFormat::other("an MP4 or QuickTime video")
        });
    }
    sniff_markup(bytes)
}

/// SVG and HTML begin with any amount of white space, comments and declarations: the first kilobyte is searched.
fn sniff_markup(bytes: &[u8]) -> Option<ForeignFormat> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let text = head.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return None;
    }
    Some(ForeignFormat::other(if text.contains("<svg") {
        "an SVG drawing"
    } else if ["<!doctype html", "<html", "<head", "<body", "<script"].iter().any(|tag| text.contains(tag)) {
        "an HTML page"
    } else {
        "an XML document"
    }))
}
