//! The shipped model on real photos, and files that are no model.

mod crafted;

use super::{ModelCard, OnnxEmbedding};
use image::{
    DynamicImage, Rgb, RgbImage as RgbImageBuffer,
    imageops::{self, FilterType},
};
use std::path::Path;
use tessera_domain::image::RgbImage;
use tessera_ports::{EmbeddingError, EmbeddingModel};

const CARD: &str = r#"{"name": "test", "mean": [0.5, 0.5, 0.5], "deviation": [0.25, 0.25, 0.25]}"#;

fn photo(name: &str) -> DynamicImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/photos").join(name);
    image::open(path).expect("a photo").resize(320, 320, FilterType::Triangle)
}

fn rgb(image: &RgbImageBuffer) -> RgbImage {
    RgbImage { width: image.width(), height: image.height(), pixels: image.as_raw().clone() }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Photos, four tiles of each and painted pictures: those that share light or palette are the hard ones to tell apart.
fn gallery() -> Vec<RgbImageBuffer> {
    let names = ["astronaut-display-p3.jpg", "chelsea.png", "coffee-alpha.png", "rocket.jpg"];
    let mut pictures: Vec<RgbImageBuffer> = names.iter().map(|name| photo(name).to_rgb8()).collect();
    for place in 0..pictures.len() {
        let (width, height) = (pictures[place].width() / 2, pictures[place].height() / 2);
        for (x, y) in [(0, 0), (width, 0), (0, height), (width, height)] {
            let tile = imageops::crop_imm(&pictures[place], x, y, width, height).to_image();
            pictures.push(tile);
        }
    }
    pictures.extend((0..6).map(painted));
    pictures
}

/// Discs and stripes in three colours that all painted pictures have, laid out by `seed`.
fn painted(seed: u32) -> RgbImageBuffer {
    let mut state = seed.wrapping_mul(0x9E37_79B9) ^ 0x5EED;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let slope = 1 + draw(5);
    let width = 12 + draw(30);
    let discs: Vec<(i64, i64, i64)> =
        (0..7).map(|_| (i64::from(draw(240)), i64::from(draw(180)), i64::from(10 + draw(35)))).collect();
    RgbImageBuffer::from_fn(240, 180, |x, y| {
        let hit = discs
            .iter()
            .position(|(left, top, radius)| (i64::from(x) - left).pow(2) + (i64::from(y) - top).pow(2) < radius.pow(2));
        match hit {
            Some(disc) if disc % 2 == 0 => Rgb([210, 60, 40 + (y / 4) as u8]),
            Some(_) => Rgb([40, 90 + (x / 4) as u8, 190]),
            None if (x * slope + y * 3) / width % 2 == 0 => Rgb([225, 205, 150]),
            None => Rgb([60, 120 + (y / 3) as u8, 80]),
        }
    })
}

type Alteration = (&'static str, fn(&RgbImageBuffer) -> RgbImageBuffer);

const ALTERATIONS: [Alteration; 11] = [
    ("crop to 60 %", |picture| part(picture, 0.775, (0.1, 0.9))),
    ("crop to 30 %", |picture| part(picture, 0.548, (0.35, 0.6))),
    ("flip", imageops::flip_horizontal),
    ("colour shift", |picture| imageops::huerotate(picture, 20)),
    ("brighter", |picture| each_channel(picture, |value| (value * 1.25).powf(0.8))),
    ("darker", |picture| each_channel(picture, |value| value.powf(1.4) * 0.8)),
    ("grey", |picture| DynamicImage::ImageLuma8(imageops::grayscale(picture)).to_rgb8()),
    ("blur", |picture| imageops::fast_blur(picture, picture.width() as f32 / 90.0)),
    ("JPEG 30", |picture| {
        let mut jpeg = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 30);
        picture.write_with_encoder(encoder).expect("encoded");
        image::load_from_memory(&jpeg).expect("a JPEG").to_rgb8()
    }),
    ("caption bar", |picture| {
        let mut picture = picture.clone();
        for y in picture.height() * 4 / 5..picture.height() {
            (0..picture.width()).for_each(|x| picture.put_pixel(x, y, Rgb([0, 0, 0])));
        }
        picture
    }),
    ("a fifth", |picture| imageops::thumbnail(picture, picture.width() / 5, picture.height() / 5)),
];

/// A part of `share` of both sides, at `place` of the room that is left.
fn part(picture: &RgbImageBuffer, share: f64, place: (f64, f64)) -> RgbImageBuffer {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let (left, top) = (width * (1.0 - share) * place.0, height * (1.0 - share) * place.1);
    let (width, height) = ((width * share) as u32, (height * share) as u32);
    imageops::crop_imm(picture, left as u32, top as u32, width, height).to_image()
}

fn each_channel(picture: &RgbImageBuffer, change: fn(f32) -> f32) -> RgbImageBuffer {
    let mut picture = picture.clone();
    picture.iter_mut().for_each(|value| *value = (change(f32::from(*value) / 255.0).min(1.0) * 255.0) as u8);
    picture
}

/// Baseline: shares of 64 colours, square roots.
fn histogram(picture: &RgbImageBuffer) -> Vec<f32> {
    let mut shares = vec![0.0; 64];
    for Rgb([red, green, blue]) in picture.pixels() {
        shares[usize::from(red / 64) * 16 + usize::from(green / 64) * 4 + usize::from(blue / 64)] += 1.0;
    }
    let all = (picture.width() * picture.height()) as f32;
    shares.iter().map(|share| (share / all).sqrt()).collect()
}

/// Baseline: sixteen by sixteen grey pixels less their mean, of length one.
fn thumbnail(picture: &RgbImageBuffer) -> Vec<f32> {
    let small = imageops::grayscale(&imageops::thumbnail(picture, 16, 16));
    let mean = small.iter().map(|value| f32::from(*value)).sum::<f32>() / 256.0;
    let centred: Vec<f32> = small.iter().map(|value| f32::from(*value) - mean).collect();
    let length = cosine(&centred, &centred).sqrt().max(1e-6);
    centred.iter().map(|value| value / length).collect()
}

/// For each alteration the per cent of altered pictures whose nearest neighbour is their original.
fn recall_at_1(
    pictures: &[RgbImageBuffer],
    altered: &[Vec<RgbImageBuffer>],
    embed: impl Fn(&RgbImageBuffer) -> Vec<f32>,
) -> Vec<f32> {
    let vectors: Vec<Vec<f32>> = pictures.iter().map(&embed).collect();
    let is_found = |place: usize, picture: &RgbImageBuffer| {
        let query = embed(picture);
        let near = |a: &usize, b: &usize| cosine(&query, &vectors[*a]).total_cmp(&cosine(&query, &vectors[*b]));
        (0..vectors.len()).max_by(near) == Some(place)
    };
    altered
        .iter()
        .map(|kind| {
            let found = kind.iter().enumerate().filter(|(place, picture)| is_found(*place, picture)).count();
            100.0 * found as f32 / kind.len() as f32
        })
        .collect()
}

/// Measured: the model 99.3 %, the histogram 66.8 %, the thumbnail 78.7 %. Weakest is a crop to 30 % with 92 %.
#[test]
fn altered_pictures_find_their_original_and_more_of_them_than_plain_descriptors_do() {
    let model = OnnxEmbedding::built_in().expect("the shipped model loads");
    let pictures = gallery();
    let altered: Vec<Vec<RgbImageBuffer>> =
        ALTERATIONS.iter().map(|(_, alter)| pictures.iter().map(alter).collect()).collect();
    let embed = |picture: &RgbImageBuffer| {
        let vector = model.embed(&rgb(picture)).expect("embedded");
        assert_eq!(vector.len(), model.dimensions());
        assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-4, "a unit vector");
        vector
    };
    let by_model = recall_at_1(&pictures, &altered, embed);
    let by_histogram = recall_at_1(&pictures, &altered, histogram);
    let by_thumbnail = recall_at_1(&pictures, &altered, thumbnail);
    for (place, (name, _)) in ALTERATIONS.iter().enumerate() {
        let (model, histogram, thumbnail) = (by_model[place], by_histogram[place], by_thumbnail[place]);
        assert!(model >= 80.0, "{name}: {model:.0} %, histogram {histogram:.0} %, thumbnail {thumbnail:.0} %");
    }
    let mean = |recalls: &[f32]| recalls.iter().sum::<f32>() / recalls.len() as f32;
    let (of_model, of_histogram, of_thumbnail) = (mean(&by_model), mean(&by_histogram), mean(&by_thumbnail));
    assert!(of_model >= 95.0, "{of_model:.1} %");
    assert!(of_model >= of_histogram.max(of_thumbnail) + 10.0, "{of_model:.1} {of_histogram:.1} {of_thumbnail:.1}");
}

#[test]
fn the_same_picture_gives_the_same_vector_whatever_thread_asks() {
    let model = OnnxEmbedding::built_in().expect("the shipped model loads");
    let picture = rgb(&photo("rocket.jpg").to_rgb8());
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
    assert!(model.network.idle.lock().expect("unpoisoned").len() <= 3, "a pool of one thread for each call at once");
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
    assert!(text.contains("64") && text.contains("96"), "{text}");
    for (bad, word) in [
        ("{}", "name"),
        (r#"{"name": "a b", "mean": [0, 0, 0], "deviation": [1, 1, 1]}"#, "name"),
        (r#"{"name": "a", "mean": [0, 0, 0], "deviation": [0, 1, 1]}"#, "deviation"),
    ] {
        let error = ModelCard::parse(bad).expect_err(bad);
        assert!(error.contains(word), "{error}");
    }
}
