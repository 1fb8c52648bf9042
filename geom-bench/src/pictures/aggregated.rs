//! The aggregated posterior against the prior.

use geom_ae::{Autoencoder, Scalar, codes::Prior, objective::EncoderNoise};
use geom_nn::NetworkDevice;
use ndarray::{Array2, ArrayView2};

use super::SAMPLE_SEED;
use crate::{
    Error,
    figures::{self, Mark, Panel, Series},
    report::{Figure, FigureKind},
};

/// Points of each cloud in a panel; more would be one blot.
const SHOWN: usize = 1000;
/// Panels of two dimensions each; beyond them the picture is no longer read.
const MOST_PANELS: usize = 12;
/// Panels in a row.
const COLUMNS: usize = 3;

/// Codes as training draws them, one for each point, beside as many samples of the distribution that they should follow: two
/// dimensions a panel, until all have had their turn.
///
/// The means of a stochastic encoder would not do: a dimension that says nothing, and is the prior as it should be, has means
/// that are all alike.
///
/// # Errors
/// A prior that does not fit the codes, and what the encoder refuses.
pub fn aggregated_posterior<E: Scalar, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    points: ArrayView2<'_, E>,
    noise: EncoderNoise,
    prior: Prior,
    seed: u64,
) -> Result<Figure, Error> {
    let implicit = noise == EncoderNoise::Implicit;
    let codes = if implicit {
        model.encode(points)?
    } else {
        model.draw_codes(points, noise, seed ^ SAMPLE_SEED ^ 1)?
    };
    let codes = codes.mapv(geom_nn::Element::wide);
    let samples = prior
        .sample::<f64>(codes.nrows(), codes.ncols(), seed ^ SAMPLE_SEED)
        .map_err(geom_ae::Error::from)?;
    let mut remark = String::new();
    let svg = if codes.ncols() <= 2 {
        figures::two_clouds(&figures::TwoClouds {
            title: "Aggregated posterior and prior",
            axes: ("z₁", "z₂"),
            first: ("codes", codes.view()),
            second: ("prior", samples.view()),
        })?
    } else {
        let pairs = pairs(codes.ncols());
        if pairs.len() > MOST_PANELS {
            remark = format!(
                "The first {} of {} dimensions are drawn.",
                2 * MOST_PANELS,
                codes.ncols()
            );
        }
        let shown = &pairs[..pairs.len().min(MOST_PANELS)];
        let names: Vec<[String; 2]> = shown
            .iter()
            .map(|(a, b)| [a, b].map(|k| format!("z{}", k + 1)))
            .collect();
        let panels = shown
            .iter()
            .zip(&names)
            .map(|(&(a, b), [x, y])| Panel {
                name: "",
                axes: (x, y),
                equal: true,
                series: vec![
                    dots("prior", 8, &samples, (a, b)),
                    dots("codes", 2, &codes, (a, b)),
                ],
            })
            .collect();
        figures::panels(&figures::Panels {
            title: "Aggregated posterior and prior",
            panels,
            columns: COLUMNS,
        })?
    };
    if implicit {
        remark.push_str(
            " The learned noise is not part of the model: the codes are drawn without it.",
        );
    }
    Ok(Figure {
        kind: FigureKind::Prior,
        svg,
        remark: (!remark.is_empty()).then(|| remark.trim_start().to_owned()),
    })
}

/// Dimensions two by two; the last of an odd number goes with the first.
fn pairs(dim: usize) -> Vec<(usize, usize)> {
    (0..dim.div_ceil(2))
        .map(|k| (2 * k, (2 * k + 1) % dim))
        .collect()
}

/// Two columns, thinned evenly.
fn dots<'a>(
    name: &'a str,
    colour: usize,
    points: &Array2<f64>,
    (a, b): (usize, usize),
) -> Series<'a> {
    let every = points.nrows().div_ceil(SHOWN).max(1);
    let rows = points.rows().into_iter().step_by(every);
    Series {
        name,
        colour,
        mark: Mark::Dots,
        points: rows.map(|row| (row[a], row[b])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use geom_ae::box_autoencoder;
    use geom_nn::{Activation, Architecture, Cpu};

    use super::*;

    #[test]
    fn every_dimension_has_its_turn() {
        assert_eq!(pairs(4), [(0, 1), (2, 3)]);
        assert_eq!(pairs(5), [(0, 1), (2, 3), (4, 0)]);
        assert_eq!(pairs(8).len(), 4);
    }

    #[test]
    fn a_dimension_at_the_prior_is_drawn_as_wide_as_the_prior() {
        let mut architecture = box_autoencoder(6, &[], 4, Activation::Elu).unwrap();
        architecture.encoder = Architecture::mlp(&[6, 8], Activation::Elu, Activation::Linear);
        let mut model: Autoencoder<f64, Cpu> =
            Autoencoder::new(&architecture, 1, &Cpu::default()).unwrap();
        // μ = 0 and ln σ² = 0 everywhere.
        let (encoder, _) = model.networks_mut();
        let zeros = vec![0.0; encoder.parameter_count()];
        encoder.set_parameters(&zeros).unwrap();
        let x = Array2::<f64>::zeros((400, 6));
        let noise = EncoderNoise::Gaussian { clip: None };
        let drawn = model.draw_codes(x.view(), noise, 3).unwrap();
        let widest = drawn.iter().fold(0.0_f64, |most, z| most.max(z.abs()));
        assert!(widest > 2.0, "{widest}");
        let draw = |noise| aggregated_posterior(&model, x.view(), noise, Prior::default(), 0);
        let figure = draw(noise).unwrap();
        for name in ["z1", "z2", "z3", "z4", "codes", "prior"] {
            assert!(figure.svg.contains(name), "{name}");
        }
        assert!(draw(EncoderNoise::Deterministic).is_err());
    }
}
