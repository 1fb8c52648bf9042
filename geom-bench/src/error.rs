//! The crate's error: what was being done, to which file or setting, and the numbers.

use std::io;
use std::path::PathBuf;

/// Why a data set, a setting or a run folder was refused.
///
/// Every message is a single line. Rows, columns and lines count from 1.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each message says what the fields of its variant are"
)]
pub enum Error {
    // ---- files ----
    /// The operating system refused: a missing file, a read-only folder, a full disk.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A file without a byte.
    #[error("{}: the file is empty", path.display())]
    EmptyFile { path: PathBuf },
    /// A table without a row, or rows without a column.
    #[error("{}: the table is empty ({rows} rows, {columns} columns)", path.display())]
    EmptyTable {
        path: PathBuf,
        rows: usize,
        columns: usize,
    },
    /// A file whose kind is not known from its name.
    #[error("{}: not a kind of data file that is read here (.csv, .csv.gz, .npy, .npz, or a folder with IDX files)", path.display())]
    UnknownFormat { path: PathBuf },
    /// An output file whose kind is not known from its name.
    #[error("{}: not a kind of file that is written here (.{})", path.display(), endings.join(" or ."))]
    UnknownOutput {
        path: PathBuf,
        endings: &'static [&'static str],
    },
    /// A data set, method or other name that does not exist.
    #[error("unknown {what} `{}`: the nearest known name is `{nearest}` (known: {known})", name.escape_debug())]
    UnknownName {
        what: &'static str,
        name: String,
        nearest: &'static str,
        known: String,
    },
    /// A gzip stream that ends too early.
    #[error("{}: the gzip stream is truncated after {bytes} decompressed bytes", path.display())]
    TruncatedGzip { path: PathBuf, bytes: u64 },
    /// A compressed stream that is damaged.
    #[error("{}: the compressed data is damaged after {bytes} decompressed bytes: {source}", path.display())]
    DamagedCompression {
        path: PathBuf,
        bytes: u64,
        source: io::Error,
    },
    /// A compressed stream that grows beyond what is accepted.
    #[error("{}: {compressed} compressed bytes grow to more than {limit} bytes, the limit; decompress the file first if this is meant", path.display())]
    InflateLimit {
        path: PathBuf,
        compressed: u64,
        limit: u64,
    },
    /// A header whose promise disagrees with the file.
    #[error("{}: the header promises {promised} bytes of data, the file holds {}{found}", path.display(), if *at_least { "at least " } else { "" })]
    LengthMismatch {
        path: PathBuf,
        promised: u64,
        found: u64,
        at_least: bool,
    },
    /// A promise that no file of this size can keep, refused before anything is allocated.
    #[error("{}: the header promises {promised} bytes of data, more than {stored} stored bytes can hold", path.display())]
    Implausible {
        path: PathBuf,
        promised: u64,
        stored: u64,
    },
    /// A header whose sizes multiply to more than 64 bits can hold.
    #[error("{}: the sizes {shape:?} in the header multiply to more than a file can hold", path.display())]
    HeaderOverflow { path: PathBuf, shape: Vec<u64> },
    /// No memory for an array of this size.
    #[error("{}: no memory for {values} values", path.display())]
    OutOfMemory { path: PathBuf, values: usize },

    // ---- tables ----
    /// A line with another number of columns than the first one.
    #[error("{}: line {line} has {found} columns where the first line has {expected}", path.display())]
    RaggedCsv {
        path: PathBuf,
        line: u64,
        expected: usize,
        found: usize,
    },
    /// Text where a number is due.
    #[error("{}: line {line}, column {column}: `{}` is not {due}", path.display(), text.escape_debug())]
    NotANumber {
        path: PathBuf,
        line: u64,
        column: usize,
        text: String,
        due: &'static str,
    },
    /// NaN, infinity, or a value outside the range of the chosen type.
    #[error("{}: {unit} {row}, column {column}: {value:?} is not a finite {dtype} number", path.display())]
    NonFinite {
        path: PathBuf,
        unit: &'static str,
        row: u64,
        column: usize,
        value: f64,
        dtype: &'static str,
    },
    /// A label that is not an integer.
    #[error("{}: {unit} {row}: the label {value} is not an integer", path.display())]
    BadLabel {
        path: PathBuf,
        unit: &'static str,
        row: u64,
        value: f64,
    },
    /// Labels and points differ in number.
    #[error("{}: {labels} labels for {points} points", path.display())]
    LabelCount {
        path: PathBuf,
        labels: usize,
        points: usize,
    },
    /// Labels given twice: as an array of their own and as the last column.
    #[error("{}: the array `{array}` holds labels already, so the last column cannot hold them too", path.display())]
    LabelsTwice { path: PathBuf, array: String },

    // ---- IDX, .npy, .npz ----
    /// The first bytes are not those of the format.
    #[error("{}: not {format}: the file begins with the bytes {found:02x?}", path.display())]
    WrongMagic {
        path: PathBuf,
        format: &'static str,
        found: Vec<u8>,
    },
    /// A header that ends early or says something that is not understood.
    #[error("{}: the {format} header is not readable: {reason}", path.display())]
    BadHeader {
        path: PathBuf,
        format: &'static str,
        reason: &'static str,
    },
    /// An array of elements that are not read here.
    #[error("{}: elements of type `{}` are not read here (only f4, f8 and integers of 1 to 8 bytes)", path.display(), descr.escape_debug())]
    ElementType { path: PathBuf, descr: String },
    /// An array with another number of dimensions than needed.
    #[error("{}: an array of shape {shape:?} where {due} is due", path.display())]
    ArrayShape {
        path: PathBuf,
        shape: Vec<u64>,
        due: &'static str,
    },
    /// A .npz archive without an array of points.
    #[error("{}: no array called x, X or data and no two-dimensional one among: {names}", path.display())]
    NoArray { path: PathBuf, names: String },
    /// An archive that cannot be read.
    #[error("{}: {source}", path.display())]
    Archive {
        path: PathBuf,
        source: zip::result::ZipError,
    },
    /// A folder without IDX images.
    #[error("{}: no train-images-idx3-ubyte or t10k-images-idx3-ubyte (plain or .gz) in this folder", path.display())]
    NoIdxFiles { path: PathBuf },
    /// One of the two parts has labels, the other has none.
    #[error("{}: there are labels for {present} but not for {missing}", path.display())]
    MissingLabels {
        path: PathBuf,
        present: &'static str,
        missing: &'static str,
    },
    /// Train and test images of different size.
    #[error("{}: train images have shape {train:?}, t10k images {test:?}", path.display())]
    ImageShapes {
        path: PathBuf,
        train: Vec<u64>,
        test: Vec<u64>,
    },

    /// An index of a point that is not there.
    #[error("there is no point {index} among {points} points (the first is 0)")]
    NoSuchPoint { index: usize, points: usize },

    // ---- split and settings ----
    /// A split that leaves one part without a point.
    #[error("a test fraction of {fraction} of {points} points leaves no point to {part}")]
    EmptyPart {
        part: &'static str,
        points: usize,
        fraction: f64,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}: it must be {due}")]
    Setting {
        setting: &'static str,
        value: String,
        due: &'static str,
    },
    /// A neighbourhood of half the points or more.
    #[error("ks: {k} is not below half of the {points} points that are compared")]
    SizeTooLarge { k: usize, points: usize },
    /// A file with other rows than the data.
    #[error("{}: {rows} rows for the {points} points of {data}", path.display())]
    RowCount {
        path: PathBuf,
        rows: usize,
        data: String,
        points: usize,
    },
    /// A clustering with nothing to hold it against.
    #[error("{}: a clustering is held against labels, and the data have none; name them with --labels", path.display())]
    ClustersWithoutLabels { path: PathBuf },
    /// Several arrays that may be the points.
    #[error("{}: which array holds the points? Several are two-dimensional ({names}); call one of them x, X or data", path.display())]
    SeveralArrays { path: PathBuf, names: String },
    /// A table whose columns are not divided by commas.
    #[error("{}: line {line} has one column and holds {count} {separator}; columns are divided by commas here", path.display())]
    OtherSeparator {
        path: PathBuf,
        line: u64,
        count: usize,
        separator: &'static str,
    },
    /// Distances that are not those of the data.
    #[error("distances from {from}: {reason}")]
    Distances { from: String, reason: String },
    /// An embedding to follow that is not one of the data.
    #[error("{}: {reason}", path.display())]
    Embedding { path: PathBuf, reason: String },
    /// Published networks with more parameters than are accepted.
    #[error("{network} for these data has {parameters} parameters, more than {limit}")]
    NetworkTooLarge {
        network: &'static str,
        parameters: usize,
        limit: usize,
    },
    /// A batch larger than the data to train on.
    #[error("batch-size is {batch_size}, but there are only {train} training points")]
    BatchTooLarge { batch_size: usize, train: usize },
    /// A file of weights that does not say which layers they belong to.
    #[error("{}: name its layers with --architecture FILE, because {source}", path.display())]
    ArchitectureMissing {
        path: PathBuf,
        source: Box<geom_nn::Error>,
    },
    /// More neighbours than there are other points.
    #[error("{setting} asks for {neighbours} neighbours of each of {points} {of}: there are at most {} others", points.saturating_sub(1))]
    TooManyNeighbours {
        setting: &'static str,
        neighbours: usize,
        points: usize,
        of: &'static str,
    },
    /// A latent dimension above the dimension of the data.
    #[error("latent-dim is {latent_dim}, above the dimension {width} of the data")]
    LatentTooLarge { latent_dim: usize, width: usize },
    /// Networks with more parameters than are accepted.
    #[error("layers of widths {widths:?} make networks of more than {limit} parameters")]
    TooManyParameters { widths: Vec<usize>, limit: usize },
    /// A configuration with a key that does not exist.
    #[error("{}, line {line}: unknown key `{}`; the nearest known key is `{nearest}`", path.display(), key.escape_debug())]
    UnknownKey {
        path: PathBuf,
        line: usize,
        key: String,
        nearest: &'static str,
    },
    /// A configuration that is not TOML, or holds a value of the wrong kind.
    #[error("{}, line {line}, column {column}: {message}", path.display())]
    ConfigFile {
        path: PathBuf,
        line: usize,
        column: usize,
        message: String,
    },

    /// Settings that TOML cannot hold.
    #[error("the settings cannot be written as TOML: {source}")]
    ConfigText { source: toml::ser::Error },

    // ---- run folders ----
    /// The output folder holds a run already.
    #[error("{}: the folder holds another run ({entry}); choose another --out", path.display())]
    FolderHoldsRun { path: PathBuf, entry: String },
    /// The output folder holds something else.
    #[error("{}: the folder is not empty ({}); choose another --out", path.display(), entry.escape_debug())]
    FolderNotEmpty { path: PathBuf, entry: String },
    /// Another process writes this run.
    #[error("{}: another process is writing this run", path.display())]
    FolderLocked { path: PathBuf },
    /// A folder without a run.
    #[error("{}: not a run folder (there is no config.toml)", path.display())]
    NotARun { path: PathBuf },
    /// A line of the log, other than the last, that is not an object of the log.
    #[error("{}: line {line} of the log is not readable: {source}", path.display())]
    LogLine {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    /// A value that JSON cannot hold, or a file that is not JSON.
    #[error("cannot {operation} {} as JSON: {source}", path.display())]
    Json {
        operation: &'static str,
        path: PathBuf,
        source: serde_json::Error,
    },
    /// A table of a run that is not what the run wrote.
    #[error("{}: {reason}", path.display())]
    RunTable { path: PathBuf, reason: String },
    /// A model that is not the one its settings describe.
    #[error("{}: its networks (latent dimension {latent_dim}) are not those that {} describes", path.display(), config.display())]
    ModelMismatch {
        path: PathBuf,
        latent_dim: usize,
        config: PathBuf,
    },
    /// Settings beside `--resume`, which takes those of the run.
    #[error("--resume {}: the run keeps its own settings, only --threads may be given", path.display())]
    ResumeWithSettings { path: PathBuf },
    /// A run that needs no resumption.
    #[error("--resume {}: the run is finished", path.display())]
    RunFinished { path: PathBuf },
    /// Threads that could not be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        threads: usize,
        source: rayon::ThreadPoolBuildError,
    },
    /// Signals that could not be caught.
    #[error("cannot catch Ctrl-C: {source}")]
    Signals { source: ctrlc::Error },
    /// A device that this build does not know.
    #[error("--device cuda: this program was built without the feature `cuda`")]
    NoCuda,
    /// A figure that could not be drawn.
    #[error("cannot draw: {0}")]
    Figure(#[from] crate::figures::Error),
    /// What the model or its training refused.
    #[error(transparent)]
    Model(#[from] Box<geom_ae::Error>),
    /// What a control refused.
    #[error(transparent)]
    Control(#[from] Box<crate::controls::Error>),
    /// Codes that are not those of the data.
    #[error("{}: {codes} rows, but {data} has {points} points; every point needs its code, in the same order", path.display())]
    EmbeddingRows {
        path: PathBuf,
        codes: usize,
        data: String,
        points: usize,
    },
    /// Parts of an embedding that do not fit each other.
    #[error(
        "the {split} part of the embedding has {points} points of dimension {width}, but {indices} indices, {labels:?} labels and dimension {first_width} before it"
    )]
    EmbeddingParts {
        split: String,
        points: usize,
        width: usize,
        indices: usize,
        labels: Option<usize>,
        first_width: usize,
    },
}

impl From<geom_ae::Error> for Error {
    fn from(error: geom_ae::Error) -> Self {
        Self::Model(Box::new(error))
    }
}

impl Error {
    /// For `map_err`: the operating system's refusal, with what was tried on which path.
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}

#[cfg(test)]
mod tests;
