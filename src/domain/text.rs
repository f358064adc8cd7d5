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

/// Whether a character controls the direction of text (`Bidi_Control` of Unicode): such can make the text around them
/// read otherwise than it stands.
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character leaves ink by itself. White space, controls and what Unicode lets programs ignore
/// (`Default_Ignorable_Code_Point`) do not, nor does the Braille pattern without dots.
pub fn is_visible(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !(ignorable || c.is_whitespace() || c.is_control() || c == '\u{2800}')
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

/// Most words that an account is found by.
pub const MAX_SEARCH_WORDS: usize = 16;

/// The words that a search finds an account by: its user name, that name's parts and the display name's words, lower
/// case, each once.
pub fn search_words(username: &str, display_name: &str) -> Vec<String> {
    let parts = username.split(['.', '_']).map(str::to_owned).chain(words(display_name));
    let mut found: Vec<String> = Vec::new();
    for word in std::iter::once(username.to_owned()).chain(parts) {
        if !word.is_empty() && !found.contains(&word) && found.len() < MAX_SEARCH_WORDS {
            found.push(word);
        }
    }
    found
}

/// The words of a text, lower case: what stands between anything but letters and digits.
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// The hashtag that somebody means by `text`: lower case, with or without `#` in front; refused where no caption could
/// hold it.
pub fn hashtag(text: &str) -> Result<String, Invalid> {
    let tag = text.trim().trim_start_matches('#').to_lowercase();
    match hashtags(&format!("#{tag}")).pop() {
        Some(found) if found == tag => Ok(tag),
        _ => Err(Invalid::new("tag", "must be letters, digits and underscores, and not only digits")),
    }
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
    fn accounts_are_found_by_the_words_of_their_names() {
        assert_eq!(search_words("ada.l_9", "Ada  Löve-LACE"), ["ada.l_9", "ada", "l", "9", "löve", "lace"]);
        assert_eq!(search_words("bob", "***"), ["bob"]);
        assert_eq!(search_words("x_y", &"a b c d e f g h i j k l m n o p".repeat(2)).len(), MAX_SEARCH_WORDS);
    }

    #[test]
    fn a_hashtag_is_what_a_caption_can_hold() {
        assert_eq!(hashtag("#Été_2024").as_deref(), Ok("été_2024"));
        for bad in ["", "#", "two words", "12", "a-b", &"x".repeat(MAX_HASHTAG_CHARS + 1)] {
            assert!(hashtag(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_is_trimmed_and_bounded() {
        assert_eq!(clean("caption", "  hi\nthere ", 20).as_deref(), Ok("hi\nthere"));
        assert!(clean("caption", &"é".repeat(21), 20).is_err());
        assert!(clean("caption", "a\u{0}b", 20).is_err());
        assert!(comment("  ").is_err());
    }
}
