//! Shortest ways between points of an embedding, as its decoder measures length.

use geom_ae::{NetworkChart, Scalar};
use geom_nn::{Cpu, Network, NetworkDevice};
use geom_riemann::{Geodesic, GeodesicOptions, Pullback, connect};
use ndarray::Array1;
use serde::Serialize;

use super::Part;
use crate::{
    Error,
    figures::{self, Mark, Panel, Series},
    report::{Figure, FigureKind},
};

/// Pairs of points that are connected.
const PAIRS: usize = 12;
/// Nodes of a curve.
const NODES: usize = 32;
/// Newton steps before a curve is given up.
const ITERATIONS: usize = 60;

/// A shortest way between two points of an embedding.
#[derive(Debug, Clone, Serialize)]
pub struct Way {
    /// The points' rows.
    pub rows: [usize; 2],
    /// Its length as the decoder measures it, where one was found.
    pub length: Option<f64>,
    /// Why none was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The length of the straight line between the codes, measured alike.
    pub of_line: f64,
    /// The distance of the two decoded points: no way is shorter.
    pub chord: f64,
}

/// Geodesics of the decoder's metric between points spread over the embedding, and their picture; or why there is none.
///
/// Computed in f64, whatever the network's type.
///
/// # Errors
/// The network's own, and the figure's.
pub fn geodesics<E: Scalar, D: NetworkDevice<E>>(
    decoder: &Network<E, D>,
    part: Part<'_>,
) -> Result<Result<(Figure, Vec<Way>), &'static str>, Error> {
    let codes = part.diagnosis.embedding.view();
    let n = codes.nrows();
    if codes.ncols() != 2 {
        return Ok(Err("They are drawn where there are two latent dimensions."));
    }
    if n < 2 {
        return Ok(Err("There are no two points to connect."));
    }
    let parameters = decoder.parameters().iter().map(|&p| p.into()).collect();
    let wide: Network<f64, Cpu> =
        Network::from_parameters(decoder.architecture(), parameters, &Cpu::default())
            .map_err(geom_ae::Error::from)?;
    let metric = Pullback::of(NetworkChart(&wide));
    let options = GeodesicOptions {
        nodes: NODES,
        max_iterations: ITERATIONS,
        tolerance: 1e-6,
        ..GeodesicOptions::default()
    };
    let pairs = PAIRS.min(n / 2);
    let (mut ways, mut lines, mut straight) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        let first = pair * n / (2 * pairs);
        let rows = [first, first + n / 2];
        let ends = rows.map(|row| codes.row(row).to_vec());
        let (of_line, chord) = line_and_chord(&wide, &ends)?;
        let found: Result<Geodesic<f64>, _> = connect(&metric, &ends[0], &ends[1], &options);
        if let Ok(curve) = &found {
            lines.extend(
                curve
                    .nodes
                    .rows()
                    .into_iter()
                    .map(|node| (node[0], node[1])),
            );
            lines.push((f64::NAN, f64::NAN));
            straight.extend(ends.iter().map(|end| (end[0], end[1])));
            straight.push((f64::NAN, f64::NAN));
        }
        ways.push(Way {
            rows,
            length: found.as_ref().ok().map(|curve| curve.length),
            reason: found.err().map(|error| error.to_string()),
            of_line,
            chord,
        });
    }
    let drawn = ways.iter().filter(|way| way.length.is_some()).count();
    if drawn == 0 {
        return Ok(Err(
            "No shortest way was found between any of the points that were tried.",
        ));
    }
    let series = |name, colour, mark, points| Series {
        name,
        colour,
        mark,
        points,
    };
    let background = codes
        .rows()
        .into_iter()
        .map(|code| (code[0], code[1]))
        .collect();
    let svg = figures::panels(&figures::Panels {
        title: "Geodesics",
        panels: vec![Panel {
            name: "",
            axes: ("z₁", "z₂"),
            equal: true,
            series: vec![
                series("codes", 3, Mark::Dots, background),
                series("straight line", 8, Mark::Line, broken(straight)),
                series("geodesic", 2, Mark::Line, broken(lines)),
            ],
        }],
        columns: 1,
    })?;
    let remark = (drawn < pairs).then(|| {
        format!(
            "Between {} of {pairs} pairs no shortest way was found; geodesics.json says why.",
            pairs - drawn
        )
    });
    let figure = Figure {
        kind: FigureKind::Geodesics,
        svg,
        remark,
    };
    Ok(Ok((figure, ways)))
}

/// Without the break after the last piece, which separates nothing.
fn broken(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.pop();
    points
}

/// The length of the decoded straight line, by its nodes, and the distance of its ends.
fn line_and_chord(decoder: &Network<f64, Cpu>, ends: &[Vec<f64>; 2]) -> Result<(f64, f64), Error> {
    let along = ndarray::Array2::from_shape_fn((NODES, 2), |(i, k)| {
        let t = i as f64 / (NODES - 1) as f64;
        (1.0 - t) * ends[0][k] + t * ends[1][k]
    });
    let pass = decoder
        .evaluate(along.view(), geom_nn::Request::Value)
        .map_err(geom_ae::Error::from)?;
    let values = pass.value();
    let apart = |i: usize, j: usize| {
        let difference: Array1<f64> = &values.row(i) - &values.row(j);
        difference.dot(&difference).sqrt()
    };
    let length = (1..NODES).map(|i| apart(i - 1, i)).sum();
    Ok((length, apart(0, NODES - 1)))
}

#[cfg(test)]
mod tests {
    use geom_ae::diagnose;
    use ndarray::Array2;

    use super::*;
    use crate::controls::{Pca, linear::linear_model};

    #[test]
    fn the_geodesics_of_a_linear_decoder_are_straight_lines() {
        let points = Array2::from_shape_fn((40, 4), |(i, j)| ((i * (j + 2)) as f64).sin());
        let pca = Pca::fit(points.view(), 2).unwrap();
        let model = linear_model::<f32, _>(&pca, &Cpu::default()).unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "test data in the precision of the model"
        )]
        let narrow = points.mapv(|v| v as f32);
        let diagnosis = diagnose(&model, narrow.view(), None).unwrap();
        let part = Part {
            diagnosis: &diagnosis,
            labels: None,
        };
        let (figure, ways) = geodesics(model.decoder(), part).unwrap().unwrap();
        assert!(figure.svg.starts_with("<svg") && !figure.svg.contains("NaN"));
        assert_eq!(ways.len(), PAIRS);
        for way in ways {
            let length = way.length.unwrap();
            assert!((length / way.chord - 1.0).abs() < 1e-6);
            assert!((way.of_line / way.chord - 1.0).abs() < 1e-6);
        }
    }
}
