//! The score that a run has learnt: an array for programs, a picture for people.

use geom_ae::Autoencoder;
use geom_bench::{
    Error,
    config::Config,
    report::{AbsentFigure, Figure, FigureKind},
    run_folder::{self, RunFolder},
    score_picture,
};
use geom_nn::NetworkDevice;
use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::Number;

/// Writes the score at the points of all parts, in their order, and draws that of the last part; `None` where the method
/// estimates no score.
pub(crate) fn write<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    model: &Autoencoder<E, D>,
    parts: &[ArrayView2<'_, E>],
) -> Result<Option<Result<Figure, AbsentFigure>>, Error> {
    if !config.method.estimates_score() {
        return Ok(None);
    }
    let scores = parts
        .iter()
        .map(|points| geom_ae::score(model, *points, config.weight))
        .collect::<Result<Vec<Array2<f64>>, _>>();
    let scores = match scores {
        Ok(scores) => scores,
        // Without noise, or where a reconstruction is on the cut locus of its point, there is none.
        Err(error) => {
            return Ok(Some(Err(AbsentFigure {
                kind: FigureKind::Score,
                reason: format!("There is no score: {error}."),
            })));
        }
    };
    let (Some(points), Some(last)) = (parts.last(), scores.last()) else {
        return Ok(None);
    };
    let views: Vec<_> = scores.iter().map(|score| score.view()).collect();
    if let Ok(all) = concatenate(Axis(0), &views) {
        run_folder::write_npy(&folder.file(run_folder::SCORE), all.view())?;
    }
    let points = points.mapv(geom_nn::Element::wide);
    score_picture::score_field(points.view(), last.view()).map(|figure| Some(Ok(figure)))
}
