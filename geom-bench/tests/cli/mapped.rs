//! Training on a file that stays where it is.
#![cfg(target_os = "linux")]

use std::{io::Write, process::Command};

use super::{resuming::killed, *};

const OPTIONS: [&str; 3] = ["--mapped", "--split", "contiguous"];

/// A `.npy` file of so many points, of which the first rows are given and the others are a hole: zeros that take no room.
fn array(scratch: &TempDir, name: &str, shape: (usize, usize), given: &[f32]) {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    let length = (bytes.len() + shape.0 * shape.1 * 4) as u64;
    bytes.extend(given.iter().flat_map(|value| value.to_le_bytes()));
    let mut file = fs::File::create(scratch.path().join(name)).unwrap();
    file.write_all(&bytes).unwrap();
    file.set_len(length).unwrap();
}

/// 300 points on a bent sheet.
fn sheet(scratch: &TempDir) {
    let rows = (0..300_u16).flat_map(|i| {
        let (s, t) = (f32::from(i % 20) / 20.0, f32::from(i / 20) / 15.0);
        [s, t, s * t, (3.0 * s).sin(), (2.0 * t).cos()]
    });
    array(scratch, "sheet.npy", (300, 5), &rows.collect::<Vec<_>>());
}

fn on_sheet<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let data = ["train", "--data", "sheet.npy", "--out", out];
    let small = ["--hidden", "8", "--batch-size", "40", "--epochs", "4"];
    [&data[..], &small, more].concat()
}

#[test]
fn a_file_larger_than_what_may_be_held_is_trained_on() {
    let scratch = scratch();
    // 128 MiB.
    let ramp: Vec<f32> = (0..100 * 256).map(|i| (i as f32 * 0.37).sin()).collect();
    array(&scratch, "large.npy", (1 << 17, 256), &ramp);
    // What a program holds for itself; pages of a file that can be dropped at any time do not count.
    let held = |more: &[&str]| {
        let own = [
            "-c",
            "ulimit -d 90000; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_geom"),
            "train",
        ];
        let small = [
            "--data",
            "large.npy",
            "--out",
            "run",
            "--method",
            "ae",
            "--hidden",
            "8",
            "--batch-size",
            "4096",
            "--epochs",
            "1",
            "--threads",
            "1",
            "--validation-fraction",
            "0.1",
        ];
        let mut command = Command::new("sh");
        command
            .current_dir(scratch.path())
            .args(own)
            .args(small)
            .args(more);
        command.output().unwrap()
    };
    assert_refused(&held(&["--split", "contiguous"]), "no memory for 33554432");
    let output = held(&[&OPTIONS[..], &["--measured-points", "100"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("104858 train and 26214 test points"),
        "{stderr}"
    );
    let report = fs::read_to_string(scratch.path().join("run/report.html")).unwrap();
    assert!(report.contains("100 of the 104858 train points"));
}

#[test]
fn a_mapped_file_gives_the_bytes_that_memory_gives_and_resumes_to_them() {
    let scratch = scratch();
    sheet(&scratch);
    let held_out = ["--validation-fraction", "0.2", "--epochs", "100"];
    let mapped = |out| on_sheet(out, &[&OPTIONS[..], &held_out].concat());
    let read = on_sheet("read", &[&OPTIONS[1..], &held_out].concat());
    for arguments in [&read, &mapped("mapped")] {
        let output = run(&scratch, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }
    killed(&scratch, &mapped("killed"), "killed/log.jsonl", 3);
    let resumed = run(&scratch, &["train", "--resume", "killed"]);
    assert!(resumed.status.success());
    assert!(
        run(&scratch, &["inspect", "mapped", "--out", "inspected"])
            .status
            .success()
    );
    for file in ["model.safetensors", "metrics.json", "embedding.csv"] {
        let bytes = |folder: &str| fs::read(scratch.path().join(folder).join(file)).unwrap();
        assert!(bytes("read") == bytes("mapped"), "{file}");
        assert!(bytes("mapped") == bytes("killed"), "{file}");
        if file != "model.safetensors" {
            assert!(bytes("mapped") == bytes("inspected"), "{file}");
        }
    }
    let codes = |out: &str, more: &[&str]| {
        let embed = ["embed", "mapped", "--data", "sheet.npy", "--out", out];
        assert!(run(&scratch, &[&embed[..], more].concat()).status.success());
        fs::read(scratch.path().join(out)).unwrap()
    };
    assert!(codes("a.csv", &["--mapped"]) == codes("b.csv", &[]));
}

#[test]
fn a_sample_is_measured_by_its_rows_and_other_points_are_other_data() {
    let scratch = scratch();
    sheet(&scratch);
    let sampled = [&OPTIONS[..], &["--measured-points", "30"]].concat();
    assert!(run(&scratch, &on_sheet("run", &sampled)).status.success());
    let table = fs::read_to_string(scratch.path().join("run/embedding.csv")).unwrap();
    let rows: Vec<(&str, usize)> = table
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[0], fields[1].parse().unwrap())
        })
        .collect();
    assert_eq!(rows.len(), 60);
    assert!(
        rows[..30]
            .iter()
            .all(|&(part, row)| part == "train" && row < 240)
    );
    assert!(
        rows[30..]
            .iter()
            .all(|&(part, row)| part == "test" && (240..300).contains(&row))
    );
    let report = fs::read_to_string(scratch.path().join("run/report.html")).unwrap();
    assert!(
        report.contains("30 of the 240 train points"),
        "the report says so"
    );
    assert_refused(&run(&scratch, &["flatten", "run"]), "read into memory");

    let long = on_sheet("killed", &[&sampled[..], &["--epochs", "4000"]].concat());
    killed(&scratch, &long, "killed/log.jsonl", 2);
    let path = scratch.path().join("sheet.npy");
    let mut bytes = fs::read(&path).unwrap();
    // The last point, which is tested on and not trained on.
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    fs::write(&path, bytes).unwrap();
    let resumed = run(&scratch, &["train", "--resume", "killed"]);
    assert_refused(&resumed, "other settings or with other data");
}

#[test]
fn a_file_of_another_kind_is_refused_before_a_folder_is_made() {
    let scratch = scratch();
    sheet(&scratch);
    for (more, fragment) in [
        (&["--mapped"][..], "split is shuffled"),
        (&[&OPTIONS[..], &["--dtype", "f64"]].concat(), "'<f8'"),
        (
            &[&OPTIONS[..], &["--method", "ggae"]].concat(),
            "method is ggae",
        ),
        (
            &[&OPTIONS[..], &["--batch-size", "241"]].concat(),
            "only 240 training points",
        ),
        (
            &[&OPTIONS[..], &["--data", "swiss-roll:300"]].concat(),
            "a .npy file",
        ),
    ] {
        assert_refused(&run(&scratch, &on_sheet("bad", more)), fragment);
        assert!(!scratch.path().join("bad").exists(), "{fragment}");
    }
}
