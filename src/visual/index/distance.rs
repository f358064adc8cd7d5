//! The inner product: most of what a search and a build do.

/// The inner product of two vectors of the same length; of unit vectors the cosine of their angle.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features, as was just asked.
        return unsafe { avx2::dot(a, b) };
    }
    portable(a, b)
}

/// Sixteen sums side by side, which compilers turn into whatever vectors the target has.
fn portable(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "loads through pointers; twice as fast as what the compiler makes of the portable sum")]
mod avx2 {
    use std::arch::x86_64::*;

    const LANES: usize = 8;
    /// Sums that do not wait for each other.
    const SUMS: usize = 4;

    #[target_feature(enable = "avx2,fma")]
    pub fn dot(a: &[f32], b: &[f32]) -> f32 {
        let length = a.len().min(b.len());
        let mut sums = [_mm256_setzero_ps(); SUMS];
        let mut at = 0;
        while at + SUMS * LANES <= length {
            for (number, sum) in sums.iter_mut().enumerate() {
                let from = at + number * LANES;
                // SAFETY: `from + LANES <= length`, and loads need no alignment.
                let (a, b) = unsafe { (_mm256_loadu_ps(a.as_ptr().add(from)), _mm256_loadu_ps(b.as_ptr().add(from))) };
                *sum = _mm256_fmadd_ps(a, b, *sum);
            }
            at += SUMS * LANES;
        }
        while at + LANES <= length {
            // SAFETY: `at + LANES <= length`, and loads need no alignment.
            let (a, b) = unsafe { (_mm256_loadu_ps(a.as_ptr().add(at)), _mm256_loadu_ps(b.as_ptr().add(at))) };
            sums[0] = _mm256_fmadd_ps(a, b, sums[0]);
            at += LANES;
        }
        let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
        let half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
        let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
        let total = _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps::<1>(quarter, quarter)));
        total + a[at..length].iter().zip(&b[at..length]).map(|(a, b)| a * b).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::hash::SeededRandom;

    #[test]
    fn every_length_is_summed_to_its_end() {
        let mut random = SeededRandom::new(1);
        let mut numbers = |count| (0..count).map(|_| random.next_f64() as f32 - 0.5).collect::<Vec<f32>>();
        for length in 0..200 {
            let (a, b) = (numbers(length), numbers(length));
            let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            for found in [dot(&a, &b), portable(&a, &b)] {
                assert!((f64::from(found) - exact).abs() < 1e-5, "{length}: {found} for {exact}");
            }
        }
    }
}
