//! `geom experiment`: what it writes, what it refuses.

use super::*;

#[test]
fn a_short_experiment_writes_numbers_figures_and_a_page() {
    let scratch = scratch();
    for (name, figure) in [
        ("score", "score"),
        ("nrae-curve", "curves"),
        ("wae-superfluous", "dimensions"),
    ] {
        let arguments = [
            "experiment",
            name,
            "--seeds",
            "2",
            "--epochs",
            "1",
            "--out",
            name,
        ];
        let output = run(&scratch, &arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let folder = scratch.path().join(name);
        let numbers = json(&folder.join("numbers.json"));
        let rows = numbers["tables"][0]["rows"].as_object().unwrap();
        for row in rows.values() {
            for measure in row.as_object().unwrap().values() {
                assert_eq!(measure["values"].as_array().unwrap().len(), 2, "{name}");
                assert!(
                    measure["mean"].is_f64() && measure["deviation"].is_f64(),
                    "{name}"
                );
            }
        }
        let svg = fs::read_to_string(folder.join(format!("figures/{figure}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{name}");
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(
            page.contains("--epochs 1") && page.contains("over 1 epochs") || name == "nrae-curve"
        );
        assert!(!page.contains("<script"));
        assert_refused(&run(&scratch, &arguments), "not empty");
    }
}

#[test]
fn the_same_experiment_has_the_same_bytes_with_any_number_of_threads() {
    let scratch = scratch();
    let numbers = ["1", "2"].map(|threads| {
        let arguments = ["experiment", "score", "--seeds", "1", "--epochs", "1"];
        let more = ["--threads", threads, "--out", threads];
        assert!(
            run(&scratch, &[&arguments[..], &more].concat())
                .status
                .success()
        );
        fs::read(scratch.path().join(threads).join("numbers.json")).unwrap()
    });
    assert!(numbers[0] == numbers[1]);
}

#[test]
fn impossible_experiments_are_refused_and_leave_nothing() {
    let scratch = scratch();
    for (arguments, fragment) in [
        (&["nrae"][..], "nrae-curve"),
        (&["score", "--seeds", "0"], "seeds"),
        (&["score", "--seed", "2000000"], "seed"),
        (&["score", "--epochs", "0"], "epochs"),
        (&["score", "--threads", "0"], "threads"),
        (&["score", "--data", "digits"], "makes its own"),
        (&["irvae-mnist"], "IDX"),
        (&["irvae-mnist", "--data", "missing"], "missing"),
        (&["irvae-mnist", "--data", "swiss-roll:50"], "labels"),
    ] {
        let all = [&["experiment"][..], arguments, &["--out", "nothing"]].concat();
        assert_refused(&run(&scratch, &all), fragment);
        assert!(!scratch.path().join("nothing").exists(), "{arguments:?}");
    }
}

#[test]
fn the_list_has_every_experiment_and_a_name_is_needed_otherwise() {
    let scratch = scratch();
    let output = run(&scratch, &["experiment", "--list"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let names = geom_bench::experiments::Experiment::ALL;
    assert_eq!(text.lines().count(), names.len());
    for (line, experiment) in text.lines().zip(names) {
        assert!(
            line.starts_with(experiment.name()) && line.contains('?'),
            "{line}"
        );
    }
    assert_refused(&run(&scratch, &["experiment"]), "NAME");
}
