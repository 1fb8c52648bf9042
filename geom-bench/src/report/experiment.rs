//! The page of an experiment.

use maud::{Markup, PreEscaped, html};

use super::Footer;
use super::page::{number, page};
use crate::experiments::{Measure, Outcome, Picture, Table};

/// What an experiment found as one HTML file
pub fn experiment_page(outcome: &Outcome, footer: &Footer) -> String {
    let body = html! {
        section {
            h2 { "Findings" }
            ul { @for finding in &outcome.findings { li { (finding) } } }
            p { (outcome.setting) }
        }
        section {
            h2 { "Pictures" }
            @for picture in &outcome.pictures { (figure(picture)) }
        }
        section {
            h2 { "Numbers" }
            p { "Mean over the seeds ± their standard deviation." }
            @for table in &outcome.tables { (measures(table)) }
        }
    };
    page(&outcome.title, &outcome.question, body, footer)
}

fn figure(picture: &Picture) -> Markup {
    html! {
        figure.below {
            (PreEscaped(&picture.svg))
            figcaption { (picture.caption) }
        }
    }
}

fn measures(table: &Table) -> Markup {
    html! {
        p { (table.caption) }
        div.scroll {
            table {
                thead { tr { th { "" } @for column in &table.columns { th { (column) } } } }
                tbody {
                    @for (name, row) in &table.rows {
                        tr {
                            th scope="row" { (name) }
                            @for measure in row { td.number { (cell(measure.as_ref())) } }
                        }
                    }
                }
            }
        }
    }
}

fn cell(measure: Option<&Measure>) -> String {
    match measure {
        Some(measure) if measure.mean.is_finite() => match measure.deviation {
            Some(deviation) => format!("{} ± {}", number(measure.mean), number(deviation)),
            None => number(measure.mean),
        },
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped_and_numbers_have_their_deviation() {
        let attack = "<script>alert(1)</script>";
        let mut table = Table::new(attack, &["a", "b"]);
        table.row(attack, &[vec![1.0, f64::NAN], vec![2.0, 1.0]]);
        let outcome = Outcome {
            title: attack.into(),
            question: attack.into(),
            setting: attack.into(),
            findings: vec![attack.into()],
            tables: vec![table],
            pictures: vec![Picture {
                name: "a".into(),
                svg: "<svg/>".into(),
                caption: attack.into(),
            }],
        };
        let html = experiment_page(&outcome, &Footer::default());
        assert!(!html.contains("<script") && html.contains("<svg/>"));
        assert!(html.contains("1.5 ± 0.7071") && html.contains(">–<"));
    }
}
