//! What an experiment found: tables, figures, words.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// A number over several seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// The value for every seed, in order.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, divided by n − 1; `None` for a single one.
    pub deviation: Option<f64>,
}

impl Measure {
    /// Sums up values; of none at all the mean is NaN.
    pub fn new(values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        Self {
            values,
            mean,
            deviation,
        }
    }
}

/// Measures by row and column.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// A sentence above it.
    pub caption: String,
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows: a name, and a measure for every column that has one.
    pub rows: Vec<(String, Vec<Option<Measure>>)>,
}

impl Table {
    /// An empty table.
    pub fn new(caption: &str, columns: &[&str]) -> Self {
        Self {
            caption: caption.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row from one vector of measures a seed, all as long as there are columns.
    pub fn row(&mut self, name: &str, by_seed: &[Vec<f64>]) {
        let column = |k: usize| {
            let values: Vec<f64> = by_seed
                .iter()
                .filter_map(|seed| seed.get(k).copied())
                .collect();
            (!values.is_empty()).then(|| Measure::new(values))
        };
        let measures = (0..self.columns.len()).map(column).collect();
        self.rows.push((name.to_owned(), measures));
    }

    /// A measure by its names.
    pub fn get(&self, row: &str, column: &str) -> Option<&Measure> {
        let place = self.columns.iter().position(|name| name == column)?;
        let (_, measures) = self.rows.iter().find(|(name, _)| name == row)?;
        measures.get(place)?.as_ref()
    }

    fn json(&self) -> Value {
        let row = |measures: &[Option<Measure>]| -> Map<String, Value> {
            let named = self.columns.iter().zip(measures);
            named
                .map(|(name, measure)| (name.clone(), json!(measure)))
                .collect()
        };
        let rows: Map<String, Value> = self
            .rows
            .iter()
            .map(|(name, measures)| (name.clone(), Value::Object(row(measures))))
            .collect();
        json!({ "caption": self.caption, "rows": rows })
    }
}

/// A figure of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its file's name, without ending.
    pub name: String,
    /// The SVG.
    pub svg: String,
    /// What it shows.
    pub caption: String,
}

/// What an experiment found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The heading.
    pub title: String,
    /// What it asks, in a sentence or two.
    pub question: String,
    /// What was run: data, networks, training.
    pub setting: String,
    /// What came out, and what the paper or its code gives for it.
    pub findings: Vec<String>,
    /// The numbers.
    pub tables: Vec<Table>,
    /// The figures.
    pub pictures: Vec<Picture>,
}

impl Outcome {
    /// Everything but the figures, for `numbers.json`.
    pub fn json(&self) -> Value {
        json!({
            "title": self.title,
            "question": self.question,
            "setting": self.setting,
            "findings": self.findings,
            "tables": self.tables.iter().map(Table::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_summed_up_by_row_and_column() {
        let mut table = Table::new("C", &["a", "b"]);
        table.row("first", &[vec![1.0, 5.0], vec![3.0, 5.0]]);
        table.row("second", &[vec![7.0]]);
        let measure = table.get("first", "a").unwrap();
        assert_eq!(
            (measure.mean, measure.deviation),
            (2.0, Some(2.0_f64.sqrt()))
        );
        assert_eq!(table.get("second", "a").unwrap().deviation, None);
        assert!(table.get("second", "b").is_none() && table.get("third", "a").is_none());
        let json = table.json();
        assert_eq!(json["rows"]["first"]["b"]["mean"], 5.0);
        assert!(json["rows"]["second"]["b"].is_null());
    }
}
