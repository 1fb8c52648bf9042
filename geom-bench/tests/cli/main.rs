//! The command `geom` from outside: what it writes; what it refuses; what it keeps when it is stopped.

#![expect(
    clippy::unwrap_used,
    reason = "helpers may fail as the tests do that call them"
)]

mod beginning;
mod choices;
mod controls;
mod experiments;
mod manifolds;
mod mapped;
mod methods;
mod others;
mod refusals;
mod resuming;
mod settings;
mod stops;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use geom_bench::report::explain;
use serde_json::Value;
use tempfile::TempDir;

/// A small run that takes well under a second.
const SMALL: [&str; 10] = [
    "--data",
    "swiss-roll:300",
    "--batch-size",
    "50",
    "--hidden",
    "16,16",
    "--epochs",
    "3",
    "--seed",
    "4",
];

fn geom(scratch: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geom"));
    command.current_dir(scratch.path()).args(arguments);
    command
}

fn run(scratch: &TempDir, arguments: &[&str]) -> Output {
    geom(scratch, arguments).output().unwrap()
}

fn train(scratch: &TempDir, out: &str, more: &[&str]) -> PathBuf {
    let output = run(
        scratch,
        &[&["train", "--out", out], &SMALL[..], more].concat(),
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    scratch.path().join(out)
}

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Refused with code 2 and one line that holds `fragment`; returns the line.
fn assert_refused(output: &Output, fragment: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("geom: ") && stderr.contains(fragment),
        "{fragment:?} in {stderr}"
    );
}

#[test]
fn a_run_writes_everything_it_promises() {
    let scratch = scratch();
    let output = run(&scratch, &[&["train", "--out", "run"], &SMALL[..]].concat());
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        stdout.lines().count(),
        6,
        "five numbers and the report:\n{stdout}"
    );
    assert!(stdout.trim_end().ends_with("report.html"));
    let folder = scratch.path().join("run");
    for figure in [
        "embedding",
        "log_determinant",
        "indicatrices",
        "reconstructions",
        "losses",
    ] {
        let svg = fs::read_to_string(folder.join(format!("figures/{figure}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{figure}");
    }
    let metrics = json(&folder.join("metrics.json"));
    for part in ["train", "test"] {
        for name in [
            "reconstruction_mse",
            "log_det_variance",
            "condition_number_mean",
            "condition_number_median",
            "knn_recall_10",
            "kl_0.1",
        ] {
            assert!(
                metrics[part][name].is_f64(),
                "{part} {name}: {}",
                metrics[part][name]
            );
        }
    }
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let epochs: Vec<u64> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["epoch"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(epochs, [1, 2, 3]);
    let embedding = fs::read_to_string(folder.join("embedding.csv")).unwrap();
    assert_eq!(embedding.lines().next(), Some("split,index,label,z0,z1"));
    assert_eq!(embedding.lines().count(), 301);
    assert!(folder.join("embedding.npy").exists() && folder.join("model.safetensors").exists());
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert_eq!(report.matches("<svg").count(), 5);
    assert!(!report.contains("<script") && !report.contains("src=\"http"));
    assert!(
        !folder.join("checkpoints").exists(),
        "nothing is left to resume"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_any_number_of_threads() {
    let scratch = scratch();
    for dtype in ["f32", "f64"] {
        let out = |threads: &str| format!("{dtype}-{threads}");
        let folders =
            ["1", "2"].map(|n| train(&scratch, &out(n), &["--threads", n, "--dtype", dtype]));
        for file in [
            "model.safetensors",
            "embedding.csv",
            "metrics.json",
            "geometry.csv",
        ] {
            let [a, b] = folders
                .each_ref()
                .map(|folder| fs::read(folder.join(file)).unwrap());
            assert!(a == b, "{dtype} {file}");
        }
    }
    let other = train(&scratch, "other", &["--seed", "5"]);
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert_ne!(model(&other), model(&scratch.path().join("f32-1")));
}

#[test]
fn a_written_configuration_repeats_the_run_and_flags_win_over_it() {
    let scratch = scratch();
    let first = train(&scratch, "first", &["--method", "ae"]);
    let config = first.join("config.toml");
    let config = config.to_str().unwrap();
    let again = run(&scratch, &["train", "--config", config, "--out", "again"]);
    assert!(again.status.success());
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(model(&first), model(&scratch.path().join("again")));
    assert!(
        run(
            &scratch,
            &[
                "train", "--config", config, "--epochs", "1", "--out", "short"
            ]
        )
        .status
        .success()
    );
    let log = fs::read_to_string(scratch.path().join("short/log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 1);
}

#[test]
fn other_latent_dimensions_and_unlabelled_tables_train() {
    let scratch = scratch();
    let mut csv = String::new();
    for i in 0..60 {
        let t = f64::from(i) / 10.0;
        csv = format!("{csv}{},{},{t},{}\n", t.sin(), t.cos(), 0.1 * t * t);
    }
    fs::write(scratch.path().join("curve.csv"), csv).unwrap();
    for d in ["1", "3", "4"] {
        let folder = train(
            &scratch,
            &format!("d{d}"),
            &[
                "--data",
                "curve.csv",
                "--latent-dim",
                d,
                "--batch-size",
                "10",
            ],
        );
        assert!(folder.join("report.html").exists());
        assert!(
            !folder.join("figures/indicatrices.svg").exists(),
            "only a plane has ellipses"
        );
    }
}

#[test]
fn embed_and_inspect_repeat_what_the_run_has_found() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &[]);
    let output = run(&scratch, &["inspect", "run", "--out", "inspected"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for file in [
        "metrics.json",
        "embedding.csv",
        "geometry.csv",
        "figures/indicatrices.svg",
    ] {
        let inspected = fs::read(scratch.path().join("inspected").join(file)).unwrap();
        assert!(fs::read(folder.join(file)).unwrap() == inspected, "{file}");
    }
    let other = run(&scratch, &["inspect", "run", "--data", "swiss-roll:80"]);
    assert!(other.status.success());
    assert!(folder.join("inspect-1/report.html").exists());

    let arguments = [
        "embed",
        "run",
        "--data",
        "swiss-roll:300",
        "--out",
        "codes.csv",
    ];
    assert!(run(&scratch, &arguments).status.success());
    // The run's table has the training points first; by index both are the same.
    let rows = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let mut rows: Vec<(usize, String)> = text
            .lines()
            .skip(1)
            .map(|line| {
                let mut fields = line.splitn(3, ',').skip(1);
                (
                    fields.next().unwrap().parse().unwrap(),
                    fields.next().unwrap().to_owned(),
                )
            })
            .collect();
        rows.sort();
        rows
    };
    let codes = rows(&scratch.path().join("codes.csv"));
    let trained = rows(&folder.join("embedding.csv"));
    assert_eq!(codes.len(), 300);
    for ((index, codes), (same, trained)) in codes.iter().zip(&trained) {
        assert_eq!(index, same);
        let numbers = |row: &str| {
            row.split(',')
                .skip(1)
                .map(|v| v.parse::<f64>().unwrap())
                .collect::<Vec<_>>()
        };
        for (a, b) in numbers(codes).into_iter().zip(numbers(trained)) {
            assert!(
                (a - b).abs() <= 1e-6 * b.abs().max(1.0),
                "{codes} against {trained}"
            );
        }
    }
}

#[test]
fn compare_puts_runs_on_one_page() {
    let scratch = scratch();
    train(&scratch, "a", &[]);
    train(&scratch, "b", &["--method", "ae"]);
    let output = run(&scratch, &["compare", "a", "b", "--out", "page.html"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let page = fs::read_to_string(scratch.path().join("page.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 10);
    assert!(page.contains(">a</h3>") && page.contains(">b</h3>"));
    assert_refused(&run(&scratch, &["compare", "a"]), "RUN");
    assert_refused(&run(&scratch, &["compare", "a", "nowhere"]), "nowhere");
}

#[cfg(unix)]
#[test]
fn every_metric_of_a_run_is_explained_in_its_report() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &["--data", "digits", "--epochs", "1"]);
    let metrics = json(&folder.join("metrics.json"));
    for part in ["train", "test"] {
        for name in metrics[part].as_object().unwrap().keys() {
            let explanation = explain(name);
            assert_ne!(
                explanation.sentence,
                explain("no metric").sentence,
                "{name}"
            );
        }
    }
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(!report.contains("There is no explanation"));
}

#[test]
fn other_data_are_not_reported_as_training_data() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &[]);
    let other = run(&scratch, &["inspect", "run", "--data", "swiss-roll:80"]);
    assert!(other.status.success());
    let report = fs::read_to_string(folder.join("inspect-1/report.html")).unwrap();
    assert!(report.contains("<th>all points</th>") && !report.contains("<th>train</th>"));
    assert!(report.contains("geom inspect run --data swiss-roll:80"));
    assert!(report.contains("80 data points of dimension 3, latent dimension 2, 3 epochs"));
    let page = run(
        &scratch,
        &["compare", "run", "run/inspect-1", "--out", "page.html"],
    );
    assert!(page.status.success());
    let page = fs::read_to_string(scratch.path().join("page.html")).unwrap();
    assert!(page.contains("was measured on all points of its data"));
}

#[test]
fn a_report_says_why_a_picture_is_not_there() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &["--latent-dim", "1"]);
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("They are drawn where there are two latent dimensions."));
    assert!(!report.contains("Missing pictures"));
}

#[test]
fn help_speaks_of_the_program_and_not_of_its_crate() {
    let help = run(&scratch(), &["--help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(
        text.starts_with("Train autoencoders that preserve geometry"),
        "{text}"
    );
}
