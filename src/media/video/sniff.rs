//! What kind of video a file is, by its first bytes.

/// The containers that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoFormat {
    /// MP4 or QuickTime (ISO base media).
    Mp4,
    /// WebM or Matroska (EBML).
    WebM,
}

impl VideoFormat {
    /// Whether a declared media type means this container. MP4 and QuickTime are one kind, as phones mix them up.
    pub fn is_declared_by(self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match self {
            Self::Mp4 => matches!(essence.as_str(), "video/mp4" | "video/quicktime"),
            Self::WebM => essence == "video/webm",
        }
    }

    pub(super) fn with_article(self) -> &'static str {
        match self {
            Self::Mp4 => "an MP4 or QuickTime video",
            Self::WebM => "a WebM or Matroska video",
        }
    }

    /// The only demuxer that may open the file.
    pub(super) fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            Self::WebM => "matroska",
        }
    }
}

/// The accepted container that a file begins with, if any; `head` are its first bytes.
pub fn sniff_video(head: &[u8]) -> Option<VideoFormat> {
    if head.starts_with(b"\x1a\x45\xdf\xa3") {
        return Some(VideoFormat::WebM);
    }
    let (kind, brand) = (head.get(4..8)?, head.get(8..12)?);
    // Pictures have the same container; old QuickTime files begin with other boxes.
    let is_picture = matches!(brand, b"avif" | b"avis" | b"heic" | b"heix" | b"mif1" | b"msf1" | b"crx ");
    match kind {
        b"ftyp" if !is_picture => Some(VideoFormat::Mp4),
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" => Some(VideoFormat::Mp4),
        _ => None,
    }
}
