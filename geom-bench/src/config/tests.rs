//! Tests of the settings as a whole.

use std::fs;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use proptest::prelude::*;

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
fn every_setting_has_a_key_and_a_flag_and_nothing_else_has() {
    let full = Config {
        out: Some("x".into()),
        ..Config::default()
    };
    let table: toml::Table = full.to_toml().unwrap().parse().unwrap();
    let mut keys: Vec<&str> = table.keys().map(String::as_str).collect();
    let mut known = Settings::KEYS.to_vec();
    keys.sort_unstable();
    known.sort_unstable();
    assert_eq!(keys, known);

    let command = Settings::augment_args(Command::new("geom"));
    let mut long: Vec<String> = command
        .get_arguments()
        .filter_map(|a| a.get_long())
        .map(|flag| flag.replace('-', "_"))
        .collect();
    long.sort_unstable();
    assert_eq!(long, known);
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    fs::write(
        &path,
        "epochs = 7\nbatch_size = 50\nhidden = [8]\nactivation = \"tanh\"\n",
    )
    .unwrap();
    let args = flags(&[
        "--config",
        path.to_str().unwrap(),
        "--epochs",
        "9",
        "--hidden",
        "3, 4",
        "--out",
        "there",
    ])
    .unwrap();
    let config = args.resolve().unwrap();
    let expected = Config {
        epochs: 9,
        batch_size: 50,
        hidden: vec![3, 4],
        activation: Activation::Tanh,
        out: Some("there".into()),
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn a_file_can_say_what_every_flag_can() {
    let by_flag = flags(&[
        "--method=ae",
        "--data=x.npy",
        "--labels=last",
        "--test-fraction=0.5",
        "--split=contiguous",
        "--epochs=1",
        "--batch-size=2",
        "--learning-rate=3e-4",
        "--weight=0",
        "--weight-decay=0",
        "--latent-dim=3",
        "--hidden=none",
        "--activation=leaky_relu",
        "--seed=4",
        "--threads=5",
        "--device=cuda",
        "--dtype=f64",
        "--out=o",
    ]);
    let text = r#"
        method = "ae"
        data = "x.npy"
        labels = "last"
        test_fraction = 0.5
        split = "contiguous"
        epochs = 1
        batch_size = 2
        learning_rate = 3e-4
        weight = 0
        weight_decay = 0
        latent_dim = 3
        hidden = []
        activation = "leaky_relu"
        seed = 4
        threads = 5
        device = "cuda"
        dtype = "f64"
        out = "o"
    "#;
    assert_eq!(by_flag.unwrap().settings, parse(text).unwrap());
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
fn an_unknown_key_is_named_with_file_line_and_the_nearest_one() {
    for (text, expected) in [
        (
            "epochs = 3\nbatch-size = 3\n",
            "a.toml, line 2: unknown key `batch-size`; the nearest known key is `batch_size`",
        ),
        (
            "# settings\n\nlearningrate = 1\nepoch = 2",
            "a.toml, line 3: unknown key `learningrate`; the nearest known key is `learning_rate`",
        ),
        (
            "[train]\nepochs = 3",
            "a.toml, line 1: unknown key `train`; the nearest known key is `threads`",
        ),
        (
            "zeta = 1\nepoch = 1",
            "a.toml, line 1: unknown key `zeta`; the nearest known key is `data`",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_its_line() {
    for (text, line, column, part) in [
        ("seed = 1\nepochs = \"ten\"", 2, 10, "ten"),
        ("epochs = -1", 1, 10, "-1"),
        (
            "method = \"geomea\"",
            1,
            10,
            "unknown method `geomea`: the nearest known name is `geomae` (known: geomae, ae)",
        ),
        ("device = \"gpu\"", 1, 10, "unknown device `gpu`"),
        ("seed = 99999999999999999999", 1, 8, ""),
        ("hidden = 100", 1, 10, "sequence"),
        ("epochs = 1\nepochs = 2", 2, 1, "duplicate"),
        ("data = \"digits", 1, 15, ""),
    ] {
        let error = parse(text).unwrap_err();
        match &error {
            Error::ConfigFile {
                line: l,
                column: c,
                message,
                ..
            } => {
                assert_eq!((*l, *c), (line, column), "{error}");
                assert!(message.contains(part), "{error}");
            }
            _ => panic!("{error}"),
        }
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().to_path_buf(),
        folder.path().join("missing.toml"),
    ] {
        assert!(matches!(
            Settings::read(&path),
            Err(Error::Io {
                operation: "read",
                ..
            })
        ));
    }
    let binary = folder.path().join("b.toml");
    fs::write(&binary, [0xff, 0xfe]).unwrap();
    assert!(matches!(Settings::read(&binary), Err(Error::Io { .. })));
    let large = folder.path().join("l.toml");
    fs::File::create(&large).unwrap().set_len(2 << 20).unwrap();
    assert!(
        Settings::read(&large)
            .unwrap_err()
            .to_string()
            .contains("more than 1 MiB")
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
fn a_refused_command_line_is_one_line() {
    for (arguments, part) in [
        (
            vec!["--method", "geomea"],
            "the nearest known name is `geomae`",
        ),
        (vec!["--epochs", "ten"], "'ten'"),
        (vec!["--epochs", "-1"], "'-1'"),
        (vec!["--epoch", "3"], "'--epochs'"),
        (vec!["--hidden", "1,x"], "widths such as 100,100 or none"),
        (vec!["--hidden", ""], "--hidden"),
        (vec!["--seed"], "--seed"),
    ] {
        let line = usage_line(&flags(&arguments).unwrap_err());
        assert!(
            line.contains(part) && !line.contains('\n') && !line.contains("Usage"),
            "{line}"
        );
    }
    let negative = flags(&["--learning-rate", "-0.1"])
        .unwrap()
        .resolve()
        .unwrap_err();
    assert!(negative.to_string().starts_with("learning-rate is -0.1"));
}

#[test]
fn the_help_is_that_of_the_command_and_names_every_default() {
    /// Trains.
    #[derive(clap::Parser)]
    struct Train {
        #[command(flatten)]
        _config: ConfigArgs,
    }
    let help = <Train as clap::CommandFactory>::command()
        .render_long_help()
        .to_string();
    assert!(help.starts_with("Trains\n"), "{help}");
    let defaults = help.matches("[default: ").count();
    assert_eq!(defaults, Settings::KEYS.len(), "{help}");
    let config: toml::Table = Config::default().to_toml().unwrap().parse().unwrap();
    for (key, value) in &config {
        let said = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(widths) => widths
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
            toml::Value::Float(number) => number.to_string(),
            other if key == "threads" => {
                format!("all cores{}", if other.is_integer() { "" } else { "?" })
            }
            other => other.to_string(),
        };
        let flag = format!("--{} <", key.replace('_', "-"));
        let entry = help
            .split(&flag)
            .nth(1)
            .unwrap()
            .split("--")
            .next()
            .unwrap();
        assert!(
            entry.contains(&format!("[default: {said}")),
            "{flag} {said} {entry}"
        );
    }
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

/// The largest integer of TOML, or of this machine if that is smaller.
const LARGEST: usize = usize::MAX >> 1;

proptest! {
    #[test]
    fn toml_gives_back_the_same_settings(
        (data, out) in (".{1,20}", proptest::option::of("[^\0]{1,20}")),
        (test_fraction, learning_rate, weight, weight_decay) in (0.0..1.0_f64, f64::MIN_POSITIVE..1e300, 0.0..1e300_f64, 0.0..1.0_f64),
        (epochs, batch_size, latent_dim) in (1..=LARGEST, 2..=LARGEST, 1..=LARGEST),
        hidden in proptest::collection::vec(1..=LARGEST, 0..5),
        (seed, threads) in (0..=i64::MAX as u64, 1..=MOST_THREADS),
        (a, b, c, d, e) in (0..Activation::ALL.len(), 0..2_usize, 0..2_usize, 0..2_usize, 0..2_usize),
    ) {
        let config = Config {
            method: Method::GeomAe,
            data, test_fraction, epochs, batch_size, learning_rate, weight, weight_decay, latent_dim, hidden, seed, threads,
            labels: Labels::ALL[b],
            split: SplitRule::ALL[c],
            activation: Activation::ALL[a],
            device: Device::ALL[d],
            dtype: Dtype::ALL[e],
            out: out.map(PathBuf::from),
        };
        let text = config.to_toml().unwrap();
        prop_assert_eq!(Config::default().with(parse(&text).unwrap()), config);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_assignment_makes_the_parser_panic(key in 0..Settings::KEYS.len(), value in "[-+0-9a-z\"'\\[\\]{},.= \n]{0,20}") {
        let _ = parse(&format!("{} = {value}", Settings::KEYS[key]));
    }
}
