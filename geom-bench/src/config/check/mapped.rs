//! What a file that is not read into memory can be trained on with.

use geom_ae::trainer::BatchSampler;

use super::{refuse, require};
use crate::{
    Error,
    config::{Config, DistanceSource, Method, Spelled},
    data::{Labels, NAMES, SplitRule},
};

impl Config {
    /// With --mapped nothing may look at all points at once, and no part of them may be copied.
    pub(super) fn check_mapped(&self) -> Result<(), Error> {
        if !self.mapped {
            return match self.measured_points {
                Some(points) => refuse(
                    "measured-points",
                    points.to_string(),
                    "left out without --mapped: points that are read are all measured",
                ),
                None => Ok(()),
            };
        }
        let is_array = self.data.to_lowercase().ends_with(".npy") && !NAMES.contains(&&*self.data);
        require(
            is_array,
            "data",
            format!("`{}`", self.data.escape_debug()),
            "a .npy file with --mapped",
        )?;
        require(
            self.labels == Labels::None,
            "labels",
            self.labels.to_string(),
            "none with --mapped: every column is a coordinate",
        )?;
        require(
            self.split != SplitRule::Shuffled,
            "split",
            self.split.to_string(),
            "contiguous or paper-compatible with --mapped: shuffled parts would be copied into memory",
        )?;
        let method = self.method;
        let by_batch = !(method.needs_graph()
            || method.needs_embedding()
            || method.needs_labels()
            || method.needs_manifold()
            || matches!(method, Method::Control(_)));
        require(
            by_batch,
            "method",
            method.to_string(),
            "one whose terms look at a batch alone with --mapped, without a graph, an embedding, labels or a manifold of all points",
        )?;
        let matched = super::super::training::keeps_distances(method);
        require(
            !matched || self.distances == DistanceSource::Euclidean,
            "distances",
            self.distances.spell(),
            "euclidean with --mapped: others are between all points",
        )?;
        require(
            matches!(
                self.sampler,
                BatchSampler::Uniform | BatchSampler::Series { .. }
            ),
            "sampler",
            self.sampler.spell(),
            "uniform or series:LENGTH with --mapped: others know the neighbours or labels of all points",
        )?;
        if let Some(at) = &self.begin_at {
            let due = "left out with --mapped: a picture of all points is held in memory";
            return refuse("begin-at", at.spell(), due);
        }
        require(
            self.measured_points.is_none_or(|points| points > 1),
            "measured-points",
            self.measured_points.unwrap_or(0).to_string(),
            "at least 2",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BeginAt, Settings};

    #[test]
    fn what_would_read_all_points_is_refused_by_name() {
        let fine = || Settings {
            data: Some("x.npy".into()),
            mapped: Some(true),
            split: Some(SplitRule::Contiguous),
            ..Settings::default()
        };
        let check = |settings| Config::layered(vec![settings]).and_then(|config| config.check());
        check(fine()).unwrap();
        let by = |method| Settings {
            method: Some(method),
            ..fine()
        };
        for method in Method::ALL {
            let all_points = matches!(
                method,
                Method::Ggae | Method::NraeL | Method::NraeQ | Method::Grae | Method::Contrastive
            ) || method.needs_manifold();
            assert_eq!(check(by(method)).is_ok(), !all_points, "{method}");
        }
        let cases = [
            (
                "data",
                Settings {
                    data: Some("x.csv".into()),
                    ..fine()
                },
            ),
            (
                "labels",
                Settings {
                    labels: Some(Labels::Last),
                    ..fine()
                },
            ),
            (
                "split",
                Settings {
                    split: None,
                    ..fine()
                },
            ),
            (
                "distances",
                Settings {
                    distances: Some(DistanceSource::Geodesic),
                    ..by(Method::Spae)
                },
            ),
            (
                "sampler",
                Settings {
                    sampler: Some(BatchSampler::Neighbourhood { neighbours: 3 }),
                    ..fine()
                },
            ),
            (
                "begin-at",
                Settings {
                    begin_at: Some(BeginAt::Isomap),
                    ..fine()
                },
            ),
            (
                "measured-points",
                Settings {
                    measured_points: Some(1),
                    ..fine()
                },
            ),
            (
                "measured-points",
                Settings {
                    measured_points: Some(9),
                    ..Settings::default()
                },
            ),
        ];
        for (setting, settings) in cases {
            let error = check(settings).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{setting} is ")), "{error}");
        }
    }
}
