//! Command-line flags: their help, their place above the file, and how wrong ones are refused.

use std::fs;

use clap::{Args, Command};

use super::super::*;
use super::flags;

#[test]
fn every_setting_has_a_key_and_a_flag_and_nothing_else_has() {
    let full = Config {
        out: Some("x".into()),
        clip_norm: Some(1.0),
        patience: Some(3),
        reconstruction: Some(Reconstruction::Sum),
        ..Config::default()
    };
    let full = Config {
        validation_fraction: 0.1,
        measured_points: Some(5),
        begin_at: Some(BeginAt::Isomap),
        begin_epochs: Some(3),
        manifold: Some("sphere".parse().unwrap()),
        // Every setting that only some methods have: no method has them all, so the text is written unchecked.
        latent: LatentArgs {
            filters: Some(8),
            image: Some(Widths(vec![1, 8, 8])),
            towards: Some("z.npy".into()),
            kernel: Some(geom_ae::KernelFamily::Imq),
            log_variance_norm: Some(geom_ae::codes::LogVarianceNorm::L1),
            kernel_variance: Some(1.0),
            estimator: Some(geom_ae::codes::Estimator::Wae),
            codes_per_point: Some(4),
            log_variance_weight: Some(1.0),
            ..LatentArgs::of(Method::WaeGan)
        },
        terms: TermArgs {
            matching: Some(geom_ae::codes::Matching::Random),
            distance_scale: Some(geom_ae::codes::DistanceScale::Images),
            pairs_per_point: Some(3),
            include_centre: Some(true),
            replacement: Some(false),
            weight_on: Some(geom_ae::WeightOn::Centre),
            comparison: Some(geom_ae::codes::DistanceMatching::Relative),
            margin: Some(2.0),
            class_distances: Some("m.csv".into()),
            probes: Some(2),
            lower_bound: Some(0.9),
            upper_bound: Some(1.1),
            perplexity: Some(12.0),
            layout_steps: Some(300),
            layout_rate: Some(10.0),
            min_dist: Some(0.5),
            alpha: Some(0.5),
            diffusion_steps: Some(2.0),
        },
        ..full
    };
    let table: toml::Table = toml::to_string(&full).unwrap().parse().unwrap();
    // A recipe is not kept: what it says is.
    let mut keys: Vec<&str> = table.keys().map(String::as_str).chain(["recipe"]).collect();
    let mut known = [Settings::KEYS, TermArgs::KEYS].concat();
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
    let settings = Settings::KEYS.len() + TermArgs::KEYS.len();
    assert_eq!(defaults, settings, "{help}");
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
        let flag = ["<", "[<"].map(|value| format!("--{} {value}", key.replace('_', "-")));
        let entry = (flag.iter())
            .find_map(|flag| help.split(flag).nth(1))
            .unwrap()
            .split("\n      --")
            .next()
            .unwrap();
        assert!(
            entry.contains(&format!("[default: {said}")),
            "{flag:?} {said} {entry}"
        );
    }
}
