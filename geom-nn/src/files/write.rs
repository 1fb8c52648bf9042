//! Networks, arrays and metadata collected and written at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::Error;
use crate::network::Network;

/// What a file is to hold; collects networks, arrays and metadata, then writes them at once.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Tensor {
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// An entry of the header, in the order the format asks for.
#[derive(Serialize)]
struct Entry<'a> {
    dtype: &'a str,
    shape: &'a [usize],
    data_offsets: (usize, usize),
}

#[derive(Serialize)]
struct Header<'a> {
    #[serde(rename = "__metadata__", skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, Entry<'a>>,
}

impl Contents {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a network under a prefix such as `decoder.`.
    #[must_use]
    #[allow(
        clippy::missing_panics_doc,
        reason = "plain data with string keys always serialises"
    )]
    pub fn network<E: Element, D: NetworkDevice<E>>(
        mut self,
        prefix: &str,
        network: &Network<E, D>,
    ) -> Self {
        for parameter in network.named_parameters() {
            let name = format!("{prefix}{}", parameter.name);
            self.insert(
                name,
                &parameter.shape,
                &network.parameters()[parameter.range.clone()],
            );
        }
        for statistic in network.named_running_statistics() {
            let name = format!("{prefix}{}", statistic.name);
            let values = &network.running_statistics()[statistic.range.clone()];
            self.insert(name, &statistic.shape, values);
        }
        let json =
            serde_json::to_string(network.architecture()).expect("an architecture is plain data");
        self.metadata(&format!("{prefix}architecture"), &json)
    }

    /// Adds an array in row-major order.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shape does not hold as many entries as `values`.
    pub fn array<E: Element>(
        mut self,
        name: &str,
        shape: &[usize],
        values: &[E],
    ) -> Result<Self, Error> {
        let count = shape
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n));
        if count != Some(values.len()) {
            let (expected, found) = (shape.to_vec(), vec![values.len()]);
            return Err(Error::Shape {
                operation: "Contents::array",
                argument: "values",
                expected,
                found,
            });
        }
        self.insert(name.to_owned(), shape, values);
        Ok(self)
    }

    fn insert<E: Element>(&mut self, name: String, shape: &[usize], values: &[E]) {
        let mut bytes = Vec::with_capacity(size_of_val(values));
        for &value in values {
            value.write_le(&mut bytes);
        }
        self.tensors.insert(
            name,
            Tensor {
                dtype: E::NAME,
                shape: shape.to_vec(),
                bytes,
            },
        );
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The bytes of the file.
    #[allow(
        clippy::missing_panics_doc,
        reason = "plain data with string keys always serialises"
    )]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut end = 0;
        // F64 first, as the format aligns tensors by descending size.
        let mut order: Vec<_> = self.tensors.iter().collect();
        order.sort_by_key(|(name, tensor)| (std::cmp::Reverse(tensor.dtype), *name));
        let mut tensors = BTreeMap::new();
        for (name, tensor) in &order {
            let data_offsets = (end, end + tensor.bytes.len());
            end = data_offsets.1;
            tensors.insert(
                name.as_str(),
                Entry {
                    dtype: tensor.dtype,
                    shape: &tensor.shape,
                    data_offsets,
                },
            );
        }
        let header = Header {
            metadata: &self.metadata,
            tensors,
        };
        let mut json = serde_json::to_vec(&header).expect("a header is plain data");
        json.resize(json.len().next_multiple_of(8), b' ');
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(&json);
        for (_, tensor) in &order {
            bytes.extend_from_slice(&tensor.bytes);
        }
        bytes
    }

    /// Writes the file atomically: a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let failed = |source| Error::File {
            action: "write",
            path: path.to_owned(),
            source,
        };
        let folder = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // An ordinary file with ordinary permissions, whose errors do not name the temporary path.
        let create = |path: &Path| File::options().write(true).create_new(true).open(path);
        let mut file = tempfile::Builder::new()
            .prefix(".writing-")
            .make_in(folder, create)
            .map_err(failed)?;
        file.as_file_mut()
            .write_all(&self.to_bytes())
            .map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}
