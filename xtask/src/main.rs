//! The gate: `cargo xtask ci` runs everything that must hold before a change lands, and stops at the first failure.

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

/// One step of the gate.
struct Step {
    title: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const fn step(title: &'static str, arguments: &'static [&'static str]) -> Step {
    Step {
        title,
        arguments,
        environment: &[],
    }
}

/// The folder of the run that the gate trains.
const RUN: &str = "target/ci-run";

const STEPS: &[Step] = &[
    step("format", &["fmt", "--all", "--check"]),
    step(
        "lints",
        &[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    ),
    step("tests", &["test", "--release", "--workspace"]),
    Step {
        title: "documentation",
        arguments: &["doc", "--release", "--workspace", "--no-deps"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    step(
        "the CUDA feature, without a toolkit",
        &[
            "check",
            "--release",
            "-p",
            "geom-nn",
            "--features",
            "cuda-check",
        ],
    ),
    step(
        "the README's main command, few epochs",
        &[
            "run",
            "--release",
            "--",
            "train",
            "--epochs",
            "3",
            "--out",
            RUN,
        ],
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments != ["ci"] {
        eprintln!("usage: cargo xtask ci");
        return ExitCode::from(2);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = env::set_current_dir(&root) {
        eprintln!("xtask: {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    // The gate's own run folder is the one thing that an earlier gate leaves behind.
    if Path::new(RUN).exists()
        && let Err(error) = std::fs::remove_dir_all(RUN)
    {
        eprintln!("xtask: remove {RUN}: {error}");
        return ExitCode::FAILURE;
    }
    for step in STEPS {
        eprintln!("\n== {}: cargo {}", step.title, step.arguments.join(" "));
        let start = Instant::now();
        let status = Command::new(env!("CARGO"))
            .args(step.arguments)
            .envs(step.environment.iter().copied())
            .status();
        match status {
            Ok(status) if status.success() => {
                eprintln!("== {}: {:.0} s", step.title, start.elapsed().as_secs_f64());
            }
            Ok(status) => {
                eprintln!("== {}: failed, {status}", step.title);
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("== {}: cargo did not start: {error}", step.title);
                return ExitCode::FAILURE;
            }
        }
    }
    eprintln!("\n== all {} steps passed", STEPS.len());
    ExitCode::SUCCESS
}
