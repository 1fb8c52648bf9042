//! `geom experiment`

use std::{
    fs,
    path::{Path, PathBuf},
};

use geom_bench::{
    Error,
    experiments::{self, Experiment, Outcome, Settings},
    report::{Footer, experiment_page},
    run_folder,
};

/// Where experiments without `--out` go.
const EXPERIMENTS: &str = "experiments";

/// The flags of `geom experiment`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExperimentArgs {
    /// nrae-curve, wae-superfluous, topoae-spheres, score, irvae-mnist or ggae-swiss-roll
    #[arg(value_name = "NAME", required_unless_present = "list")]
    name: Option<Experiment>,
    /// Say what each asks, and do nothing
    #[arg(long, exclusive = true)]
    list: bool,
    /// Repetitions with other draws of everything random
    #[arg(long, value_name = "N", default_value_t = Settings::default().seeds)]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Epochs in place of the experiment's own; the report says so
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// A folder with MNIST's IDX files, for irvae-mnist alone
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Threads; the results do not depend on them [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The folder to write into, new or empty [default: the next free experiments/NAME-NUMBER]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: ExperimentArgs) -> Result<(), Error> {
    let ExperimentArgs {
        name,
        list: _,
        seeds,
        seed,
        epochs,
        data,
        threads,
        out,
    } = arguments;
    let Some(name) = name else {
        return experiments_and_questions();
    };
    super::start_threads(threads)?;
    // A folder that cannot be written is found out before hours of training, and nothing is in it until the end.
    let (folder, made) = folder(name, out)?;
    let settings = Settings {
        seeds,
        first_seed: seed,
        epochs,
        data,
    };
    let outcome = experiments::run(name, &settings, &mut |line| eprintln!("{line}"));
    if outcome.is_err() && made {
        // Empty still, or another process's by now: then it stays.
        let _ = fs::remove_dir(&folder);
    }
    let outcome = outcome?;
    write(&folder, name, &settings, &outcome)?;
    for finding in &outcome.findings {
        super::print(finding)?;
    }
    super::print(&folder.join(run_folder::REPORT).display().to_string())
}

fn experiments_and_questions() -> Result<(), Error> {
    for experiment in Experiment::ALL {
        super::print(&format!("{:<16} {}", experiment.name(), experiment.asks()))?;
    }
    Ok(())
}

/// The folder to write into, and whether it is new.
fn folder(name: Experiment, out: Option<PathBuf>) -> Result<(PathBuf, bool), Error> {
    let failed = |operation, path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io {
            operation,
            path,
            source,
        }
    };
    if let Some(path) = out {
        let made = !path.exists();
        fs::create_dir_all(&path).map_err(failed("create the folder", &path))?;
        let mut entries = fs::read_dir(&path).map_err(failed("read the folder", &path))?;
        if let Some(entry) = entries.next() {
            let entry = entry.map_err(failed("read the folder", &path))?;
            return Err(Error::FolderNotEmpty {
                entry: entry.file_name().to_string_lossy().into_owned(),
                path,
            });
        }
        return Ok((path, made));
    }
    let parent = Path::new(EXPERIMENTS);
    fs::create_dir_all(parent).map_err(failed("create the folder", parent))?;
    let mut number = 1;
    loop {
        let path = parent.join(format!("{name}-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok((path, true)),
            Err(error)
                if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1_000_000 =>
            {
                number += 1;
            }
            Err(error) => return Err(failed("create the folder", &path)(error)),
        }
    }
}

fn write(
    folder: &Path,
    name: Experiment,
    settings: &Settings,
    outcome: &Outcome,
) -> Result<(), Error> {
    let figures = folder.join(run_folder::FIGURES);
    fs::create_dir_all(&figures).map_err(|source| Error::Io {
        operation: "create the folder",
        path: figures.clone(),
        source,
    })?;
    for picture in &outcome.pictures {
        let path = figures.join(format!("{}.svg", picture.name));
        run_folder::write_atomic(&path, picture.svg.as_bytes())?;
    }
    let path = folder.join("numbers.json");
    let text = serde_json::to_string_pretty(&outcome.json()).map_err(|source| Error::Json {
        operation: "write",
        path: path.clone(),
        source,
    })?;
    run_folder::write_atomic(&path, (text + "\n").as_bytes())?;
    let mut command = format!(
        "geom experiment {name} --seeds {} --seed {}",
        settings.seeds, settings.first_seed
    );
    if let Some(epochs) = settings.epochs {
        command = format!("{command} --epochs {epochs}");
    }
    if let Some(data) = &settings.data {
        command = format!("{command} --data {data}");
    }
    let footer = Footer {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: Some(settings.first_seed),
        command: Some(command),
        attribution: None,
    };
    let page = experiment_page(outcome, &footer);
    run_folder::write_atomic(&folder.join(run_folder::REPORT), page.as_bytes())
}
