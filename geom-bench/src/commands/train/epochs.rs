//! The training of a run, epoch after epoch, with everything on the disk in between.

use std::{collections::BTreeMap, ops::ControlFlow, sync::atomic::Ordering};

use geom_ae::{Trainer, objective::Pretrained, trainer::EpochOutcome};
use geom_bench::{
    Error,
    config::Config,
    events::EventFile,
    history::{BatchRecord, EpochRecord},
    run_folder::{self, Log, RunFolder},
};
use geom_nn::NetworkDevice;
use ndarray::ArrayView2;

use super::super::{Failure, Number, progress::Progress};
use super::{INTERRUPTED, resuming::left_behind};

/// Trains to the end; after every epoch the log, a checkpoint and the model are on the disk, in this order.
pub(super) fn train_epochs<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    trainer: &mut Trainer<'_, E, D>,
    test: ArrayView2<'_, E>,
    fingerprint: &str,
    history: &mut Vec<EpochRecord>,
) -> Result<(), Failure> {
    let mut log = folder.log()?;
    let mut batches = if config.log_batches {
        Some(Log::open(&folder.file(run_folder::BATCHES))?)
    } else {
        None
    };
    let progress = Progress::new(
        trainer.epoch(),
        config.epochs,
        trainer.batches(),
        config.batch_size,
    );
    let mut events = if config.tensorboard {
        Some(EventFile::create(
            &folder.file(run_folder::EVENTS),
            trainer.epoch(),
            trainer.batches(),
        )?)
    } else {
        None
    };
    let (mut refused, mut saved) = (None, trainer.epoch());
    loop {
        let outcome = trainer.next_epoch(|report| {
            progress.batch(report);
            let written = (events.as_mut())
                .map_or(Ok(()), |file| file.batch(report))
                .and_then(|()| match &mut batches {
                    Some(log) => log.write(&BatchRecord::from(report)),
                    None => Ok(()),
                });
            if let Err(error) = written {
                refused = Some(error);
                return ControlFlow::Break(());
            }
            if INTERRUPTED.load(Ordering::SeqCst) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let report = match outcome {
            Ok(Some(EpochOutcome::Finished(report))) => report,
            Ok(None) => break,
            Ok(Some(EpochOutcome::Interrupted)) => {
                let left = left_behind(folder, trainer.epoch());
                if let Some(error) = refused {
                    return Err(Failure::Unwritten { error, left });
                }
                return Err(Failure::Interrupted(format!("interrupted; {left}")));
            }
            Err(error) => {
                return Err(Failure::Training {
                    error,
                    left: left_behind(folder, trainer.epoch()),
                });
            }
        };
        let test_mse = trainer
            .model()
            .reconstruction_errors(test)
            .map_err(Error::from)?
            .mean();
        progress.epoch(&report, test_mse);
        if let Some(found) = trainer.pretrained().filter(|_| trainer.epoch() == 1) {
            progress.say(&pretraining_line(&found));
            folder.write_json(run_folder::PRETRAINING, &found)?;
        }
        let record = EpochRecord::new(&report, test_mse);
        let mut keep = || {
            if let Some(file) = &mut events {
                file.epoch(&report, test_mse)?;
            }
            log.append(&record)?;
            trainer.save_checkpoint(&folder.file(run_folder::CHECKPOINTS), fingerprint)?;
            save(folder, config, trainer, trainer.epoch())
        };
        keep().map_err(|error| Failure::Unwritten {
            error,
            left: left_behind(folder, saved),
        })?;
        saved = trainer.epoch();
        history.push(record);
    }
    if let Some((epoch, figure)) = trainer.best() {
        trainer.restore_best().map_err(Error::from)?;
        save(folder, config, trainer, epoch)?;
        drop(progress);
        eprintln!(
            "the model is that of epoch {epoch}, whose validation figure is the least: {}",
            geom_bench::report::number(figure)
        );
    }
    Ok(())
}

/// How the encoder's pre-training ended, and what to do where it did not get there.
fn pretraining_line(found: &Pretrained) -> String {
    let [loss, goal] = [found.loss, found.goal].map(geom_bench::report::number);
    if found.reached() {
        return format!(
            "the encoder was trained alone first: {} steps to a loss of {loss}, below {goal}",
            found.steps
        );
    }
    format!(
        "the encoder was trained alone first, but ran out of steps: {loss} after {}, {goal} was the goal; the codes may still be \
         narrower than the prior (a larger --learning-rate or batch, or --pretrain false)",
        found.steps
    )
}

fn save<E: Number, D: NetworkDevice<E>>(
    folder: &RunFolder,
    config: &Config,
    trainer: &Trainer<'_, E, D>,
    epoch: usize,
) -> Result<(), Error> {
    let path = folder.file(run_folder::MODEL);
    Ok(trainer.model().save(&path, &metadata(config, epoch))?)
}

/// What the model's file says of its origin.
fn metadata(config: &Config, epoch: usize) -> BTreeMap<String, String> {
    [
        ("geom", env!("CARGO_PKG_VERSION").to_owned()),
        ("method", config.method.to_string()),
        ("data", config.data.clone()),
        ("seed", config.seed.to_string()),
        ("epoch", epoch.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}
