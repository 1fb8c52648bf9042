//! What can go wrong when an autoencoder is described, trained, stored or judged.

use std::path::PathBuf;

/// Every failure of this crate. Each variant names the operation, the argument and the numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A network refused its description, its input or its file.
    #[error(transparent)]
    Network(#[from] geom_nn::Error),

    /// The geometry of a batch of Jacobians is not defined.
    #[error("{term}: {source}")]
    Geometry {
        /// The term or diagnostic that asked for it.
        term: &'static str,
        /// What geom-riemann said.
        source: geom_riemann::Error,
    },

    /// A graph on the data cannot be built, or is not defined on a batch.
    #[error("{term}: {source}")]
    Graph {
        /// The term that asked for it.
        term: &'static str,
        /// What geom-graph said.
        source: Box<geom_graph::Error>,
    },

    /// A graph of other points than the data.
    #[error("graph_isometry: the graph has {graph} points, the data have {data}")]
    GraphSize {
        /// Points of the graph.
        graph: usize,
        /// Points of the data; of a batch, as many as its last row asks for.
        data: usize,
    },

    /// A method on a graph was asked for without one.
    #[error(
        "{method} needs a graph on the training data: build its objective with graph settings and data"
    )]
    NeedsGraph {
        /// The method's name.
        method: &'static str,
    },

    /// A method for data on a known manifold was asked for without one.
    #[error("{method} needs the manifold that the data lie on")]
    NeedsManifold {
        /// The method's name.
        method: &'static str,
    },

    /// Points that are not on the manifold of the data, or an operation that is not defined there.
    #[error("{operation}: {source}")]
    Manifold {
        /// The term or operation that asked for it.
        operation: &'static str,
        /// What geom-riemann said, with the row.
        source: Box<geom_riemann::manifold::ManifoldError>,
    },

    /// A control was asked for as if it were trained.
    #[error("{method} finds its codes without a network: fit networks to the codes instead")]
    NeedsCodes {
        /// The control's name.
        method: &'static str,
    },

    /// A method that follows an embedding was asked for without one.
    #[error("{method} needs an embedding of the training data, one row for each point")]
    NeedsEmbedding {
        /// The method's name.
        method: &'static str,
    },

    /// A method of classes was asked for without labels.
    #[error("{method} needs a label for every point of the training data")]
    NeedsLabels {
        /// The method's name.
        method: &'static str,
    },

    /// A convolutional network for points that are no images, or images of another size than it takes.
    #[error(
        "{network} takes {requirement}; the points have {data_dim} entries{}",
        image.map_or(", which are no image".to_owned(), |[channels, height, width]| {
            format!(" (channels {channels}, {height} × {width})")
        })
    )]
    Images {
        /// The network's name.
        network: &'static str,
        /// What it takes.
        requirement: &'static str,
        /// The dimension of the data.
        data_dim: usize,
        /// Channels, height and width.
        image: Option<[usize; 3]>,
    },

    /// Two settings that exclude each other.
    #[error("{first} does not go with {second}: {reason}")]
    Contradiction {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Why.
        reason: &'static str,
    },

    /// An adversary, or a noise of the encoder, that would not fit into memory.
    #[error("{part}: {parameters} parameters, at most {limit} are trained")]
    TooManyParameters {
        /// What has them.
        part: &'static str,
        /// How many they would be.
        parameters: usize,
        /// How many are taken.
        limit: usize,
    },

    /// Encoder and decoder do not fit each other.
    #[error(
        "autoencoder: the encoder maps {encoder_input} -> {encoder_output} but the decoder maps \
         {decoder_input} -> {decoder_output}; the latent widths and the data widths must agree (an encoder of twice the \
         latent width gives means and log-variances)"
    )]
    Mismatch {
        /// Width of the data that the encoder takes.
        encoder_input: usize,
        /// Width of the code that the encoder gives.
        encoder_output: usize,
        /// Width of the code that the decoder takes.
        decoder_input: usize,
        /// Width of the data that the decoder gives.
        decoder_output: usize,
    },

    /// The data's width is not the model's.
    #[error("{operation}: the data have {actual} columns, the model takes {expected}")]
    Width {
        /// The operation that was asked for.
        operation: &'static str,
        /// Columns the model takes.
        expected: usize,
        /// Columns the data have.
        actual: usize,
    },

    /// A latent dimension outside 1..=D.
    #[error("latent_dim = {latent_dim} must lie in 1..={data_dim}, the dimension of the data")]
    LatentDimension {
        /// The latent dimension d that was asked for.
        latent_dim: usize,
        /// The dimension D of the data.
        data_dim: usize,
    },

    /// A hyper-parameter outside its range.
    #[error("{parameter} = {value} must be {requirement}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// The range it must lie in.
        requirement: &'static str,
    },

    /// A batch that is larger than the data or too small for a term.
    #[error(
        "batch_size = {batch_size}: {reason}{}",
        match points { 0 => String::new(), n => format!(" ({n} training points)") }
    )]
    BatchSize {
        /// The batch size that was asked for.
        batch_size: usize,
        /// The number of training points; 0 where they are not known yet.
        points: usize,
        /// Why it does not work.
        reason: String,
    },

    /// A value of the data is NaN or infinite.
    #[error("{operation}: row {row}, column {column} is {value}, not a finite number")]
    NonFiniteData {
        /// The operation that was asked for.
        operation: &'static str,
        /// Row of the offending value, from 0.
        row: usize,
        /// Column of the offending value, from 0.
        column: usize,
        /// The value.
        value: f64,
    },

    /// A value of the data outside what a term takes.
    #[error("{term}: row {row}, column {column} of the data is {value}, must be {requirement}")]
    DataRange {
        /// The term's name.
        term: &'static str,
        /// Row of the offending value, from 0.
        row: usize,
        /// Column of the offending value, from 0.
        column: usize,
        /// The value.
        value: f64,
        /// The range it must lie in.
        requirement: &'static str,
    },

    /// A data point at the origin where a term needs its direction.
    #[error("{term}: row {row} of the data is zero and has no direction")]
    NoDirection {
        /// The term's name.
        term: &'static str,
        /// The row, from 0.
        row: usize,
    },

    /// A term of Gaussian codes on a model whose encoder gives points.
    #[error(
        "{term}: the encoder is deterministic; it must give means and log-variances, twice the latent width"
    )]
    DeterministicEncoder {
        /// The term's name.
        term: &'static str,
    },

    /// An objective with parts that depend on the data, evaluated before these were made.
    #[error("{term}: settle the objective on data and latent dimension before evaluating it")]
    NotSettled {
        /// The part.
        term: &'static str,
    },

    /// A term was handed codes, reconstructions or derivatives that are NaN or infinite.
    #[error("{term}: {source}")]
    NonFiniteInput {
        /// The term's name.
        term: &'static str,
        /// The first such row of the batch.
        row: Option<usize>,
        /// What refused them.
        source: Box<Self>,
    },

    /// A term of the objective became NaN or infinite.
    #[error(
        "training: {term} is {value} in epoch {epoch}, batch {batch}{}",
        point.map_or(String::new(), |point| format!(" (first seen at row {point} of the training data)"))
    )]
    NonFiniteLoss {
        /// The term's name.
        term: &'static str,
        /// What it evaluated to.
        value: f64,
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
        /// The first row of the training data whose code or reconstruction is not finite.
        point: Option<usize>,
    },

    /// A gradient that became NaN or infinite, though every term's value is finite.
    #[error(
        "training: the gradient of {term} has the norm {norm} in epoch {epoch}, batch {batch}{}",
        point.map_or(String::new(), |point| format!(" (most of it from row {point} of the training data)"))
    )]
    NonFiniteGradient {
        /// The first term whose gradient alone is not finite; `objective` where only their sum is not.
        term: &'static str,
        /// The norm of the whole gradient.
        norm: f64,
        /// Epoch, from 1.
        epoch: usize,
        /// Batch within the epoch, from 1.
        batch: usize,
        /// The row of the training data whose code gets the largest gradient, or the first one that is not finite.
        point: Option<usize>,
    },

    /// A name that is no method's.
    #[error(
        "unknown method `{name}` (known: {})",
        crate::Method::ALL.map(crate::Method::name).join(", ")
    )]
    UnknownMethod {
        /// The name.
        name: String,
    },

    /// A loss of codes is not defined on this batch or with these settings.
    #[error(transparent)]
    Codes(#[from] crate::codes::CodeError),

    /// The embedding cannot be judged.
    #[error(transparent)]
    Metric(#[from] crate::metrics::MetricError),

    /// A file that could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    File {
        /// The operation that was asked for.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file of points that cannot be mapped.
    #[error("map {}: {reason}", path.display())]
    Mapped {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// A file that holds no flattening.
    #[error("flattening {}: {reason}", path.display())]
    Flattening {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// A checkpoint that is not one of this training run.
    #[error("resume from {}: {reason}", path.display())]
    Checkpoint {
        /// The checkpoint's file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

impl Error {
    /// Makes a refusal of what is NaN or infinite the term's own, at this row or else the one that was refused; other errors
    /// stay as they are.
    pub(crate) fn in_term(self, term: &'static str, row: Option<usize>) -> Self {
        let refused = match &self {
            Self::Geometry {
                source: geom_riemann::Error::NotFinite { point, .. },
                ..
            } => Some(*point),
            Self::Graph { source, .. } => match **source {
                geom_graph::Error::NotFinite { row, .. }
                | geom_graph::Error::TooLarge { row, .. } => Some(row),
                _ => return self,
            },
            Self::Network(geom_nn::Error::NotFinite { position, .. }) => position.first().copied(),
            Self::Codes(crate::codes::CodeError::NotFinite { row, .. })
            | Self::Metric(crate::metrics::MetricError::NotFinite { row, .. })
            | Self::NonFiniteData { row, .. } => Some(*row),
            _ => return self,
        };
        Self::NonFiniteInput {
            term,
            row: row.or(refused),
            source: Box::new(self),
        }
    }

    /// Makes an error of an operation on a manifold.
    pub(crate) fn manifold(
        operation: &'static str,
    ) -> impl Fn(geom_riemann::manifold::ManifoldError) -> Self {
        move |source| Self::Manifold {
            operation,
            source: Box::new(source),
        }
    }
}

/// The result of this crate's fallible operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;
