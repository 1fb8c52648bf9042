//! Every method from outside: trained, interrupted by nothing, pictured; the networks and embeddings that some of them take.

use geom_ae::Method;

use super::*;

/// Points on a bent sheet, with labels in the last column.
fn sheet(scratch: &TempDir) {
    let mut text = String::new();
    for i in 0..120 {
        let (s, t) = (f64::from(i % 12) / 12.0, f64::from(i / 12) / 10.0);
        let row = [s, t, s * t, (3.0 * s).sin(), (2.0 * t).cos(), s * s];
        for value in row {
            text = format!("{text}{value},");
        }
        text = format!("{text}{}\n", i / 40);
    }
    fs::write(scratch.path().join("sheet.csv"), text).unwrap();
}

const ON_SHEET: [&str; 10] = [
    "--data",
    "sheet.csv",
    "--labels",
    "last",
    "--batch-size",
    "24",
    "--hidden",
    "8",
    "--epochs",
    "2",
];

fn on_sheet(scratch: &TempDir, out: &str, more: &[&str]) -> Output {
    run(
        scratch,
        &[&["train", "--out", out], &ON_SHEET[..], more].concat(),
    )
}

fn assert_trained(output: &Output, what: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {stderr}");
}

#[test]
fn every_method_trains_and_those_with_a_prior_show_it() {
    let scratch = scratch();
    sheet(&scratch);
    // Data on a known manifold have tests of their own.
    for method in Method::ALL.into_iter().filter(|m| !m.needs_manifold()) {
        let name = method.name();
        let mut arguments = vec!["--method", name];
        if method == Method::WaeGan {
            arguments.extend(["--adversary-hidden", "8"]);
        }
        assert_trained(&on_sheet(&scratch, name, &arguments), name);
        let folder = scratch.path().join(name);
        assert!(json(&folder.join("metrics.json"))["test"]["reconstruction_mse"].is_f64());
        let report = fs::read_to_string(folder.join("report.html")).unwrap();
        let has_prior = method.is_stochastic() || method.latent_settings().is_some();
        for picture in ["prior", "samples"] {
            let file = folder.join(format!("figures/{picture}.svg"));
            assert_eq!(file.exists(), has_prior, "{name} {picture}");
        }
        assert_eq!(
            report.contains("Samples from the prior"),
            has_prior,
            "{name}"
        );
    }
}

#[test]
fn an_embedding_to_follow_is_followed_or_refused_by_its_rows() {
    let scratch = scratch();
    sheet(&scratch);
    let write = |name: &str, rows: i32, columns: usize| {
        let line = |i: i32| vec![format!("{}", f64::from(i % 7)); columns].join(",");
        let text: Vec<String> = (0..rows).map(line).collect();
        fs::write(scratch.path().join(name), text.join("\n")).unwrap();
    };
    write("z.csv", 120, 2);
    write("short.csv", 119, 2);
    write("wide.csv", 120, 3);
    let towards =
        |out: &str, file: &str| on_sheet(&scratch, out, &["--method", "grae", "--towards", file]);
    assert_trained(&towards("fine", "z.csv"), "grae");
    assert_refused(&towards("bad", "short.csv"), "119 rows for 120 points");
    assert_refused(
        &towards("bad", "wide.csv"),
        "3 columns for a latent space of dimension 2",
    );
    assert_refused(
        &on_sheet(&scratch, "bad", &["--towards", "z.csv"]),
        "a setting of grae",
    );
    let unlabelled = run(
        &scratch,
        &[
            "train",
            "--data",
            "z.csv",
            "--method",
            "contrastive",
            "--out",
            "bad",
            "--epochs",
            "1",
            "--batch-size",
            "24",
        ],
    );
    assert_refused(&unlabelled, "a label for every point");
    assert!(!scratch.path().join("bad").exists());
}

#[test]
fn published_networks_train_on_images_that_fit_and_refuse_others_by_size() {
    let scratch = scratch();
    let digits = |out: &str, more: &[&str]| {
        let base = ["train", "--data", "digits", "--epochs", "1", "--out", out];
        run(&scratch, &[&base[..], more].concat())
    };
    let small = [
        "--method",
        "wae-mmd",
        "--network",
        "dcgan",
        "--filters",
        "8",
    ];
    assert_trained(&digits("dcgan", &small), "dcgan");
    let config = fs::read_to_string(scratch.path().join("dcgan/config.toml")).unwrap();
    assert!(config.contains("image = [1, 8, 8]"), "{config}");
    let again = run(&scratch, &["inspect", "dcgan"]);
    assert_trained(&again, "inspect");
    let normalised = [
        "--method",
        "topoae",
        "--network",
        "normalised-mlp",
        "--hidden",
        "8,8",
    ];
    assert_trained(&digits("normalised", &normalised), "normalised-mlp");
    assert_refused(&digits("bad", &["--network", "conv28"]), "8 × 8");
    assert_refused(
        &digits("bad", &["--network", "dcgan", "--image", "1,4,16"]),
        "batch",
    );
}

#[test]
fn what_a_method_cannot_have_is_refused_before_a_folder_is_made() {
    let scratch = scratch();
    sheet(&scratch);
    for (arguments, fragment) in [
        (&["--method", "nrae-q", "--neighbours", "200"][..], "200"),
        (&["--method", "ggae", "--neighbours", "200"], "200"),
        (
            &[
                "--method",
                "wae-mmd",
                "--prior",
                "sphere",
                "--latent-dim",
                "1",
            ],
            "prior",
        ),
        (&["--method", "geomae", "--prior", "normal"], "prior"),
    ] {
        assert_refused(&on_sheet(&scratch, "bad", arguments), fragment);
        assert!(!scratch.path().join("bad").exists(), "{arguments:?}");
    }
}

#[test]
fn an_adversary_that_diverges_is_named_with_what_is_kept() {
    let scratch = scratch();
    sheet(&scratch);
    let gan = ["--method", "wae-gan", "--adversary-hidden", "8"];
    let at_once = [&gan[..], &["--adversary-learning-rate", "1e30"]].concat();
    let output = on_sheet(&scratch, "wild", &at_once);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("advers") && stderr.contains("wild holds"),
        "{stderr}"
    );
    // The networks hardly move; the adversary's rate follows theirs, and is far too large in the second epoch.
    let later = [
        "--pretrain",
        "false",
        "--learning-rate",
        "1e-30",
        "--adversary-learning-rate",
        "1e-3",
        "--learning-rate-schedule",
        "step:1:1e25",
    ];
    let first = on_sheet(&scratch, "late", &[&gan[..], &later].concat());
    let folder = scratch.path().join("late");
    let checkpoint = folder.join("checkpoints/epoch-00000001.safetensors");
    let kept = fs::read(&checkpoint).unwrap();
    // It is read again and gone on from, to the same end.
    let again = run(&scratch, &["train", "--resume", "late"]);
    for output in [first, again] {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let last = stderr.lines().last().unwrap();
        assert!(
            last.contains("advers") && last.contains("in epoch 2"),
            "{last}"
        );
        assert!(
            last.contains("model and log of epoch 1 are in late"),
            "{last}"
        );
        assert_eq!(fs::read(&checkpoint).unwrap(), kept);
    }
    assert_trained(&run(&scratch, &["inspect", "late"]), "inspect");
    let recall = &json(&folder.join("inspect-1/metrics.json"))["test"]["reconstruction_mse"];
    assert!(recall.is_f64(), "{recall}");
}
