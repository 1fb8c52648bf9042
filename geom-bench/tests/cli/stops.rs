//! What a run keeps when it is stopped, and how it goes on.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use super::*;

/// Starts a run that takes long enough to be stopped, and waits until `epochs` epochs are logged.
fn started(scratch: &TempDir, out: &str, more: &[&str], epochs: usize) -> std::process::Child {
    let arguments = [
        &["train", "--out", out],
        &SMALL[..],
        &["--epochs", "400"],
        more,
    ]
    .concat();
    let mut child = geom(scratch, &arguments)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = scratch.path().join(out).join("log.jsonl");
    let start = Instant::now();
    while fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < epochs {
        assert!(
            start.elapsed() < Duration::from_mins(2),
            "no epoch was logged"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "the run ended before it could be stopped"
        );
        sleep(Duration::from_millis(2));
    }
    child
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let scratch = scratch();
    // Momentum, held-out points, schedules of rate and weight, clipping: everything that has a state between epochs.
    let elaborate = [
        "--optimiser",
        "sgd:0.9",
        "--validation-fraction",
        "0.2",
        "--learning-rate-schedule",
        "plateau:5:0.7",
        "--weight-schedule",
        "warm-up:100",
        "--clip-norm",
        "0.5",
        "--sampler",
        "neighbourhood:4",
    ];
    let plain = train(&scratch, "whole", &["--epochs", "400"]);
    let other = train(
        &scratch,
        "elaborate",
        &[&["--epochs", "400"], &elaborate[..]].concat(),
    );
    for (whole, out, more, epochs) in [
        (&plain, "killed-early", &[][..], 1),
        (&plain, "killed-late", &[], 60),
        (&other, "killed-elaborate", &elaborate, 40),
    ] {
        let mut child = started(&scratch, out, more, epochs);
        child.kill().unwrap();
        child.wait().unwrap();
        let resumed = run(&scratch, &["train", "--resume", out, "--threads", "1"]);
        assert!(
            resumed.status.success(),
            "{}",
            String::from_utf8_lossy(&resumed.stderr)
        );
        for file in [
            "model.safetensors",
            "embedding.csv",
            "metrics.json",
            "geometry.csv",
        ] {
            let bytes = |folder: &Path| fs::read(folder.join(file)).unwrap();
            assert!(
                bytes(whole) == bytes(&scratch.path().join(out)),
                "{out} {file}"
            );
        }
        let log = fs::read_to_string(scratch.path().join(out).join("log.jsonl")).unwrap();
        assert_eq!(log.lines().count(), 400, "every epoch is logged once");
    }
    assert_refused(
        &run(&scratch, &["train", "--resume", "whole", "--epochs", "9"]),
        "settings",
    );
}

#[test]
fn an_interrupted_run_leaves_its_last_finished_epoch() {
    let scratch = scratch();
    let mut child = started(&scratch, "run", &[], 3);
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let folder = scratch.path().join("run");
    assert!(folder.join("model.safetensors").exists());
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    assert!(
        log.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    assert!(run(&scratch, &["inspect", "run"]).status.success());
}

#[test]
fn a_training_that_fails_before_its_first_epoch_does_not_claim_one() {
    let scratch = scratch();
    let arguments = [
        "train",
        "--out",
        "run",
        "--data",
        "swiss-roll:300",
        "--learning-rate",
        "1e30",
        "--batch-size",
        "50",
    ];
    let output = run(&scratch, &arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("no epoch was finished and run holds the settings only"),
        "{stderr}"
    );
    assert!(!scratch.path().join("run/model.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn an_interruption_while_measuring_ends_at_once_and_resumes_to_the_same_bytes() {
    // Measuring this many points takes seconds, an epoch of them a fraction of one.
    let arguments = [
        "--data",
        "swiss-roll:4000",
        "--batch-size",
        "500",
        "--hidden",
        "8",
        "--epochs",
        "1",
    ];
    let scratch = scratch();
    let mut child = geom(
        &scratch,
        &[&["train", "--out", "run"], &arguments[..]].concat(),
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("measuring")));
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let last = lines.last().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{last}");
    assert!(last.contains("`geom train --resume run` goes on"), "{last}");
    let folder = scratch.path().join("run");
    assert!(!folder.join("report.html").exists());

    fs::write(folder.join(".partial-left"), "half a file").unwrap();
    assert!(
        run(&scratch, &["train", "--resume", "run"])
            .status
            .success()
    );
    assert!(!folder.join(".partial-left").exists());
    let whole = run(
        &scratch,
        &[&["train", "--out", "whole"], &arguments[..]].concat(),
    );
    assert!(whole.status.success());
    for file in ["model.safetensors", "metrics.json"] {
        let bytes = |folder: &str| fs::read(scratch.path().join(folder).join(file)).unwrap();
        assert!(bytes("run") == bytes("whole"), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn a_number_of_epochs_that_never_ends_overflows_nothing() {
    let scratch = scratch();
    let endless = [
        &["train", "--out", "run"],
        &SMALL[..],
        &["--epochs", "9223372036854775807"],
    ]
    .concat();
    let mut child = geom(&scratch, &endless)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let second = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.starts_with("epoch    2/"));
    assert!(second.unwrap().ends_with("years left"));
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    assert!(lines.last().unwrap().unwrap().contains("interrupted"));
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
