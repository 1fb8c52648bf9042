//! Reconstruction terms, every batch in the log, and the size that a graph asks of an embedding.

use super::*;

/// Bits in eight columns.
fn bits(scratch: &TempDir) {
    let rows: Vec<String> = (0..120_u32)
        .map(|i| {
            let row: Vec<String> = (0..8)
                .map(|j| u32::from((i >> (j % 4)) & 1 == u32::from(j < 4)).to_string())
                .collect();
            row.join(",") + "\n"
        })
        .collect();
    fs::write(scratch.path().join("bits.csv"), rows.concat()).unwrap();
}

#[test]
fn every_reconstruction_trains_and_bits_are_decoded_through_their_link() {
    let scratch = scratch();
    bits(&scratch);
    let more = [
        "--data",
        "bits.csv",
        "--batch-size",
        "24",
        "--method",
        "irae",
        "--weight",
        "0.01",
        "--epochs",
        "40",
        "--learning-rate",
        "0.01",
    ];
    for (name, term) in [
        ("mean", "mean_squared_error"),
        ("sum", "sum_squared_error"),
        ("gaussian", "gaussian_nll_sum"),
        ("bernoulli", "bernoulli_nll_sum"),
        ("cosine", "cosine_distance"),
    ] {
        let folder = train(
            &scratch,
            name,
            &[&more[..], &["--reconstruction", name]].concat(),
        );
        let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
        let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert!(last["terms"][term].is_f64(), "{last}");
        let config = fs::read_to_string(folder.join("config.toml")).unwrap();
        assert!(
            config.contains(&format!("reconstruction = \"{name}\"")),
            "{config}"
        );
    }
    // Logits of bits lie far outside [0, 1]; what is measured and drawn are probabilities.
    let folder = scratch.path().join("bernoulli");
    let mse = |folder: &Path| {
        json(&folder.join("metrics.json"))["test"]["reconstruction_mse"]
            .as_f64()
            .unwrap()
    };
    assert!(mse(&folder) < 0.25, "{}", mse(&folder));
    let inspected = run(&scratch, &["inspect", "bernoulli", "--out", "inspected"]);
    assert!(inspected.status.success());
    let again = mse(&scratch.path().join("inspected"));
    assert_eq!(mse(&folder).to_bits(), again.to_bits());

    let refuse = |more: &[&str], fragment: &str| {
        let arguments = [&["train", "--out", "nothing", "--reconstruction"], more].concat();
        assert_refused(&run(&scratch, &arguments), fragment);
        assert!(!scratch.path().join("nothing").exists());
    };
    refuse(&["bernoulli", "--output-activation", "tanh"], "logits");
    refuse(
        &["bernoulli", "--data", "swiss-roll:300"],
        "bernoulli_nll_sum",
    );
    refuse(&["cosine", "--method", "pca"], "a control");
    refuse(&["sum", "--method", "nrae-l"], "the method itself");
    refuse(&["squared"], "nearest known name");
}

#[test]
fn every_batch_is_logged_where_that_is_asked_for() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &["--log-batches"]);
    let text = fs::read_to_string(folder.join("batches.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    let epochs = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let second: Value = serde_json::from_str(epochs.lines().nth(1).unwrap()).unwrap();
    let mean = lines[4..8]
        .iter()
        .map(|line| line["total"].as_f64().unwrap())
        .sum::<f64>()
        / 4.0;
    assert!((mean - second["total"].as_f64().unwrap()).abs() < 1e-12);
    assert!(lines[7]["terms"]["log_det_variance"].is_f64() && lines[7]["gradient_norm"].is_f64());
    let quiet = train(&scratch, "quiet", &[]);
    assert!(!quiet.join("batches.jsonl").exists());
}

#[test]
fn codes_are_embedded_in_the_size_that_the_graph_asks_for() {
    let scratch = scratch();
    let folder = train(
        &scratch,
        "run",
        &[
            "--method",
            "ggae",
            "--weight",
            "1",
            "--validation-fraction",
            "0.2",
        ],
    );
    let graph = json(&folder.join("graph.json"));
    let scale = graph["rescaling"]["scale"].as_f64().unwrap();
    assert!((graph["rescaling"]["bias"].as_f64().unwrap() - (scale - 1.0).abs()).abs() < 1e-12);
    assert!(graph["bias"].is_f64() && graph["spread"].is_f64() && graph["judged_batches"] == 5);
    let codes = |out: &str, more: &[&str]| -> Vec<f64> {
        let arguments = ["embed", "run", "--data", "swiss-roll:300", "--out", out];
        assert!(run(&scratch, &[&arguments, more].concat()).status.success());
        let text = fs::read_to_string(scratch.path().join(out)).unwrap();
        let cells = text
            .lines()
            .skip(1)
            .flat_map(|line| line.split(',').skip(3));
        cells.map(|cell| cell.parse().unwrap()).collect()
    };
    let (plain, rescaled) = (
        codes("plain.csv", &[]),
        codes("rescaled.csv", &["--rescale"]),
    );
    for (a, b) in plain.iter().zip(&rescaled) {
        assert!((a * scale - b).abs() < 1e-5 * b.abs().max(1.0), "{a} {b}");
    }
    train(&scratch, "other", &[]);
    let other = [
        "embed",
        "other",
        "--data",
        "swiss-roll:300",
        "--out",
        "x.csv",
        "--rescale",
    ];
    assert_refused(&run(&scratch, &other), "this run has no graph");
}
