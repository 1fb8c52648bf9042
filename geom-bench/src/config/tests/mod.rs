//! Tests of the settings as a whole; those of the file and of the flags have files of their own.

mod file;
mod flags;
mod terms;

use std::path::Path;

use clap::{Args, Command, FromArgMatches};

use super::*;

fn parse(text: &str) -> Result<Settings, Error> {
    Settings::parse(text, Path::new("a.toml"))
}

fn flags(arguments: &[&str]) -> Result<ConfigArgs, clap::Error> {
    let command = ConfigArgs::augment_args(Command::new("geom"));
    let matches = command.try_get_matches_from(["geom"].iter().chain(arguments))?;
    ConfigArgs::from_arg_matches(&matches)
}

#[test]
fn the_defaults_are_the_papers() {
    let config = Config::default();
    assert_eq!(
        (
            config.method,
            config.weight,
            config.learning_rate,
            config.weight_decay
        ),
        (Method::GeomAe, 0.1, 1e-3, 1e-5)
    );
    assert_eq!(
        (
            config.batch_size,
            config.epochs,
            config.latent_dim,
            config.seed
        ),
        (125, 100, 2, 0)
    );
    assert_eq!(
        (config.hidden.as_slice(), config.activation),
        ([100; 4].as_slice(), Activation::Elu)
    );
    config.check().unwrap();
}

#[test]
fn a_change_of_method_brings_its_own_weight() {
    let geomae = parse("method = \"geomae\"\nweight = 0.5").unwrap();
    let other = Settings {
        method: Some(Method::Ae),
        ..Settings::default()
    };
    let config = Config::default().with(geomae.clone()).with(other);
    assert_eq!(config.weight.to_bits(), 0.0_f64.to_bits());
    config.check().unwrap();
    let same = Settings {
        method: Some(Method::GeomAe),
        ..Settings::default()
    };
    let kept = Config::default().with(geomae).with(same).weight;
    assert_eq!(kept.to_bits(), 0.5_f64.to_bits());
    let both = Settings {
        method: Some(Method::Ae),
        weight: Some(0.5),
        ..Settings::default()
    };
    assert!(
        Config::default()
            .with(both)
            .check()
            .unwrap_err()
            .to_string()
            .starts_with("weight is 0.5: it must be 0 for ae")
    );
}

#[test]
fn settings_out_of_range_are_refused_with_their_value() {
    let bad = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.to_toml().unwrap_err().to_string()
    };
    for (message, beginning) in [
        (bad(|c| c.epochs = 0), "epochs is 0: it must be at least 1"),
        (bad(|c| c.batch_size = 0), "batch-size is 0"),
        (
            bad(|c| c.batch_size = 1),
            "batch-size is 1: it must be at least 2 for geomae",
        ),
        (bad(|c| c.latent_dim = 0), "latent-dim is 0"),
        (bad(|c| c.learning_rate = 0.0), "learning-rate is 0.0"),
        (bad(|c| c.learning_rate = f64::NAN), "learning-rate is NaN"),
        (bad(|c| c.learning_rate = -1e-3), "learning-rate is -0.001"),
        (bad(|c| c.weight = f64::INFINITY), "weight is inf"),
        (bad(|c| c.weight = -0.5), "weight is -0.5"),
        (bad(|c| c.weight_decay = -1.0), "weight-decay is -1.0"),
        (bad(|c| c.test_fraction = 1.0), "test-fraction is 1"),
        (bad(|c| c.threads = 0), "threads is 0"),
        (bad(|c| c.threads = 1025), "threads is 1025"),
        (bad(|c| c.hidden = vec![5, 0]), "hidden is [5, 0]"),
        (bad(|c| c.seed = u64::MAX), "seed is 18446744073709551615"),
        (bad(|c| c.data = String::new()), "data is empty"),
    ] {
        assert!(message.starts_with(beginning), "{message}");
    }
}

#[test]
fn settings_that_do_not_fit_the_data_are_refused_with_the_numbers() {
    let config = Config::default();
    config.check_data(125, 2).unwrap();
    assert_eq!(
        config.check_data(124, 64).unwrap_err().to_string(),
        "batch-size is 125, but there are only 124 training points"
    );
    assert_eq!(
        config.check_data(500, 1).unwrap_err().to_string(),
        "latent-dim is 2, above the dimension 1 of the data"
    );
    for hidden in [vec![1 << 20; 2], vec![usize::MAX; 2], vec![1 << 62, 4]] {
        let config = Config {
            hidden,
            ..Config::default()
        };
        assert!(matches!(
            config.check_data(500, 64),
            Err(Error::TooManyParameters { .. })
        ));
    }
}

#[test]
fn the_data_come_with_a_split_that_fits_the_settings() {
    let config = Config {
        data: "swiss-roll:200".to_owned(),
        ..Config::default()
    };
    let (dataset, split) = config.load_data::<f64>().unwrap();
    assert_eq!(
        (dataset.points.dim(), split.train.len(), split.test.len()),
        ((200, 3), 160, 40)
    );
    let other = Config {
        seed: 1,
        ..config.clone()
    };
    assert_ne!(other.load_data::<f64>().unwrap().0.points, dataset.points);
    let large = Config {
        batch_size: 161,
        ..config
    };
    assert!(matches!(
        large.load_data::<f64>(),
        Err(Error::BatchTooLarge {
            batch_size: 161,
            train: 160
        })
    ));
}

#[test]
fn run_names_are_plain() {
    for (data, expected) in [
        ("digits", "geomae-digits"),
        ("a b/Earth.npy", "geomae-earth"),
        ("/data/mnist/", "geomae-mnist"),
        ("swiss-roll:500", "geomae-swiss-roll-500"),
        ("../x y.csv.gz", "geomae-x-y"),
        ("..", "geomae-data"),
        ("é", "geomae-data"),
    ] {
        assert_eq!(
            Config {
                data: data.to_owned(),
                ..Config::default()
            }
            .run_name(),
            expected
        );
    }
}

#[test]
fn contradictions_are_one_error_before_anything_is_loaded() {
    for (arguments, expected) in [
        (
            vec!["--patience=3"],
            "patience is 3: it must be left out, or --validation-fraction above 0",
        ),
        (
            vec!["--patience=0", "--validation-fraction=0.1"],
            "patience is 0",
        ),
        (
            vec!["--validation-fraction=1"],
            "validation-fraction is 1.0",
        ),
        (
            vec!["--bandwidth=0.2"],
            "bandwidth is 0.2: it must be left out: this method has no graph",
        ),
        (
            vec!["--method=nrae-l", "--drop-edges=0.1"],
            "drop-edges is 0.1: it must be left out: of a graph",
        ),
        (vec!["--method=ggae", "--drop-edges=1"], "drop-edges is 1.0"),
        (
            vec!["--method=ggae", "--drop-edges=0.1", "--distances=euclidean"],
            "drop-edges is 0.1: it must be 0 unless",
        ),
        (
            vec![
                "--method=ggae",
                "--class-multiplier=2",
                "--distances=ground-truth",
            ],
            "class-multiplier is 2: it must be 1 unless",
        ),
        (vec!["--method=ggae", "--neighbours=0"], "neighbours is 0"),
        (vec!["--clip-norm=0"], "clip-norm is 0.0"),
        (vec!["--optimiser=sgd:1"], "momentum = 1 must be in [0, 1)"),
        (
            vec!["--learning-rate-schedule=step:0:0.5"],
            "learning-rate-schedule is step:0:0.5: it must be with periods of at least 1 epoch",
        ),
        (
            vec!["--weight-schedule=plateau:3:0.5"],
            "weight-schedule is plateau:3:0.5: it must be no plateau",
        ),
        (vec!["--sampler=neighbourhood:0"], "sampler neighbours = 0"),
        (
            vec!["--sampler=series:7", "--batch-size=20"],
            "batch_size = 20: ",
        ),
        (
            vec!["--split=paper-compatible", "--test-fraction=0.3"],
            "test-fraction is 0.3: it must be left to --split paper-compatible",
        ),
        (
            vec!["--split=paper-compatible", "--validation-fraction=0"],
            "validation-fraction is 0.0: it must be left to --split paper-compatible",
        ),
    ] {
        let error = flags(&arguments)
            .unwrap()
            .resolve()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    for fine in [
        vec!["--method=nrae-l", "--neighbours=5"],
        vec![
            "--method=ggae",
            "--class-multiplier=2",
            "--drop-edges=0.1",
            "--graph-form=slicing",
        ],
        vec!["--split=paper-compatible", "--patience=3"],
    ] {
        flags(&fine).unwrap().resolve().unwrap();
    }
}

#[test]
fn the_paper_compatible_split_is_five_one_one_in_the_order_of_the_data() {
    let config = flags(&[
        "--split=paper-compatible",
        "--data=swiss-roll:700",
        "--batch-size=100",
    ])
    .unwrap()
    .resolve()
    .unwrap();
    let (_, split) = config.load_data::<f64>().unwrap();
    assert_eq!(split.test, (600..700).collect::<Vec<_>>());
    let held_out = config.train_options().held_out_rows(split.train.len());
    assert_eq!(held_out, (500..600).collect::<Vec<_>>());
    let again = parse(&config.to_toml().unwrap()).unwrap();
    assert_eq!(Config::default().with(again), config);
}
