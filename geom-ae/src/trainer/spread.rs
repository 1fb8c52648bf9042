//! Several runs that differ in the seed alone, summed up.

use serde::Serialize;

use crate::Metrics;

/// A figure over several runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Its name.
    pub name: String,
    /// Its value in every run in which it was defined, in the order of the runs.
    pub values: Vec<f64>,
    /// The mean of these.
    pub mean: f64,
    /// The standard deviation of these (divided by n − 1); `None` for fewer than two.
    pub deviation: Option<f64>,
}

/// Mean and standard deviation of every figure over `runs`, in the order of the first run that has it.
///
/// # Examples
/// ```
/// assert!(geom_ae::trainer::spread(&[]).is_empty());
/// ```
pub fn spread(runs: &[Metrics]) -> Vec<Spread> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in runs.iter().flat_map(Metrics::iter) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .filter_map(|name| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.get(name)).collect();
            let n = values.len() as f64;
            (!values.is_empty()).then(|| {
                let mean = values.iter().sum::<f64>() / n;
                let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
                let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
                Spread {
                    name: name.to_owned(),
                    values,
                    mean,
                    deviation,
                }
            })
        })
        .collect()
}
