//! Several runs side by side.

use maud::{Markup, html};

use super::glossary::{Better, HEADLINE_METRICS, explain};
use super::page::{figure, number, page, warnings};
use super::run::direction;
use super::{Figure, FigureKind, Footer, Metric};

/// One of the runs that are compared
#[derive(Debug, Clone, Default)]
pub struct ComparedRun {
    /// What the run is called, for example its folder
    pub name: String,
    /// Its effective settings; those that differ between the runs are shown
    pub settings: Vec<(String, String)>,
    /// Its pictures; draw heatmaps with one common limit so that their colours can be compared
    pub figures: Vec<Figure>,
    /// What its `metrics.json` holds
    pub metrics: Vec<Metric>,
}

/// Everything that a comparison shows
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The heading
    pub title: String,
    /// What stands in the way of a fair comparison: other data, another split, missing files
    pub warnings: Vec<String>,
    /// The runs, from left to right
    pub runs: Vec<ComparedRun>,
    /// Version, command, data
    pub footer: Footer,
}

/// The comparison as one HTML file
pub fn comparison_page(comparison: &Comparison) -> String {
    let runs = &comparison.runs;
    let body = html! {
        (warnings(&comparison.warnings))
        section {
            h2 { "Metrics" }
            p.lead { "Values on test points, training points below; a tick marks the best test value where a direction is known." }
            (metrics(runs))
        }
        @for kind in FigureKind::ALL {
            @if runs.iter().any(|run| run.figures.iter().any(|picture| picture.kind == kind)) {
                section {
                    h2 { (kind.heading()) }
                    p.lead { (kind.caption()) }
                    div.runs {
                        @for run in runs {
                            div {
                                h3 { (run.name) }
                                @for picture in run.figures.iter().filter(|picture| picture.kind == kind) {
                                    (figure(picture, html! {}))
                                }
                                @if !run.figures.iter().any(|picture| picture.kind == kind) {
                                    p.missing { "This run has no such picture." }
                                }
                            }
                        }
                    }
                }
            }
        }
        section {
            h2 { "Settings that differ" }
            (settings(runs))
        }
    };
    let summary = match runs.len() {
        1 => "1 run".to_owned(),
        count => format!("{count} runs"),
    };
    page(&comparison.title, &summary, body, &comparison.footer)
}

/// The names that occur in any run, each once, in the order of their first appearance
fn names<'a>(lists: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    lists.filter(|name| seen.insert(*name)).collect()
}

/// The value that no other beats, if it beats at least one
fn best(values: &[Option<f64>], better: Better) -> Option<f64> {
    let given = || values.iter().flatten().copied();
    given()
        .find(|a| given().all(|b| !better.prefers(b, *a)) && given().any(|b| better.prefers(*a, b)))
}

fn metrics(runs: &[ComparedRun]) -> Markup {
    let mut all = names(
        runs.iter()
            .flat_map(|run| run.metrics.iter().map(|metric| metric.name.as_str())),
    );
    // The numbers that matter come first, the rest as it is.
    let place = |name: &str| HEADLINE_METRICS.iter().position(|known| *known == name);
    all.sort_by_key(|name| place(name).unwrap_or(HEADLINE_METRICS.len()));
    html! {
        @if all.is_empty() {
            p.missing { "These runs have no metrics." }
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "metric" } @for run in runs { th { (run.name) } } th { "better" } th { "how to read it" } } }
                    tbody {
                        @for name in all {
                            @let explanation = explain(name);
                            @let found: Vec<Option<&Metric>> = runs.iter().map(|run| run.metrics.iter().find(|metric| metric.name == name)).collect();
                            @let tests: Vec<Option<f64>> = found.iter().map(|metric| metric.and_then(|metric| metric.test)).collect();
                            @let winner = best(&tests, explanation.better);
                            tr {
                                th scope="row" { (explanation.title) code { (name) } }
                                @for test in &tests {
                                    td.number.best[test.is_some() && *test == winner] {
                                        (test.map_or("–".to_owned(), number))
                                    }
                                }
                                td { (direction(explanation.better)) }
                                td { (explanation.sentence) }
                            }
                            tr.train {
                                th scope="row" { "on training points" }
                                @for metric in &found {
                                    td.number { (metric.and_then(|metric| metric.train).map_or("–".to_owned(), number)) }
                                }
                                td {}
                                td {}
                            }
                        }
                    }
                }
            }
        }
    }
}

fn settings(runs: &[ComparedRun]) -> Markup {
    let value = |run: &ComparedRun, name: &str| {
        run.settings
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.clone())
    };
    let all = names(
        runs.iter()
            .flat_map(|run| run.settings.iter().map(|(name, _)| name.as_str())),
    );
    let count = all.len();
    let differing: Vec<&str> = all
        .into_iter()
        .filter(|name| {
            runs.iter()
                .any(|run| value(run, name) != runs.first().and_then(|first| value(first, name)))
        })
        .collect();
    html! {
        @if differing.is_empty() {
            p.missing { "All settings are the same." }
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "setting" } @for run in runs { th { (run.name) } } } }
                    tbody {
                        @for name in &differing {
                            tr {
                                th scope="row" { (name) }
                                @for run in runs { td { (value(run, name).unwrap_or_else(|| "–".to_owned())) } }
                            }
                        }
                    }
                }
            }
            p.lead { "The other " (count - differing.len()) " settings are the same." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, metrics: &[(&str, f64)], weight: &str) -> ComparedRun {
        ComparedRun {
            name: name.into(),
            settings: vec![
                ("seed".into(), "1".into()),
                ("weight".into(), weight.into()),
            ],
            figures: vec![Figure {
                kind: FigureKind::Indicatrices,
                svg: format!("<svg>{name}</svg>"),
                remark: None,
            }],
            metrics: metrics
                .iter()
                .map(|(name, test)| Metric {
                    name: (*name).into(),
                    train: Some(9.0),
                    test: Some(*test),
                })
                .collect(),
        }
    }

    #[test]
    fn the_better_value_is_marked_in_the_known_direction() {
        let comparison = Comparison {
            title: "Two".into(),
            runs: vec![
                run(
                    "a",
                    &[
                        ("log_det_variance", 0.0043),
                        ("knn_recall_10", 0.25),
                        ("odd", 1.0),
                    ],
                    "0.1",
                ),
                run(
                    "b",
                    &[
                        ("log_det_variance", 4.89),
                        ("knn_recall_10", 0.5),
                        ("odd", 2.0),
                    ],
                    "0",
                ),
            ],
            ..Comparison::default()
        };
        let html = comparison_page(&comparison);
        assert!(
            html.contains("best\">0.0043<") && html.contains("best\">0.5<"),
            "{html}"
        );
        assert_eq!(
            html.matches("number best").count(),
            2,
            "no mark without a direction"
        );
        assert!(html.contains(">a</h3>") && html.contains("<svg>b</svg>"));
        assert!(
            html.contains("<th scope=\"row\">weight</th>")
                && !html.contains("<th scope=\"row\">seed</th>")
        );
    }

    #[test]
    fn ties_and_values_that_are_not_finite_do_not_win() {
        assert_eq!(best(&[Some(1.0), Some(1.0)], Better::Lower), None);
        assert_eq!(best(&[Some(1.0), None], Better::Lower), None);
        assert_eq!(
            best(
                &[Some(f64::NAN), Some(2.0), Some(f64::INFINITY)],
                Better::Lower
            ),
            Some(2.0)
        );
        assert_eq!(
            best(&[Some(f64::NAN), Some(f64::NAN)], Better::Higher),
            None
        );
        assert_eq!(
            best(&[Some(3.0), Some(1.0), Some(1.0)], Better::Lower),
            Some(1.0),
            "a shared best is marked twice"
        );
    }

    #[test]
    fn hostile_names_are_escaped_and_no_run_is_a_page() {
        let attack = "<script>alert(1)</script>";
        let hostile = Comparison {
            title: attack.into(),
            warnings: vec![attack.into()],
            runs: vec![run(attack, &[(attack, 1.0)], attack), run("b", &[], "0")],
            footer: Footer::default(),
        };
        let mut hostile = hostile;
        hostile.runs[0].figures.clear();
        assert!(!comparison_page(&hostile).contains("<script"));
        assert!(comparison_page(&Comparison::default()).contains("0 runs"));
    }

    #[test]
    fn the_numbers_that_matter_come_first() {
        let metric = |name: &str| Metric {
            name: name.into(),
            train: None,
            test: Some(1.0),
        };
        let run = ComparedRun {
            metrics: [
                "continuity",
                "kl_0.1",
                "reconstruction_mse",
                "trustworthiness",
            ]
            .map(metric)
            .into(),
            ..ComparedRun::default()
        };
        let html = comparison_page(&Comparison {
            runs: vec![run],
            ..Comparison::default()
        });
        let places = [
            "reconstruction_mse",
            "kl_0.1",
            "continuity",
            "trustworthiness",
        ]
        .map(|name| html.find(&format!("<code>{name}</code>")).unwrap());
        assert!(places.is_sorted(), "{places:?}");
    }
}
