//! An autoencoder: an encoder and a decoder that fit each other.

use std::{collections::BTreeMap, path::Path};

use geom_nn::{Architecture, Initialiser, Mode, Network, NetworkDevice, Request, files};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use crate::{DataSpace, Error, Link, Result, Scalar};

/// Points evaluated at a time outside training, so that memory stays bounded by the model and not by the data.
const CHUNK: usize = 1024;
/// The file's entry that describes the manifold of the data.
const MANIFOLD: &str = "manifold";
/// The file's entry that names what the decoder's output goes through.
const LINK: &str = "link";
const LOGISTIC: &str = "logistic";

/// The description of both networks, as a configuration file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderArchitecture {
    /// Data to code, $f : \mathbb R^D \to \mathbb R^d$, or to $\mathbb R^{2d}$: see [`Coding`].
    pub encoder: Architecture,
    /// Code to data, $g : \mathbb R^d \to \mathbb R^D$.
    pub decoder: Architecture,
}

/// What the encoder's output means; its width tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// d numbers: the code itself.
    Point,
    /// 2d numbers: the mean and the log-variance of a Gaussian, from which training draws the code.
    Gaussian,
}

/// An encoder $f : \mathbb R^D \to \mathbb R^d$ and a decoder $g : \mathbb R^d \to \mathbb R^D$ on one device.
#[derive(Debug)]
pub struct Autoencoder<E: Scalar, D: NetworkDevice<E>> {
    encoder: Network<E, D>,
    decoder: Network<E, D>,
    data_space: Option<DataSpace>,
    link: Link,
}

impl<E: Scalar, D: NetworkDevice<E>> Autoencoder<E, D> {
    /// Builds both networks with PyTorch's default initialisation, from one seed.
    ///
    /// # Errors
    /// The networks' own, and [`Error::Mismatch`] where their widths disagree.
    pub fn new(architecture: &AutoencoderArchitecture, seed: u64, device: &D) -> Result<Self> {
        let network = |architecture, stream: u64| {
            let seed = seed.wrapping_mul(2).wrapping_add(stream);
            Network::new(architecture, Initialiser::default(), seed, device)
        };
        Self::from_networks(
            network(&architecture.encoder, 0)?,
            network(&architecture.decoder, 1)?,
        )
    }

    /// Joins two networks that exist already.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where their widths disagree: the encoder gives d or 2d numbers, the decoder takes d.
    pub fn from_networks(encoder: Network<E, D>, decoder: Network<E, D>) -> Result<Self> {
        let (codes, latent) = (encoder.output_width(), decoder.input_width());
        if (codes != latent && codes != 2 * latent)
            || encoder.input_width() != decoder.output_width()
        {
            return Err(Error::Mismatch {
                encoder_input: encoder.input_width(),
                encoder_output: encoder.output_width(),
                decoder_input: decoder.input_width(),
                decoder_output: decoder.output_width(),
            });
        }
        Ok(Self {
            encoder,
            decoder,
            data_space: None,
            link: Link::Identity,
        })
    }

    /// The same networks for data on a known manifold: what the decoder gives is brought onto it by every method here that
    /// decodes. Objectives see the decoder's raw output.
    ///
    /// # Errors
    /// [`Error::Width`] where its points have not D coordinates.
    pub fn on(mut self, space: DataSpace) -> Result<Self> {
        if space.width() != self.data_dim() {
            return Err(Error::Width {
                operation: "Autoencoder::on",
                expected: self.data_dim(),
                actual: space.width(),
            });
        }
        self.data_space = Some(space);
        Ok(self)
    }

    /// The same networks, whose decoder gives what `link` takes to points: [`decode`](Self::decode) applies it. Jacobians and
    /// objectives see the decoder's raw output.
    #[must_use]
    pub fn through(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// From the decoder's output to a point.
    pub fn link(&self) -> Link {
        self.link
    }

    /// The manifold that the data lie on, where one was named.
    pub fn data_space(&self) -> Option<&DataSpace> {
        self.data_space.as_ref()
    }

    /// The encoder.
    pub fn encoder(&self) -> &Network<E, D> {
        &self.encoder
    }

    /// The decoder.
    pub fn decoder(&self) -> &Network<E, D> {
        &self.decoder
    }

    /// Both networks, to be changed.
    pub fn networks_mut(&mut self) -> (&mut Network<E, D>, &mut Network<E, D>) {
        (&mut self.encoder, &mut self.decoder)
    }

    /// Whether a network normalises by batches and keeps running statistics.
    pub fn has_running_statistics(&self) -> bool {
        [&self.encoder, &self.decoder]
            .iter()
            .any(|network| !network.running_statistics().is_empty())
    }

    /// Runs `step` with both networks in training (dropout drops, batch normalisation takes the batch's statistics), then
    /// switches them back to evaluation, whatever came of it.
    pub(crate) fn in_training<T>(&mut self, seed: u64, step: impl FnOnce(&Self) -> T) -> T {
        self.encoder.set_mode(Mode::Training { seed });
        self.decoder.set_mode(Mode::Training { seed: !seed });
        let outcome = step(self);
        self.encoder.set_mode(Mode::Evaluation);
        self.decoder.set_mode(Mode::Evaluation);
        outcome
    }

    /// Takes over the running statistics that a step of training gave.
    pub(crate) fn set_running_statistics(&mut self, new: &[Option<Array1<E>>; 2]) -> Result<()> {
        for (network, statistics) in [&mut self.encoder, &mut self.decoder].into_iter().zip(new) {
            if let Some(statistics) = statistics.as_ref().and_then(|all| all.as_slice()) {
                network.set_running_statistics(statistics)?;
            }
        }
        Ok(())
    }

    /// The dimension D of the data.
    pub fn data_dim(&self) -> usize {
        self.encoder.input_width()
    }

    /// The latent dimension d.
    pub fn latent_dim(&self) -> usize {
        self.decoder.input_width()
    }

    /// Whether the encoder gives points or Gaussians.
    pub fn coding(&self) -> Coding {
        if self.encoder.output_width() == self.latent_dim() {
            Coding::Point
        } else {
            Coding::Gaussian
        }
    }

    /// The codes $z = f(x)$; of a stochastic encoder the means.
    ///
    /// # Shapes
    /// `x` (n, D), result (n, d).
    ///
    /// # Errors
    /// [`Error::Width`] where `x` has not D columns.
    pub fn encode(&self, x: ArrayView2<'_, E>) -> Result<Array2<E>> {
        let output = evaluate_in_chunks("encode", &self.encoder, x)?;
        Ok(match self.coding() {
            Coding::Point => output,
            Coding::Gaussian => output.slice(s![.., ..self.latent_dim()]).to_owned(),
        })
    }

    /// The points $g(z)$, through the [link](Self::through) where there is one.
    ///
    /// # Shapes
    /// `z` (n, d), result (n, D).
    ///
    /// # Errors
    /// [`Error::Width`] where `z` has not d columns.
    pub fn decode(&self, z: ArrayView2<'_, E>) -> Result<Array2<E>> {
        let raw = self
            .link
            .apply(evaluate_in_chunks("decode", &self.decoder, z)?);
        match &self.data_space {
            None => Ok(raw),
            Some(space) => space.points(raw.view()),
        }
    }

    /// The points $g(z)$ and the decoder's Jacobians $J(z) = \partial g / \partial z$, both before any [link](Self::through).
    ///
    /// On a known manifold they are written in an orthonormal frame of it, so that $J^\top J$ is the pullback of its metric.
    ///
    /// # Shapes
    /// `z` (n, d), results (n, D) and (n, D, d). Everything is held at once: for many points call it on slices.
    ///
    /// # Errors
    /// [`Error::Width`] where `z` has not d columns.
    pub fn decode_with_jacobian(&self, z: ArrayView2<'_, E>) -> Result<(Array2<E>, Array3<E>)> {
        check_width("decode_with_jacobian", self.latent_dim(), &z)?;
        let pass = self.decoder.evaluate(z, Request::Jacobian)?;
        let jacobian = pass
            .jacobian()
            .map_or_else(|| Array3::zeros((0, 0, 0)), |view| view.to_owned());
        let raw = pass.value();
        match &self.data_space {
            None => Ok((raw.to_owned(), jacobian)),
            Some(space) => Ok((space.points(raw)?, space.jacobians(raw, jacobian.view())?)),
        }
    }

    /// $\lVert g(f(x)) - x\rVert^2 / D$ at every point: the mean over the elements of its row.
    ///
    /// # Errors
    /// [`Error::Width`] where `x` has not D columns.
    pub fn reconstruction_errors(&self, x: ArrayView2<'_, E>) -> Result<Array1<f64>> {
        check_width("reconstruction_errors", self.data_dim(), &x)?;
        let mut errors = Array1::zeros(x.nrows());
        for (x, mut errors) in x
            .axis_chunks_iter(Axis(0), CHUNK)
            .zip(errors.axis_chunks_iter_mut(Axis(0), CHUNK))
        {
            let y = self.decode(self.encode(x)?.view())?;
            for ((x, y), error) in x.rows().into_iter().zip(y.rows()).zip(errors.iter_mut()) {
                let sum: f64 = x
                    .iter()
                    .zip(y)
                    .map(|(&x, &y)| (crate::scalar::widen(y) - crate::scalar::widen(x)).powi(2))
                    .sum();
                *error = sum / x.len() as f64;
            }
        }
        Ok(errors)
    }

    /// Writes both networks as one safetensors file, atomically, with `metadata` in its header.
    ///
    /// # Errors
    /// Where the file cannot be written; nothing of it is left then.
    pub fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<()> {
        let contents = files::Contents::new()
            .network("encoder.", &self.encoder)
            .network("decoder.", &self.decoder);
        let mut contents = metadata.iter().fold(contents, |contents, (key, value)| {
            contents.metadata(key, value)
        });
        if let Some(space) = &self.data_space {
            let json = serde_json::to_string(space.space()).map_err(|source| {
                geom_nn::Error::Metadata {
                    path: path.to_path_buf(),
                    key: MANIFOLD.to_owned(),
                    source,
                }
            })?;
            contents = contents.metadata(MANIFOLD, &json);
        }
        if self.link == Link::Logistic {
            contents = contents.metadata(LINK, LOGISTIC);
        }
        Ok(contents.save(path)?)
    }

    /// Reads both networks from a safetensors file that [`Autoencoder::save`] wrote.
    ///
    /// # Errors
    /// Where the file is missing or damaged, holds other number types, weights that are not finite, or networks that do not
    /// fit each other.
    pub fn load(path: &Path, device: &D) -> Result<Self> {
        let file = files::load(path)?;
        file.check_finite::<E>()?;
        let model = Self::from_networks(
            file.network("encoder.", device)?,
            file.network("decoder.", device)?,
        )?;
        let link = match file.metadata().get(LINK).map(String::as_str) {
            Some(LOGISTIC) => Link::Logistic,
            _ => Link::Identity,
        };
        let model = model.through(link);
        let Some(json) = file.metadata().get(MANIFOLD) else {
            return Ok(model);
        };
        let space = serde_json::from_str(json).map_err(|source| geom_nn::Error::Metadata {
            path: path.to_owned(),
            key: MANIFOLD.to_owned(),
            source,
        })?;
        model.on(DataSpace::new(space)?)
    }

    /// The description of both networks.
    pub fn architecture(&self) -> AutoencoderArchitecture {
        AutoencoderArchitecture {
            encoder: self.encoder.architecture().clone(),
            decoder: self.decoder.architecture().clone(),
        }
    }
}

fn evaluate_in_chunks<E: Scalar, D: NetworkDevice<E>>(
    operation: &'static str,
    network: &Network<E, D>,
    x: ArrayView2<'_, E>,
) -> Result<Array2<E>> {
    check_width(operation, network.input_width(), &x)?;
    let mut y = Array2::zeros((x.nrows(), network.output_width()));
    for start in (0..x.nrows()).step_by(CHUNK) {
        let rows = s![start..(start + CHUNK).min(x.nrows()), ..];
        let pass = network.evaluate(x.slice(rows), Request::Value)?;
        y.slice_mut(rows).assign(&pass.value());
    }
    Ok(y)
}

fn check_width<E>(operation: &'static str, expected: usize, x: &ArrayView2<'_, E>) -> Result<()> {
    if x.ncols() == expected {
        return Ok(());
    }
    Err(Error::Width {
        operation,
        expected,
        actual: x.ncols(),
    })
}
