//! What a model's file does not say: its name and how its pictures are normalised.

use serde::Deserialize;

/// What belongs to a model. As JSON: `{"name": "looks", "mean": [0.485, …], "deviation": [0.229, …]}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ModelCard {
    /// A short name; with a hash of the file it is the version.
    pub name: String,
    /// The side of the input in pixels, where the file leaves it open.
    #[serde(default)]
    pub side: Option<usize>,
    /// What is taken from each channel (0 to 1).
    pub mean: [f32; 3],
    /// What each channel is then divided by.
    pub deviation: [f32; 3],
}

impl ModelCard {
    /// Reads a card; what it says besides is for people.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let card: Self = serde_json::from_str(text).map_err(|error| format!("its card: {error}"))?;
        let named = (1..=40).contains(&card.name.len())
            && card.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !named {
            return Err("its card: name must be 1 to 40 letters, digits, hyphens or underscores".to_owned());
        }
        let usable = card.mean.iter().all(|mean| mean.is_finite())
            && card.deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0);
        if usable { Ok(card) } else { Err("its card: deviation must be above 0".to_owned()) }
    }

    /// Rows of R, G, B bytes as three planes of normalised numbers.
    pub(super) fn normalise(&self, pixels: &[u8], side: usize) -> Vec<f32> {
        let plane = side * side;
        let mut planes = vec![0.0; 3 * plane];
        for (place, pixel) in pixels.chunks_exact(3).take(plane).enumerate() {
            for channel in 0..3 {
                let value = f32::from(pixel[channel]) / 255.0;
                planes[channel * plane + place] = (value - self.mean[channel]) / self.deviation[channel];
            }
        }
        planes
    }
}
