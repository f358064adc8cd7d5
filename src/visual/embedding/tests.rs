//! The shipped model on real photos, and files that are no model.

use super::{ModelCard, OnnxEmbedding};
use image::{DynamicImage, imageops::FilterType};
use std::path::Path;
use tessera_domain::image::RgbImage;
use tessera_ports::{EmbeddingError, EmbeddingModel};

const CARD: &str = r#"{"name": "test", "mean": [0.5, 0.5, 0.5], "deviation": [0.25, 0.25, 0.25]}"#;

fn photo(name: &str) -> DynamicImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/photos").join(name);
    image::open(path).expect("a photo").resize(320, 320, FilterType::Triangle)
}

fn rgb(image: &DynamicImage) -> RgbImage {
    let image = image.to_rgb8();
    RgbImage { width: image.width(), height: image.height(), pixels: image.into_raw() }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Four tiles of each photo: pictures that share light and camera are the hard ones to tell apart.
fn gallery() -> Vec<DynamicImage> {
    let names = ["astronaut-display-p3.jpg", "chelsea.png", "coffee-alpha.png", "rocket.jpg"];
    let mut pictures: Vec<DynamicImage> = names.iter().map(|name| photo(name)).collect();
    for place in 0..pictures.len() {
        let (width, height) = (pictures[place].width() / 2, pictures[place].height() / 2);
        for (x, y) in [(0, 0), (width, 0), (0, height), (width, height)] {
            let tile = pictures[place].crop_imm(x, y, width, height);
            pictures.push(tile);
        }
    }
    pictures
}

fn altered(picture: &DynamicImage) -> Vec<(&'static str, DynamicImage)> {
    let (width, height) = (picture.width(), picture.height());
    let mut jpeg = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 30);
    picture.to_rgb8().write_with_encoder(encoder).expect("encoded");
    vec![
        ("flip", picture.fliph()),
        ("crop", picture.crop_imm(width / 10, height / 10, width * 8 / 10, height * 8 / 10)),
        ("blur", picture.blur(2.0)),
        ("brighter", picture.brighten(30)),
        ("jpeg 30", image::load_from_memory(&jpeg).expect("a JPEG")),
        ("smaller", picture.resize_exact(width / 3, height / 3, FilterType::Triangle)),
    ]
}

#[test]
fn altered_photos_find_their_original() {
    let model = OnnxEmbedding::built_in().expect("the shipped model loads");
    let pictures = gallery();
    let vectors: Vec<Vec<f32>> = pictures.iter().map(|picture| model.embed(&rgb(picture)).expect("embedded")).collect();
    assert!(vectors.iter().all(|vector| vector.len() == model.dimensions()));
    assert!(vectors.iter().all(|vector| (cosine(vector, vector) - 1.0).abs() < 1e-4), "unit vectors");
    let (mut found, mut all) = (0, 0);
    for (place, picture) in pictures.iter().enumerate() {
        for (name, altered) in altered(picture) {
            let query = model.embed(&rgb(&altered)).expect("embedded");
            let near = |a: &usize, b: &usize| cosine(&query, &vectors[*a]).total_cmp(&cosine(&query, &vectors[*b]));
            let nearest = (0..vectors.len()).max_by(near).expect("pictures");
            all += 1;
            found += usize::from(nearest == place);
            if nearest != place {
                eprintln!("{name} of picture {place} found {nearest}");
            }
        }
    }
    assert!(found * 100 >= all * 90, "{found} of {all}");
}

#[test]
fn the_same_picture_gives_the_same_vector_whatever_thread_asks() {
    let model = OnnxEmbedding::built_in().expect("the shipped model loads");
    let picture = rgb(&photo("rocket.jpg"));
    let first = model.embed(&picture).expect("embedded");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| model.embed(&picture).expect("embedded"))).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), first);
        }
    });
    assert!(model.version().starts_with("looks-"), "{}", model.version());
    let bad = RgbImage { width: 10, height: 10, pixels: vec![0; 5] };
    assert!(matches!(model.embed(&bad), Err(EmbeddingError::Unsuitable(_))));
    let plain = RgbImage { width: 1, height: 1, pixels: vec![7; 3] };
    assert_eq!(model.embed(&plain).expect("a plain picture has a vector too").len(), model.dimensions());
}

#[test]
fn what_is_no_model_is_refused_with_what_was_expected() {
    let card = || ModelCard::parse(CARD).expect("a card");
    let refusal = |bytes: &[u8], card: ModelCard| OnnxEmbedding::load(bytes, card).expect_err("refused").to_string();
    let text = refusal(b"not a model", card());
    assert!(text.contains("embedding model test") && text.contains("ONNX"), "{text}");
    assert!(!refusal(b"", card()).is_empty());
    let cut = &super::BUILT_IN[..super::BUILT_IN.len() / 2];
    assert!(!refusal(cut, card()).is_empty());
    let text = refusal(super::BUILT_IN, ModelCard { side: Some(64), ..card() });
    assert!(text.contains("64") && text.contains("80"), "{text}");
    for (bad, word) in [
        ("{}", "name"),
        (r#"{"name": "a b", "mean": [0, 0, 0], "deviation": [1, 1, 1]}"#, "name"),
        (r#"{"name": "a", "mean": [0, 0, 0], "deviation": [0, 1, 1]}"#, "deviation"),
    ] {
        let error = ModelCard::parse(bad).expect_err(bad);
        assert!(error.contains(word), "{error}");
    }
}
