//! The pictures of a run, and what is to be said of each.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use super::{FIGURES, RunFolder};
use crate::Error;
use crate::report::{Figure, FigureKind};

/// The sentences about single pictures, by the file of the picture.
const REMARKS: &str = "figures/remarks.json";

/// The file of a picture.
pub fn figure_file(kind: FigureKind) -> String {
    let name = match kind {
        FigureKind::Embedding => "embedding",
        FigureKind::LogDeterminant => "log_determinant",
        FigureKind::Indicatrices => "indicatrices",
        FigureKind::Geodesics => "geodesics",
        FigureKind::Reconstructions => "reconstructions",
        FigureKind::Prior => "prior",
        FigureKind::Samples => "samples",
        FigureKind::Score => "score",
        FigureKind::LossCurves => "losses",
    };
    format!("{FIGURES}/{name}.svg")
}

impl RunFolder {
    /// Writes the pictures and the remarks on them.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn write_figures(&self, figures: &[Figure]) -> Result<(), Error> {
        let mut remarks = BTreeMap::new();
        for figure in figures {
            let file = figure_file(figure.kind);
            self.write(&file, figure.svg.as_bytes())?;
            remarks.extend(figure.remark.as_ref().map(|remark| (file, remark)));
        }
        self.write_json(REMARKS, &remarks)
    }

    /// A picture of the run with its remark; none where it was not drawn.
    ///
    /// # Errors
    /// What the operating system refuses, and remarks that are not what a run writes.
    pub fn read_figure(&self, kind: FigureKind) -> Result<Option<Figure>, Error> {
        let file = figure_file(kind);
        let Some(svg) = self.read_text(&file)? else {
            return Ok(None);
        };
        // Runs of earlier versions have no remarks.
        let remarks: BTreeMap<String, String> = match self.read_text(REMARKS)? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text).map_err(|source| Error::Json {
                operation: "read",
                path: self.file(REMARKS),
                source,
            })?,
        };
        Ok(Some(Figure {
            kind,
            svg,
            remark: remarks.get(&file).cloned(),
        }))
    }

    fn read_text(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_picture_comes_back_with_its_remark() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&Config::default(), scratch.path()).unwrap();
        let figure = |kind, remark: Option<&str>| Figure {
            kind,
            svg: "<svg/>".to_owned(),
            remark: remark.map(str::to_owned),
        };
        let drawn = [
            figure(FigureKind::Indicatrices, Some("shrunk")),
            figure(FigureKind::Embedding, None),
        ];
        folder.write_figures(&drawn).unwrap();
        let read = |kind| folder.read_figure(kind).unwrap();
        let indicatrices = read(FigureKind::Indicatrices).unwrap();
        assert_eq!(indicatrices.remark.as_deref(), Some("shrunk"));
        assert_eq!(read(FigureKind::Embedding).unwrap().remark, None);
        assert!(read(FigureKind::LossCurves).is_none());
        fs::write(folder.file(REMARKS), "[1]").unwrap();
        assert!(matches!(
            folder.read_figure(FigureKind::Embedding),
            Err(Error::Json { .. })
        ));
    }
}
