//! `geom train` with a control, and what it shares with `geom fit-decoder`: codes without a network, networks fitted to them.
//!
//! Nothing is resumed half-way: codes and networks are functions of the settings and the data alone, so `--resume` computes
//! them again from the beginning, to the same bytes.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

use geom_ae::{Autoencoder, Control, metrics, trainer::EpochOutcome};
use geom_bench::{
    Error,
    config::Config,
    controls::{self, ControlReport, Embedded, fit::Fitting},
    data::{Dataset, Split},
    history::{self, EpochRecord},
    run_folder::{self, RunFolder},
};
use geom_nn::{Element, NetworkDevice};
use ndarray::{Array2, Axis};

use super::{
    Failure, Job, Number, dispatch,
    progress::Progress,
    results::{self, Measured, Provenance},
    train::{Finished, interrupted},
};

/// Where codes come from.
pub(crate) enum Codes {
    /// A method without a network.
    Computed(Control),
    /// A file, with a code for every point of the data.
    File { path: String, codes: Array2<f64> },
}

/// `geom train --method pca` and its like; `resumed` is the folder of a run that was stopped.
pub(super) fn train<E: Number, D: NetworkDevice<E>>(
    control: Control,
    config: Config,
    resumed: Option<RunFolder>,
    device: &D,
) -> Result<Finished, Failure> {
    check(control, &config)?;
    let fit = Fit {
        config,
        codes: Codes::Computed(control),
        command: format!("geom train --config {}", run_folder::CONFIG),
        resumed,
    };
    fit.finish(device)
}

/// `geom fit-decoder`.
pub(super) fn fit_decoder(config: Config, codes: Codes, command: String) -> Result<(), Failure> {
    let fit = Fit {
        config: config.clone(),
        codes,
        command,
        resumed: None,
    };
    dispatch(&config, fit)
}

/// Settings that say something to networks which a control does not have.
fn check(control: Control, config: &Config) -> Result<(), Error> {
    let refuse = |setting, value: String, due| {
        Err(Error::Setting {
            setting,
            value,
            due,
        })
    };
    if control == Control::Given {
        let due =
            "a method that finds codes; `geom fit-decoder` fits networks to codes from a file";
        return refuse("method", control.name().to_owned(), due);
    }
    if control.is_linear() && !config.hidden.is_empty() {
        let due = "none for pca, whose networks are linear";
        return refuse("hidden", format!("{:?}", config.hidden), due);
    }
    if control.is_linear() && config.output_activation != geom_nn::Activation::Linear {
        let due = "linear for pca, whose networks are linear";
        return refuse(
            "output-activation",
            config.output_activation.to_string(),
            due,
        );
    }
    Ok(())
}

struct Fit {
    config: Config,
    codes: Codes,
    command: String,
    resumed: Option<RunFolder>,
}

/// The codes of both parts of the data.
struct Placed<E> {
    embedded: Option<Embedded>,
    train: Array2<E>,
    test: Array2<E>,
    report: ControlReport,
}

impl Job for Fit {
    type Error = Failure;

    fn run<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<(), Failure> {
        let finished = self.finish(device)?;
        Ok(super::print(&finished.lines)?)
    }
}

impl Fit {
    /// Finds the codes, fits the networks, measures and draws.
    fn finish<E: Number, D: NetworkDevice<E>>(self, device: &D) -> Result<Finished, Failure> {
        let Self {
            config,
            codes,
            command,
            resumed,
        } = self;
        // Everything that can be wrong with codes and data is found out before the folder is made.
        let (dataset, split) = config.load_data::<E>()?;
        if let Codes::Computed(control) = codes {
            eprintln!(
                "{control} of {} points of dimension {}",
                split.train.len(),
                dataset.width()
            );
        }
        let mut placed = place(&config, codes, &dataset, &split)?;
        let folder = match resumed {
            None => RunFolder::create(&config, Path::new(run_folder::RUNS))?,
            Some(folder) => {
                history::rewind::<EpochRecord>(&folder.file(run_folder::LOG), 0)?;
                folder
            }
        };
        eprintln!(
            "{} on {}: {} train and {} test points of dimension {}; {}",
            config.method,
            dataset.name,
            split.train.len(),
            split.test.len(),
            dataset.width(),
            folder.path().display()
        );
        let (model, history) = match &placed.embedded {
            Some(Embedded::Pca(pca)) => {
                let model = controls::linear::linear_model(pca, device).map_err(Error::from)?;
                (model, Vec::new())
            }
            _ => fitted(&folder, &config, &dataset, &split, &placed, device)?,
        };
        save(&folder, &config, &model, history.len())?;
        if !history.is_empty() {
            placed
                .report
                .remarks
                .push(encoder_remark(&model, &dataset, &split, &placed)?);
        }
        folder.write_json(run_folder::CONTROL, &placed.report)?;

        eprintln!("measuring and drawing");
        let parts = vec![
            ("train", split.train, placed.train),
            ("test", split.test, placed.test),
        ];
        let measured = Measured::with_codes(&model, &dataset, parts, placed.report.remarks)?;
        let provenance = Provenance {
            history: &history,
            epochs: Some(history.len()).filter(|&epochs| epochs > 0),
            command,
        };
        results::write(&folder, &config, &model, &measured, provenance)?;
        Ok(Finished {
            lines: results::closing_lines(&folder, &measured),
            parts: measured.metrics_by_part(),
        })
    }
}

/// The codes of training points as the method found them, of test points as it goes on to them.
fn place<E: Number>(
    config: &Config,
    codes: Codes,
    dataset: &Dataset<E>,
    split: &Split,
) -> Result<Placed<E>, Error> {
    let narrow = |codes: Array2<f64>| codes.mapv(<E as Element>::of);
    let wide = |rows: &[usize]| {
        let points = dataset.points.select(Axis(0), rows);
        points.mapv(<E as Into<f64>>::into)
    };
    match codes {
        Codes::File { path, codes } => {
            if codes.nrows() != dataset.len() {
                return Err(Error::EmbeddingRows {
                    path: path.into(),
                    codes: codes.nrows(),
                    data: config.data.clone(),
                    points: dataset.len(),
                });
            }
            Ok(Placed {
                embedded: None,
                train: narrow(codes.select(Axis(0), &split.train)),
                test: narrow(codes.select(Axis(0), &split.test)),
                report: ControlReport {
                    control: Control::Given,
                    remarks: vec![format!(
                        "The codes of all points are those of {path}; the decoder was fitted to the training points alone."
                    )],
                    embedding: Some(path),
                },
            })
        }
        Codes::Computed(control) => {
            let train = wide(&split.train);
            let (options, d) = (config.control_options(), config.latent_dim);
            let embedded = controls::embed(control, &options, train.view(), d, config.seed)?;
            let mut remarks = embedded.remarks();
            let mut test = Array2::zeros((0, config.latent_dim));
            if !split.test.is_empty() {
                let extended = embedded.extend(wide(&split.test).view())?;
                if extended.taken_from_nearest > 0 {
                    remarks.push(format!(
                        "{} test points lie so far from all training points that they took the code of the nearest one.",
                        extended.taken_from_nearest
                    ));
                }
                test = extended.codes;
            }
            Ok(Placed {
                train: narrow(embedded.codes().to_owned()),
                test: narrow(test),
                embedded: Some(embedded),
                report: ControlReport {
                    control,
                    embedding: None,
                    remarks,
                },
            })
        }
    }
}

/// Fits both networks; after every epoch the log and the model are on the disk.
fn fitted<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    dataset: &Dataset<E>,
    split: &Split,
    placed: &Placed<E>,
    device: &D,
) -> Result<(Autoencoder<E, D>, Vec<EpochRecord>), Failure> {
    let [train, test] =
        [&split.train, &split.test].map(|rows| dataset.points.select(Axis(0), rows));
    let architecture = config.architecture(dataset.width())?;
    let fitting =
        Fitting::new(train.view(), placed.train.view(), &architecture).map_err(Error::from)?;
    let mut trainer = fitting
        .trainer(config.train_options(), device)
        .map_err(Error::from)?;
    let mut log = folder.log()?;
    let mut history = Vec::new();
    let progress = Progress::new(0, config.epochs, trainer.batches(), config.batch_size);
    loop {
        let outcome = trainer.next_epoch(|report| {
            progress.batch(report);
            if interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let report = match outcome {
            Ok(Some(EpochOutcome::Finished(report))) => report,
            Ok(None) => break,
            Ok(Some(EpochOutcome::Interrupted)) => {
                let path = folder.path().display();
                let message = format!("interrupted; `geom train --resume {path}` begins again");
                return Err(Failure::Interrupted(message));
            }
            Err(error) => {
                let path = folder.path().display();
                let left = format!("what was fitted so far is in {path}");
                return Err(Failure::Training { error, left });
            }
        };
        let model = fitting.finish(trainer.model()).map_err(Error::from)?;
        let test_mse = if test.is_empty() {
            None
        } else {
            let decoded = model.decode(placed.test.view()).map_err(Error::from)?;
            let error = metrics::reconstruction_mse(test.view(), decoded.view());
            Some(error.map_err(|error| Error::from(geom_ae::Error::from(error)))?)
        };
        progress.epoch(&report, test_mse);
        let record = EpochRecord::new(&report, test_mse);
        log.append(&record)?;
        history.push(record);
        save(folder, config, &model, history.len())?;
    }
    let model = fitting.finish(trainer.model()).map_err(Error::from)?;
    Ok((model, history))
}

/// How far the model's encoder is from the codes it was fitted to.
fn encoder_remark<E: Number, D: NetworkDevice<E>>(
    model: &Autoencoder<E, D>,
    dataset: &Dataset<E>,
    split: &Split,
    placed: &Placed<E>,
) -> Result<String, Error> {
    let points = dataset.points.select(Axis(0), &split.train);
    let encoded = model.encode(points.view())?.mapv(<E as Into<f64>>::into);
    let codes = placed.train.mapv(<E as Into<f64>>::into);
    let spread = codes.var_axis(Axis(0), 0.0).sum();
    let off = (&encoded - &codes).mapv(|d| d * d).sum() / codes.nrows() as f64;
    Ok(format!(
        "Measures and pictures are of the codes themselves. The model's encoder, which `geom embed` and `geom inspect` use, is a \
         network fitted to them: on the training points it is off by {:.1} % of their spread.",
        100.0 * (off / spread).sqrt()
    ))
}

fn save<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    model: &Autoencoder<E, D>,
    epochs: usize,
) -> Result<(), Error> {
    let metadata: BTreeMap<String, String> = [
        ("geom", env!("CARGO_PKG_VERSION").to_owned()),
        ("method", config.method.to_string()),
        ("data", config.data.clone()),
        ("seed", config.seed.to_string()),
        ("epoch", epochs.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    Ok(model.save(&folder.file(run_folder::MODEL), &metadata)?)
}
