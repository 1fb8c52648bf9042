//! The manifold that data lie on, as a setting: a name and, where it has one, a radius.

use std::fmt;
use std::str::FromStr;

use geom_ae::DataSpace;
use geom_riemann::manifold::Space;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::named::named_enum;

named_enum! {
    /// A kind of manifold.
    ManifoldKind, "manifold" {
        /// Vectors of one length.
        Sphere = "sphere",
        /// Vectors of one length in the plane.
        Circle = "circle",
        /// Pairs of coordinates, each on a circle.
        Torus = "torus",
        /// Symmetric positive definite matrices, row by row, with the affine-invariant metric.
        Spd = "spd",
        /// The same with the log-Euclidean metric.
        LogEuclidean = "log-euclidean",
        /// Rotations of space as 3×3 matrices, row by row.
        So3 = "so3",
        /// Points (t, s) of the hyperboloid t² = R² + ‖s‖².
        Hyperbolic = "hyperbolic",
    }
}

/// `sphere`, `sphere:6371`, `so3`: a manifold of any dimension; the width of the data decides which.
///
/// # Examples
/// ```
/// use geom_bench::config::ManifoldChoice;
/// use geom_riemann::manifold::Space;
/// let earth: ManifoldChoice = "sphere:6371".parse()?;
/// assert_eq!(earth.space(3)?.space(), &Space::Sphere { coordinates: 3, radius: 6371.0 });
/// assert!("so3".parse::<ManifoldChoice>()?.space(3).is_err());
/// # Ok::<(), geom_bench::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ManifoldChoice {
    kind: ManifoldKind,
    /// Of the sphere, of every circle, or of curvature; 1 where none was named.
    radius: Option<f64>,
}

const SETTING: &str = "manifold";

impl ManifoldChoice {
    /// The manifold for data of `width` columns.
    ///
    /// # Errors
    /// A width that no such manifold has.
    pub fn space(self, width: usize) -> Result<DataSpace, Error> {
        let radius = self.radius.unwrap_or(1.0);
        let sphere = |coordinates| Space::Sphere {
            coordinates,
            radius,
        };
        let size = width.isqrt();
        let (fits, due) = match self.kind {
            ManifoldKind::Circle => (width == 2, "for data of 2 columns"),
            ManifoldKind::Torus => (
                width >= 2 && width.is_multiple_of(2),
                "for data of pairs of columns, a point of a circle each",
            ),
            ManifoldKind::Spd | ManifoldKind::LogEuclidean => (
                size > 0 && size * size == width,
                "for data of n² columns, the rows of n×n matrices",
            ),
            ManifoldKind::So3 => (
                width == 9,
                "for data of 9 columns, the rows of 3×3 matrices",
            ),
            ManifoldKind::Sphere | ManifoldKind::Hyperbolic => {
                (width >= 2, "for data of at least 2 columns")
            }
        };
        if !fits {
            return Err(Error::Setting {
                setting: SETTING,
                value: format!("{self} (data of {width} columns)"),
                due,
            });
        }
        let space = match self.kind {
            ManifoldKind::Sphere | ManifoldKind::Circle => sphere(width),
            ManifoldKind::Torus => Space::Product {
                factors: vec![sphere(2); width / 2],
            },
            ManifoldKind::Spd => Space::Spd { size },
            ManifoldKind::LogEuclidean => Space::LogEuclideanSpd { size },
            ManifoldKind::So3 => Space::Rotation {},
            ManifoldKind::Hyperbolic => Space::Hyperbolic {
                dimension: width - 1,
                radius,
            },
        };
        Ok(DataSpace::new(space)?)
    }
}

impl FromStr for ManifoldChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, radius) = match text.split_once(':') {
            None => (text, None),
            Some((name, radius)) => (name, Some(radius)),
        };
        let kind: ManifoldKind = name.parse()?;
        let refuse = |due| Error::Setting {
            setting: SETTING,
            value: text.escape_debug().to_string(),
            due,
        };
        let radius = radius
            .map(|radius| match radius.trim().parse::<f64>() {
                Ok(radius) if radius > 0.0 && radius.is_finite() => Ok(radius),
                _ => Err(refuse(
                    "a name, or a name and a radius above 0 such as sphere:6371",
                )),
            })
            .transpose()?;
        let curved = matches!(
            kind,
            ManifoldKind::Sphere
                | ManifoldKind::Circle
                | ManifoldKind::Torus
                | ManifoldKind::Hyperbolic
        );
        if radius.is_some() && !curved {
            return Err(refuse("the name alone: matrices have no radius"));
        }
        Ok(Self { kind, radius })
    }
}

impl fmt::Display for ManifoldChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.radius {
            None => write!(f, "{}", self.kind),
            Some(radius) => write!(f, "{}:{radius}", self.kind),
        }
    }
}

impl TryFrom<String> for ManifoldChoice {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ManifoldChoice> for String {
    fn from(choice: ManifoldChoice) -> Self {
        choice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{ManifoldChoice, ManifoldKind};

    #[test]
    fn every_kind_comes_back_from_its_text_and_knows_its_widths() {
        for &kind in ManifoldKind::ALL {
            let choice: ManifoldChoice = kind.name().parse().unwrap();
            assert_eq!(choice.to_string(), kind.name());
            let widths: Vec<usize> = (0..=10).filter(|&w| choice.space(w).is_ok()).collect();
            let expected: &[usize] = match kind {
                ManifoldKind::Sphere | ManifoldKind::Hyperbolic => &[2, 3, 4, 5, 6, 7, 8, 9, 10],
                ManifoldKind::Circle => &[2],
                ManifoldKind::Torus => &[2, 4, 6, 8, 10],
                ManifoldKind::Spd | ManifoldKind::LogEuclidean => &[1, 4, 9],
                ManifoldKind::So3 => &[9],
            };
            assert_eq!(widths, expected, "{kind}");
            for width in widths {
                assert_eq!(choice.space(width).unwrap().width(), width);
            }
        }
    }

    #[test]
    fn radii_that_make_no_sense_are_refused() {
        for text in [
            "sphere:0",
            "sphere:-1",
            "torus:",
            "so3:2",
            "spd:1",
            "ball",
            "",
            "sphere:NaN",
        ] {
            assert!(text.parse::<ManifoldChoice>().is_err(), "{text}");
        }
        let earth: ManifoldChoice = "sphere:6371".parse().unwrap();
        assert_eq!(earth.to_string(), "sphere:6371");
    }
}
