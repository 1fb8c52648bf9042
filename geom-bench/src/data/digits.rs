//! The UCI digits, embedded in the program (source and licence: `geom-bench/data/README.md`).

use super::{Dataset, Labels, Scalar, csv, input::Input};
use crate::Error;

/// The file as scikit-learn ships it: 64 grey values 0–16 and the digit, no header.
const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// The largest grey value, by which all are divided.
const WHITE: f64 = 16.0;

/// Source and licence, as reports show them.
const ATTRIBUTION: &str = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, \
    UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, CC BY 4.0";

/// Loads the 1,797 digits, grey values in $[0, 1]$.
pub(super) fn load<E: Scalar>() -> Result<Dataset<E>, Error> {
    let mut digits = csv::read::<E>(
        Input::embedded("digits.csv.gz", FILE)?,
        "digits".to_owned(),
        Labels::Last,
    )?;
    digits.points.mapv_inplace(|grey| grey / E::from_f64(WHITE));
    digits.image = Some((8, 8));
    digits.attribution = Some(ATTRIBUTION);
    Ok(digits)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_embedded_digits_are_whole() {
        let digits = super::load::<f32>().unwrap();
        assert_eq!(digits.points.dim(), (1797, 64));
        assert_eq!(digits.name, "digits");
        assert!(digits.points.iter().all(|&v| (0.0..=1.0).contains(&v)));
        // First row of the first image: 0 0 5 13 9 1 0 0, a zero.
        let first: Vec<f32> = digits
            .points
            .row(0)
            .iter()
            .take(8)
            .map(|v| v * 16.0)
            .collect();
        assert_eq!(first, [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
        let labels = digits.labels.unwrap();
        // The counts that the UCI documentation gives for this part.
        let counts: Vec<usize> = (0..10)
            .map(|digit| labels.iter().filter(|&&l| l == digit).count())
            .collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
