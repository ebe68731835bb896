//! Whole numbers in given proportions.
//!
//! The method of the largest remainder (Hamilton): each share gets its quota rounded down, and what is left goes
//! to the largest remainders, the earlier share first. So the numbers add up to the total and none is further
//! than one from its quota.

/// Parts of `total` in the proportions of `weights`, which are not negative and not all zero.
pub fn apportion(total: usize, weights: &[f64]) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    let quotas: Vec<f64> = weights.iter().map(|weight| total as f64 * weight / sum).collect();
    // A quota such as 2.9999999999999996 is three.
    let mut parts: Vec<usize> = quotas.iter().map(|quota| (quota + 1e-9).floor() as usize).collect();
    let remainder = |at: usize, parts: &[usize]| quotas[at] - parts[at] as f64;
    let mut order: Vec<usize> = (0..weights.len()).filter(|at| weights[*at] > 0.0).collect();
    order.sort_by(|&a, &b| remainder(b, &parts).total_cmp(&remainder(a, &parts)));
    let given: usize = parts.iter().sum();
    for at in order.into_iter().cycle().take(total.saturating_sub(given)) {
        parts[at] += 1;
    }
    parts
}

/// The largest total of which every share can be filled: share `i` has `available[i]` to give.
pub fn largest_total(available: &[usize], weights: &[f64]) -> usize {
    let sum: f64 = weights.iter().sum();
    let bound = |(available, weight): (&usize, &f64)| (*available as f64 + 1.0) * sum / weight;
    let shares = || available.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let mut total = shares().map(bound).fold(f64::INFINITY, f64::min) as usize;
    total = total.min(available.iter().sum());
    // Rounding moves a share by less than one, so only a few totals below the bound need a look.
    while total > 0 && apportion(total, weights).iter().zip(available).any(|(part, available)| part > available) {
        total -= 1;
    }
    total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_those_of_the_largest_remainder() {
        assert_eq!(apportion(10, &[0.8, 0.2]), [8, 2]);
        assert_eq!(apportion(10, &[1.0, 1.0, 1.0]), [4, 3, 3]);
        // Wikipedia's example of the method: 100,000 votes, 10 seats.
        let votes = [47_000.0, 16_000.0, 15_800.0, 12_000.0, 6_100.0, 3_100.0];
        assert_eq!(apportion(10, &votes), [5, 2, 1, 1, 1, 0]);
        assert_eq!(apportion(3, &[0.0, 1.0]), [0, 3]);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_within_one_of_their_quota(
            total in 0..5_000_usize,
            weights in proptest::collection::vec(1..100_u32, 1..9),
        ) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let parts = apportion(total, &weights);
            prop_assert_eq!(parts.iter().sum::<usize>(), total);
            let sum: f64 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((*part as f64 - total as f64 * weight / sum).abs() < 1.0 + 1e-6);
            }
        }

        #[test]
        fn largest_total_can_be_filled_and_none_larger(
            shares in proptest::collection::vec((0..200_usize, 1..50_u32), 1..5),
        ) {
            let available: Vec<usize> = shares.iter().map(|(available, _)| *available).collect();
            let weights: Vec<f64> = shares.iter().map(|(_, weight)| f64::from(*weight)).collect();
            let fits = |total: usize| apportion(total, &weights).iter().zip(&available).all(|(part, most)| part <= most);
            let total = largest_total(&available, &weights);
            prop_assert!(fits(total));
            // Parts grow with the total but for one step back of a remainder, so a short look ahead is enough.
            prop_assert!(!(total + 2..total + 50).any(fits), "{total}");
        }
    }
}
