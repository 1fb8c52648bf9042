//! Training on data that lie on a known manifold, and the score.

use std::{fmt::Write as _, fs};

use tempfile::TempDir;

use super::{assert_refused, json, run, scratch, train};

/// Points along a spiral on the unit sphere, as a table; `stretch` takes row 17 off it.
fn spiral(scratch: &TempDir, name: &str, stretch: f64) -> String {
    let mut table = String::from("x,y,z\n");
    for i in 0..120 {
        let (height, angle) = (f64::from(i) / 75.0 - 0.8, 0.2 * f64::from(i));
        let radius = (1.0 - height * height).sqrt();
        let factor = if i == 17 { stretch } else { 1.0 };
        let [x, y, z] = [radius * angle.cos(), radius * angle.sin(), height].map(|c| factor * c);
        writeln!(table, "{x},{y},{z}").unwrap();
    }
    fs::write(scratch.path().join(name), table).unwrap();
    name.to_owned()
}

const SMALL: [&str; 8] = [
    "--hidden",
    "16",
    "--epochs",
    "3",
    "--batch-size",
    "20",
    "--seed",
    "1",
];

#[test]
fn both_methods_train_on_the_sphere_and_leave_a_score() {
    let scratch = scratch();
    let data = spiral(&scratch, "spiral.csv", 1.0);
    for method in ["gdae", "grcae"] {
        let arguments = [
            &["train", "--out", method, "--method", method],
            &["--manifold", "sphere", "--data", &data][..],
            &SMALL,
        ]
        .concat();
        let output = run(&scratch, &arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let folder = scratch.path().join(method);
        for part in ["train", "test"] {
            let metrics = &json(&folder.join("metrics.json"))[part];
            let error = metrics["geodesic_reconstruction_error"].as_f64().unwrap();
            assert!(error > 0.0 && error < 10.0, "{method} {part}: {error}");
        }
        let svg = fs::read_to_string(folder.join("figures/score.svg")).unwrap();
        assert!(svg.contains("principal axis"), "{svg}");
        // 128 bytes of header, one f64 for each coordinate of each point.
        let scores = fs::read(folder.join("score.npy")).unwrap();
        assert_eq!(scores.len(), 128 + 120 * 3 * 8);
        let report = fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(report.contains("Geodesic reconstruction error") && report.contains("Score"));
        // The file of settings repeats the run.
        let again = format!("{method}-again");
        let config = format!("{method}/config.toml");
        let output = run(&scratch, &["train", "--config", &config, "--out", &again]);
        assert!(output.status.success());
        let embedding =
            |run: &str| fs::read(scratch.path().join(run).join("embedding.csv")).unwrap();
        assert_eq!(embedding(method), embedding(&again));
    }
}

#[test]
fn data_off_the_manifold_are_refused_before_a_folder_is_made() {
    let scratch = scratch();
    let data = spiral(&scratch, "off.csv", 1.25);
    let on = |manifold: &str| {
        let start = ["train", "--out", "run", "--method", "gdae", "--data", &data];
        run(&scratch, &[&start[..], &["--manifold", manifold]].concat())
    };
    assert_refused(&on("sphere"), "row 17 is off the manifold");
    assert_refused(&on("so3"), "for data of 9 columns");
    assert_refused(&on("ball"), "sphere");
    let missing = run(&scratch, &["train", "--method", "grcae", "--data", &data]);
    assert_refused(&missing, "manifold");
    let other = run(
        &scratch,
        &["train", "--manifold", "sphere", "--data", &data],
    );
    assert_refused(&other, "gdae and grcae");
    assert!(!scratch.path().join("run").exists() && !scratch.path().join("runs").exists());
}

#[test]
fn a_denoiser_of_flat_data_leaves_a_score_and_others_none() {
    let scratch = scratch();
    let denoiser = train(&scratch, "dae", &["--method", "dae"]);
    assert!(denoiser.join("figures/score.svg").exists() && denoiser.join("score.npy").exists());
    let plain = train(&scratch, "ae", &["--method", "ae"]);
    assert!(!plain.join("figures/score.svg").exists() && !plain.join("score.npy").exists());
    let report = fs::read_to_string(plain.join("report.html")).unwrap();
    assert!(!report.contains("Missing pictures"));
    // Without noise there is nothing to divide by, and the report says so.
    let still = train(&scratch, "still", &["--method", "dae", "--weight", "0"]);
    let report = fs::read_to_string(still.join("report.html")).unwrap();
    assert!(report.contains("There is no score") && !still.join("score.npy").exists());
}
