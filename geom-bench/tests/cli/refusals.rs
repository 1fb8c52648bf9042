//! What `geom` refuses: exit code 2, one line, nothing half-written.

use super::*;

#[test]
fn impossible_input_is_one_line_and_leaves_nothing() {
    let scratch = scratch();
    let file = |name: &str, bytes: &[u8]| fs::write(scratch.path().join(name), bytes).unwrap();
    file("empty.csv", b"");
    file("ragged.csv", b"1,2\n3\n");
    file("text.csv", b"1,2\n3,x\n");
    file("nan.csv", b"1,2\n3,NaN\n");
    file("short.csv", b"1,2\n3,4\n5,6\n");
    file("torn.csv.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]);
    file("unknown-key.toml", b"epochs = 3\nepocs = 4\n");
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 4000), }".to_vec();
    npy.resize(128, b' ');
    file("promise.npy", &npy);
    fs::create_dir(scratch.path().join("idx")).unwrap();
    file(
        "idx/t10k-images-idx3-ubyte",
        &[7, 7, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5],
    );
    fs::create_dir(scratch.path().join("idx-short")).unwrap();
    file(
        "idx-short/t10k-images-idx3-ubyte",
        &[0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2],
    );

    let cases: [(&[&str], &str); 25] = [
        (&["--data", "missing.csv"], "missing.csv"),
        (&["--data", "digit"], "`digits`"),
        (&["--data", "empty.csv"], "empty"),
        (&["--data", "ragged.csv"], "line 2"),
        (&["--data", "text.csv"], "line 2, column 2"),
        (&["--data", "nan.csv"], "column 2"),
        (&["--data", "torn.csv.gz"], "torn.csv.gz"),
        (&["--data", "promise.npy"], "promise.npy"),
        (&["--data", "idx"], "not an IDX file"),
        (&["--data", "idx-short"], "t10k-images"),
        (&["--data", "short.csv"], "batch"),
        (&["--epochs", "0"], "epochs"),
        (&["--batch-size", "5000"], "5000"),
        (&["--latent-dim", "0"], "latent-dim"),
        (&["--latent-dim", "65"], "65"),
        (&["--method", "geomea"], "`geomae`"),
        (&["--activation", "gellu"], "`gelu`"),
        (&["--learning-rate", "nan"], "learning-rate"),
        (&["--config", "unknown-key.toml"], "epocs"),
        (&["--device", "cuda"], "cuda"),
        (&["--seeds", "2", "--data", "nan.csv"], "column 2"),
        (
            &["--method", "ggae", "--neighbours", "5000"],
            "5000 neighbours",
        ),
        (
            &["--method", "ggae", "--bandwidth", "neighbour:5000"],
            "points of a batch",
        ),
        (
            &["--weight-schedule", "step:0:0.5"],
            "weight-schedule is step:0:0.5",
        ),
        (&["--validation-fraction", "0.001"], "held out"),
    ];
    for (arguments, fragment) in cases {
        let output = run(
            &scratch,
            &[&["train", "--out", "nothing"], arguments].concat(),
        );
        assert_refused(&output, fragment);
        assert!(
            !scratch.path().join("nothing").exists(),
            "{arguments:?} left a folder"
        );
    }
    assert_refused(&run(&scratch, &["trian"]), "train");
    assert_refused(&run(&scratch, &["inspect", "nowhere"]), "nowhere");
}

#[test]
fn a_folder_that_holds_a_run_is_left_alone() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &[]);
    let before = fs::read(folder.join("model.safetensors")).unwrap();
    let again = run(
        &scratch,
        &[&["train", "--out", "run"], &SMALL[..], &["--seed", "9"]].concat(),
    );
    assert_refused(&again, "run");
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), before);
    assert_refused(&run(&scratch, &["train", "--resume", "run"]), "finished");
}

#[test]
fn a_model_that_does_not_fit_its_settings_is_refused() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &[]);
    let config = fs::read_to_string(folder.join("config.toml")).unwrap();
    fs::write(
        folder.join("config.toml"),
        config.replace("[16, 16]", "[16, 17]"),
    )
    .unwrap();
    assert_refused(&run(&scratch, &["inspect", "run"]), "model.safetensors");
    fs::write(folder.join("config.toml"), &config).unwrap();
    let mut model = fs::read(folder.join("model.safetensors")).unwrap();
    model[0] = 0xff;
    fs::write(folder.join("model.safetensors"), model).unwrap();
    assert_refused(&run(&scratch, &["inspect", "run"]), "model.safetensors");
}

#[test]
fn damaged_metrics_are_refused_and_not_compared() {
    let scratch = scratch();
    let folder = train(&scratch, "run", &[]);
    for text in ["{", "[]", "{}", "{\"train\": 5}", "null"] {
        fs::write(folder.join("metrics.json"), text).unwrap();
        let output = run(&scratch, &["compare", "run", "run", "--out", "page.html"]);
        assert_refused(&output, "run/metrics.json");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("written"));
        assert!(!scratch.path().join("page.html").exists(), "{text}");
    }
}

#[test]
fn a_refused_file_is_named_without_the_temporary_one() {
    let scratch = scratch();
    train(&scratch, "run", &[]);
    let arguments = [
        "embed",
        "run",
        "--data",
        "swiss-roll:50",
        "--out",
        "missing/codes.csv",
    ];
    let output = run(&scratch, &arguments);
    assert_refused(&output, "missing/codes.csv");
    assert!(!String::from_utf8_lossy(&output.stderr).contains(".partial"));
}
