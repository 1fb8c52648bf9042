//! Networks in safetensors files: weights, architecture and metadata.
//!
//! A file holds any number of networks under prefixes (`decoder.` + `1.weight`), further arrays (an optimiser's memory), and
//! string metadata. The architecture of the network under a prefix is JSON in the metadata entry `{prefix}architecture`. The same
//! content gives the same bytes. Reading never executes anything and allocates no more than the file's own length.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::Serialize;

use crate::architecture::Architecture;
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::{Error, TensorMismatch};
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
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-");
        // Temporary files are private by default; this one becomes an ordinary file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(failed)?;
        file.write_all(&self.to_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// A file that has been read and found valid.
#[derive(Clone, Debug)]
pub struct Loaded {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: BTreeMap<String, String>,
}

/// Reads a safetensors file and checks its header.
///
/// # Errors
/// [`Error::File`] if it cannot be read; [`Error::Malformed`] for a header that is too long, not JSON, or whose offsets
/// overlap, leave holes or disagree with shapes, types or the file's length.
///
/// # Examples
/// ```
/// use geom_nn::{Architecture, Cpu, Initialiser, Network, files};
/// let net = Network::<f32>::new(&Architecture::geomae_decoder(3, 2), Initialiser::PyTorch, 0, &Cpu::default())?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("model.safetensors");
/// files::Contents::new().network("decoder.", &net).metadata("seed", "0").save(&path)?;
///
/// let file = files::load(&path)?;
/// let again: Network<f32> = file.network("decoder.", &Cpu::default())?;
/// assert_eq!(net.parameters(), again.parameters());
/// assert_eq!(file.metadata()["seed"], "0");
/// # Ok::<(), geom_nn::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Loaded, Error> {
    let path = path.as_ref().to_owned();
    let bytes = std::fs::read(&path).map_err(|source| Error::File {
        action: "read",
        path: path.clone(),
        source,
    })?;
    Loaded::from_bytes(path, bytes)
}

impl Loaded {
    /// Reads a file's bytes; `path` only appears in errors.
    ///
    /// # Errors
    /// As [`load`].
    pub fn from_bytes(path: PathBuf, bytes: Vec<u8>) -> Result<Self, Error> {
        let malformed = |source| Error::Malformed {
            path: path.clone(),
            source,
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
        SafeTensors::deserialize(&bytes).map_err(malformed)?;
        let metadata = header
            .metadata()
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Ok(Self {
            path,
            bytes,
            metadata,
        })
    }

    /// The metadata, by key.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Names, types and shapes of all tensors, by name.
    pub fn tensors(&self) -> BTreeMap<String, (String, Vec<usize>)> {
        let Ok(file) = SafeTensors::deserialize(&self.bytes) else {
            return BTreeMap::new();
        };
        file.iter()
            .map(|(name, t)| {
                (
                    name.to_owned(),
                    (format!("{:?}", t.dtype()), t.shape().to_vec()),
                )
            })
            .collect()
    }

    /// The architecture of the network under a prefix.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Metadata`], and as [`Architecture::check`].
    pub fn architecture(&self, prefix: &str) -> Result<Architecture, Error> {
        let key = format!("{prefix}architecture");
        let Some(json) = self.metadata.get(&key) else {
            return Err(Error::Missing {
                path: self.path.clone(),
                what: "metadata entry",
                name: key,
            });
        };
        let architecture: Architecture =
            serde_json::from_str(json).map_err(|source| Error::Metadata {
                path: self.path.clone(),
                key,
                source,
            })?;
        architecture.check()?;
        Ok(architecture)
    }

    /// The network under a prefix, with the architecture of the file.
    ///
    /// # Errors
    /// As [`architecture`](Self::architecture) and [`network_as`](Self::network_as).
    pub fn network<E: Element, D: NetworkDevice<E>>(
        &self,
        prefix: &str,
        device: &D,
    ) -> Result<Network<E, D>, Error> {
        self.network_as(
            &self.architecture(prefix)?,
            |name| format!("{prefix}{name}"),
            device,
        )
    }

    /// A network of a given architecture whose tensors have names of their own: `rename` maps the names of
    /// [`Network::named_parameters`] to the file's.
    ///
    /// PyTorch's `Linear`, `Conv2d` and `nn.Sequential` keep their weights in the same shapes and names, so a state
    /// dictionary saved as safetensors needs at most a prefix or a table here.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Tensor`] for tensors that are absent or have another shape or type, and as
    /// [`Architecture::check`].
    pub fn network_as<E: Element, D: NetworkDevice<E>>(
        &self,
        architecture: &Architecture,
        rename: impl Fn(&str) -> String,
        device: &D,
    ) -> Result<Network<E, D>, Error> {
        let plan = crate::plan::Plan::new(architecture)?;
        let mut parameters = Vec::new();
        for parameter in &plan.parameters {
            let (shape, values) =
                self.array::<E>(&rename(&parameter.name), Some(&parameter.shape))?;
            debug_assert_eq!(shape, parameter.shape, "checked by array");
            parameters.extend(values);
        }
        Network::from_parameters(architecture, parameters, device)
    }

    /// Shape and entries of a tensor; with `expected` its shape is checked first.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Tensor`].
    pub fn array<E: Element>(
        &self,
        name: &str,
        expected: Option<&[usize]>,
    ) -> Result<(Vec<usize>, Vec<E>), Error> {
        let malformed = |source| Error::Malformed {
            path: self.path.clone(),
            source,
        };
        let file = SafeTensors::deserialize(&self.bytes).map_err(malformed)?;
        let Ok(tensor) = file.tensor(name) else {
            return Err(Error::Missing {
                path: self.path.clone(),
                what: "tensor",
                name: name.to_owned(),
            });
        };
        let dtype = format!("{:?}", tensor.dtype());
        if dtype != E::NAME || expected.is_some_and(|shape| shape != tensor.shape()) {
            let mismatch = TensorMismatch {
                name: name.to_owned(),
                expected_type: E::NAME,
                expected: expected.unwrap_or(tensor.shape()).to_vec(),
                found_type: dtype,
                found: tensor.shape().to_vec(),
            };
            return Err(Error::Tensor {
                path: self.path.clone(),
                mismatch: Box::new(mismatch),
            });
        }
        Ok((
            tensor.shape().to_vec(),
            tensor
                .data()
                .chunks_exact(size_of::<E>())
                .map(E::read_le)
                .collect(),
        ))
    }

    /// Refuses tensors of type `E` that hold NaN or infinity.
    ///
    /// # Errors
    /// [`Error::WeightNotFinite`] with the first such entry, by name and position.
    pub fn check_finite<E: Element>(&self) -> Result<(), Error> {
        for (name, (dtype, _)) in self.tensors() {
            if dtype != E::NAME {
                continue;
            }
            let (_, values) = self.array::<E>(&name, None)?;
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                let (path, value) = (self.path.clone(), values[index].wide());
                return Err(Error::WeightNotFinite {
                    path,
                    name,
                    index,
                    value,
                });
            }
        }
        Ok(())
    }
}
