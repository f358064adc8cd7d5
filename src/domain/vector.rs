//! Arithmetic on unit vectors, as embeddings are.

/// Numbers that are added up side by side, so that the compiler uses vector instructions.
const LANES: usize = 8;

/// The inner product: of unit vectors the cosine of their angle. Of vectors of different lengths it is 0: nothing is
/// known of how alike they are.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return 0.0;
    }
    let mut sums = [0.0f32; LANES];
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_add_up_whatever_the_length() {
        for length in [0usize, 1, 7, 8, 9, 256, 259] {
            let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let b = vec![0.5f32; length];
            let expected = 0.5 * (length * length.saturating_sub(1) / 2) as f32;
            assert_eq!(dot(&a, &b), expected, "{length}");
        }
        assert_eq!(dot(&[1.0], &[1.0, 1.0]), 0.0);
    }
}
