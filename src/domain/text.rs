//! What people write: limits, cleaning and hashtags.

use crate::Invalid;

/// Longest caption, in characters.
pub const MAX_CAPTION_CHARS: usize = 2_200;
/// Longest alternative text, in characters.
pub const MAX_ALT_TEXT_CHARS: usize = 1_500;
/// Longest comment, in characters.
pub const MAX_COMMENT_CHARS: usize = 1_000;
/// Most hashtags taken from one caption; further ones stay plain text.
pub const MAX_HASHTAGS: usize = 30;
/// Longest hashtag, in characters.
pub const MAX_HASHTAG_CHARS: usize = 100;

/// Trims `text` and refuses what is too long or holds control characters (line breaks may stay).
pub fn clean(field: &'static str, text: &str, max_chars: usize) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > max_chars {
        return Err(Invalid::new(field, format!("must be at most {max_chars} characters")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t') {
        return Err(Invalid::new(field, "must not hold control characters"));
    }
    Ok(text.to_owned())
}

/// A cleaned comment; empty ones are refused.
pub fn comment(text: &str) -> Result<String, Invalid> {
    let text = clean("text", text, MAX_COMMENT_CHARS)?;
    if text.is_empty() { Err(Invalid::new("text", "must not be empty")) } else { Ok(text) }
}

/// The hashtags of a caption: lower case, without `#`, in order of appearance, each once.
///
/// A hashtag begins at the start of a word, holds letters, digits and underscores, and is not only digits.
pub fn hashtags(caption: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let mut previous = ' ';
    for (at, c) in caption.char_indices() {
        let starts_word = !(previous.is_alphanumeric() || previous == '_' || previous == '#' || previous == '&');
        previous = c;
        if c != '#' || !starts_word {
            continue;
        }
        let body = &caption[at + 1..];
        let end = body.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(body.len());
        let tag = body[..end].to_lowercase();
        let fits = !tag.is_empty() && tag.chars().count() <= MAX_HASHTAG_CHARS && !tag.chars().all(|c| c.is_numeric());
        if fits && !tags.contains(&tag) && tags.len() < MAX_HASHTAGS {
            tags.push(tag);
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashtags_are_found_once_and_in_order() {
        assert_eq!(hashtags("Dawn at the #Lake, again #lake #été_2024 (#fog)!"), ["lake", "été_2024", "fog"]);
        assert_eq!(hashtags("a#no ##no #123 # &#39; #ok"), ["ok"]);
        assert!(hashtags("").is_empty());
    }

    #[test]
    fn text_is_trimmed_and_bounded() {
        assert_eq!(clean("caption", "  hi\nthere ", 20).as_deref(), Ok("hi\nthere"));
        assert!(clean("caption", &"é".repeat(21), 20).is_err());
        assert!(clean("caption", "a\u{0}b", 20).is_err());
        assert!(comment("  ").is_err());
    }
}
