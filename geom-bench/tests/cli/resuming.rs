//! What a resumed run takes up: several seeds, the checkpoint before a damaged one; and what it refuses.
#![cfg(unix)]

use std::{
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::*;

/// Starts a run and kills it once the log at `log` holds `lines` lines.
pub(super) fn killed(scratch: &TempDir, arguments: &[&str], log: &str, lines: usize) {
    let mut child = geom(scratch, arguments)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&mut child, &scratch.path().join(log), lines);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn wait_for(child: &mut Child, log: &Path, lines: usize) {
    let start = Instant::now();
    while fs::read_to_string(log).map_or(0, |text| text.lines().count()) < lines {
        assert!(
            start.elapsed() < Duration::from_mins(2),
            "nothing was logged"
        );
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the run ended before it could be stopped");
        sleep(Duration::from_millis(2));
    }
}

fn bytes(scratch: &TempDir, file: &str) -> Vec<u8> {
    fs::read(scratch.path().join(file)).unwrap()
}

#[test]
fn several_seeds_go_on_to_the_same_bytes() {
    let scratch = scratch();
    let all = |out| {
        [
            &["train", "--out", out, "--seeds", "3"],
            &SMALL[..],
            &["--epochs", "120"],
        ]
        .concat()
    };
    assert!(run(&scratch, &all("whole")).status.success());
    // In the middle of the second of three.
    killed(&scratch, &all("killed"), "killed/seed-5/log.jsonl", 3);
    let marker = json(&scratch.path().join("killed/seeds.json"));
    assert_eq!(
        (marker["asked"].to_string(), marker["seeds"].to_string()),
        ("[4,5,6]".into(), "[4]".into())
    );
    let first = fs::metadata(scratch.path().join("killed/seed-4/report.html")).unwrap();
    let resumed = run(&scratch, &["train", "--resume", "killed"]);
    let stderr = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(resumed.status.success(), "{stderr}");
    assert!(stderr.contains("resuming after epoch"), "{stderr}");
    for seed in [4, 5, 6] {
        for file in ["model.safetensors", "metrics.json", "embedding.csv"] {
            let of = |folder| bytes(&scratch, &format!("{folder}/seed-{seed}/{file}"));
            assert!(of("whole") == of("killed"), "seed {seed} {file}");
        }
    }
    let summed = |folder: &str| json(&scratch.path().join(folder).join("seeds.json"));
    let (whole, killed) = (summed("whole"), summed("killed"));
    assert_eq!(killed["seeds"].to_string(), "[4,5,6]");
    let of_test = |of: &Value| of["parts"][1]["metrics"].clone();
    assert_eq!(of_test(&whole), of_test(&killed));
    let again = fs::metadata(scratch.path().join("killed/seed-4/report.html")).unwrap();
    assert_eq!(first.modified().unwrap(), again.modified().unwrap());
    assert!(!scratch.path().join("killed/model.safetensors").exists());
    assert_refused(
        &run(&scratch, &["train", "--resume", "killed"]),
        "the run is finished",
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "one file after another")]
fn changed_labels_and_files_are_other_data() {
    let scratch = scratch();
    let (mut table, mut square) = (String::new(), String::new());
    for i in 0..60_u32 {
        let angle = f64::from(i % 12) / 12.0 * std::f64::consts::TAU;
        table = format!(
            "{table}{},{},{},{}\n",
            angle.cos(),
            angle.sin(),
            0.1 * f64::from(i / 12),
            i / 12
        );
        let row: Vec<String> = (0..60_u32).map(|j| i.abs_diff(j).to_string()).collect();
        square = format!("{square}{}\n", row.join(","));
    }
    let file = |name: &str, text: &str| fs::write(scratch.path().join(name), text).unwrap();
    let changed = |text: &str| {
        text.replacen(
            text.lines().nth(3).unwrap(),
            text.lines().nth(20).unwrap(),
            1,
        )
    };
    // The fourth point gets another label, and nothing else changes.
    let relabelled = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (point, _) = lines[3].rsplit_once(',').unwrap();
        lines[3] = format!("{point},3");
        lines.join("\n") + "\n"
    };
    file("coordinates.csv", &table);
    file("square.csv", &square);
    file("towards.csv", &table);
    let ggae = ["--method", "ggae"];
    let cases: [(&str, &str, &[&str]); 4] = [
        ("data.csv", "labels", &["--method", "ae"]),
        (
            "coordinates.csv",
            "coordinates",
            &[&ggae[..], &["--distances", "coordinates:coordinates.csv"]].concat(),
        ),
        (
            "square.csv",
            "given",
            &[&ggae[..], &["--distances", "given:square.csv"]].concat(),
        ),
        (
            "towards.csv",
            "towards",
            &[
                "--method",
                "grae",
                "--latent-dim",
                "4",
                "--data",
                "wide.csv",
                "--towards",
                "towards.csv",
            ],
        ),
    ];
    let wide = "0,1,".to_owned() + &table.trim_end().replace('\n', "\n0,1,") + "\n";
    file("wide.csv", &wide);
    for (name, out, more) in cases {
        file("data.csv", &table);
        let start = [
            "train",
            "--out",
            out,
            "--data",
            "data.csv",
            "--labels",
            "last",
            "--batch-size",
            "12",
            "--hidden",
            "8",
            "--epochs",
            "4000",
            "--seed",
            "1",
        ];
        killed(
            &scratch,
            &[&start, more].concat(),
            &format!("{out}/log.jsonl"),
            2,
        );
        let before = fs::read_to_string(scratch.path().join(name)).unwrap();
        let after = match out {
            "labels" => relabelled(&before),
            // The matrix stays symmetric.
            "given" => before.replace("59", "60"),
            _ => changed(&before),
        };
        file(name, &after);
        assert_ne!(
            fs::read_to_string(scratch.path().join(name)).unwrap(),
            before
        );
        let resumed = run(&scratch, &["train", "--resume", out]);
        assert_refused(&resumed, "other settings or with other data");
        file(name, &before);
    }
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_taken() {
    let scratch = scratch();
    let arguments = |out| [&["train", "--out", out], &SMALL[..], &["--epochs", "60"]].concat();
    assert!(run(&scratch, &arguments("whole")).status.success());
    killed(&scratch, &arguments("run"), "run/log.jsonl", 5);
    let mut checkpoints: Vec<PathBuf> = fs::read_dir(scratch.path().join("run/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    checkpoints.sort();
    let newest = checkpoints.last().unwrap();
    let mut damaged = fs::read(newest).unwrap();
    let end = damaged.len() - 9;
    damaged[end] ^= 1;
    fs::write(newest, damaged).unwrap();
    let resumed = run(&scratch, &["train", "--resume", "run"]);
    let stderr = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(resumed.status.success(), "{stderr}");
    let name = newest.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        stderr.contains(&format!("{name} cannot be used: ")),
        "{stderr}"
    );
    assert!(bytes(&scratch, "whole/model.safetensors") == bytes(&scratch, "run/model.safetensors"));
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let scratch = scratch();
    let arguments = |out| [&["train", "--out", out], &SMALL[..], &["--epochs", "100"]].concat();
    assert!(run(&scratch, &arguments("whole")).status.success());
    killed(&scratch, &arguments("run"), "run/log.jsonl", 5);
    let folder = scratch.path().join("run/checkpoints");
    let names = || {
        let entries = fs::read_dir(&folder).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("epoch-"));
        names.sort();
        names
    };
    let newest = names().pop().unwrap();
    let epoch: usize = newest[6..14].parse().unwrap();
    // Where a later checkpoint is to be there is something else, which it cannot take the place of.
    let of = |epoch: usize| format!("epoch-{epoch:08}.safetensors");
    let blocked = folder.join(of(epoch + 4));
    fs::create_dir_all(blocked.join("something")).unwrap();
    let output = run(&scratch, &["train", "--resume", "run"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with("geom: ") && last.contains(&of(epoch + 4)),
        "{last}"
    );
    let left = format!("model and log of epoch {} are in run", epoch + 3);
    assert!(
        last.contains(&left) && last.contains("--resume run` goes on"),
        "{last}"
    );
    assert_eq!(names(), [of(epoch + 3), of(epoch + 4)]);
    assert!(run(&scratch, &["inspect", "run"]).status.success());
    fs::remove_dir_all(&blocked).unwrap();
    let resumed = run(&scratch, &["train", "--resume", "run"]);
    let stderr = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(resumed.status.success(), "{stderr}");
    assert!(
        stderr.contains(&format!("resuming after epoch {}", epoch + 3)),
        "{stderr}"
    );
    for file in ["model.safetensors", "metrics.json"] {
        let of = |folder: &str| bytes(&scratch, &format!("{folder}/{file}"));
        assert!(of("whole") == of("run"), "{file}");
    }
}

#[test]
fn a_full_disk_in_the_middle_leaves_checkpoints_that_are_gone_on_from() {
    let scratch = scratch();
    let arguments = |out| {
        [
            &["train", "--out", out],
            &SMALL[..],
            &["--epochs", "200", "--log-batches"],
        ]
        .concat()
    };
    assert!(run(&scratch, &arguments("whole")).status.success());
    // No file may grow beyond some ten thousand bytes, as on a disk that is full: the log of the batches soon would.
    let limited = [
        "-c",
        "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_geom"),
    ];
    let output = Command::new("sh")
        .current_dir(scratch.path())
        .args(limited)
        .args(arguments("run"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("geom: cannot append to run/"), "{last}");
    assert!(last.contains("`geom train --resume run` goes on"), "{last}");
    let resumed = run(&scratch, &["train", "--resume", "run"]);
    assert!(
        resumed.status.success(),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
    for file in ["model.safetensors", "metrics.json"] {
        assert!(
            bytes(&scratch, &format!("whole/{file}")) == bytes(&scratch, &format!("run/{file}")),
            "{file}"
        );
    }
    // Four batches an epoch, each logged once whatever happened in between.
    let batches = String::from_utf8(bytes(&scratch, "run/batches.jsonl")).unwrap();
    let places: Vec<(u64, u64)> = batches
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            (
                line["epoch"].as_u64().unwrap(),
                line["batch"].as_u64().unwrap(),
            )
        })
        .collect();
    let all: Vec<(u64, u64)> = (1..=200)
        .flat_map(|epoch| (1..=4).map(move |batch| (epoch, batch)))
        .collect();
    assert_eq!(places, all);
}
