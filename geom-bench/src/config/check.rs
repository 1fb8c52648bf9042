//! What settings must be, by themselves, beside each other and on the data.

mod mapped;
mod neighbours;
mod network;
mod reconstruction;

use super::{
    Config, DistanceSource, MOST_PARAMETERS, MOST_THREADS, Method, ON_PAPER_SPLIT, Schedule,
    Spelled,
};
use geom_ae::{Control, NetworkKind};

use crate::Error;
use crate::data::{SplitRule, check_fraction};

impl Config {
    /// Checks everything that can be checked before the data are there.
    ///
    /// # Errors
    /// The first setting that is outside its range, with its value and the range.
    pub fn check(&self) -> Result<(), Error> {
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let path_is_text = self
            .out
            .as_ref()
            .is_none_or(|path| path.to_str().is_some_and(|text| !text.is_empty()));
        let show = |number: f64| format!("{number:?}");

        require(
            !self.data.is_empty(),
            "data",
            "empty".to_owned(),
            "a name or a path",
        )?;
        check_fraction(self.test_fraction)?;
        self.check_split()?;
        self.check_manifold()?;
        self.check_mapped()?;
        self.check_beginning()?;
        require(
            self.epochs > 0,
            "epochs",
            self.epochs.to_string(),
            "at least 1",
        )?;
        require(
            self.batch_size > 0,
            "batch-size",
            self.batch_size.to_string(),
            "at least 1",
        )?;
        let pairs = !matches!(self.method, Method::GeomAe | Method::Ggae) || self.batch_size > 1;
        require(
            pairs,
            "batch-size",
            self.batch_size.to_string(),
            "at least 2 for geomae and ggae, whose losses compare the points of a batch",
        )?;
        let rate = self.learning_rate;
        require(
            rate.is_finite() && rate > 0.0,
            "learning-rate",
            show(rate),
            "a finite number above 0",
        )?;
        require(
            not_negative(self.weight),
            "weight",
            show(self.weight),
            "a finite number, at least 0",
        )?;
        let weighted = self.method.has_regulariser() || self.weight == 0.0;
        require(
            weighted,
            "weight",
            show(self.weight),
            "0 for ae, which has no regulariser",
        )?;
        require(
            not_negative(self.weight_decay),
            "weight-decay",
            show(self.weight_decay),
            "a finite number, at least 0",
        )?;
        self.check_training()?;
        self.check_reconstruction()?;
        self.check_graph()?;
        self.check_latent()?;
        self.check_terms()?;
        self.check_network()?;
        require(
            self.latent_dim > 0,
            "latent-dim",
            self.latent_dim.to_string(),
            "at least 1 and at most the dimension of the data",
        )?;
        require(
            !self.hidden.contains(&0),
            "hidden",
            format!("{:?}", self.hidden),
            "widths of at least 1",
        )?;
        // TOML integers are signed.
        require(
            i64::try_from(self.seed).is_ok(),
            "seed",
            self.seed.to_string(),
            "at most 9223372036854775807",
        )?;
        require(
            (1..=MOST_THREADS).contains(&self.threads),
            "threads",
            self.threads.to_string(),
            "from 1 to 1024",
        )?;
        require(
            path_is_text,
            "out",
            format!("{:?}", self.out),
            "a path in UTF-8, not empty",
        )
    }

    fn check_manifold(&self) -> Result<(), Error> {
        let (needed, named) = (self.method.needs_manifold(), self.manifold);
        require(
            named.is_some() || !needed,
            "manifold",
            "missing".to_owned(),
            "the manifold of the data for gdae and grcae: sphere, circle, torus, spd, log-euclidean, so3 or hyperbolic",
        )?;
        require(
            named.is_none() || needed,
            "manifold",
            named.map_or_else(String::new, |named| named.to_string()),
            "left out for other methods than gdae and grcae",
        )
    }

    /// Checks the settings against `train` training points of dimension `width`.
    ///
    /// # Errors
    /// A batch larger than the training points, a latent dimension above that of the data, dense networks of more than
    /// [`MOST_PARAMETERS`] parameters.
    pub fn check_data(&self, train: usize, width: usize) -> Result<(), Error> {
        let (batch_size, latent_dim) = (self.batch_size, self.latent_dim);
        if batch_size > train {
            return Err(Error::BatchTooLarge { batch_size, train });
        }
        if latent_dim > width {
            return Err(Error::LatentTooLarge { latent_dim, width });
        }
        self.check_neighbours(train)?;
        if !matches!(self.latent.network, None | Some(NetworkKind::Mlp)) {
            return Ok(());
        }
        let mut widths = vec![width];
        widths.extend(&self.hidden);
        widths.push(latent_dim);
        let parameters = widths.windows(2).try_fold(0_usize, |sum, pair| {
            // Encoder: (a + 1)·b, decoder: (b + 1)·a.
            let both = pair[0].checked_mul(pair[1])?.checked_mul(2)?;
            sum.checked_add(both)?
                .checked_add(pair[0])?
                .checked_add(pair[1])
        });
        match parameters {
            Some(count) if count <= MOST_PARAMETERS => Ok(()),
            _ => Err(Error::TooManyParameters {
                widths,
                limit: MOST_PARAMETERS,
            }),
        }
    }

    /// The parts that the data are split into.
    fn check_split(&self) -> Result<(), Error> {
        let fraction = self.validation_fraction;
        if !(0.0..1.0).contains(&fraction) {
            return refuse(
                "validation-fraction",
                format!("{fraction:?}"),
                "at least 0 and below 1",
            );
        }
        let fractions = [
            ("test-fraction", self.test_fraction),
            ("validation-fraction", fraction),
        ];
        if self.split == SplitRule::PaperCompatible {
            for ((setting, value), due) in fractions.into_iter().zip(ON_PAPER_SPLIT) {
                if value.to_bits() != due.to_bits() {
                    let due = "left to --split paper-compatible, which is 5/7, 1/7 and 1/7";
                    return refuse(setting, format!("{value:?}"), due);
                }
            }
        }
        match self.patience {
            Some(0) => refuse("patience", "0".to_owned(), "at least 1"),
            Some(patience) if fraction <= 0.0 => refuse(
                "patience",
                patience.to_string(),
                "left out, or --validation-fraction above 0: it is counted on validation points",
            ),
            _ => Ok(()),
        }
    }

    fn check_training(&self) -> Result<(), Error> {
        if let Some(norm) = self.clip_norm
            && !(norm.is_finite() && norm > 0.0)
        {
            return refuse("clip-norm", format!("{norm:?}"), "a finite number above 0");
        }
        for (setting, schedule) in [
            ("learning-rate-schedule", self.learning_rate_schedule),
            ("weight-schedule", self.weight_schedule),
        ] {
            if schedule.check().is_err() {
                let due = "with periods of at least 1 epoch, finite factors above 0, floors and shares of at least 0";
                return refuse(setting, schedule.spell(), due);
            }
        }
        if matches!(self.weight_schedule, Schedule::Plateau { .. }) {
            return refuse(
                "weight-schedule",
                self.weight_schedule.spell(),
                "no plateau: that is one of the figure which the weight itself changes",
            );
        }
        Ok(self.train_options().check_by_themselves()?)
    }

    /// Settings of a graph where there is none are a misunderstanding, and not to be passed over.
    fn check_graph(&self) -> Result<(), Error> {
        let own = Self::of(self.method);
        let isometry = self.method == Method::Ggae;
        let matched = super::training::keeps_distances(self.method);
        let maps = self.method == Method::Control(Control::DiffusionMaps);
        let ball = matches!(self.method, Method::NraeL | Method::NraeQ);
        let spelled = |value: String, changed: bool, known: bool, setting| {
            if known || !changed {
                Ok(())
            } else {
                let due = if matched {
                    "left out: of a graph these methods take --distances, and geodesic ones --neighbours, alone"
                } else if ball {
                    "left out: of a graph these methods take the neighbours alone"
                } else {
                    "left out: this method has no graph"
                };
                refuse(setting, value, due)
            }
        };
        spelled(
            self.neighbours.to_string(),
            self.neighbours != own.neighbours,
            isometry
                || ball
                || matched && self.distances == DistanceSource::Geodesic
                || super::control_neighbours(self.method).is_some(),
            "neighbours",
        )?;
        for (setting, value, changed) in [
            (
                "distances",
                self.distances.spell(),
                self.distances != own.distances,
            ),
            (
                "graph-form",
                self.graph_form.to_string(),
                self.graph_form != own.graph_form,
            ),
            (
                "bandwidth",
                self.bandwidth.spell(),
                self.bandwidth != own.bandwidth,
            ),
            (
                "calibrate",
                self.calibrate.to_string(),
                self.calibrate != own.calibrate,
            ),
            (
                "scale-free",
                self.scale_free.to_string(),
                self.scale_free != own.scale_free,
            ),
            (
                "cut-off",
                self.cut_off.to_string(),
                differs(self.cut_off, own.cut_off),
            ),
            (
                "drop-edges",
                self.drop_edges.to_string(),
                differs(self.drop_edges, own.drop_edges),
            ),
            (
                "class-multiplier",
                self.class_multiplier.to_string(),
                differs(self.class_multiplier, own.class_multiplier),
            ),
        ] {
            let known =
                isometry || matched && setting == "distances" || maps && setting == "bandwidth";
            spelled(value, changed, known, setting)?;
        }
        if matched && matches!(self.distances, DistanceSource::Series(_)) {
            return refuse(
                "distances",
                self.distances.spell(),
                "none of series, whose frames of different series have none: that is ggae's",
            );
        }
        if isometry {
            self.check_graph_values()
        } else {
            Ok(())
        }
    }

    fn check_graph_values(&self) -> Result<(), Error> {
        let edges = matches!(self.distances, DistanceSource::Geodesic);
        if !edges && differs(self.drop_edges, 0.0) {
            return refuse(
                "drop-edges",
                self.drop_edges.to_string(),
                "0 unless --distances is geodesic: only a neighbour graph has edges to drop",
            );
        }
        if !edges && differs(self.class_multiplier, 1.0) {
            return refuse(
                "class-multiplier",
                self.class_multiplier.to_string(),
                "1 unless --distances is geodesic: only a neighbour graph has edges to stretch",
            );
        }
        for (setting, value, fits, due) in [
            (
                "drop-edges",
                self.drop_edges,
                (0.0..1.0).contains(&self.drop_edges),
                "at least 0 and below 1",
            ),
            (
                "class-multiplier",
                self.class_multiplier,
                self.class_multiplier.is_finite() && self.class_multiplier > 0.0,
                "a finite number above 0",
            ),
            (
                "cut-off",
                self.cut_off,
                (0.0..1.0).contains(&self.cut_off),
                "at least 0 and below 1",
            ),
        ] {
            if !fits {
                return refuse(setting, format!("{value:?}"), due);
            }
        }
        if self.neighbours == 0 {
            return refuse("neighbours", "0".to_owned(), "at least 1");
        }
        Ok(())
    }
}

fn differs(a: f64, b: f64) -> bool {
    a.to_bits() != b.to_bits()
}

fn require(
    holds: bool,
    setting: &'static str,
    value: String,
    due: &'static str,
) -> Result<(), Error> {
    if holds {
        return Ok(());
    }
    refuse(setting, value, due)
}

fn refuse(setting: &'static str, value: String, due: &'static str) -> Result<(), Error> {
    Err(Error::Setting {
        setting,
        value,
        due,
    })
}
