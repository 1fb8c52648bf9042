//! Every flag of a single method reaches it, and no other.

use clap::Args;

use crate::Error;
use crate::config::{Config, Settings};

fn parse(line: &str) -> Result<Config, Error> {
    let command = Settings::augment_args(clap::Command::new("geom"));
    let matches = command
        .try_get_matches_from(line.split(' '))
        .unwrap_or_else(|error| panic!("{error}"));
    let settings = <Settings as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
    let config = Config::layered(vec![settings])?;
    config.check()?;
    Ok(config)
}

#[test]
fn every_flag_reaches_its_method_and_no_other() {
    for (method, flag) in [
        ("topoae", "--matching one-sided"),
        ("topoae", "--distance-scale images"),
        ("nrae-q", "--pairs-per-point 3"),
        ("nrae-q", "--include-centre true"),
        ("nrae-l", "--replacement false"),
        ("nrae-l", "--weight-on centre"),
        ("spae", "--comparison relative"),
        ("mmae", "--distances coordinates:z.npy"),
        ("blae", "--distances geodesic --neighbours 7"),
        ("contrastive", "--margin 2"),
        ("contrastive", "--class-distances m.csv"),
        ("rcae", "--probes 3"),
        ("blae", "--lower-bound 0.9 --upper-bound 1.1"),
        (
            "tsne",
            "--perplexity 12 --layout-steps 300 --layout-rate 10",
        ),
        ("umap", "--min-dist 0.5 --layout-steps 100"),
        (
            "diffusion-maps",
            "--alpha 0.5 --diffusion-steps 2 --bandwidth 3",
        ),
        (
            "wae-mmd",
            "--kernel rbf --kernel-variance 2 --estimator wae-latent",
        ),
        ("wae-multi", "--codes-per-point 4 --pretrain loss:0.1"),
        (
            "wae-stochastic",
            "--log-variance-weight 0.1 --pretrain true",
        ),
    ] {
        let config = parse(&format!("geom --method {method} {flag}")).unwrap();
        assert_ne!(config, Config::of(config.method), "{flag}");
        let text = config.to_toml().unwrap();
        let again = Settings::parse(&text, "config.toml".as_ref()).unwrap();
        assert_eq!(Config::layered(vec![again]).unwrap(), config, "{text}");
        assert!(
            parse(&format!("geom --method dae {flag}")).is_err(),
            "{flag}"
        );
    }
    for refused in [
        "geom --method ae --network dcgan --hidden 20",
        "geom --method ae --network deep-ae --output-activation sigmoid",
        "geom --method topoae --activation tanh",
        "geom --method spae --distances series:4",
        "geom --method mmae --neighbours 7",
    ] {
        assert!(parse(refused).is_err(), "{refused}");
    }
    assert!(parse("geom --method topoae --hidden 20,20").is_ok());
}

#[test]
fn controls_take_their_numbers() {
    let options = parse("geom --method tsne --perplexity 12 --layout-steps 300")
        .unwrap()
        .control_options();
    assert_eq!(
        (options.tsne.perplexity, options.tsne.iterations),
        (12.0, 300)
    );
    let options = parse("geom --method umap --min-dist 0.5 --neighbours 40")
        .unwrap()
        .control_options();
    assert_eq!((options.umap.min_dist, options.umap.neighbours), (0.5, 40));
    let options = parse("geom --method isomap").unwrap().control_options();
    assert_eq!(options.isomap.neighbours, 10);
}
