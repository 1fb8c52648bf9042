//! The isometric variational autoencoder on two digits (Lee et al. 2022).
//!
//! MNIST's digits 0 and 1, 28 × 28: what does making the decoder an isometry cost in reconstruction?

use geom_ae::{Autoencoder, Diagnosis, Method, TrainOptions, diagnose};
use geom_nn::Cpu;

use super::{Outcome, Picture, Settings, Table, trained};
use crate::{
    Error,
    data::{self, Dataset, Options, SplitRule},
    pictures::{self, Part},
};

const EPOCHS: usize = 60;
const DIGITS: [i64; 2] = [0, 1];
const COLUMNS: [&str; 5] = [
    "reconstruction_mse",
    "condition_number_mean",
    "condition_number_median",
    "log_det_variance",
    "knn_recall_10",
];
/// The methods with the weights of their regularisers, and what PyTorch gave for the first two columns.
const METHODS: [(&str, Method, f64, [f64; 2]); 2] = [
    ("VAE", Method::Vae, 1.0, [0.0471, 1213.0]),
    ("IRVAE", Method::Irvae, 100.0, [0.0528, 1.14]),
];

/// The images of the two digits, train and test.
fn digits(name: &str) -> Result<[Dataset<f32>; 2], Error> {
    let all: Dataset<f32> = data::load(name, Options::default())?;
    let Some(labels) = all.labels.clone() else {
        return Err(Error::Setting {
            setting: "data",
            value: name.to_owned(),
            due: "images with labels",
        });
    };
    let split = all.split(SplitRule::Contiguous, 0.2, 0)?;
    let of_two = |rows: Vec<usize>| {
        let rows: Vec<usize> = rows
            .into_iter()
            .filter(|&row| DIGITS.contains(&labels[row]))
            .collect();
        all.subset(&rows)
    };
    let parts = [of_two(split.train)?, of_two(split.test)?];
    for (part, set) in ["train", "test"].into_iter().zip(&parts) {
        if set.len() < 100 {
            return Err(Error::Setting {
                setting: "data",
                value: format!(
                    "{name}: {} {part} points with the labels 0 and 1",
                    set.len()
                ),
                due: "data with at least 100 of them in either part",
            });
        }
    }
    Ok(parts)
}

/// Runs the experiment.
///
/// # Errors
/// Data without enough zeros and ones, and what models and training refuse.
pub fn run(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<Outcome, Error> {
    let Some(name) = &settings.data else {
        return Err(Error::Setting {
            setting: "data",
            value: "missing".to_owned(),
            due: "a folder with MNIST's IDX files",
        });
    };
    let epochs = settings.epochs.unwrap_or(EPOCHS);
    let [train, test] = digits(name)?;
    let mut table = Table::new("On the test points.", &COLUMNS);
    let mut drawn = Vec::new();
    let mut findings = Vec::new();
    for (title, method, weight, reference) in METHODS {
        let architecture = method.architecture(&method.nets(), train.width(), 2)?;
        let mut by_seed = Vec::new();
        for seed in settings.range() {
            let model = Autoencoder::new(&architecture, seed, &Cpu::default())?;
            let options = TrainOptions {
                epochs,
                batch_size: 100,
                learning_rate: 1e-4,
                seed,
                ..method.train_options()
            };
            let model = trained(
                model,
                method.objective(weight)?,
                train.points.view(),
                options,
            )?;
            let found = diagnose(&model, test.points.view(), test.labels.as_deref())?;
            let values: Vec<f64> = COLUMNS
                .iter()
                .map(|name| found.metrics.get(name).unwrap_or(f64::NAN))
                .collect();
            say(&format!(
                "seed {seed} {title}: error {:.4}, mean condition {:.3}",
                values[0], values[1]
            ));
            by_seed.push(values);
            if seed == settings.first_seed {
                drawn.extend(draw(title, &model, &found, test.labels.as_deref())?);
            }
        }
        table.row(title, &by_seed);
        table.row(&format!("{title}, in PyTorch"), &[reference.to_vec()]);
        let mean = |column| {
            table
                .get(title, column)
                .map_or(f64::NAN, |measure| measure.mean)
        };
        findings.push(format!(
            "{title}: reconstruction error {:.4} (PyTorch {:.4}), mean condition number {} (PyTorch {}).",
            mean(COLUMNS[0]),
            reference[0],
            crate::report::number(mean(COLUMNS[1])),
            crate::report::number(reference[1])
        ));
    }
    Ok(Outcome {
        title: "IRVAE makes the decoder an isometry".to_owned(),
        question: "How far from an isometry are the decoders of a VAE and of an IRVAE, and what does the difference cost?".to_owned(),
        setting: format!(
            "Digits 0 and 1 of {name}: {} train and {} test points; 4 × 256 ReLU, sigmoid output, two latent dimensions, batch 100, \
             Adam 1e-4, {epochs} epochs; IRVAE's weight 100; {} seeds. PyTorch's numbers are of the same nets, split and epochs \
             on MNIST's 10,000 test images.",
            train.len(),
            test.len(),
            settings.seeds
        ),
        findings,
        tables: vec![table],
        pictures: drawn,
    })
}

/// The embedding and its indicatrices.
fn draw(
    title: &str,
    model: &Autoencoder<f32, Cpu>,
    found: &Diagnosis,
    labels: Option<&[i64]>,
) -> Result<Vec<Picture>, Error> {
    let part = Part {
        diagnosis: found,
        labels,
    };
    let mut all = vec![Picture {
        name: format!("{}-embedding", title.to_lowercase()),
        svg: pictures::embedding(part, None)?.svg,
        caption: format!("{title}: the test points (first seed)."),
    }];
    if let Ok(figure) = pictures::indicatrices(model.decoder(), part)? {
        all.push(Picture {
            name: format!("{}-indicatrices", title.to_lowercase()),
            svg: figure.svg,
            caption: format!(
                "{title}: unit circles of the decoder's metric. {}",
                figure.remark.unwrap_or_default()
            ),
        });
    }
    Ok(all)
}
