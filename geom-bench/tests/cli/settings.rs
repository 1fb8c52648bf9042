//! Every setting of trainer and graph from the command line, several seeds, event files.

use super::*;

#[test]
fn every_setting_of_the_trainer_trains_resumes_and_repeats() {
    let scratch = scratch();
    let more = [
        "--validation-fraction",
        "0.25",
        "--patience",
        "2",
        "--optimiser",
        "adamw",
        "--clip-norm",
        "0.5",
        "--learning-rate-schedule",
        "warm-up-cosine:2:0.1",
        "--weight-schedule",
        "warm-up:3",
        "--sampler",
        "neighbourhood:5",
        "--on-nonfinite",
        "skip",
        "--tensorboard",
        "--epochs",
        "5",
    ];
    let folder = train(&scratch, "run", &more);
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert!(
        first["validation"].is_f64() && first["clipped"].as_u64() > Some(0),
        "{first}"
    );
    for term in ["mean_squared_error", "log_det_variance"] {
        assert!(first["term_seconds"][term].as_f64() > Some(0.0), "{first}");
    }
    let events: Vec<_> = fs::read_dir(folder.join("tensorboard")).unwrap().collect();
    assert_eq!(events.len(), 1);
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("warm-up-cosine:2:0.1"));
    let config = folder.join("config.toml");
    let again = run(
        &scratch,
        &[
            "train",
            "--config",
            config.to_str().unwrap(),
            "--out",
            "again",
        ],
    );
    assert!(again.status.success());
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert!(model(&folder) == model(&scratch.path().join("again")));
}

#[test]
fn the_model_that_is_kept_is_the_one_of_the_best_validation_figure() {
    let scratch = scratch();
    // Far too large a step: the figure soon gets worse.
    let more = [
        "--validation-fraction",
        "0.25",
        "--learning-rate",
        "0.2",
        "--epochs",
        "12",
        "--method",
        "ae",
    ];
    let output = run(
        &scratch,
        &[&["train", "--out", "run"], &SMALL[..], &more].concat(),
    );
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let log = fs::read_to_string(scratch.path().join("run/log.jsonl")).unwrap();
    let figures: Vec<f64> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["validation"]
                .as_f64()
                .unwrap()
        })
        .collect();
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let best = figures.iter().position(|&f| f <= least).unwrap() + 1;
    assert!(
        stderr.contains(&format!("the model is that of epoch {best}, ")),
        "{stderr}"
    );
    assert_eq!(figures.len(), 12);
}

#[test]
#[allow(clippy::too_many_lines, reason = "one graph after another")]
fn every_kind_of_distance_and_both_forms_of_the_graph_train() {
    let scratch = scratch();
    let mut table = String::new();
    let mut square = String::new();
    for i in 0..120_u32 {
        let (series, frame) = (i / 12, i % 12);
        let angle = f64::from(frame) / 12.0 * std::f64::consts::TAU;
        table = format!(
            "{table}{},{},{},{series}\n",
            angle.cos(),
            angle.sin(),
            0.1 * f64::from(series)
        );
        let row: Vec<String> = (0..120_u32).map(|j| i.abs_diff(j).to_string()).collect();
        square = format!("{square}{}\n", row.join(","));
    }
    let file = |name: &str, text: &str| fs::write(scratch.path().join(name), text).unwrap();
    file("films.csv", &table);
    file("square.csv", &square);
    let ggae = |out: &str, more: &[&str]| {
        let arguments = [
            "train",
            "--method",
            "ggae",
            "--out",
            out,
            "--hidden",
            "8",
            "--epochs",
            "2",
            "--batch-size",
            "24",
        ];
        run(&scratch, &[&arguments, more].concat())
    };
    let films = ["--data", "films.csv", "--labels", "last"];
    let kinds: [&[&str]; 8] = [
        &[
            "--neighbours",
            "6",
            "--bandwidth",
            "0.3",
            "--calibrate",
            "false",
        ],
        &[
            "--distances",
            "euclidean",
            "--bandwidth",
            "neighbour:5",
            "--graph-form",
            "slicing",
        ],
        &["--distances", "given:square.csv"],
        &[
            "--distances",
            "coordinates:films.csv",
            "--scale-free",
            "true",
        ],
        &[
            "--distances",
            "series:12",
            "--sampler",
            "series:12",
            "--split",
            "contiguous",
        ],
        &[
            "--distances",
            "series",
            "--sampler",
            "series:12",
            "--split",
            "contiguous",
            "--bandwidth",
            "4",
        ],
        &["--class-multiplier", "2", "--drop-edges", "0.1"],
        &[
            "--neighbours",
            "6",
            "--validation-fraction",
            "0.3",
            "--cut-off",
            "0",
        ],
    ];
    for (i, more) in kinds.into_iter().enumerate() {
        let output = ggae(&format!("run-{i}"), &[&films[..], more].concat());
        assert!(
            output.status.success(),
            "{more:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(scratch.path().join(format!("run-{i}/graph.json")).exists());
    }
    let roll = [
        "--data",
        "swiss-roll-hole:200",
        "--distances",
        "ground-truth",
    ];
    assert!(ggae("truth", &roll).status.success());
    let fixed = json(&scratch.path().join("run-0/graph.json"));
    assert_eq!(fixed["bandwidth"].as_f64(), Some(0.3));
    // A bandwidth that chooses itself looks at frames and given distances, whatever the coordinates' units are.
    for run in ["run-2", "run-4"] {
        let graph = json(&scratch.path().join(run).join("graph.json"));
        assert!(
            graph["bandwidth"].as_f64() > Some(0.5) && graph["bias"].as_f64() < Some(0.1),
            "{graph}"
        );
    }

    for (more, fragment) in [
        (
            &["--distances", "ground-truth"][..],
            "only generated data know theirs",
        ),
        (
            &["--distances", "given:films.csv"],
            "4 columns for 120 points",
        ),
        (&["--distances", "series:12"], "give --split contiguous"),
        (
            &["--distances", "series:7", "--split", "contiguous"],
            "series length",
        ),
        (&["--distances", "coordinates:missing.csv"], "missing.csv"),
        (
            &["--sampler", "series:12", "--batch-size", "20"],
            "no whole series of 12",
        ),
    ] {
        let output = ggae("nothing", &[&films[..], more].concat());
        assert_refused(&output, fragment);
        assert!(!scratch.path().join("nothing").exists());
    }
    // Unequal series, and labels where weak supervision has none.
    file("uneven.csv", &table[table.find('\n').unwrap() + 1..]);
    let uneven = [
        "--data",
        "uneven.csv",
        "--labels",
        "last",
        "--distances",
        "series",
        "--split",
        "contiguous",
    ];
    assert_refused(&ggae("nothing", &uneven), "unequal length, 11 and 12");
    let unlabelled = ["--data", "swiss-roll:200", "--class-multiplier", "2"];
    assert_refused(&ggae("nothing", &unlabelled), "data without labels");
}

#[test]
fn several_seeds_are_summed_up() {
    let scratch = scratch();
    let output = run(
        &scratch,
        &[&["train", "--out", "all", "--seeds", "3"], &SMALL[..]].concat(),
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("reconstruction_mse") && stdout.contains(" ± "),
        "{stdout}"
    );
    let seeds = json(&scratch.path().join("all/seeds.json"));
    assert_eq!(seeds["seeds"].to_string(), "[4,5,6]");
    let test = &seeds["parts"][1];
    assert_eq!(test["part"], "test");
    let figure = &test["metrics"][0];
    assert_eq!(figure["name"], "reconstruction_mse");
    let values: Vec<f64> = [4, 5, 6]
        .map(|seed| {
            let metrics = json(&scratch.path().join(format!("all/seed-{seed}/metrics.json")));
            metrics["test"]["reconstruction_mse"].as_f64().unwrap()
        })
        .to_vec();
    let mean = values.iter().sum::<f64>() / 3.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0;
    assert!((figure["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!((figure["deviation"].as_f64().unwrap() - variance.sqrt()).abs() < 1e-12);
    // A run among several is the run by itself.
    let alone = train(&scratch, "alone", &["--seed", "5"]);
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert!(model(&alone) == model(&scratch.path().join("all/seed-5")));
    assert_refused(&run(&scratch, &["train", "--seeds", "0"]), "seeds");
    assert_refused(&run(&scratch, &["train", "--seeds", "1,1"]), "seeds");
}
