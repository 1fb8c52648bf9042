//! The settings as text: TOML, a list for the report, a name for the folder.

use std::path::Path;

use super::Config;
use crate::Error;
use crate::data;

impl Config {
    /// The settings as TOML; [`Config::read`] gives back the same.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn to_toml(&self) -> Result<String, Error> {
        self.check()?;
        toml::to_string(self).map_err(|source| Error::ConfigText { source })
    }

    /// Every setting as name and value, in the order of the file, but for the folder.
    ///
    /// # Errors
    /// As [`to_toml`](Self::to_toml).
    pub fn entries(&self) -> Result<Vec<(String, String)>, Error> {
        let settings = Self {
            out: None,
            ..self.clone()
        };
        Ok(settings
            .to_toml()?
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect())
    }

    /// Name of the run for its folder: method and data, letters, digits and dashes only.
    pub fn run_name(&self) -> String {
        let stem = data::stem(Path::new(&self.data));
        let slug: String = stem
            .chars()
            .take(40)
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        let slug = slug.trim_matches('-');
        format!(
            "{}-{}",
            self.method,
            if slug.is_empty() { "data" } else { slug }
        )
    }
}
