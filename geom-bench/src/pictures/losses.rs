//! How the losses went down.

use crate::{
    Error,
    figures::{self, Curve},
    history::EpochRecord,
    report::{Figure, FigureKind},
};

/// Objective, terms, test and validation error over the epochs.
///
/// # Errors
/// As [`figures::loss_curves`].
pub fn loss_curves(history: &[EpochRecord]) -> Result<Figure, Error> {
    let series = |value: &dyn Fn(&EpochRecord) -> Option<f64>| -> Vec<(f64, f64)> {
        history
            .iter()
            .filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?)))
            .collect()
    };
    let total = series(&|epoch| Some(epoch.total));
    let test = series(&|epoch| epoch.test_mse);
    let names: Vec<&String> = history
        .first()
        .into_iter()
        .flat_map(|epoch| epoch.terms.keys())
        .collect();
    let terms: Vec<Vec<(f64, f64)>> = names
        .iter()
        .map(|name| series(&|epoch| epoch.terms.get(*name).copied()))
        .collect();
    let mut curves = vec![Curve {
        name: "objective",
        train: &total,
        test: &[],
    }];
    let validation = series(&|epoch| epoch.validation);
    if !validation.is_empty() {
        curves.push(Curve {
            name: "objective on validation points",
            train: &validation,
            test: &[],
        });
    }
    for (name, train) in names.iter().zip(&terms) {
        let test: &[(f64, f64)] = if *name == "mean_squared_error" {
            &test
        } else {
            &[]
        };
        curves.push(Curve { name, train, test });
    }
    let svg = figures::loss_curves(&figures::LossCurves {
        title: "Losses",
        curves: &curves,
    })?;
    Ok(Figure {
        kind: FigureKind::LossCurves,
        svg,
        remark: None,
    })
}
