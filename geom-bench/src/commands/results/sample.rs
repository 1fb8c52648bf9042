//! What a report says of points that stand for more, and before its numbers.

use geom_bench::history::EpochRecord;

use super::{MOST_COMPARED, Measured, MeasuredPart, remarks};

impl<E> Measured<'_, E> {
    /// These points stand for parts of so many points of a file, whose rows they are.
    pub(crate) fn drawn_from(mut self, rows: &[usize], points: [usize; 2]) -> Self {
        for (part, all) in self.parts.iter_mut().zip(points) {
            part.drawn_from = Some(all);
            for index in &mut part.indices {
                *index = rows[*index];
            }
        }
        self
    }

    /// What a reader should know before the numbers.
    pub(super) fn warnings(&self, history: &[EpochRecord]) -> Vec<String> {
        let mut warnings = self.given.clone().unwrap_or_default();
        warnings.extend(remarks::on_training(history));
        warnings.extend(self.parts.iter().flat_map(MeasuredPart::warnings));
        warnings
    }
}

impl<E> MeasuredPart<E> {
    fn warnings(&self) -> Vec<String> {
        let (points, name) = (self.indices.len(), self.name);
        let mut warnings = Vec::new();
        if let Some(all) = self.drawn_from.filter(|&all| all > points) {
            warnings.push(format!(
                "Measured and drawn are {points} of the {all} {name} points, drawn by the seed (--measured-points); the model was trained \
                 and its log's figures were taken on all of their part."
            ));
        }
        if points > MOST_COMPARED {
            warnings.push(format!(
                "What compares points with each other (neighbours, distances, densities, labels) was measured on a sample of \
                 {MOST_COMPARED} of the {points} {name} points; `geom evaluate` compares all."
            ));
        }
        let lost = self.diagnosis.geometry.rank_deficient.len();
        if lost > 0 {
            warnings.push(format!(
                "At {lost} of {points} {name} points the decoder's Jacobian has lost rank: they are left out of the variance of \
                 the log-determinant and of the condition numbers."
            ));
        }
        for (metric, value) in self.diagnosis.metrics.iter() {
            if let Err(reason) = value {
                warnings.push(format!(
                    "{metric} is not defined for the {name} points: {reason}."
                ));
            }
        }
        warnings
    }
}
