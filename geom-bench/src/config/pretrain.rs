//! Whether an encoder is trained alone first, and how far.

use geom_ae::LatentSettings;
use geom_ae::objective::PretrainingGoal;

use super::spelled::Spelled;

/// When the encoder, trained alone first, counts as being where the prior is; `None` where it is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pretrain(pub Option<PretrainingGoal>);

impl Spelled for Pretrain {
    const WHAT: &'static str = "pretrain";
    const FORMS: &'static str = "true, false, share:SHARE or loss:LOSS";

    fn spell(&self) -> String {
        match self.0 {
            None => "false".to_owned(),
            Some(PretrainingGoal::Loss(loss)) => format!("loss:{loss}"),
            Some(PretrainingGoal::OfCollapsed(share)) => format!("share:{share}"),
        }
    }

    fn understand(name: &str, parameters: &[&str]) -> Option<Self> {
        let number = |text: &str| {
            let value: f64 = text.trim().parse().ok()?;
            (value.is_finite() && value > 0.0).then_some(value)
        };
        Some(Self(match (name, parameters) {
            ("false", []) => None,
            ("true", []) => LatentSettings::default().pretrain,
            ("loss", [loss]) => Some(PretrainingGoal::Loss(number(loss)?)),
            ("share", [share]) => Some(PretrainingGoal::OfCollapsed(number(share)?)),
            _ => return None,
        }))
    }
}
