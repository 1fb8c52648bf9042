//! What a method's terms take from the data and from files: distances to keep, distances of classes.

use geom_ae::{TermSettings, objective::TargetDistances};
use geom_bench::{
    Error,
    config::{Config, DistanceSource, Method},
    data::{Dataset, Split},
};
use ndarray::{ArrayView2, Axis};

use super::{super::Number, prepare::rows_of_file};

/// The settings of the terms, with everything that they are made of.
pub(super) fn term_settings<E: Number>(
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
    train: ArrayView2<'_, E>,
) -> Result<TermSettings<E>, Error> {
    let mut settings = config.term_settings::<E>();
    if matches!(config.method, Method::Spae | Method::Mmae | Method::Blae) {
        settings.targets = targets(config, dataset, split, train)?;
    }
    if let Some(path) = &config.terms.class_distances {
        let options = geom_bench::data::Options {
            seed: config.seed,
            ..geom_bench::data::Options::default()
        };
        let table = geom_bench::data::load::<E>(&path.to_string_lossy(), options)?.points;
        settings.class_distances = Some(table.into_shared());
    }
    Ok(settings)
}

/// The distances between training points that codes are to keep.
fn targets<E: Number>(
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
    train: ArrayView2<'_, E>,
) -> Result<TargetDistances<E>, Error> {
    let refuse = |reason| {
        Err(Error::Distances {
            from: config.distances.to_string(),
            reason,
        })
    };
    Ok(match &config.distances {
        DistanceSource::Euclidean => TargetDistances::Euclidean,
        DistanceSource::Geodesic => TargetDistances::geodesic(train, config.neighbours)?,
        DistanceSource::GroundTruth => match &dataset.parameters {
            Some(parameters) => {
                TargetDistances::Coordinates(parameters.select(Axis(0), &split.train).into_shared())
            }
            None => {
                return refuse(
                    "only generated data know theirs; give a file as coordinates:FILE".to_owned(),
                );
            }
        },
        DistanceSource::Coordinates(path) => {
            let rows = rows_of_file::<E>(config, path, dataset.len())?;
            TargetDistances::Coordinates(rows.select(Axis(0), &split.train).into_shared())
        }
        DistanceSource::Given(path) => {
            let all = rows_of_file::<E>(config, path, dataset.len())?;
            if all.ncols() != dataset.len() {
                let (points, columns) = (dataset.len(), all.ncols());
                return refuse(format!("it has {columns} columns for {points} points"));
            }
            let among = all.select(Axis(0), &split.train);
            TargetDistances::Given(among.select(Axis(1), &split.train).into_shared())
        }
        DistanceSource::Series(_) => {
            return refuse("frames of different series have no distance".to_owned());
        }
    })
}
