//! Small ONNX files written by hand: what fits, what does not, and what was made to do harm.

use super::{super::screen::MAX_OPERATORS, CARD, ModelCard, OnnxEmbedding, photo, rgb};
use tessera_ports::EmbeddingModel;

const FLOAT: u64 = 1;
const INT32: u64 = 6;
const SIDE: u64 = 32;
/// Of the vectors that these models give.
const LENGTH: u64 = 16;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that has a length.
fn message(field: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    let parts = parts.concat();
    [varint(field << 3 | 2), varint(parts.len() as u64), parts].concat()
}

fn text(field: u64, text: &str) -> Vec<u8> {
    message(field, &[text.as_bytes().to_vec()])
}

fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

/// An operator with these attributes.
fn operator(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().map(|input| text(1, input));
    message(1, &inputs.chain([text(2, output), text(4, kind)]).chain(attributes.to_vec()).collect::<Vec<_>>())
}

fn value(field: u64, name: &str, kind: u64, shape: &[u64]) -> Vec<u8> {
    let shape: Vec<Vec<u8>> = shape.iter().map(|length| message(1, &[number(1, *length)])).collect();
    let tensor = message(1, &[number(1, kind), message(2, &shape)]);
    message(field, &[text(1, name), message(2, &[tensor])])
}

/// Weights that are 1, 2, 3 and so on.
fn weights(name: &str, shape: &[u64], count: u64) -> Vec<u8> {
    let data = (1..=count).flat_map(|number| (number as f32).to_le_bytes()).collect();
    let dimensions = shape.iter().map(|length| number(1, *length));
    message(5, &dimensions.chain([number(2, FLOAT), text(8, name), message(9, &[data])]).collect::<Vec<_>>())
}

fn file(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), message(8, &[number(2, 17)]), message(7, graph)].concat()
}

fn input() -> Vec<u8> {
    value(11, "picture", FLOAT, &[1, 3, SIDE, SIDE])
}

fn output() -> Vec<u8> {
    value(12, "vector", FLOAT, &[1, LENGTH])
}

/// From `name` to the vector: the mean of each channel, and a matrix.
fn end(name: &str) -> Vec<Vec<u8>> {
    vec![
        operator("GlobalAveragePool", &[name], "pooled", &[]),
        operator("Flatten", &["pooled"], "flat", &[]),
        operator("Gemm", &["flat", "matrix"], "vector", &[]),
        weights("matrix", &[3, LENGTH], 3 * LENGTH),
    ]
}

/// These operators before the end, which reads `name`.
fn model(operators: &[Vec<u8>], name: &str) -> Vec<u8> {
    file(&[&[input(), output()], operators, &end(name)].concat())
}

fn load(bytes: &[u8]) -> Result<OnnxEmbedding, String> {
    let card = ModelCard::parse(CARD).expect("a card");
    OnnxEmbedding::load(bytes, card).map_err(|error| error.to_string())
}

fn assert_refused(bytes: &[u8], word: &str) {
    let reason = load(bytes).expect_err(word);
    assert!(reason.contains(word), "{word}: {reason}");
}

#[test]
fn a_model_computes_what_its_file_says() {
    let picture = rgb(&photo("rocket.jpg").to_rgb8());
    let model = load(&model(&[operator("Relu", &["picture"], "there", &[])], "there")).expect("it fits");
    assert_eq!((model.side(), model.dimensions()), (SIDE as usize, LENGTH as usize));
    let vector = model.embed(&picture).expect("embedded");
    // Means times 1 to 48 in rows of sixteen: each number is the one before and the sum of the means.
    let steps: Vec<f32> = vector.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| (step - steps[0]).abs() < 1e-5 && *step > 0.0), "{vector:?}");
}

#[test]
fn weights_may_be_named_among_the_inputs_as_older_files_do() {
    let named = value(11, "matrix", FLOAT, &[3, LENGTH]);
    load(&file(&[vec![named, input(), output()], end("picture")].concat())).expect("one input is a picture");
}

#[test]
fn an_output_may_keep_its_sides_of_one() {
    let kernel = weights("kernel", &[LENGTH, 3, 1, 1], 3 * LENGTH);
    let sides = text(1, "kernel_shape");
    let convolution = operator(
        "Conv",
        &["picture", "kernel"],
        "wide",
        &[message(5, &[sides, number(8, 1), number(8, 1), number(20, 7)])],
    );
    let pooled = operator("GlobalAveragePool", &["wide"], "vector", &[]);
    let output = value(12, "vector", FLOAT, &[1, LENGTH, 1, 1]);
    let model = load(&file(&[input(), output, kernel, convolution, pooled])).expect("it fits");
    assert_eq!(model.dimensions(), LENGTH as usize);
}

#[test]
fn what_has_another_shape_is_refused_with_what_was_expected() {
    let with = |input: Vec<u8>, output: Vec<u8>| file(&[vec![input, output], end("picture")].concat());
    assert_refused(&with(value(11, "picture", INT32, &[1, 3, SIDE, SIDE]), output()), "32-bit floats");
    assert_refused(&with(value(11, "picture", FLOAT, &[2, 3, SIDE, SIDE]), output()), "[1, 3, side, side]");
    assert_refused(&with(value(11, "picture", FLOAT, &[1, SIDE, SIDE, 3]), output()), "[1, 3, side, side]");
    assert_refused(&with(value(11, "picture", FLOAT, &[1, 3, 1 << 40, 1 << 40]), output()), "32 to 384 pixels");
    let second = value(11, "mask", FLOAT, &[1]);
    assert_refused(&file(&[vec![input(), second, output()], end("picture")].concat()), "found 2 and 1");
    let short = operator("Flatten", &["pooled"], "vector", &[]);
    let pooled = operator("GlobalAveragePool", &["picture"], "pooled", &[]);
    assert_refused(&file(&[input(), output(), pooled, short]), "[1, D] with D from 16");
    let whole =
        operator("Cast", &["there"], "vector", &[message(5, &[text(1, "to"), number(3, INT32), number(20, 2)])]);
    let operators = [end("picture"), vec![whole]].concat();
    let renamed: Vec<Vec<u8>> = [input(), output()].into_iter().chain(operators).collect();
    let reason = load(&file(&renamed)).expect_err("whole numbers");
    assert!(!reason.is_empty(), "{reason}");
}

#[test]
fn operators_that_are_unknown_or_do_not_fit_are_refused() {
    assert_refused(&model(&[operator("Frobnicate", &["picture"], "there", &[])], "there"), "Frobnicate");
    assert_refused(&model(&[], "nowhere"), "nowhere");
    assert_refused(&model(&[operator("Add", &["picture", "there"], "there", &[])], "there"), "cycle");
    let narrow = [operator("Gemm", &["picture", "matrix"], "there", &[])];
    assert!(load(&model(&narrow, "there")).is_err());
    let lies = weights("lies", &[1 << 62, 1 << 62], 4);
    assert!(load(&model(&[lies, operator("Add", &["picture", "lies"], "there", &[])], "there")).is_err());
    let short = weights("short", &[3, 1, 1], 2);
    assert!(load(&model(&[short, operator("Mul", &["picture", "short"], "there", &[])], "there")).is_err());
}

#[test]
fn weights_in_other_files_are_not_read() {
    let location = message(13, &[text(1, "location"), text(2, "/etc/passwd")]);
    let offset = message(13, &[text(1, "offset"), text(2, "0")]);
    let length = message(13, &[text(1, "length"), text(2, "12")]);
    let outside =
        message(5, &[number(1, 3), number(2, FLOAT), text(8, "secret"), location, offset, length, number(14, 1)]);
    let add = operator("Add", &["picture", "secret"], "there", &[]);
    assert_refused(&model(&[outside, add], "there"), "external");
}

#[test]
fn graphs_that_would_exhaust_the_stack_are_refused_before_they_are_read() {
    // Graphs within graphs, from the inside out.
    let mut nested: Vec<u8> = Vec::new();
    for _ in 0..2_000 {
        nested = message(1, &[message(5, &[message(6, &[nested])])]);
    }
    assert_refused(&file(&[nested]), "graph of their own");
    let body = message(5, &[text(1, "body"), message(6, &[operator("Identity", &["a"], "b", &[])]), number(20, 5)]);
    assert_refused(&model(&[operator("Loop", &["", "", "picture"], "there", &[body])], "there"), "Loop");
    let mut kind = value(2, "x", FLOAT, &[1]);
    for _ in 0..2_000 {
        kind = message(4, &[message(1, &[kind])]);
    }
    let listed = message(11, &[text(1, "picture"), message(2, &[kind])]);
    assert_refused(&file(&[vec![listed, output()], end("picture")].concat()), "no tensors");

    let chain = |length: usize| {
        let name = |place: usize| if place == 0 { "picture".to_owned() } else { format!("n{place}") };
        let link = |place: usize| operator("Relu", &[&name(place)], &name(place + 1), &[]);
        model(&(0..length).map(link).collect::<Vec<_>>(), &name(length))
    };
    assert_refused(&chain(MAX_OPERATORS), "operators");
    // Three are the end.
    load(&chain(MAX_OPERATORS - 3)).expect("as many as may be are read");
}

#[test]
fn what_is_no_message_is_refused_at_once() {
    for bytes in [vec![0xff; 100_000], vec![0; 1_000], vec![0x3a, 0xff], vec![0x08; 31]] {
        assert!(load(&bytes).is_err(), "{:?} and so on", &bytes[..2]);
    }
    // Whatever its bytes are changed to, the file is refused or it runs.
    let good = model(&[operator("Relu", &["picture"], "there", &[])], "there");
    let mut state = 1_u32;
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = (state >> 8) as usize % bytes.len();
            bytes[place] = bytes[place].wrapping_add((state >> 3) as u8);
        }
        let _ = load(&bytes);
    }
}
