//! The inner product: most of what a search and a build do.

use super::rows::{LANES, Line, Rows};

/// The inner product of two vectors of the same length; of unit vectors the cosine of their angle.
pub(super) fn dot(a: &[Line], b: &[Line]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features, as was just asked.
        return unsafe { avx2::dot(a, b) };
    }
    portable(a, b)
}

/// The inner products of a vector with some rows, in their order.
pub(super) fn dots(query: &[Line], rows: &Rows, chosen: &[u32], products: &mut Vec<f32>) {
    products.clear();
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both features, as was just asked.
        return unsafe { avx2::dots(query, rows, chosen, products) };
    }
    products.extend(chosen.iter().map(|row| portable(query, rows.row(*row))));
}

/// Sixteen sums side by side, which compilers turn into whatever vectors the target has.
fn portable(a: &[Line], b: &[Line]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (Line(a), Line(b)) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "loads through pointers; twice as fast as what the compiler makes of the portable sum")]
mod avx2 {
    use super::{Line, Rows};
    use std::arch::x86_64::*;

    /// Rows that are asked for before their turn.
    const AHEAD: usize = 2;

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn dot(a: &[Line], b: &[Line]) -> f32 {
        // Sums that do not wait for each other.
        let mut sums = [_mm256_setzero_ps(); 4];
        let ((a_pairs, a_rest), (b_pairs, b_rest)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
        for ([a, c], [b, d]) in a_pairs.iter().zip(b_pairs) {
            add(a, b, &mut sums, 0);
            add(c, d, &mut sums, 2);
        }
        for (a, b) in a_rest.iter().zip(b_rest) {
            add(a, b, &mut sums, 0);
        }
        let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
        let half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
        let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
        _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps::<1>(quarter, quarter)))
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add(Line(a): &Line, Line(b): &Line, sums: &mut [__m256; 4], at: usize) {
        // SAFETY: a line is two times eight numbers, aligned to twice that.
        unsafe {
            let (first, second) = (_mm256_load_ps(a.as_ptr()), _mm256_load_ps(a.as_ptr().add(8)));
            sums[at] = _mm256_fmadd_ps(first, _mm256_load_ps(b.as_ptr()), sums[at]);
            sums[at + 1] = _mm256_fmadd_ps(second, _mm256_load_ps(b.as_ptr().add(8)), sums[at + 1]);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn dots(query: &[Line], rows: &Rows, chosen: &[u32], products: &mut Vec<f32>) {
        chosen.iter().take(AHEAD).for_each(|row| prefetch(rows.row(*row)));
        for (at, row) in chosen.iter().enumerate() {
            if let Some(next) = chosen.get(at + AHEAD) {
                prefetch(rows.row(*next));
            }
            products.push(dot(query, rows.row(*row)));
        }
    }

    #[inline]
    fn prefetch(row: &[Line]) {
        for line in row {
            // SAFETY: a hint about an address that exists.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::rows::pad;
    use tessera_domain::hash::SeededRandom;

    #[test]
    fn every_length_is_summed_to_its_end() {
        let mut random = SeededRandom::new(1);
        let mut numbers = |count| (0..count).map(|_| random.next_f64() as f32 - 0.5).collect::<Vec<f32>>();
        for length in 1..200 {
            let (a, b) = (numbers(length), numbers(length));
            let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let (a, b) = (pad(&a), pad(&b));
            let mut rows = Rows::new(length);
            rows.push(&a);
            rows.push(&b);
            let mut products = Vec::new();
            dots(&a, &rows, &[1, 0, 1], &mut products);
            for found in [dot(&a, &b), portable(&a, &b), products[0], products[2]] {
                assert!((f64::from(found) - exact).abs() < 1e-5, "{length}: {found} for {exact}");
            }
            assert_eq!(products[1], dot(&a, &a));
        }
    }
}
