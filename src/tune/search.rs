//! Which of many networks: the Pareto front of what a proof costs and how often the network is right.

/// A network that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// What its proof costs; less is better.
    pub cost: f64,
    /// Fraction of the inputs that it gets right; more is better.
    pub accuracy: f64,
}

/// For every point, whether no other one is at least as good in both and better in one; of equal points, only the first.
#[must_use]
pub fn front(points: &[Point]) -> Vec<bool> {
    let beats = |a: &Point, b: &Point, first: bool| {
        let as_good = a.cost <= b.cost && a.accuracy >= b.accuracy;
        as_good && (a.cost < b.cost || a.accuracy > b.accuracy || first)
    };
    let alone = |(n, p): (usize, &Point)| !points.iter().enumerate().any(|(m, q)| m != n && beats(q, p, m < n));
    points.iter().enumerate().map(alone).collect()
}

/// Relative difference of costs that counts as none: estimates are not better than that.
const SAME_COST: f64 = 0.02;

/// Of the points with an accuracy of at least `wanted`, the most accurate among the cheapest (those within two per cent of the
/// least cost); where no point is that accurate, the most accurate of all. Of equals the cheaper, then the first. `None` for no
/// points.
#[must_use]
pub fn choose(points: &[Point], wanted: f64) -> Option<usize> {
    let good = || points.iter().filter(|p| p.accuracy >= wanted);
    let least = good().map(|p| p.cost).fold(f64::INFINITY, f64::min);
    let fits = |p: &Point| p.accuracy >= wanted && p.cost <= least * (1.0 + SAME_COST);
    let any = good().next().is_none();
    let candidates = points.iter().enumerate().filter(|(_, p)| any || fits(p));
    let order = |a: &Point, b: &Point| b.accuracy.total_cmp(&a.accuracy).then(a.cost.total_cmp(&b.cost));
    candidates.min_by(|a, b| order(a.1, b.1)).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(f64, f64)]) -> Vec<Point> {
        values.iter().map(|(cost, accuracy)| Point { cost: *cost, accuracy: *accuracy }).collect()
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let all = points(&[(3.0, 0.9), (2.0, 0.9), (2.0, 0.8), (1.0, 0.5), (4.0, 0.95), (2.0, 0.9)]);
        assert_eq!(front(&all), [false, true, false, true, true, false]);
        assert!(front(&[]).is_empty());
    }

    #[test]
    fn the_cheapest_that_is_good_enough_is_chosen() {
        let all = points(&[(3.0, 0.97), (2.0, 0.95), (2.0, 0.96), (1.0, 0.9), (9.0, 0.99)]);
        assert_eq!(choose(&all, 0.95), Some(2));
        assert_eq!(choose(&all, 0.965), Some(0));
        assert_eq!(choose(&all, 0.0), Some(3));
        assert_eq!(choose(&all, 0.999), Some(4));
        assert_eq!(choose(&[], 0.5), None);
    }

    #[test]
    fn a_little_cost_is_paid_for_accuracy() {
        let all = points(&[(1.0, 0.97), (1.01, 0.98), (1.05, 0.99), (0.5, 0.9)]);
        assert_eq!(choose(&all, 0.96), Some(1));
        assert_eq!(choose(&all, 0.985), Some(2));
        assert_eq!(choose(&all, 0.9), Some(3));
    }
}
