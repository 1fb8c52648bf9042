//! A file read and checked, and the networks and arrays in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::architecture::Architecture;
use crate::device::NetworkDevice;
use crate::element::Element;
use crate::error::{Error, TensorMismatch};
use crate::network::Network;
use crate::plan::Parameter;

/// A file that has been read and found valid.
#[derive(Clone, Debug)]
pub struct Loaded {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where the tensors' entries start.
    data: usize,
    header: Metadata,
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
        // The header's own length comes first, in eight bytes.
        let (length, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
        let metadata = header
            .metadata()
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Ok(Self {
            path,
            data: size_of::<u64>() + length,
            bytes,
            header,
            metadata,
        })
    }

    /// The metadata, by key.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Names, types and shapes of all tensors, by name.
    pub fn tensors(&self) -> BTreeMap<String, (String, Vec<usize>)> {
        let described = |t: &TensorInfo| (format!("{:?}", t.dtype), t.shape.clone());
        let all = self.header.tensors();
        all.into_iter()
            .map(|(name, t)| (name, described(t)))
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
    /// [`Error::Missing`] and [`Error::Tensor`] for tensors that are absent or have another shape or type, [`Error::Argument`] for a
    /// negative running variance, and as [`Architecture::check`].
    ///
    /// # Examples
    /// A PyTorch module with layers `fc1` and `fc2`, saved there by `safetensors.torch.save_file(net.state_dict(), path)`. Our names count all
    /// layers, activations too: `0.weight`, `0.bias`, `2.weight`, `2.bias`.
    /// ```
    /// # use geom_nn::{Activation, Architecture, Cpu, Network, files};
    /// # let contents = files::Contents::new().array("fc1.weight", &[4, 2], &[0.5_f32; 8])?.array("fc1.bias", &[4], &[0.0_f32; 4])?;
    /// # let contents = contents.array("fc2.weight", &[3, 4], &[0.5_f32; 12])?.array("fc2.bias", &[3], &[0.0_f32; 3])?;
    /// # let file = files::Loaded::from_bytes("torch.safetensors".into(), contents.to_bytes())?;
    /// let architecture = Architecture::mlp(&[2, 4, 3], Activation::Relu, Activation::Linear);
    /// let theirs = |ours: &str| ours.replace("0.", "fc1.").replace("2.", "fc2.");
    /// let decoder: Network<f32> = file.network_as(&architecture, theirs, &Cpu::default())?;
    /// assert_eq!(decoder.evaluate(ndarray::array![[1.0, 1.0]].view(), geom_nn::Request::Value)?.value(), ndarray::array![[2.0, 2.0, 2.0]]);
    /// # Ok::<(), geom_nn::Error>(())
    /// ```
    pub fn network_as<E: Element, D: NetworkDevice<E>>(
        &self,
        architecture: &Architecture,
        rename: impl Fn(&str) -> String,
        device: &D,
    ) -> Result<Network<E, D>, Error> {
        let plan = crate::plan::Plan::new(architecture)?;
        let read = |blocks: &[Parameter]| -> Result<Vec<E>, Error> {
            let mut all = Vec::new();
            for block in blocks {
                all.extend(self.array::<E>(&rename(&block.name), Some(&block.shape))?.1);
            }
            Ok(all)
        };
        let (parameters, statistics) = (read(&plan.parameters)?, read(&plan.buffers)?);
        let mut network = Network::from_parameters(architecture, parameters, device)?;
        network.set_running_statistics(&statistics)?;
        Ok(network)
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
        let Some(tensor) = self.header.info(name) else {
            return Err(Error::Missing {
                path: self.path.clone(),
                what: "tensor",
                name: name.to_owned(),
            });
        };
        let dtype = format!("{:?}", tensor.dtype);
        if dtype != E::NAME || expected.is_some_and(|shape| shape != tensor.shape) {
            let mismatch = TensorMismatch {
                name: name.to_owned(),
                expected_type: E::NAME,
                expected: expected.unwrap_or(&tensor.shape).to_vec(),
                found_type: dtype,
                found: tensor.shape.clone(),
            };
            return Err(Error::Tensor {
                path: self.path.clone(),
                mismatch: Box::new(mismatch),
            });
        }
        let (start, end) = tensor.data_offsets;
        let entries = &self.bytes[self.data + start..self.data + end];
        let entries = entries.chunks_exact(size_of::<E>()).map(E::read_le);
        Ok((tensor.shape.clone(), entries.collect()))
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
