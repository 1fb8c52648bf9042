//! From distances to an operator, in one matrix: the distances turn into kernel weights and those into the operator's where
//! they stand.

use super::sinkhorn::{ITERATIONS, sinkhorn};
use super::{Laplacian, LaplacianParameters, Normalisation, OPERATION, Time, powers};
use crate::kernel::Scale;
use crate::progress::Progress;
use crate::sparse::{assemble, edit_rows, for_each_row, insert_diagonal, offsets_of, row_map};
use crate::{DistanceGraph, Error, Scalar};

/// Distances on the pattern of the weights: the diagonal is stored, as zero, where there are self-loops.
struct Draft<T> {
    offsets: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<T>,
    dropped: usize,
}

impl LaplacianParameters {
    /// The Laplacian of a graph at bandwidth $h$.
    ///
    /// # Units
    /// `bandwidth` is a squared length: the kernel is $\psi(d^2/h)$.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a bandwidth that is not positive and finite, a cut-off outside [0, 1), an
    /// α that is not finite or a dimension that is not positive; [`Error::Isolated`] when no point has a neighbour, or one has none
    /// and there are no self-loops; [`Error::NotConverged`] for [`Normalisation::Sinkhorn`].
    ///
    /// # Numerics
    /// Weights that no normal number of `T` can hold are no edges, and count as dropped like those below the cut-off.
    pub fn build<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        bandwidth: T,
    ) -> Result<Laplacian<T>, Error> {
        self.build_scaled(graph, &Scale::fixed(bandwidth))
    }

    /// The Laplacian of a graph with a bandwidth that may vary.
    ///
    /// # Errors
    /// As [`LaplacianParameters::build`].
    pub fn build_scaled<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &Scale<T>,
    ) -> Result<Laplacian<T>, Error> {
        self.build_with(graph, scale, Progress::none())
    }

    /// As [`LaplacianParameters::build_scaled`], with progress reports and cancellation.
    ///
    /// # Errors
    /// As [`LaplacianParameters::build`], and [`Error::Cancelled`].
    pub fn build_with<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &Scale<T>,
        progress: Progress<'_>,
    ) -> Result<Laplacian<T>, Error> {
        let isolated = self.isolated(graph, scale)?;
        self.finish(self.copied(graph, scale), isolated, scale, progress)
    }

    /// As [`LaplacianParameters::build_with`], in the memory of the graph: the same bits, for graphs of which there is room for one.
    ///
    /// With [`Laplacian::into_matrix`] no second matrix is ever held.
    ///
    /// # Errors
    /// As [`LaplacianParameters::build`], and [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use geom_graph::{DistanceGraph, LaplacianParameters, Progress, Scale};
    /// let parameters = LaplacianParameters::default();
    /// let graph = DistanceGraph::<f64>::cyclic_time(12);
    /// let copied = parameters.build(&graph, 2.0)?;
    /// let owned = parameters.build_owned(graph, &Scale::fixed(2.0), Progress::none())?;
    /// assert_eq!(owned.clone().into_matrix(), copied.matrix());
    /// # Ok::<(), geom_graph::Error>(())
    /// ```
    pub fn build_owned<T: Scalar>(
        &self,
        graph: DistanceGraph<T>,
        scale: &Scale<T>,
        progress: Progress<'_>,
    ) -> Result<Laplacian<T>, Error> {
        let isolated = self.isolated(&graph, scale)?;
        self.finish(self.taken(graph, scale), isolated, scale, progress)
    }

    /// Which edges are kept: all of them where the longest is within the kernel's reach.
    fn keeps<'s, T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &'s Scale<T>,
    ) -> impl Fn(usize, usize, T) -> bool + Sync + use<'s, T> {
        let reach = self.kernel.reach::<T>(self.cut_off);
        let all = scale.largest_ratio(graph.longest()) <= reach;
        move |i, j, d| all || scale.ratio(i, j, d) <= reach
    }

    fn copied<T: Scalar>(&self, graph: &DistanceGraph<T>, scale: &Scale<T>) -> Draft<T> {
        let matrix = graph.matrix();
        let keeps = self.keeps(graph, scale);
        let extra = usize::from(self.self_loops);
        let counts = row_map(matrix, |i, columns, values| {
            let edges = columns.iter().zip(values);
            edges.filter(|&(&j, &d)| keeps(i, j, d)).count() + extra
        });
        let offsets = offsets_of(counts);
        let total = offsets.last().copied().unwrap_or_default();
        let (mut columns, mut values) = (vec![0; total], vec![T::zero(); total]);
        for_each_row(&offsets, &mut columns, &mut values, |i, columns, values| {
            let row = matrix.row(i);
            let (from, distances) = (row.col_indices(), row.values());
            let split = from.partition_point(|&j| j < i);
            let edges = |range: std::ops::Range<usize>| {
                let edges = from[range.clone()].iter().zip(&distances[range]);
                edges
                    .map(|(&j, &d)| (j, d))
                    .filter(|&(j, d)| keeps(i, j, d))
            };
            let diagonal = self.self_loops.then_some((i, T::zero()));
            let kept = edges(0..split)
                .chain(diagonal)
                .chain(edges(split..from.len()));
            for ((column, value), (j, d)) in columns.iter_mut().zip(values).zip(kept) {
                (*column, *value) = (j, d);
            }
        });
        let dropped = matrix.nnz() + graph.len() * extra - total;
        Draft {
            offsets,
            columns,
            values,
            dropped,
        }
    }

    fn taken<T: Scalar>(&self, graph: DistanceGraph<T>, scale: &Scale<T>) -> Draft<T> {
        let n = graph.len();
        let keeps = self.keeps(&graph, scale);
        let (mut offsets, mut columns, mut values) = graph.into_matrix().disassemble();
        let before = columns.len();
        let mut end = 0;
        for i in 0..n {
            let row = std::mem::replace(&mut offsets[i], end)..offsets[i + 1];
            for place in row {
                let (j, d) = (columns[place], values[place]);
                if keeps(i, j, d) {
                    (columns[end], values[end]) = (j, d);
                    end += 1;
                }
            }
        }
        offsets[n] = end;
        columns.truncate(end);
        values.truncate(end);
        let dropped = before - columns.len();
        if self.self_loops {
            let missing = vec![true; n];
            insert_diagonal(&mut offsets, &mut columns, &mut values, &missing, T::zero());
        }
        Draft {
            offsets,
            columns,
            values,
            dropped,
        }
    }

    /// Points without a weight to another, an error where nothing can be made of them.
    fn isolated<T: Scalar>(
        &self,
        graph: &DistanceGraph<T>,
        scale: &Scale<T>,
    ) -> Result<Vec<usize>, Error> {
        self.check()?;
        scale.check(OPERATION, graph.len())?;
        let local = scale.local.as_ref().and_then(|local| local.dimension);
        if let (Some(value), Normalisation::Sinkhorn) = (local, self.normalisation) {
            let (argument, requirement) = (
                "dimension of the scale",
                "absent for Sinkhorn normalisation, which has no correction for a bandwidth by density",
            );
            return Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            });
        }
        let keeps = self.keeps(graph, scale);
        let alone = row_map(graph.matrix(), |i, columns, values| {
            let weighs = |d, j| T::of(self.kernel.weight(scale.ratio(i, j, d))) > T::zero();
            let mut edges = columns.iter().zip(values);
            !edges.any(|(&j, &d)| keeps(i, j, d) && weighs(d, j))
        });
        let isolated: Vec<usize> = (0..alone.len()).filter(|&i| alone[i]).collect();
        let n = alone.len();
        if !isolated.is_empty() && (isolated.len() == n || !self.self_loops) {
            let nearest = graph.nearest_distances();
            let mut nearest: Vec<f64> = nearest.into_iter().map(Scalar::as_f64).collect();
            nearest.sort_by(f64::total_cmp);
            let (bandwidth, median_distance) = (scale.bandwidth.as_f64(), nearest[n / 2]);
            let isolated = isolated.len();
            return Err(Error::Isolated {
                operation: OPERATION,
                isolated,
                n,
                bandwidth,
                median_distance,
            });
        }
        Ok(isolated)
    }

    /// Weighs and normalises, in two passes over the rows: $q = K1$, then $W$, its row sums and moments.
    fn finish<T: Scalar>(
        &self,
        draft: Draft<T>,
        isolated: Vec<usize>,
        scale: &Scale<T>,
        progress: Progress<'_>,
    ) -> Result<Laplacian<T>, Error> {
        let Draft {
            offsets,
            columns,
            mut values,
            dropped,
        } = draft;
        let n = offsets.len() - 1;
        let scaling = self.normalisation == Normalisation::Sinkhorn;
        let most = n.saturating_mul(2 + if scaling { ITERATIONS } else { 0 });
        let counter = progress.start(OPERATION, most);
        let advance = |rows| counter.advance(rows);
        let weight = |i, j, d| T::of(self.kernel.weight(scale.ratio(i, j, d)));
        // The moments need the distances in the second pass, which then evaluates the kernel once more.
        let twice = matches!(self.time, Time::Moments { .. }) && !self.is_plain();
        let density = edit_rows(&offsets, &columns, &mut values, advance, |i, c, v| {
            let mut sum = 0.0;
            for (&j, value) in c.iter().zip(v) {
                let w = weight(i, j, *value);
                sum += w.as_f64();
                if !twice {
                    *value = w;
                }
            }
            T::of(sum)
        })?;
        let corrected = scale
            .local
            .as_ref()
            .and_then(|l| Some((&l.rho, l.dimension?)));
        let factor = match self.normalisation {
            Normalisation::Combinatorial | Normalisation::RandomWalk => None,
            Normalisation::DiffusionMaps { alpha } => Some(powers(
                &density,
                -alpha,
                corrected.map(|(rho, d)| (&rho[..], -d)),
            )),
            Normalisation::Sinkhorn => {
                let kernel = twice.then(|| -> Result<Vec<T>, Error> {
                    let mut kernel = values.clone();
                    edit_rows(
                        &offsets,
                        &columns,
                        &mut kernel,
                        |_| Ok(()),
                        |i, c, v| {
                            c.iter().zip(v).for_each(|(&j, v)| *v = weight(i, j, *v));
                        },
                    )
                    .map(|_| kernel)
                });
                let kernel = kernel.transpose()?;
                let kernel = kernel.as_ref().unwrap_or(&values);
                Some(sinkhorn((&offsets, &columns, kernel), &density, &counter)?)
            }
        };
        let sums = edit_rows(&offsets, &columns, &mut values, advance, |i, c, v| {
            let (mut degree, mut moment) = (0.0, 0.0);
            for (&j, value) in c.iter().zip(v) {
                let distance = value.as_f64();
                if twice {
                    *value = weight(i, j, *value);
                }
                if let Some(factor) = &factor {
                    *value *= factor[i] * factor[j];
                }
                degree += value.as_f64();
                if twice {
                    moment += value.as_f64() * distance * distance;
                }
            }
            // The time is that of the operator that ρ² multiplies.
            if let Some((rho, _)) = corrected {
                moment /= rho[i].as_f64().powi(2);
            }
            (T::of(degree), moment)
        })?;
        let time = self.time_of(&sums, scale.bandwidth.as_f64());
        let one = self.normalisation == Normalisation::Combinatorial;
        let degrees: Vec<T> = sums.into_iter().map(|s| s.0).collect();
        let rho = corrected.map(|(rho, _)| &rho[..]);
        let mass = self.mass(&degrees, time, rho);
        Ok(Laplacian {
            weights: assemble(n, offsets, columns, values),
            degrees,
            mass,
            density,
            time: T::of(time),
            isolated,
            dropped,
            markov: !one && corrected.is_none(),
        })
    }

    /// The mass of rows with these sums: sum times time, times ρ² where the bandwidth varies with the density.
    fn mass<T: Scalar>(&self, degrees: &[T], time: f64, rho: Option<&[T]>) -> Vec<T> {
        let one = self.normalisation == Normalisation::Combinatorial;
        let alone = |d: T| one || d == T::zero();
        let mass = |&d: &T| if alone(d) { T::one() } else { d * T::of(time) };
        let mut mass: Vec<T> = degrees.iter().map(mass).collect();
        if let (Some(rho), Normalisation::DiffusionMaps { .. }) = (rho, self.normalisation) {
            mass.iter_mut().zip(rho).for_each(|(m, &r)| *m *= r * r);
        }
        mass
    }

    /// Whether the operator has no time of its own.
    fn is_plain(&self) -> bool {
        matches!(
            self.normalisation,
            Normalisation::Combinatorial | Normalisation::RandomWalk
        )
    }

    /// The time of the operator, from row sums and second moments of its weights.
    fn time_of<T: Scalar>(&self, sums: &[(T, f64)], h: f64) -> f64 {
        match self.time {
            _ if self.is_plain() => 1.0,
            Time::Quarter => h / 4.0,
            Time::Kernel { dimension } => self.kernel.time(h, dimension),
            Time::Moments { dimension } => {
                let mean = |&(degree, moment): &(T, f64)| {
                    if degree > T::zero() {
                        moment / degree.as_f64()
                    } else {
                        0.0
                    }
                };
                let total: f64 = sums.iter().map(mean).sum();
                total / sums.len().max(1) as f64 / (2.0 * dimension)
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |argument, value, requirement| {
            Err(Error::Parameter {
                operation: OPERATION,
                argument,
                value,
                requirement,
            })
        };
        if !(0.0..1.0).contains(&self.cut_off) {
            return refuse("cut_off", self.cut_off, "at least 0 and less than 1");
        }
        if let Normalisation::DiffusionMaps { alpha } = self.normalisation
            && !alpha.is_finite()
        {
            return refuse("alpha", alpha, "finite");
        }
        match self.time {
            Time::Kernel { dimension } | Time::Moments { dimension }
                if dimension.is_nan() || dimension <= 0.0 || dimension.is_infinite() =>
            {
                refuse("dimension", dimension, "positive and finite")
            }
            _ => Ok(()),
        }
    }
}
