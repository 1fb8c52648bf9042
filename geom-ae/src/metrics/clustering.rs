//! Agreement of two labelings of the same points, a clustering and the truth say.

use std::collections::BTreeMap;

use super::MetricError;
use super::labels::check_labels;

/// Adjusted Rand index.
///
/// $$\mathrm{ARI} = \frac{\sum_{uv} \binom{n_{uv}}{2} - E}{\frac12 (A + B) - E}, \qquad A = \sum_u \binom{a_u}{2}, \quad B = \sum_v \binom{b_v}{2}, \quad E = \frac{AB}{\binom n2}$$
///
/// with $n_{uv}$ the points that have label $u$ in the one and $v$ in the other, $a_u$ and $b_v$ its sums.
/// Hubert & Arabie 1985. At most 1, 0 on average for random labels, higher is better; 1 where both labelings have
/// one cluster, or both only singletons.
///
/// # Errors
/// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::TooManyPoints`] (n ≥ 2³²).
///
/// # Examples
/// ```
/// use geom_ae::metrics::adjusted_rand_index;
///
/// assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[7, 7, 3, 3])?, 1.0);
/// assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1])?, -0.5);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn adjusted_rand_index(a: &[i64], b: &[i64]) -> Result<f64, MetricError> {
    let table = Contingency::new("adjusted Rand index", a, b)?;
    let both = pairs_within(table.cells.values());
    let (left, right) = (
        pairs_within(table.a.values()),
        pairs_within(table.b.values()),
    );
    let all = pairs_within([&a.len()]);
    // Multiplied by all pairs, every term is an integer.
    let excess = both * all - left * right;
    let largest = (left + right) * all - 2 * left * right;
    // Both trivial: no pair together in either, or every pair together in both.
    if largest == 0 {
        return Ok(1.0);
    }
    Ok(2.0 * excess as f64 / largest as f64)
}

/// Number of pairs inside clusters of these sizes; below 2⁶³, as [`Contingency::new`] sees to.
fn pairs_within<'a>(sizes: impl IntoIterator<Item = &'a usize>) -> i128 {
    sizes
        .into_iter()
        .map(|&size| size as i128 * (size as i128 - 1) / 2)
        .sum()
}

/// Normalised mutual information, by the arithmetic mean of the entropies.
///
/// $$\mathrm{NMI} = \frac{2 I(a; b)}{H(a) + H(b)}, \qquad I = \sum_{uv} \frac{n_{uv}}{n} \ln \frac{n\ n_{uv}}{a_u b_v}$$
///
/// Range 0 to 1 up to rounding, higher is better; 1 where both labelings have one cluster. Not corrected for chance: many small
/// clusters raise it.
///
/// # Errors
/// [`MetricError::RowsDiffer`], [`MetricError::TooFewPoints`] (n < 2), [`MetricError::TooManyPoints`] (n ≥ 2³²).
///
/// # Examples
/// ```
/// use geom_ae::metrics::normalized_mutual_information;
///
/// assert_eq!(normalized_mutual_information(&[0, 0, 1, 1], &[0, 1, 0, 1])?, 0.0);
/// assert!((normalized_mutual_information(&[0, 0, 1, 1], &[7, 7, 3, 3])? - 1.0).abs() < 1e-15);
/// # Ok::<(), geom_ae::metrics::MetricError>(())
/// ```
pub fn normalized_mutual_information(a: &[i64], b: &[i64]) -> Result<f64, MetricError> {
    let table = Contingency::new("normalized mutual information", a, b)?;
    let n = a.len() as f64;
    let entropy = |sizes: &BTreeMap<i64, usize>| -> f64 {
        sizes
            .values()
            .map(|&size| -(size as f64 / n) * (size as f64 / n).ln())
            .sum()
    };
    let entropies = entropy(&table.a) + entropy(&table.b);
    if entropies == 0.0 {
        return Ok(1.0);
    }
    let information: f64 = table
        .cells
        .iter()
        .map(|((u, v), &cell)| {
            let cell = cell as f64;
            cell / n * (n * cell / (table.a[u] as f64 * table.b[v] as f64)).ln()
        })
        .sum();
    Ok(2.0 * information / entropies)
}

/// Ordered, so that sums do not depend on hashing.
struct Contingency {
    cells: BTreeMap<(i64, i64), usize>,
    a: BTreeMap<i64, usize>,
    b: BTreeMap<i64, usize>,
}

impl Contingency {
    fn new(metric: &'static str, a: &[i64], b: &[i64]) -> Result<Self, MetricError> {
        check_labels("a", a.len(), "b", b)?;
        if a.len() < 2 {
            return Err(MetricError::TooFewPoints {
                metric,
                n: a.len(),
                minimum: 2,
            });
        }
        if u32::try_from(a.len()).is_err() {
            let (n, limit) = (a.len(), u32::MAX as usize);
            return Err(MetricError::TooManyPoints {
                argument: "a",
                n,
                limit,
            });
        }
        let mut table = Self {
            cells: BTreeMap::new(),
            a: BTreeMap::new(),
            b: BTreeMap::new(),
        };
        for (&a, &b) in a.iter().zip(b) {
            *table.cells.entry((a, b)).or_insert(0) += 1;
            *table.a.entry(a).or_insert(0) += 1;
            *table.b.entry(b).or_insert(0) += 1;
        }
        Ok(table)
    }
}
