//! A flattening as a safetensors file.

use std::path::Path;

use geom_nn::{Cpu, files};
use ndarray::Array1;

use super::{Flattening, coupling::Coupling};
use crate::{Error, Result};

impl Flattening {
    /// Writes the map as one safetensors file, atomically.
    ///
    /// # Errors
    /// Where the file cannot be written; nothing of it is left then.
    pub fn save(&self, path: &Path) -> Result<()> {
        let centre = self.centre.to_vec();
        let contents = files::Contents::new()
            .metadata("couplings", &self.chain.len().to_string())
            .array("centre", &[centre.len()], &centre)?
            .array("scales", &[2], &[self.scale, self.stretch])?;
        let contents =
            (self.chain.iter().enumerate()).fold(contents, |contents, (place, coupling)| {
                contents.network(&format!("coupling.{place}."), &coupling.net)
            });
        Ok(contents.save(path)?)
    }

    /// Reads a map that [`Flattening::save`] wrote.
    ///
    /// # Errors
    /// Where the file is missing or damaged, holds numbers that are not finite, or couplings that are not those of its
    /// dimension.
    pub fn load(path: &Path) -> Result<Self> {
        let file = files::load(path)?;
        file.check_finite::<f64>()?;
        let refuse = |reason: String| Error::Flattening {
            path: path.into(),
            reason,
        };
        let count = file
            .metadata()
            .get("couplings")
            .ok_or_else(|| refuse("its header has no number of couplings".into()))?;
        let count: usize = count
            .parse()
            .map_err(|_| refuse("its header's number of couplings is none".into()))?;
        let (_, centre) = file.array::<f64>("centre", None)?;
        let (_, scales) = file.array::<f64>("scales", Some(&[2]))?;
        if centre.len() < 2 || scales.iter().any(|&scale| scale <= 0.0) {
            return Err(refuse(format!(
                "a centre of dimension {} and scales {scales:?} are those of no map",
                centre.len()
            )));
        }
        // As many networks as the file holds; the header's number alone allocates nothing.
        let mut chain = Vec::new();
        for place in 0..count {
            let net = file.network(&format!("coupling.{place}."), &Cpu::default())?;
            let coupling = Coupling::from_network(centre.len(), place, net).ok_or_else(|| {
                refuse(format!(
                    "coupling {place} is none of dimension {}",
                    centre.len()
                ))
            })?;
            chain.push(coupling);
        }
        Ok(Self {
            centre: Array1::from(centre),
            scale: scales[0],
            chain,
            stretch: scales[1],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Flattening, tests::shaken};
    use crate::Error;

    #[test]
    fn a_map_is_read_as_it_was_written_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.safetensors");
        for dim in [2, 3, 5] {
            let map = shaken(dim);
            map.save(&path).unwrap();
            let again = Flattening::load(&path).unwrap();
            let z = ndarray::Array2::from_shape_fn((7, dim), |(i, k)| (i * 3 + k) as f64 * 0.1);
            assert_eq!(
                map.forward(z.view()).unwrap(),
                again.forward(z.view()).unwrap()
            );
            assert_eq!(
                map.inverse(z.view()).unwrap(),
                again.inverse(z.view()).unwrap()
            );
        }
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(Flattening::load(&path), Err(Error::Network(_))));
        // A network that is no coupling of this dimension.
        let mut wrong = shaken(3);
        wrong.centre = ndarray::Array1::zeros(5);
        wrong.save(&path).unwrap();
        assert!(matches!(
            Flattening::load(&path),
            Err(Error::Flattening { .. })
        ));
    }
}
