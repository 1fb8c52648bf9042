//! The report of one run.

use maud::{Markup, html};

use super::glossary::{Better, HEADLINE_METRICS, explain};
use super::page::{figure, number, page, warnings};
use super::{AbsentFigure, Figure, FigureKind, Footer, Metric};

/// Everything that the report of one run shows
#[derive(Debug, Clone, Default)]
pub struct RunReport {
    /// The heading: method and data
    pub title: String,
    /// One line below it: sizes, epochs, time
    pub summary: String,
    /// What is wrong or missing: corrections that were made, pieces that could not be computed
    pub warnings: Vec<String>,
    /// The pictures; they are shown in the order of [`FigureKind::ALL`]
    pub figures: Vec<Figure>,
    /// The pictures that this run cannot have; others that are missing are warned of
    pub absent: Vec<AbsentFigure>,
    /// Whether all points are one part; the metrics' test values are then of all of them
    pub undivided: bool,
    /// What `metrics.json` holds; [`HEADLINE_METRICS`] also stand on top
    pub metrics: Vec<Metric>,
    /// The metrics that stand on top; [`HEADLINE_METRICS`] unless said
    pub headline: Option<Vec<&'static str>>,
    /// Every effective setting, as name and value
    pub settings: Vec<(String, String)>,
    /// Version, seed, command, data
    pub footer: Footer,
}

/// The report as one HTML file
pub fn run_page(report: &RunReport) -> String {
    let body = html! {
        (headline(report))
        (warnings(&all_warnings(report)))
        section {
            h2 { "Pictures" }
            @for kind in FigureKind::ALL {
                @for picture in report.figures.iter().filter(|picture| picture.kind == kind) {
                    (figure(picture, html! { strong { (kind.heading()) ". " } (kind.caption()) }))
                }
                @for absent in report.absent.iter().filter(|absent| absent.kind == kind) {
                    p.missing { strong { (kind.heading()) ". " } (absent.reason) }
                }
            }
            @if report.figures.is_empty() { p.missing { "This run has no pictures." } }
        }
        section {
            h2 { "Metrics" }
            (metrics(report))
        }
        section {
            h2 { "Settings" }
            dl.settings {
                @for (name, value) in &report.settings {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    };
    page(&report.title, &report.summary, body, &report.footer)
}

fn headline_names(report: &RunReport) -> Vec<&'static str> {
    report
        .headline
        .clone()
        .unwrap_or_else(|| HEADLINE_METRICS.to_vec())
}

/// The caller's warnings, and what the report itself can see: missing pieces, values that are not finite
fn all_warnings(report: &RunReport) -> Vec<String> {
    let mut all = report.warnings.clone();
    let mut list = |beginning: &str, names: Vec<&str>| {
        if !names.is_empty() {
            all.push(format!("{beginning}: {}.", names.join(", ")));
        }
    };
    let broken = |metric: &&Metric| {
        [metric.train, metric.test]
            .iter()
            .flatten()
            .any(|value| !value.is_finite())
    };
    let names = report
        .metrics
        .iter()
        .filter(broken)
        .map(|metric| metric.name.as_str());
    list("Not finite", names.collect());
    if !report.metrics.is_empty() {
        let missing = |name: &&str| !report.metrics.iter().any(|metric| metric.name == *name);
        list(
            "Missing metrics",
            headline_names(report).into_iter().filter(missing).collect(),
        );
    }
    if !report.figures.is_empty() {
        let missing = |kind: &FigureKind| {
            kind.always()
                && !report.figures.iter().any(|picture| picture.kind == *kind)
                && !report.absent.iter().any(|absent| absent.kind == *kind)
        };
        let kinds = FigureKind::ALL.into_iter().filter(missing);
        list("Missing pictures", kinds.map(FigureKind::heading).collect());
    }
    all
}

/// The numbers that matter, on test points where there are any
fn headline(report: &RunReport) -> Markup {
    let metrics = &report.metrics;
    let cards: Vec<(&Metric, f64)> = headline_names(report)
        .iter()
        .filter_map(|name| metrics.iter().find(|metric| metric.name == *name))
        .filter_map(|metric| metric.test.or(metric.train).map(|value| (metric, value)))
        .collect();
    html! {
        @if !cards.is_empty() {
            dl.numbers {
                @for (metric, value) in cards {
                    div {
                        dt { (explain(&metric.name).title) }
                        dd.value { (number(value)) }
                        dd.other {
                            @match (metric.test, metric.train) {
                                (Some(_), Some(train)) => { "test; train " (number(train)) }
                                (Some(_), None) if report.undivided => { "all points" }
                                (Some(_), None) => { "test" }
                                (None, _) => { "train" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn metrics(report: &RunReport) -> Markup {
    let metrics = &report.metrics;
    let cell = |value: Option<f64>| html! { td.number { (value.map_or("–".to_owned(), number)) } };
    html! {
        @if metrics.is_empty() {
            p.missing { "This run has no metrics." }
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "metric" } @if report.undivided { th { "all points" } } @else { th { "train" } th { "test" } } th { "better" } th { "how to read it" } } }
                    tbody {
                        @for metric in metrics {
                            @let explanation = explain(&metric.name);
                            tr {
                                th scope="row" { (explanation.title) code { (metric.name) } }
                                @if !report.undivided { (cell(metric.train)) }
                                (cell(metric.test))
                                td { (direction(explanation.better)) }
                                td { (explanation.sentence) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn direction(better: Better) -> &'static str {
    match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
        Better::Unknown => "–",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, train: Option<f64>, test: Option<f64>) -> Metric {
        Metric {
            name: name.into(),
            train,
            test,
        }
    }

    #[test]
    fn hostile_text_is_escaped_everywhere() {
        let attack = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&";
        let report = RunReport {
            title: attack.into(),
            summary: attack.into(),
            warnings: vec![attack.into()],
            figures: vec![Figure {
                kind: FigureKind::Embedding,
                svg: "<svg/>".into(),
                remark: Some(attack.into()),
            }],
            absent: vec![AbsentFigure {
                kind: FigureKind::LossCurves,
                reason: attack.into(),
            }],
            undivided: false,
            headline: None,
            metrics: vec![metric(attack, Some(1.0), None)],
            settings: vec![(attack.into(), attack.into())],
            footer: Footer {
                version: attack.into(),
                seed: Some(1),
                command: Some(attack.into()),
                attribution: Some(attack.into()),
            },
        };
        let html = run_page(&report);
        assert!(!html.contains("<script") && !html.contains("<img"));
        // Title and heading, summary, warning, remark, absent picture, metric twice, setting twice, three in the footer.
        assert_eq!(html.matches("&lt;script&gt;alert(1)").count(), 13);
        assert_eq!(
            html.matches("<svg/>").count(),
            1,
            "figures go in as they are"
        );
    }

    #[test]
    fn the_page_asks_for_nothing_outside_itself() {
        let html = run_page(&RunReport {
            metrics: vec![metric("kl_0.1", Some(0.1), Some(0.2))],
            ..RunReport::default()
        });
        assert!(html.contains("default-src 'none'"));
        for forbidden in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn headline_numbers_prefer_test_values_and_say_which_they_are() {
        let html = run_page(&RunReport {
            metrics: vec![
                metric("kl_0.1", Some(0.5), Some(0.25)),
                metric("reconstruction_mse", Some(0.125), None),
                metric(
                    "condition_number_median",
                    Some(f64::INFINITY),
                    Some(f64::INFINITY),
                ),
                metric("log_det_variance", Some(f64::NAN), None),
            ],
            ..RunReport::default()
        });
        assert!(
            html.contains("<dd class=\"value\">0.25</dd><dd class=\"other\">test; train 0.5</dd>"),
            "{html}"
        );
        assert!(html.contains("<dd class=\"value\">0.125</dd><dd class=\"other\">train</dd>"));
        assert!(html.contains("<dd class=\"value\">∞</dd>") && html.contains("not a number"));
        let order: Vec<_> = [
            "Reconstruction error",
            "Median condition",
            "Density divergence",
        ]
        .iter()
        .map(|title| html.find(title).unwrap())
        .collect();
        assert!(order.is_sorted());
    }

    #[test]
    fn what_is_missing_or_not_finite_is_said() {
        let report = RunReport {
            warnings: vec!["floored 3".into()],
            figures: vec![Figure {
                kind: FigureKind::Embedding,
                svg: "<svg/>".into(),
                remark: None,
            }],
            metrics: vec![
                metric("kl_0.1", Some(f64::NAN), Some(0.1)),
                metric("reconstruction_mse", Some(1.0), None),
            ],
            ..RunReport::default()
        };
        assert_eq!(
            all_warnings(&report),
            [
                "floored 3",
                "Not finite: kl_0.1.",
                "Missing metrics: log_det_variance, condition_number_median, knn_recall_10.",
                "Missing pictures: Log-determinant heatmap, Indicatrices, Reconstructions, Losses.",
            ]
        );
    }

    #[test]
    fn an_empty_report_is_a_page() {
        let html = run_page(&RunReport::default());
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>"));
        assert!(!html.contains("class=\"warnings\""));
    }
}
