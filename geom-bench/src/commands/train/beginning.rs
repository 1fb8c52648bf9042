//! The picture that a run begins at.

use std::ops::ControlFlow;

use geom_ae::{Trainer, trainer::EpochReport};
use geom_bench::{
    Error,
    beginning::{LANDMARKS, isomap_picture},
    config::{BeginAt, Config},
    report::number,
    run_folder::RunFolder,
};
use geom_nn::NetworkDevice;
use ndarray::{ArcArray2, ArrayView2};

use super::{
    super::{Failure, Number},
    embedding_of_file, interrupted,
    resuming::left_behind,
};
use crate::commands::run_data::RunData;

/// The codes of the training points that both networks are fitted to, where the settings ask for some.
pub(super) fn picture<E: Number>(
    config: &Config,
    data: &RunData<E>,
) -> Result<Option<ArcArray2<E>>, Error> {
    let Some((at, _)) = config.beginning() else {
        return Ok(None);
    };
    let train: ArrayView2<'_, E> = data.train();
    Ok(Some(match at {
        BeginAt::Isomap => {
            let count = train.nrows();
            eprintln!(
                "isomap of {count} points by {} landmarks",
                LANDMARKS.min(count)
            );
            let held_out = config.train_options().held_out_rows(train.nrows());
            isomap_picture(train, &held_out, config.latent_dim, config.seed)?
        }
        BeginAt::File(path) => {
            embedding_of_file(path, config, &data.dataset, &data.split)?.into_shared()
        }
    }))
}

/// Fits both networks to it, before the first epoch.
pub(super) fn begin<E: Number, D: NetworkDevice<E>>(
    trainer: &mut Trainer<'_, E, D>,
    picture: ArcArray2<E>,
    config: &Config,
    folder: &RunFolder,
) -> Result<(), Failure> {
    let Some((_, beginning)) = config.beginning() else {
        return Ok(());
    };
    let report = trainer.begin_at(picture, beginning, |_| {
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let left = || left_behind(folder, 0);
    match report {
        Ok(Some(report)) => {
            eprintln!("{}", line(&report));
            Ok(())
        }
        Ok(None) => Err(Failure::Interrupted(format!("interrupted; {}", left()))),
        Err(error) => Err(Failure::Training {
            error,
            left: left(),
        }),
    }
}

/// How near the networks came to the picture.
fn line(report: &EpochReport) -> String {
    let terms: Vec<String> = report
        .terms
        .iter()
        .map(|term| format!("{} {}", term.name, number(term.value)))
        .collect();
    format!(
        "both networks were fitted to a picture first: after {} epochs {}",
        report.epoch,
        terms.join(", ")
    )
}
