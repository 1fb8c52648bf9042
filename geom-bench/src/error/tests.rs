//! Messages stay on one line, errors small.

use super::Error;

#[test]
fn the_error_is_small_enough_to_return_by_value() {
    assert!(size_of::<Error>() <= 128, "{} bytes", size_of::<Error>());
}

#[test]
fn text_from_a_file_cannot_break_the_line() {
    let error = Error::NotANumber {
        path: "a.csv".into(),
        line: 2,
        column: 3,
        text: "a\nb".to_owned(),
        due: "a number",
    };
    assert_eq!(
        error.to_string(),
        "a.csv: line 2, column 3: `a\\nb` is not a number"
    );
}
