//! The report of a run and the comparison of several: one HTML file each, without scripts, that opens without a network.
//!
//! | item | what it is |
//! |---|---|
//! | [`RunReport`], [`run_page`] | one run: settings, the numbers that matter, figures, every metric explained |
//! | [`Comparison`], [`comparison_page`] | several runs side by side, the better value of each metric marked |
//! | [`experiment_page`] | what an experiment found |
//! | [`explain`] | what a metric of `metrics.json` means and which direction is better |
//! | [`HEADLINE_METRICS`] | the numbers that stand on top |
//!
//! Pages are pure functions of their input. All text is escaped; only [`Figure::svg`] goes in as it is. A content security
//! policy in the page forbids scripts and every request.

mod comparison;
mod experiment;
mod glossary;
mod page;
mod run;

pub use comparison::{ComparedRun, Comparison, comparison_page};
pub use experiment::experiment_page;
pub use glossary::{Better, Explanation, HEADLINE_METRICS, explain};
pub use page::number;
pub use run::{RunReport, run_page};

/// Which picture a figure is; this decides its heading and the caption that teaches how to read it
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureKind {
    /// [`crate::figures::embedding`]
    Embedding,
    /// [`crate::figures::log_determinant`]
    LogDeterminant,
    /// [`crate::figures::indicatrices`]
    Indicatrices,
    /// [`crate::pictures::geodesics`]
    Geodesics,
    /// [`crate::figures::reconstructions`]
    Reconstructions,
    /// [`crate::figures::two_clouds`] of codes and prior
    Prior,
    /// [`crate::figures::samples`], or [`crate::figures::two_clouds`] of data and samples
    Samples,
    /// [`crate::figures::quiver`] of a score
    Score,
    /// [`crate::figures::loss_curves`]
    LossCurves,
}

impl FigureKind {
    /// All kinds in the order in which a page shows them
    pub const ALL: [Self; 9] = [
        Self::Embedding,
        Self::LogDeterminant,
        Self::Indicatrices,
        Self::Geodesics,
        Self::Reconstructions,
        Self::Prior,
        Self::Samples,
        Self::Score,
        Self::LossCurves,
    ];

    /// The heading of this kind of picture
    pub fn heading(self) -> &'static str {
        match self {
            Self::Embedding => "Embedding",
            Self::LogDeterminant => "Log-determinant heatmap",
            Self::Indicatrices => "Indicatrices",
            Self::Geodesics => "Geodesics",
            Self::Reconstructions => "Reconstructions",
            Self::Prior => "Codes and prior",
            Self::Samples => "Samples from the prior",
            Self::Score => "Score",
            Self::LossCurves => "Losses",
        }
    }

    /// Whether every run has this kind of picture, so that it is missed where it is not there
    pub fn always(self) -> bool {
        !matches!(
            self,
            Self::Geodesics | Self::Prior | Self::Samples | Self::Score
        )
    }

    /// How to read this kind of picture, in a few sentences
    pub fn caption(self) -> &'static str {
        match self {
            Self::Embedding => {
                "Every mark is one input, placed by the encoder; colours, where there are any, are labels that the model never saw. Discs \
                 were trained on, rings were held out: rings that avoid the discs of their colour show that the encoder \
                 does not generalise. How far distances, sizes and gaps here can be trusted is what the next two \
                 pictures say."
            }
            Self::LogDeterminant => {
                "The colour says how much area of data space the decoder gives to a small patch of the plane, compared \
                 with the median point: +1 is ten times as much, −1 a tenth. In red regions points look closer together \
                 than they are, in blue regions further apart; where the colour is even, the sizes of clusters can be \
                 compared."
            }
            Self::Indicatrices => {
                "Each curve holds the steps from its centre that change the decoded output by one and the same amount. A \
                 large curve means that the decoder contracts, so that a long step changes little; a small one that it \
                 stretches; a long, thin one that distance depends on direction. Equal circles everywhere would be a \
                 faithful map."
            }
            Self::Geodesics => {
                "The shortest ways between points as the decoder measures length, beside the straight lines of the plane. Where \
                 the two agree the plane can be read with a ruler; a geodesic that makes a detour avoids a region that is \
                 larger than it looks."
            }
            Self::Reconstructions => {
                "What goes in and what comes back from the latent code alone. What differs between the two is lost in \
                 the embedding, and no picture of the latent plane can show it."
            }
            Self::Prior => {
                "The codes of all inputs together, and as many samples of the distribution that they should follow. Rings \
                 without discs are places from which nothing has been decoded in training: samples from there need not look like \
                 data. Discs without rings are inputs that no sample will resemble."
            }
            Self::Samples => {
                "What the decoder makes of samples of the prior, none of which is the code of an input. Where the codes follow \
                 the prior, samples look like the data as far as the reconstructions do."
            }
            Self::Score => {
                "Each arrow starts at an input and shows in which direction, and how steeply, the learnt density of the data \
                 grows there: the step from the input to its reconstruction, divided by the variance of the noise that the \
                 model was trained against. Arrows that shrink towards a curve or a sheet show where the model believes the \
                 data to lie."
            }
            Self::LossCurves => {
                "The mean of each loss over the batches of an epoch. A scale is logarithmic where all values are \
                 positive. A curve that still falls at its right end asks for more epochs; test points that rise while \
                 the line falls show overfitting."
            }
        }
    }
}

/// A picture of a page
#[derive(Debug, Clone)]
pub struct Figure {
    /// Which picture it is
    pub kind: FigureKind,
    /// The SVG, as a function of [`crate::figures`] returns it; it is not escaped
    pub svg: String,
    /// A sentence about this picture alone, for example how its glyphs are scaled
    pub remark: Option<String>,
}

/// A picture that a page cannot have
#[derive(Debug, Clone)]
pub struct AbsentFigure {
    /// Which picture it would be
    pub kind: FigureKind,
    /// Why it is not there, as a sentence
    pub reason: String,
}

/// A quantity of `metrics.json`
#[derive(Debug, Clone)]
pub struct Metric {
    /// Its key there
    pub name: String,
    /// The value on the training points
    pub train: Option<f64>,
    /// The value on the test points, or on all points if they are not divided
    pub test: Option<f64>,
}

/// What stands at the foot of a page
#[derive(Debug, Clone, Default)]
pub struct Footer {
    /// The program's version
    pub version: String,
    /// The seed of the run
    pub seed: Option<u64>,
    /// The command that makes this page again
    pub command: Option<String>,
    /// Where the data come from, and their licence
    pub attribution: Option<String>,
}
