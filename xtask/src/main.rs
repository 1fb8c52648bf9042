//! The gate: `cargo xtask ci` runs everything that must hold before a change lands, and stops at the first failure; `cargo xtask cuda` runs
//! its CUDA tests alone.

use std::{
    env,
    path::{Path, PathBuf},
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

/// Names the folder of a stand-in for a CUDA toolkit and driver that runs on the host, with its `make.sh`.
const STAND_IN: &str = "GEOM_CUDA_EMULATOR";
/// Where it is looked for if the variable is not set.
const STAND_IN_DEFAULT: &str = "../shared/cuda/emu";
/// What is built with it: its kernels are text for the host, so nothing may be shared with another build.
const STAND_IN_TARGET: &str = "target/cuda-emulator";

/// Its steps: title, package, and the tests of the library itself where some of them are for a GPU.
const CUDA_TESTS: &[(&str, &str, &[&str])] = &[
    ("the CUDA tests of networks", "geom-nn", &["--lib"]),
    ("the CUDA tests of training", "geom-ae", &[]),
];

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
            "clippy",
            "--release",
            "-p",
            "geom-nn",
            "-p",
            "geom-ae",
            "-p",
            "geom-bench",
            "--features",
            "geom-nn/cuda-check,geom-ae/cuda-check,geom-bench/cuda",
            "--",
            "-D",
            "warnings",
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
    let all = arguments == ["ci"];
    if !all && arguments != ["cuda"] {
        eprintln!(
            "usage: cargo xtask ci     the whole gate\n       cargo xtask cuda   its CUDA tests alone, on a stand-in for a GPU"
        );
        return ExitCode::from(2);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = env::set_current_dir(&root) {
        eprintln!("xtask: {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let steps = if all { STEPS } else { &[] };
    // The gate's own run folder is the one thing that an earlier gate leaves behind.
    if Path::new(RUN).exists()
        && let Err(error) = std::fs::remove_dir_all(RUN)
    {
        eprintln!("xtask: remove {RUN}: {error}");
        return ExitCode::FAILURE;
    }
    for step in steps {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(step.arguments)
            .envs(step.environment.iter().copied());
        if !passes(step.title, &mut command) {
            return ExitCode::FAILURE;
        }
    }
    let folder = env::var(STAND_IN).unwrap_or_else(|_| STAND_IN_DEFAULT.to_owned());
    if !Path::new(&folder).join("make.sh").is_file() {
        eprintln!(
            "\n== the CUDA tests: SKIPPED, there is no stand-in for a GPU in {folder} ({STAND_IN} names its folder)"
        );
        eprintln!("\n== all {} other steps passed", steps.len());
        return ExitCode::SUCCESS;
    }
    if !cuda_tests(&folder) {
        return ExitCode::FAILURE;
    }
    eprintln!("\n== all {} steps passed", steps.len() + CUDA_TESTS.len());
    ExitCode::SUCCESS
}

/// Runs a command of the gate; whether it passed.
fn passes(title: &str, command: &mut Command) -> bool {
    let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    let program = Path::new(command.get_program()).file_name();
    let program = program.unwrap_or_default().to_string_lossy();
    eprintln!("\n== {title}: {program} {}", arguments.join(" "));
    let start = Instant::now();
    match command.status() {
        Ok(status) if status.success() => {
            eprintln!("== {title}: {:.0} s", start.elapsed().as_secs_f64());
            true
        }
        Ok(status) => {
            eprintln!("== {title}: failed, {status}");
            false
        }
        Err(error) => {
            eprintln!("== {title}: did not start: {error}");
            false
        }
    }
}

/// The tests that need a GPU, on a stand-in that runs the kernels on the host.
fn cuda_tests(folder: &str) -> bool {
    let Ok(root) = env::current_dir() else {
        eprintln!("== the CUDA tests: the current folder has no name");
        return false;
    };
    let target = root.join(STAND_IN_TARGET);
    let toolkit = target.join("toolkit");
    let mut make = Command::new("sh");
    make.arg(Path::new(folder).join("make.sh")).arg(&toolkit);
    if !passes("the stand-in for a GPU", &mut make) {
        return false;
    }
    let before = |name: &str, first: PathBuf| {
        let rest = env::var_os(name).unwrap_or_default();
        let all = std::iter::once(first).chain(env::split_paths(&rest));
        env::join_paths(all.filter(|path| !path.as_os_str().is_empty())).unwrap_or_default()
    };
    CUDA_TESTS.iter().all(|(title, package, own)| {
        let mut test = Command::new(env!("CARGO"));
        test.args(["test", "--release", "-p", package, "--features", "cuda"])
            .args(*own)
            .args(["--test", "cuda*"])
            .env("PATH", before("PATH", toolkit.join("bin")))
            .env(
                "LD_LIBRARY_PATH",
                before("LD_LIBRARY_PATH", toolkit.join("lib64")),
            )
            .env("CUDA_PATH", &toolkit)
            .env("CARGO_TARGET_DIR", &target)
            .env("EMU_CUDA_CACHE", target.join("kernels"));
        passes(title, &mut test)
    })
}
