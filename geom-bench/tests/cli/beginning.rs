//! Runs that begin at a picture.
#![cfg(unix)]

use super::{resuming::killed, *};

const BEGIN: [&str; 4] = ["--begin-at", "isomap", "--begin-epochs", "5"];

fn began(output: &Output) -> bool {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    stderr.contains("both networks were fitted to a picture first: after 5 epochs")
}

#[test]
fn a_run_that_began_at_a_picture_resumes_without_it_to_the_same_bytes() {
    let scratch = scratch();
    let arguments = |out| {
        let long = ["--epochs", "100", "--validation-fraction", "0.1"];
        [&["train", "--out", out], &SMALL[..], &long, &BEGIN].concat()
    };
    assert!(began(&run(&scratch, &arguments("whole"))));
    let config = fs::read_to_string(scratch.path().join("whole/config.toml")).unwrap();
    for line in [
        "begin_at = \"isomap\"",
        "begin_epochs = 5",
        "learning_rate_schedule = \"warm-up:20\"",
    ] {
        assert!(config.contains(line), "{config}");
    }
    killed(&scratch, &arguments("killed"), "killed/log.jsonl", 3);
    let resumed = run(&scratch, &["train", "--resume", "killed"]);
    assert!(!began(&resumed), "it is not done twice");
    // Without a checkpoint there is nothing to go on from: all begins again.
    killed(&scratch, &arguments("bare"), "bare/log.jsonl", 2);
    fs::remove_dir_all(scratch.path().join("bare/checkpoints")).unwrap();
    assert!(began(&run(&scratch, &["train", "--resume", "bare"])));
    let plain = [
        &["train", "--out", "plain"],
        &SMALL[..],
        &["--epochs", "100"],
    ]
    .concat();
    assert!(run(&scratch, &plain).status.success());
    for file in ["model.safetensors", "metrics.json", "embedding.csv"] {
        let bytes = |folder: &str| fs::read(scratch.path().join(folder).join(file)).unwrap();
        assert!(bytes("whole") == bytes("killed"), "{file}");
        assert!(bytes("whole") == bytes("bare"), "{file}");
        assert!(bytes("whole") != bytes("plain"), "{file}");
    }
}

#[test]
fn codes_of_a_file_are_where_training_begins_or_are_refused_by_their_rows() {
    let scratch = scratch();
    let of = |rows: u16, columns: usize| {
        let line = |i: u16| {
            let t = f64::from(i) * 0.021;
            [t.sin(), t.cos(), t][..columns]
                .iter()
                .map(f64::to_string)
                .collect::<Vec<_>>()
                .join(",")
        };
        (0..rows).map(line).collect::<Vec<_>>().join("\n")
    };
    for (name, rows, columns) in [
        ("z.csv", 300, 2),
        ("short.csv", 299, 2),
        ("wide.csv", 300, 3),
    ] {
        fs::write(scratch.path().join(name), of(rows, columns)).unwrap();
    }
    let at = |out: &str, file: &str, more: &[&str]| {
        let begin = ["--begin-at", file, "--begin-epochs", "400"];
        let still = [
            "--epochs",
            "1",
            "--learning-rate",
            "1e-12",
            "--method",
            "ae",
        ];
        run(
            &scratch,
            &[&["train", "--out", out], &SMALL[..], &begin, &still, more].concat(),
        )
    };
    assert_refused(&at("bad", "short.csv", &[]), "299 rows for 300 points");
    assert_refused(
        &at("bad", "wide.csv", &[]),
        "3 columns for a latent space of dimension 2",
    );
    assert_refused(&at("bad", "nowhere.csv", &[]), "nowhere.csv");
    assert_refused(&at("bad", "z.csv", &["--method", "pca"]), "begin-at");
    assert!(!scratch.path().join("bad").exists());
    // The table of a run names its points, whatever their order; other networks find its codes again.
    assert!(at("first", "z.csv", &[]).status.success());
    assert!(train(&scratch, "plain", &["--method", "ae"]).exists());
    let output = at("again", "plain/embedding.csv", &["--hidden", "64,64"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let codes = |out: &str| -> Vec<f64> {
        let table = fs::read_to_string(scratch.path().join(out).join("embedding.csv")).unwrap();
        let fields = table
            .lines()
            .skip(1)
            .flat_map(|line| line.split(',').skip(3));
        fields.map(|field| field.parse().unwrap()).collect()
    };
    let (picture, found) = (codes("plain"), codes("again"));
    let square = |of: &mut dyn Iterator<Item = f64>| of.map(|d| d * d).sum::<f64>();
    let off = square(&mut picture.iter().zip(&found).map(|(p, f)| p - f));
    let size = square(&mut picture.iter().copied());
    assert!(off < 0.25 * size, "{off} of {size}");
}
