//! Layer widths as text, and a refused command line as one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Widths of hidden layers; on the command line `100,100` or `none`, in a file `[100, 100]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Widths(pub Vec<usize>);

impl FromStr for Widths {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let widths = text.split(',').map(|width| width.trim().parse());
        let bad = |_| Error::Setting {
            setting: "hidden",
            value: text.escape_debug().to_string(),
            due: "widths such as 100,100 or none",
        };
        widths.collect::<Result<_, _>>().map(Self).map_err(bad)
    }
}

/// The message of a refused command line as a single line, without the usage.
///
/// # Examples
/// ```
/// use clap::{Args, Command};
/// use geom_bench::config::{Settings, usage_line};
/// let command = Settings::augment_args(Command::new("geom"));
/// let error = command.try_get_matches_from(["geom", "--method", "geomea"]).unwrap_err();
/// let line = usage_line(&error);
/// assert!(line.contains("--method") && line.contains("`geomae`") && !line.contains('\n'));
/// ```
pub fn usage_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let message = lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    message
        .strip_prefix("error: ")
        .map(str::to_owned)
        .unwrap_or(message)
}
