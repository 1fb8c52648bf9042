//! The crate's error: what was being done, to which file or setting, and the numbers.

use std::io;
use std::path::PathBuf;

/// Why a data set, a setting or a run folder was refused.
///
/// Every message is a single line. Rows, columns and lines count from 1.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // ---- files -------------------------------------------------------------------------------------------------
    /// The operating system refused: a missing file, a read-only folder, a full disk.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `create the folder`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file without a byte.
    #[error("{}: the file is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A table without a row, or rows without a column.
    #[error("{}: the table is empty ({rows} rows, {columns} columns)", path.display())]
    EmptyTable {
        /// The file.
        path: PathBuf,
        /// Rows found.
        rows: usize,
        /// Columns found, labels not counted.
        columns: usize,
    },
    /// A file whose kind is not known from its name.
    #[error("{}: not a kind of data file that is read here (.csv, .csv.gz, .npy, .npz, or a folder with IDX files)", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// An output file whose kind is not known from its name.
    #[error("{}: not a kind of file that is written here (.csv or .npy)", path.display())]
    UnknownOutput {
        /// The file.
        path: PathBuf,
    },
    /// A data set, method or other name that does not exist.
    #[error("unknown {what} `{}`: the nearest known name is `{nearest}` (known: {known})", name.escape_debug())]
    UnknownName {
        /// What was named.
        what: &'static str,
        /// The name given.
        name: String,
        /// The most similar known name.
        nearest: &'static str,
        /// Every known name.
        known: String,
    },
    /// A gzip stream that ends too early.
    #[error("{}: the gzip stream is truncated after {bytes} decompressed bytes", path.display())]
    TruncatedGzip {
        /// The file.
        path: PathBuf,
        /// Bytes that could be decompressed.
        bytes: u64,
    },
    /// A compressed stream that is damaged.
    #[error("{}: the compressed data is damaged after {bytes} decompressed bytes: {source}", path.display())]
    DamagedCompression {
        /// The file.
        path: PathBuf,
        /// Bytes that could be decompressed.
        bytes: u64,
        /// The decoder's reason.
        source: io::Error,
    },
    /// A compressed stream that grows beyond what is accepted.
    #[error("{}: {compressed} compressed bytes grow to more than {limit} bytes, the limit; decompress the file first if this is meant", path.display())]
    InflateLimit {
        /// The file.
        path: PathBuf,
        /// Size of the compressed data.
        compressed: u64,
        /// Bytes that would have been accepted.
        limit: u64,
    },
    /// A header whose promise disagrees with the file.
    #[error("{}: the header promises {promised} bytes of data, the file holds {}{found}", path.display(), if *at_least { "at least " } else { "" })]
    LengthMismatch {
        /// The file.
        path: PathBuf,
        /// Bytes the header speaks of.
        promised: u64,
        /// Bytes there.
        found: u64,
        /// Whether counting stopped at `found`.
        at_least: bool,
    },
    /// A promise that no file of this size can keep, refused before anything is allocated.
    #[error("{}: the header promises {promised} bytes of data, more than {stored} stored bytes can hold", path.display())]
    Implausible {
        /// The file.
        path: PathBuf,
        /// Bytes the header speaks of.
        promised: u64,
        /// Compressed or plain bytes in the file.
        stored: u64,
    },
    /// A header whose sizes multiply to more than 64 bits can hold.
    #[error("{}: the sizes {shape:?} in the header multiply to more than a file can hold", path.display())]
    HeaderOverflow {
        /// The file.
        path: PathBuf,
        /// The sizes.
        shape: Vec<u64>,
    },
    /// No memory for an array of this size.
    #[error("{}: no memory for {values} values", path.display())]
    OutOfMemory {
        /// The file.
        path: PathBuf,
        /// Values asked for.
        values: usize,
    },

    // ---- tables ------------------------------------------------------------------------------------------------
    /// A line with another number of columns than the first one.
    #[error("{}: line {line} has {found} columns where the first line has {expected}", path.display())]
    RaggedCsv {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Columns of the first line.
        expected: usize,
        /// Columns of this line.
        found: usize,
    },
    /// Text where a number is due.
    #[error("{}: line {line}, column {column}: `{}` is not {due}", path.display(), text.escape_debug())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column.
        column: usize,
        /// The beginning of the text found.
        text: String,
        /// What was due.
        due: &'static str,
    },
    /// NaN, infinity, or a value outside the range of the chosen type.
    #[error("{}: {unit} {row}, column {column}: {value:?} is not a finite {dtype} number", path.display())]
    NonFinite {
        /// The file.
        path: PathBuf,
        /// `line` for text, `row` for arrays.
        unit: &'static str,
        /// The line or row.
        row: u64,
        /// The column.
        column: usize,
        /// The value found.
        value: f64,
        /// The type the value must fit.
        dtype: &'static str,
    },
    /// A label that is not an integer.
    #[error("{}: {unit} {row}: the label {value} is not an integer", path.display())]
    BadLabel {
        /// The file.
        path: PathBuf,
        /// `row` for arrays.
        unit: &'static str,
        /// The row.
        row: u64,
        /// The value found.
        value: f64,
    },
    /// Labels and points differ in number.
    #[error("{}: {labels} labels for {points} points", path.display())]
    LabelCount {
        /// The file with the labels.
        path: PathBuf,
        /// Labels found.
        labels: usize,
        /// Points they should belong to.
        points: usize,
    },
    /// Labels given twice: as an array of their own and as the last column.
    #[error("{}: the array `{array}` holds labels already, so the last column cannot hold them too", path.display())]
    LabelsTwice {
        /// The file.
        path: PathBuf,
        /// The array with the labels.
        array: String,
    },

    // ---- IDX, .npy, .npz ---------------------------------------------------------------------------------------
    /// The first bytes are not those of the format.
    #[error("{}: not {format}: the file begins with the bytes {found:02x?}", path.display())]
    WrongMagic {
        /// The file.
        path: PathBuf,
        /// The format expected, with its magic number.
        format: &'static str,
        /// The bytes found.
        found: Vec<u8>,
    },
    /// A header that ends early or says something that is not understood.
    #[error("{}: the {format} header is not readable: {reason}", path.display())]
    BadHeader {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// An array of elements that are not read here.
    #[error("{}: elements of type `{}` are not read here (only f4, f8 and integers of 1 to 8 bytes)", path.display(), descr.escape_debug())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The type as the file names it.
        descr: String,
    },
    /// An array with another number of dimensions than needed.
    #[error("{}: an array of shape {shape:?} where {due} is due", path.display())]
    ArrayShape {
        /// The file.
        path: PathBuf,
        /// The shape found.
        shape: Vec<u64>,
        /// What is due.
        due: &'static str,
    },
    /// A .npz archive without an array of points.
    #[error("{}: no array called x, X or data and no two-dimensional one among: {names}", path.display())]
    NoArray {
        /// The file.
        path: PathBuf,
        /// The arrays found.
        names: String,
    },
    /// An archive that cannot be read.
    #[error("{}: {source}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: zip::result::ZipError,
    },
    /// A folder without IDX images.
    #[error("{}: no train-images-idx3-ubyte or t10k-images-idx3-ubyte (plain or .gz) in this folder", path.display())]
    NoIdxFiles {
        /// The folder.
        path: PathBuf,
    },
    /// One of the two parts has labels, the other has none.
    #[error("{}: there are labels for {present} but not for {missing}", path.display())]
    MissingLabels {
        /// The folder.
        path: PathBuf,
        /// The part with labels.
        present: &'static str,
        /// The part without.
        missing: &'static str,
    },
    /// Train and test images of different size.
    #[error("{}: train images have shape {train:?}, t10k images {test:?}", path.display())]
    ImageShapes {
        /// The folder.
        path: PathBuf,
        /// Shape of one training image.
        train: Vec<u64>,
        /// Shape of one test image.
        test: Vec<u64>,
    },

    /// An index of a point that is not there.
    #[error("there is no point {index} among {points} points (the first is 0)")]
    NoSuchPoint {
        /// The index.
        index: usize,
        /// Points there.
        points: usize,
    },

    // ---- split and settings ------------------------------------------------------------------------------------
    /// A split that leaves one part without a point.
    #[error("a test fraction of {fraction} of {points} points leaves no point to {part}")]
    EmptyPart {
        /// `train` or `test`.
        part: &'static str,
        /// Points to split.
        points: usize,
        /// The fraction asked for.
        fraction: f64,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}: it must be {due}")]
    Setting {
        /// The setting's name, as on the command line.
        setting: &'static str,
        /// The value given.
        value: String,
        /// The range.
        due: &'static str,
    },
    /// A batch larger than the data to train on.
    #[error("batch-size is {batch_size}, but there are only {train} training points")]
    BatchTooLarge {
        /// The setting.
        batch_size: usize,
        /// Points to train on.
        train: usize,
    },
    /// A latent dimension above the dimension of the data.
    #[error("latent-dim is {latent_dim}, above the dimension {width} of the data")]
    LatentTooLarge {
        /// The setting.
        latent_dim: usize,
        /// Dimension of the points.
        width: usize,
    },
    /// Networks with more parameters than are accepted.
    #[error("layers of widths {widths:?} make networks of more than {limit} parameters")]
    TooManyParameters {
        /// Widths of the encoder's layers, input first.
        widths: Vec<usize>,
        /// The limit.
        limit: usize,
    },
    /// A configuration with a key that does not exist.
    #[error("{}, line {line}: unknown key `{}`; the nearest known key is `{nearest}`", path.display(), key.escape_debug())]
    UnknownKey {
        /// The configuration file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The key found.
        key: String,
        /// The most similar known key.
        nearest: &'static str,
    },
    /// A configuration that is not TOML, or holds a value of the wrong kind.
    #[error("{}, line {line}, column {column}: {message}", path.display())]
    ConfigFile {
        /// The configuration file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong there.
        message: String,
    },

    /// Settings that TOML cannot hold.
    #[error("the settings cannot be written as TOML: {source}")]
    ConfigText {
        /// The writer's reason.
        source: toml::ser::Error,
    },

    // ---- run folders -------------------------------------------------------------------------------------------
    /// The output folder holds a run already.
    #[error("{}: the folder holds another run ({entry}); choose another --out", path.display())]
    FolderHoldsRun {
        /// The folder.
        path: PathBuf,
        /// The file that shows it.
        entry: String,
    },
    /// The output folder holds something else.
    #[error("{}: the folder is not empty ({}); choose another --out", path.display(), entry.escape_debug())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
        /// One of the entries.
        entry: String,
    },
    /// Another process writes this run.
    #[error("{}: another process is writing this run", path.display())]
    FolderLocked {
        /// The folder.
        path: PathBuf,
    },
    /// A folder without a run.
    #[error("{}: not a run folder (there is no config.toml)", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// A line of the log, other than the last, that is not an object of the log.
    #[error("{}: line {line} of the log is not readable: {source}", path.display())]
    LogLine {
        /// The log.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The reason.
        source: serde_json::Error,
    },
    /// A value that JSON cannot hold, or a file that is not JSON.
    #[error("cannot {operation} {} as JSON: {source}", path.display())]
    Json {
        /// `read` or `write`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: serde_json::Error,
    },
    /// A table of a run that is not what the run wrote.
    #[error("{}: {reason}", path.display())]
    RunTable {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model that is not the one its settings describe.
    #[error(
        "{}: its networks (latent dimension {latent_dim}) are not those that {} describes",
        path.display(),
        config.display()
    )]
    ModelMismatch {
        /// The model.
        path: PathBuf,
        /// Its latent dimension.
        latent_dim: usize,
        /// The settings.
        config: PathBuf,
    },
    /// Settings beside `--resume`, which takes those of the run.
    #[error("--resume {}: the run keeps its own settings, only --threads may be given", path.display())]
    ResumeWithSettings {
        /// The run.
        path: PathBuf,
    },
    /// A run that needs no resumption.
    #[error("--resume {}: the run is finished", path.display())]
    RunFinished {
        /// The run.
        path: PathBuf,
    },
    /// Threads that could not be started.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many.
        threads: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
    /// Signals that could not be caught.
    #[error("cannot catch Ctrl-C: {source}")]
    Signals {
        /// The reason.
        source: ctrlc::Error,
    },
    /// A device that this build does not know.
    #[error("--device cuda: this program was built without the feature `cuda`")]
    NoCuda,
    /// A figure that could not be drawn.
    #[error("cannot draw: {0}")]
    Figure(#[from] crate::figures::Error),
    /// What the model or its training refused.
    #[error(transparent)]
    Model(#[from] Box<geom_ae::Error>),
    /// Parts of an embedding that do not fit each other.
    #[error(
        "the {split} part of the embedding has {points} points of dimension {width}, but {indices} indices, {labels:?} labels and dimension {first_width} before it"
    )]
    EmbeddingParts {
        /// The part.
        split: String,
        /// Points given.
        points: usize,
        /// Their dimension.
        width: usize,
        /// Indices given.
        indices: usize,
        /// Labels given.
        labels: Option<usize>,
        /// Dimension of the first part.
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
mod tests {
    use super::Error;

    #[test]
    fn the_error_is_small_enough_to_return_by_value() {
        assert!(size_of::<Error>() <= 128, "{} bytes", size_of::<Error>());
    }

    #[test]
    fn text_from_a_file_cannot_break_the_line() {
        let error = Error::NotANumber {
            path: "a.csv".into(),
            line: 2,
            column: 3,
            text: "a\nb".to_owned(),
            due: "a number",
        };
        assert_eq!(
            error.to_string(),
            "a.csv: line 2, column 3: `a\\nb` is not a number"
        );
    }
}
