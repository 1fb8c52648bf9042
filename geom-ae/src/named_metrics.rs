//! Figures by name, each with its value or the reason why it has none.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::metrics::{MetricError, Summary};

/// Why a figure is not defined for these data.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// The decoder's Jacobian has lost rank at every point.
    #[error("none of {points} points has a Jacobian of full rank")]
    NoFullRank {
        /// Points given.
        points: usize,
    },
    /// A variance over the points of full rank.
    #[error("a variance needs two points with a Jacobian of full rank, there are {full}")]
    TooFewOfFullRank {
        /// Points of full rank.
        full: usize,
    },
    /// A sum that has overflowed.
    #[error("its value {value} is not finite")]
    NotFinite {
        /// The value.
        value: f64,
    },
    /// A metric of the embedding.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A reason that was read from a file.
    #[error("{reason}")]
    Told {
        /// The reason, in words.
        reason: String,
    },
    /// A functional of the decoder's metric.
    #[error("{0}")]
    Geometry(Arc<geom_riemann::Error>),
}

impl From<geom_riemann::Error> for Undefined {
    fn from(reason: geom_riemann::Error) -> Self {
        Self::Geometry(Arc::new(reason))
    }
}

/// Figures by name, in the order of a report.
///
/// Serialises as a map from name to number; a figure that is not defined for these data becomes `{"undefined": reason}`. Read back,
/// names keep their order.
///
/// # Examples
/// ```
/// use geom_ae::{Metrics, Undefined};
///
/// let mut metrics = Metrics::default();
/// metrics.add("reconstruction_mse", Ok(0.25));
/// metrics.add("log_det_variance", Err(Undefined::TooFewOfFullRank { full: 1 }));
/// assert_eq!(metrics.get("reconstruction_mse"), Some(0.25));
/// assert_eq!(metrics.get("log_det_variance"), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    entries: Vec<(String, Result<f64, Undefined>)>,
}

impl Metrics {
    /// Every name with its value, or the reason why it has none.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Result<f64, &Undefined>)> {
        let entries = self.entries.iter();
        entries.map(|(name, value)| (name.as_str(), value.as_ref().copied()))
    }

    /// The value of this name where it is defined.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| value.ok())
    }

    /// Adds a figure, or the reason why it is not defined; a value that is not finite is none.
    pub fn add(&mut self, name: impl Into<String>, value: Result<f64, Undefined>) {
        let value = value.and_then(|value| {
            if value.is_finite() {
                Ok(value)
            } else {
                Err(Undefined::NotFinite { value })
            }
        });
        self.entries.push((name.into(), value));
    }

    /// Adds all figures of `others`.
    pub fn extend(&mut self, others: Self) {
        self.entries.extend(others.entries);
    }
}

impl From<Summary> for Metrics {
    fn from(summary: Summary) -> Self {
        let mut metrics = Self::default();
        for entry in summary.entries {
            metrics.add(entry.name, entry.value.map_err(Undefined::from));
        }
        metrics
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Reason {
            undefined: String,
        }
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, value) in self.iter() {
            match value {
                Ok(value) => map.serialize_entry(name, &value)?,
                Err(reason) => {
                    let undefined = reason.to_string();
                    map.serialize_entry(name, &Reason { undefined })?;
                }
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Entry {
            Value(f64),
            Reason { undefined: String },
        }
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to numbers or reasons")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut metrics = Metrics::default();
                while let Some((name, entry)) = map.next_entry::<String, Entry>()? {
                    let value = match entry {
                        Entry::Value(value) => Ok(value),
                        Entry::Reason { undefined } => Err(Undefined::Told { reason: undefined }),
                    };
                    metrics.add(name, value);
                }
                Ok(metrics)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::{Metrics, Undefined};

    #[test]
    fn what_is_not_a_number_is_written_with_its_reason() {
        let mut metrics = Metrics::default();
        metrics.add("a", Ok(0.5));
        metrics.add("b", Ok(f64::INFINITY));
        metrics.add("c", Err(Undefined::NoFullRank { points: 3 }));
        let text = serde_json::to_string(&metrics).unwrap();
        assert_eq!(
            text,
            r#"{"a":0.5,"b":{"undefined":"its value inf is not finite"},"c":{"undefined":"none of 3 points has a Jacobian of full rank"}}"#
        );
        let again: Metrics = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}
