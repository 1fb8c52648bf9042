//! Tests of the settings as a whole; those of the file and of the flags have files of their own.

mod file;
mod flags;

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
