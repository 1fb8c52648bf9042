//! What is measured of things that geom did not make: embeddings, decoders; and what is done to a finished model.

use super::*;

/// Points on a curve, with labels.
fn curve(scratch: &TempDir) {
    let mut data = String::new();
    let mut codes = String::new();
    let mut clusters = String::new();
    for i in 0..90 {
        let t = f64::from(i) / 30.0;
        data = format!("{data}{},{},{},{}\n", t.cos(), t.sin(), t, i / 30);
        codes = format!("{codes}{},{}\n", 2.0 * t, 0.1 * (9.0 * t).sin());
        clusters = format!("{clusters}{}\n", (i + 3) / 33);
    }
    for (name, text) in [
        ("data.csv", data),
        ("codes.csv", codes),
        ("clusters.csv", clusters),
    ] {
        fs::write(scratch.path().join(name), text).unwrap();
    }
}

#[test]
fn anybodys_embedding_is_evaluated() {
    let scratch = scratch();
    curve(&scratch);
    let arguments = [
        "evaluate",
        "--data",
        "data.csv",
        "--labels",
        "last",
        "--embedding",
        "codes.csv",
        "--geodesic",
        "5",
        "--truth",
        "codes.csv",
        "--clusters",
        "clusters.csv",
        "--reconstruction",
        "decoded.csv",
    ];
    // The data themselves, without the labels: nothing is lost.
    let data = fs::read_to_string(scratch.path().join("data.csv")).unwrap();
    let decoded = data
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n");
    fs::write(
        scratch.path().join("decoded.csv"),
        decoded.collect::<String>(),
    )
    .unwrap();
    for out in ["figures.json", "page.html"] {
        let output = run(&scratch, &[&arguments[..], &["--out", out]].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(stdout.contains("trustworthiness") && stdout.trim_end().ends_with(out));
    }
    let report = json(&scratch.path().join("figures.json"));
    assert_eq!(
        (report["points"].as_u64(), report["ks"].to_string()),
        (Some(90), "[10,20,30,40]".to_owned())
    );
    let metrics = &report["metrics"];
    assert_eq!(metrics["reconstruction_mse"].as_f64(), Some(0.0));
    assert!((metrics["spearman_truth"].as_f64().unwrap() - 1.0).abs() < 1e-12);
    assert!(
        metrics["spearman_geodesic"].as_f64() > Some(0.98),
        "{metrics}"
    );
    assert!(
        metrics["ari"].as_f64() > Some(0.7) && metrics["nmi"].as_f64() > Some(0.7),
        "{metrics}"
    );
    assert!(metrics["knn_label_accuracy_10"].as_f64() > Some(0.9));
    for name in metrics.as_object().unwrap().keys() {
        assert_ne!(
            explain(name).better,
            geom_bench::report::Better::Unknown,
            "{name}"
        );
    }
    let page = fs::read_to_string(scratch.path().join("page.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("Missing metrics"));
    // The result is the same with any number of threads.
    let again = run(
        &scratch,
        &[&arguments[..], &["--out", "again.json", "--threads", "1"]].concat(),
    );
    assert!(again.status.success());
    assert!(json(&scratch.path().join("again.json")) == report);

    let refuse = |more: &[&str], fragment: &str| {
        let arguments = ["evaluate", "--data", "data.csv", "--embedding", "codes.csv"];
        assert_refused(&run(&scratch, &[&arguments, more].concat()), fragment);
    };
    fs::write(scratch.path().join("short.csv"), "1,2\n3,4\n").unwrap();
    let short = ["evaluate", "--data", "data.csv", "--embedding", "short.csv"];
    assert_refused(
        &run(&scratch, &short),
        "short.csv: 2 rows for the 90 points of data.csv",
    );
    refuse(&["--clusters", "clusters.csv"], "the data have none");
    refuse(&["--out", "figures.txt"], ".json or .html");
    refuse(&["--out", "nowhere/figures.json"], "nowhere/figures.json");
    refuse(&["--ks", "0"], "ks");
    refuse(
        &["--ks", "10,45"],
        "ks: 45 is not below half of the 90 points",
    );
    refuse(&["--reconstruction", "codes.csv"], "columns");
    refuse(&["--geodesic", "90"], "90");
    refuse(&["--threads", "0"], "threads");
}

#[test]
#[allow(clippy::too_many_lines, reason = "one refusal after another")]
fn anybodys_decoder_is_inspected() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &["--hidden", "8"]);
    let codes = folder.join("embedding.npy");
    let codes = codes.to_str().unwrap();
    let weights = "run/model.safetensors";
    // The decoder that geom itself wrote, by its own description.
    let own = [
        "inspect",
        "--weights",
        weights,
        "--prefix",
        "decoder.",
        "--data",
        codes,
        "--out",
        "own",
    ];
    let output = run(&scratch, &own);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The same, described by hand and under other names.
    let layers = "inputs = 2\n\
        [[layers]]\nkind = \"activation\"\nfunction = \"elu\"\n\
        [[layers]]\nkind = \"linear\"\ninputs = 2\noutputs = 8\n\
        [[layers]]\nkind = \"activation\"\nfunction = \"elu\"\n\
        [[layers]]\nkind = \"linear\"\ninputs = 8\noutputs = 3\n";
    fs::write(scratch.path().join("layers.toml"), layers).unwrap();
    fs::write(scratch.path().join("names.toml"), "\"1.weight\" = \"decoder.1.weight\"\n\"1.bias\" = \"decoder.1.bias\"\n\"3.weight\" = \"decoder.3.weight\"\n\"3.bias\" = \"decoder.3.bias\"\n").unwrap();
    let described = [
        "inspect",
        "--weights",
        weights,
        "--architecture",
        "layers.toml",
        "--names",
        "names.toml",
        "--data",
        codes,
        "--out",
        "described",
    ];
    let output = run(&scratch, &described);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metrics = |folder: &str| json(&scratch.path().join(folder).join("metrics.json"));
    assert_eq!(metrics("own"), metrics("described"));
    // As many points as train and test together; the figures that both have are those of the run.
    let geometry = |folder: &str| {
        let text = fs::read_to_string(scratch.path().join(folder).join("geometry.csv")).unwrap();
        let mut values: Vec<String> = text
            .lines()
            .skip(1)
            .map(|l| l.splitn(3, ',').nth(2).unwrap().to_owned())
            .collect();
        values.sort();
        values
    };
    assert_eq!(geometry("own").len(), 300);
    assert_eq!(geometry("own"), geometry("run"));
    for file in [
        "figures/indicatrices.svg",
        "figures/log_determinant.svg",
        "report.html",
    ] {
        assert!(scratch.path().join("own").join(file).exists(), "{file}");
    }
    let refuse = |arguments: &[&str], fragment: &str| {
        assert_refused(
            &run(&scratch, &[&["inspect"], arguments].concat()),
            fragment,
        );
    };
    refuse(&[], "RUN");
    refuse(&["run", "--weights", weights, "--data", codes], "--weights");
    refuse(&["--weights", weights], "--data");
    refuse(&["--weights", weights, "--data", codes], "architecture");
    refuse(
        &[
            "--weights",
            weights,
            "--prefix",
            "encoder.",
            "--data",
            codes,
            "--out",
            "x",
        ],
        "2 columns, the model takes 3",
    );
    refuse(
        &[
            "--weights",
            weights,
            "--architecture",
            "names.toml",
            "--data",
            codes,
        ],
        "names.toml, line ",
    );
    refuse(
        &[
            "--weights",
            weights,
            "--architecture",
            "layers.toml",
            "--data",
            codes,
        ],
        "1.weight",
    );
    refuse(&["--weights", "data.csv", "--data", codes], "data.csv");
    assert!(!scratch.path().join("x").exists());
}

#[test]
fn a_finished_model_is_flattened() {
    let scratch = scratch();
    train(&scratch, "run", &["--method", "ae", "--epochs", "30"]);
    let output = run(
        &scratch,
        &[
            "flatten",
            "run",
            "--epochs",
            "40",
            "--batch-size",
            "60",
            "--out",
            "flat",
        ],
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let flat = scratch.path().join("flat");
    let figures = json(&flat.join("flatness.json"));
    let figure = |when: &str, name: &str| figures[when][name].as_f64().unwrap();
    assert!(
        figure("after", "distortion") < figure("before", "distortion"),
        "{figures}"
    );
    assert!(figure("after", "variation_of_metric") >= 0.0);
    let test = |when: &str| figures["test"][when]["distortion"].as_f64().unwrap();
    assert!(test("after") < test("before"), "{figures}");
    assert_eq!(figures["left_out"].as_u64(), Some(0));
    let isometry = [
        "flatten",
        "run",
        "--epochs",
        "2",
        "--distortion",
        "isometry",
        "--out",
        "fixed",
    ];
    assert!(run(&scratch, &isometry).status.success());
    let fixed = json(&scratch.path().join("fixed/flatness.json"));
    assert_ne!(
        fixed["before"]["distortion"],
        figures["before"]["distortion"]
    );
    assert_refused(
        &run(&scratch, &["flatten", "run", "--distortion", "flat"]),
        "isometry",
    );
    assert!(geom_ae::flattening::Flattening::load(&flat.join("flattening.safetensors")).is_ok());
    let rows = fs::read_to_string(flat.join("embedding.csv")).unwrap();
    assert_eq!(rows.lines().count(), 301);
    assert_refused(
        &run(&scratch, &["flatten", "run", "--epochs", "0"]),
        "epochs",
    );
    assert_refused(&run(&scratch, &["flatten", "nowhere"]), "nowhere");
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_read() {
    let scratch = scratch();
    train(&scratch, "run", &[]);
    for (out, fragment) in [
        ("codes.txt", ".csv or .npy"),
        ("nowhere/codes.npy", "nowhere/codes.npy"),
    ] {
        let arguments = ["embed", "run", "--data", "missing.npy", "--out", out];
        assert_refused(&run(&scratch, &arguments), fragment);
    }
    let arguments = [
        "embed",
        "run",
        "--data",
        "swiss-roll:80",
        "--out",
        "codes.npy",
        "--threads",
        "1",
        "--device",
        "cpu",
    ];
    assert!(run(&scratch, &arguments).status.success());
    assert_refused(
        &run(&scratch, &["inspect", "run", "--threads", "0"]),
        "threads",
    );
}

#[test]
fn files_that_could_be_read_in_two_ways_are_asked_about() {
    let scratch = scratch();
    fs::write(
        scratch.path().join("semicolons.csv"),
        "a;b;c\n1;2;3\n4;5;6\n",
    )
    .unwrap();
    let output = run(&scratch, &["train", "--data", "semicolons.csv"]);
    assert_refused(&output, "line 2 has one column and holds 2 semicolons");
}
