use super::flow::{FlowOptions, exponential};
use crate::{Error, MetricField, MetricTensor, Result, Scalar, check};
use serde::{Deserialize, Serialize};

/// A disc of given geodesic radius about a point of a surface, as polylines to draw.
///
/// # Examples
/// ```
/// use geom_riemann::{FlowOptions, GeodesicBall, PoincareDisc};
/// let ball = GeodesicBall::about(&PoincareDisc, [0.0, 0.0], 1.0, 12, 4, &FlowOptions::default())?;
/// assert!((ball.boundary[0].map_or(0.0, |p| p[0]) - 0.5_f64.tanh()).abs() < 1e-9);
/// # Ok::<(), geom_riemann::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeodesicBall {
    /// The centre.
    pub centre: [f64; 2],
    /// The geodesic radius.
    pub radius: f64,
    /// End points of the rays, counter-clockwise in an orthonormal frame; `None` where a ray leaves the domain or meets a point
    /// where the metric degenerates.
    pub boundary: Vec<Option<[f64; 2]>>,
    /// The rays from the centre outwards, as far as they stay in the domain.
    pub rays: Vec<Vec<[f64; 2]>>,
}

impl GeodesicBall {
    /// Shoots `directions` rays of length `radius`, each drawn with `points` points beyond the centre.
    ///
    /// # Errors
    /// A field of another dimension than 2, a radius that is not positive, no directions or points, a centre outside the domain.
    pub fn about<T: Scalar, M: MetricField + ?Sized>(
        field: &M,
        centre: [T; 2],
        radius: f64,
        directions: usize,
        points: usize,
        options: &FlowOptions,
    ) -> Result<Self> {
        let operation = "GeodesicBall::about";
        let centre = centre.map(Scalar::wide);
        let frame = orthonormal_frame(operation, field, centre)?;
        positive(operation, "radius", radius)?;
        positive(operation, "directions", directions as f64)?;
        positive(operation, "points", points as f64)?;
        let (mut boundary, mut rays) = (Vec::new(), Vec::new());
        for i in 0..directions {
            let (sine, cosine) = (std::f64::consts::TAU * i as f64 / directions as f64).sin_cos();
            let v = combine(
                &frame,
                radius * cosine / points as f64,
                radius * sine / points as f64,
            );
            let ray = walk(field, centre, v, points, options)?;
            boundary.push((ray.len() == points + 1).then(|| ray[points]));
            rays.push(ray);
        }
        Ok(Self {
            centre,
            radius,
            boundary,
            rays,
        })
    }
}

/// A square grid in normal coordinates about a point: what graph paper becomes on the surface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalGrid {
    /// The centre.
    pub centre: [f64; 2],
    /// Geodesic distance of neighbours on the axes.
    pub spacing: f64,
    /// Rows of grid points from south-west to north-east; `None` where the domain ends or the metric
    /// degenerates on the way.
    pub points: Vec<Vec<Option<[f64; 2]>>>,
}

impl NormalGrid {
    /// The points $\exp(h(ie_1+je_2))$ for $|i|,|j|\le$ `reach`.
    ///
    /// # Errors
    /// As [`GeodesicBall::about`].
    pub fn about<T: Scalar, M: MetricField + ?Sized>(
        field: &M,
        centre: [T; 2],
        spacing: f64,
        reach: usize,
        options: &FlowOptions,
    ) -> Result<Self> {
        let operation = "NormalGrid::about";
        let centre = centre.map(Scalar::wide);
        let frame = orthonormal_frame(operation, field, centre)?;
        positive(operation, "spacing", spacing)?;
        if reach > 1000 {
            let (argument, expected) = ("reach", "at most 1000");
            return Err(Error::Parameter {
                operation,
                argument,
                value: reach as f64,
                expected,
            });
        }
        let offsets = || (0..=2 * reach).map(move |i| spacing * (i as f64 - reach as f64));
        let points = offsets()
            .map(|y| {
                offsets()
                    .map(|x| {
                        let ray = walk(field, centre, combine(&frame, x, y), 1, options)?;
                        Ok(ray.get(1).copied())
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            centre,
            spacing,
            points,
        })
    }
}

/// Follows a geodesic for a number of unit times, stopping where it leaves the domain or the metric degenerates (the tip
/// of a cone).
fn walk<M: MetricField + ?Sized>(
    field: &M,
    from: [f64; 2],
    mut v: [f64; 2],
    steps: usize,
    options: &FlowOptions,
) -> Result<Vec<[f64; 2]>> {
    let mut ray = vec![from];
    for _ in 0..steps {
        match exponential(field, &ray[ray.len() - 1], &v, options) {
            Ok(shot) => {
                ray.push([shot.point[0], shot.point[1]]);
                v = [shot.velocity[0], shot.velocity[1]];
            }
            Err(
                Error::Domain { .. }
                | Error::NotConverged { .. }
                | Error::NotPositiveDefinite { .. }
                | Error::Range { .. },
            ) => break,
            Err(other) => return Err(other),
        }
    }
    Ok(ray)
}

/// Two tangent vectors of unit length at right angles, the first along the first coordinate (Gram–Schmidt).
fn orthonormal_frame<M: MetricField + ?Sized>(
    operation: &'static str,
    field: &M,
    z: [f64; 2],
) -> Result<[[f64; 2]; 2]> {
    check::shape(operation, "latent dimension", &[field.dimension()], &[2])?;
    let metric = MetricTensor::of_matrix(&field.metric(&z)?)?;
    let first = metric.length(&[1.0, 0.0])?;
    let along = metric.inner(&[1.0, 0.0], &[0.0, 1.0])? / (first * first);
    let second = metric.length(&[-along, 1.0])?;
    Ok([[1.0 / first, 0.0], [-along / second, 1.0 / second]])
}

fn combine(frame: &[[f64; 2]; 2], x: f64, y: f64) -> [f64; 2] {
    [
        x * frame[0][0] + y * frame[1][0],
        x * frame[0][1] + y * frame[1][1],
    ]
}

fn positive(operation: &'static str, argument: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::Parameter {
        operation,
        argument,
        value,
        expected: "positive and finite",
    })
}
