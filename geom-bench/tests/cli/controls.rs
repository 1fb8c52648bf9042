//! Controls: `geom train --method pca` and its like, and `geom fit-decoder`.

use super::*;

/// As [`SMALL`], for methods that train nothing or little.
fn control(scratch: &TempDir, method: &str, out: &str, more: &[&str]) -> PathBuf {
    let arguments = [
        &["train", "--method", method, "--out", out][..],
        &["--data", "swiss-roll:300", "--seed", "4"],
        more,
    ]
    .concat();
    let output = run(scratch, &arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    scratch.path().join(out)
}

const FEW: [&str; 6] = ["--epochs", "2", "--batch-size", "50", "--hidden", "16,16"];

#[test]
fn principal_components_are_a_run_with_their_true_geometry() {
    let scratch = scratch();
    let folder = control(&scratch, "pca", "pca", &[]);
    let metrics = json(&folder.join("metrics.json"));
    for part in ["train", "test"] {
        let value = |name: &str| metrics[part][name].as_f64().unwrap();
        assert!(value("log_det_variance") < 1e-9);
        assert!((value("condition_number_mean") - 1.0).abs() < 1e-4);
        assert!(value("rank_deficient_points").abs() < 0.5);
    }
    for file in [
        "report.html",
        "model.safetensors",
        "embedding.csv",
        "control.json",
    ] {
        assert!(folder.join(file).exists(), "{file}");
    }
    assert!(folder.join("figures/indicatrices.svg").exists());
    assert!(folder.join("figures/geodesics.svg").exists());
    let ways = json(&folder.join("geodesics.json"));
    for way in ways.as_array().unwrap() {
        let value = |name: &str| way[name].as_f64().unwrap();
        assert!((value("length") / value("chord") - 1.0).abs() < 1e-5);
    }
    assert!(
        !folder.join("figures/losses.svg").exists(),
        "nothing was trained"
    );
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("of the variance") && !report.contains("Missing pictures"));
    // The model is the method: another command finds the same numbers.
    let inspected = run(&scratch, &["inspect", "pca", "--out", "inspected"]);
    assert!(inspected.status.success());
    let again = json(&scratch.path().join("inspected/metrics.json"));
    let error = |metrics: &Value| metrics["test"]["reconstruction_mse"].as_f64().unwrap();
    assert!((error(&again) / error(&metrics) - 1.0).abs() < 1e-4);
    let other = ["train", "--method", "pca", "--hidden", "8", "--out", "x"];
    assert_refused(&run(&scratch, &other), "linear");
    let neighbours = |method: &str, k: &str| {
        let other = ["train", "--method", method, "--neighbours", k, "--out", "x"];
        run(&scratch, &other)
    };
    assert_refused(&neighbours("pca", "7"), "neighbours");
    // What it works on is said before.
    let output = neighbours("isomap", "5000");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.lines().last().unwrap().contains("5000"), "{stderr}");
    assert!(!scratch.path().join("x").exists());
}

#[test]
fn every_control_makes_the_folder_of_a_trained_run() {
    let scratch = scratch();
    for method in geom_ae::Control::ALL.map(geom_ae::Control::name) {
        let more = if method == "pca" { &[][..] } else { &FEW };
        let folder = control(&scratch, method, method, more);
        let metrics = json(&folder.join("metrics.json"));
        for name in [
            "reconstruction_mse",
            "condition_number_median",
            "knn_recall_10",
        ] {
            assert!(metrics["test"][name].is_f64(), "{method} {name}");
        }
        assert!(
            folder.join("figures/log_determinant.svg").exists(),
            "{method}"
        );
        assert!(folder.join("figures/indicatrices.svg").exists(), "{method}");
        assert_eq!(json(&folder.join("control.json"))["control"], method);
        if method != "pca" {
            let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
            assert_eq!(log.lines().count(), 2, "{method}");
            let report = fs::read_to_string(folder.join("report.html")).unwrap();
            assert!(report.contains("of their spread"), "{method}");
        }
        let embed = ["embed", method, "--data", "swiss-roll:50", "--out", "z.npy"];
        assert!(run(&scratch, &embed).status.success(), "{method}");
    }
}

#[test]
fn a_control_has_the_same_bytes_with_any_number_of_threads_and_when_resumed() {
    let scratch = scratch();
    for method in geom_ae::Control::ALL.map(geom_ae::Control::name) {
        let more = if method == "pca" { &[][..] } else { &FEW };
        let [a, b] = ["1", "2"].map(|threads| {
            let out = format!("{method}-{threads}");
            control(
                &scratch,
                method,
                &out,
                &[more, &["--threads", threads]].concat(),
            )
        });
        // Stopped before its end, the second begins again.
        for file in ["report.html", "metrics.json"] {
            fs::remove_file(b.join(file)).unwrap();
        }
        fs::write(b.join("model.safetensors"), "torn").unwrap();
        let again = run(&scratch, &["train", "--resume", &format!("{method}-2")]);
        assert!(
            again.status.success(),
            "{}",
            String::from_utf8_lossy(&again.stderr)
        );
        for file in [
            "model.safetensors",
            "embedding.csv",
            "metrics.json",
            "geometry.csv",
        ] {
            let bytes = |folder: &Path| fs::read(folder.join(file)).unwrap();
            assert!(bytes(&a) == bytes(&b), "{method} {file}");
        }
    }
}

#[test]
fn a_decoder_is_fitted_to_a_file_and_to_the_table_of_a_run() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &[]);
    // The table has the training points first; the array, made by hand, the order of the data.
    let table = fs::read_to_string(folder.join("embedding.csv")).unwrap();
    let mut rows: Vec<(usize, &str)> = table
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.splitn(4, ',').collect();
            (fields[1].parse().unwrap(), fields[3])
        })
        .collect();
    rows.sort_unstable();
    let plain: Vec<&str> = rows.iter().map(|(_, codes)| *codes).collect();
    let plain = plain.join("\n");
    fs::write(scratch.path().join("codes.csv"), plain).unwrap();
    let fit = |embedding: &str, out: &str, more: &[&str]| {
        let arguments = [
            &["fit-decoder", "--embedding", embedding, "--out", out][..],
            &["--data", "swiss-roll:300", "--seed", "4"],
            &FEW,
            more,
        ]
        .concat();
        run(&scratch, &arguments)
    };
    for (embedding, out) in [("codes.csv", "by-row"), ("run/embedding.csv", "by-index")] {
        let output = fit(embedding, out, &[]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let file = |out: &str, name: &str| fs::read(scratch.path().join(out).join(name)).unwrap();
    for name in ["model.safetensors", "geometry.csv", "metrics.json"] {
        assert!(file("by-row", name) == file("by-index", name), "{name}");
    }
    // The embedding is the given one, point by point.
    let codes = |path: &Path| {
        let text = fs::read_to_string(path.join("embedding.csv")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    for (a, b) in codes(&folder)
        .iter()
        .zip(codes(&scratch.path().join("by-row")))
    {
        assert_eq!(a.split(',').nth(3), b.split(',').nth(3));
    }
    let report = fs::read_to_string(scratch.path().join("by-row/report.html")).unwrap();
    assert!(report.contains("geom fit-decoder --embedding codes.csv"));
    // The written settings repeat it.
    let config = "by-row/config.toml";
    let again = run(
        &scratch,
        &[
            "fit-decoder",
            "--embedding",
            "codes.csv",
            "--config",
            config,
            "--out",
            "again",
        ],
    );
    assert!(again.status.success());
    assert!(file("again", "model.safetensors") == file("by-row", "model.safetensors"));

    let short: String = "1,2\n".repeat(299);
    fs::write(scratch.path().join("short.csv"), short).unwrap();
    fs::write(
        scratch.path().join("twice.csv"),
        "split,index,label,z0\ntrain,0,,1\ntrain,0,,2\n",
    )
    .unwrap();
    for (embedding, more, fragment) in [
        (
            "short.csv",
            &[][..],
            "299 rows, but swiss-roll:300 has 300 points",
        ),
        ("twice.csv", &[], "once each"),
        ("missing.npy", &[], "missing.npy"),
        ("digits", &[], "digits"),
        ("codes.csv", &["--latent-dim", "3"], "latent-dim"),
        ("codes.csv", &["--method", "ae"], "method"),
    ] {
        assert_refused(&fit(embedding, "nothing", more), fragment);
        assert!(!scratch.path().join("nothing").exists());
    }
    assert_refused(
        &run(&scratch, &["train", "--config", config, "--out", "y"]),
        "fit-decoder",
    );
}
