//! What a person sees while a model trains: a bar on a terminal, a plain line an epoch elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use geom_ae::trainer::{BatchReport, EpochReport};
use geom_bench::report::number;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Progress on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    start: Instant,
    batch_size: usize,
    first: usize,
    epochs: usize,
}

impl Progress {
    /// Progress through epochs `first + 1 ..= epochs` of `batches` batches of `batch_size` points each.
    pub(crate) fn new(first: usize, epochs: usize, batches: usize, batch_size: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let steps = (epochs - first).saturating_mul(batches) as u64;
            let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
            // The template is a constant of this file; a wrong one would fall back to the plain bar.
            if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}  {eta} left") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            start: Instant::now(),
            batch_size,
            first,
            epochs,
        }
    }

    /// One step further.
    pub(crate) fn batch(&self, report: &BatchReport) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            let points = bar.position() as f64 * self.batch_size as f64;
            let rate = points / self.start.elapsed().as_secs_f64().max(1e-9);
            let terms = report.terms.iter().map(|term| {
                let share = percent(term.elapsed, report.elapsed);
                format!("{} {} ({share})", term.name, number(term.value))
            });
            bar.set_message(format!(
                "epoch {}/{}  loss {}  {}  {rate:.0} points/s",
                report.epoch,
                self.epochs,
                number(report.total),
                terms.collect::<Vec<_>>().join("  ")
            ));
        }
    }

    /// A remark, above the bar where there is one.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    /// An epoch's means. A line that cannot be written (a closed pipe) is no reason to stop the training.
    pub(crate) fn epoch(&self, report: &EpochReport, test_mse: Option<f64>) {
        let terms = report
            .terms
            .iter()
            .map(|term| {
                let share = percent(term.elapsed, report.elapsed);
                format!("{} {} ({share})", term.name, number(term.value))
            })
            .collect::<Vec<_>>()
            .join("  ");
        let shared = percent(report.shared_passes, report.elapsed);
        let counted = [("clipped", report.clipped), ("skipped", report.skipped)]
            .map(|(what, count)| match count {
                0 => String::new(),
                count => format!("  {what} {count}"),
            })
            .concat();
        let validation = report.validation.map_or(String::new(), |figure| {
            format!("  validation {}", number(figure))
        });
        let corrected = match report.corrections.floored {
            0 => String::new(),
            count => format!("  floored {count}"),
        };
        let test = test_mse.map_or(String::new(), |mse| format!("  test mse {}", number(mse)));
        let rate = report.points_per_second();
        let line = format!(
            "epoch {:>4}/{}  {terms}  passes ({shared}){validation}{test}{corrected}{counted}  {rate:.0} points/s",
            report.epoch, self.epochs
        );
        if let Some(bar) = &self.bar {
            bar.println(line);
        } else {
            let (done, to_do) = (report.epoch - self.first, self.epochs - report.epoch);
            let seconds = self.start.elapsed().as_secs_f64() * to_do as f64 / done as f64;
            let left = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            let _ = writeln!(io::stderr(), "{line}  {} left", HumanDuration(left));
        }
    }
}

/// The share of a time, rounded: `12 %`.
fn percent(part: Duration, whole: Duration) -> String {
    let share = part.as_secs_f64() / whole.as_secs_f64().max(1e-9);
    format!("{:.0} %", 100.0 * share.min(1.0))
}

/// The bar goes with the training, however it ends, so that the next line begins on a clean one.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
