//! The picture that training begins at.

use std::path::PathBuf;

use geom_ae::trainer::{Beginning, Schedule};

use super::{Config, Spelled};
use crate::Error;
use crate::beginning::WARM_UP;

/// Codes that both networks are fitted to before the first epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeginAt {
    /// Those of Isomap on the training points, by [landmarks](crate::beginning::LANDMARKS).
    Isomap,
    /// Those of a file, one row for each point of the data.
    File(PathBuf),
}

impl Spelled for BeginAt {
    const WHAT: &'static str = "begin-at";
    const FORMS: &'static str =
        "isomap or a file with a code for each point (./isomap for a file of that name)";

    fn spell(&self) -> String {
        match self {
            Self::Isomap => "isomap".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        // A path may hold colons.
        let all = [&[name], parameters].concat().join(":");
        match all.as_str() {
            "" => None,
            "isomap" => Some(Self::Isomap),
            _ => Some(Self::File(all.into())),
        }
    }
}

impl Config {
    /// How the networks are fitted to the picture, where there is one.
    pub fn beginning(&self) -> Option<(&BeginAt, Beginning)> {
        let at = self.begin_at.as_ref()?;
        let own = Beginning::default();
        let epochs = self.begin_epochs.unwrap_or(own.epochs);
        Some((at, Beginning { epochs, ..own }))
    }

    /// What a picture to begin at brings with it: its epochs and, unless some layer says how the learning rate changes or the method
    /// does, a warm-up.
    pub(super) fn settle_beginning(&mut self, scheduled: bool) {
        let Some((_, beginning)) = self.beginning() else {
            return;
        };
        self.begin_epochs = Some(beginning.epochs);
        if !scheduled && self.learning_rate_schedule == Schedule::Constant {
            self.learning_rate_schedule = Schedule::WarmUp { epochs: WARM_UP };
        }
    }

    pub(super) fn check_beginning(&self) -> Result<(), Error> {
        let refuse = |setting, value, due| {
            Err(Error::Setting {
                setting,
                value,
                due,
            })
        };
        let Some(at) = &self.begin_at else {
            return match self.begin_epochs {
                Some(epochs) => refuse(
                    "begin-epochs",
                    epochs.to_string(),
                    "left out without --begin-at",
                ),
                None => Ok(()),
            };
        };
        if self.begin_epochs == Some(0) {
            return refuse("begin-epochs", "0".to_owned(), "at least 1");
        }
        if matches!(self.method, super::Method::Control(_)) {
            let due = "left out for a control, whose codes its networks are fitted to anyway";
            return refuse("begin-at", at.spell(), due);
        }
        match self.latent.pretrain {
            Some(goal) if goal.0.is_some() => refuse(
                "pretrain",
                goal.spell(),
                "false with --begin-at: training the encoder alone first would undo the picture",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Method, Settings};

    fn layered(settings: Settings) -> Config {
        Config::layered(vec![settings]).unwrap()
    }

    #[test]
    fn a_picture_brings_a_warm_up_unless_another_schedule_is_there() {
        let at = |method, schedule| Settings {
            method: Some(method),
            begin_at: Some(BeginAt::Isomap),
            learning_rate_schedule: schedule,
            ..Settings::default()
        };
        let config = layered(at(Method::Ggae, None));
        assert_eq!(
            (config.begin_epochs, config.learning_rate_schedule),
            (Some(40), Schedule::WarmUp { epochs: 20 })
        );
        config.check().unwrap();
        let text = config.to_toml().unwrap();
        let again = Settings::parse(&text, "config.toml".as_ref()).unwrap();
        assert_eq!(layered(again), config, "{text}");
        for given in [Schedule::Constant, Schedule::WarmUp { epochs: 3 }] {
            let config = layered(at(Method::Ggae, Some(given)));
            assert_eq!(config.learning_rate_schedule, given);
        }
        // The method's own stays.
        let own = Config::of(Method::NraeL).learning_rate_schedule;
        let config = layered(at(Method::NraeL, None));
        assert_eq!(config.learning_rate_schedule, own);
        assert_eq!(
            layered(Settings::default()).learning_rate_schedule,
            Schedule::Constant
        );
    }

    #[test]
    fn what_a_picture_does_not_go_with_is_refused() {
        let refused = |settings, fragment: &str| {
            let error = layered(settings).check().unwrap_err().to_string();
            assert!(error.contains(fragment), "{error}");
        };
        let at = |method| Settings {
            method: Some(method),
            begin_at: Some(BeginAt::Isomap),
            ..Settings::default()
        };
        refused(at(Method::WaeMmd), "pretrain");
        refused(at(Method::Control(geom_ae::Control::Umap)), "begin-at");
        let none = Settings {
            begin_epochs: Some(0),
            ..at(Method::Ae)
        };
        refused(none, "begin-epochs");
        let alone = Settings {
            begin_epochs: Some(5),
            ..Settings::default()
        };
        refused(alone, "without --begin-at");
    }
}
