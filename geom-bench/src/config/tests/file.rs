//! Configuration files: what they can say, and how a wrong one is refused.

use std::fs;

use proptest::prelude::*;

use super::super::*;
use super::{flags, parse};

#[test]
fn a_file_can_say_what_every_flag_can() {
    let by_flag = flags(&[
        "--method=ae",
        "--data=x.npy",
        "--labels=last",
        "--test-fraction=0.5",
        "--split=contiguous",
        "--validation-fraction=0.2",
        "--learning-rate-schedule=step:30:0.5",
        "--weight-schedule=warm-up:3",
        "--optimiser=sgd:0.9",
        "--clip-norm=2",
        "--sampler=neighbourhood:5",
        "--patience=4",
        "--on-nonfinite=skip",
        "--distances=given:d.npy",
        "--graph-form=slicing",
        "--neighbours=7",
        "--bandwidth=0.2",
        "--calibrate=false",
        "--scale-free=true",
        "--cut-off=0",
        "--drop-edges=0.1",
        "--class-multiplier=2",
        "--tensorboard",
        "--log-batches",
        "--reconstruction=cosine",
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
        validation_fraction = 0.2
        learning_rate_schedule = "step:30:0.5"
        weight_schedule = "warm-up:3"
        optimiser = "sgd:0.9"
        clip_norm = 2
        sampler = "neighbourhood:5"
        patience = 4
        on_nonfinite = "skip"
        distances = "given:d.npy"
        graph_form = "slicing"
        neighbours = 7
        bandwidth = 0.2
        calibrate = false
        scale_free = true
        cut_off = 0
        drop_edges = 0.1
        class_multiplier = 2
        tensorboard = true
        log_batches = true
        reconstruction = "cosine"
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
            "[thread]\nepochs = 3",
            "a.toml, line 1: unknown key `thread`; the nearest known key is `threads`",
        ),
        (
            "zeta = 1\nepoch = 1",
            "a.toml, line 1: unknown key `zeta`; the nearest known key is `beta1`",
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
            "unknown method `geomea`: the nearest known name is `geomae` (known: geomae, ae, ",
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
        (every, factor, norm, share, h) in (1..=LARGEST, f64::MIN_POSITIVE..1e300, 1e-300..1e300_f64, 0.001..0.999_f64, 1e-300..1e300_f64),
        (schedule, sampler, graph) in (0..4_usize, 0..3_usize, 0..3_usize),
    ) {
        let config = Config {
            method: [Method::GeomAe, Method::Ggae][graph.min(1)],
            validation_fraction: share,
            learning_rate_schedule: [
                Schedule::Constant,
                Schedule::Step { every, factor },
                Schedule::WarmUpCosine { epochs: every, floor: factor },
                Schedule::Plateau { patience: every, factor },
            ][schedule],
            weight_schedule: [Schedule::Constant, Schedule::Cosine { floor: factor }][b],
            optimiser: [Optimiser::Adam, Optimiser::AdamW, Optimiser::Sgd { momentum: share }][sampler],
            clip_norm: [None, Some(norm)][b],
            sampler: [BatchSampler::Uniform, BatchSampler::Stratified, BatchSampler::Neighbourhood { neighbours: every }][sampler],
            patience: [None, Some(every)][c],
            on_nonfinite: NonFinite::ALL[d],
            bandwidth: [Bandwidth::LeastBias, Bandwidth::Fixed(h), Bandwidth::Neighbour(every)][graph],
            graph_form: if graph > 0 { GraphForm::ALL[b] } else { GraphForm::Batch },
            calibrate: graph == 0 || c == 0,
            neighbours: if graph > 0 { every } else { NEIGHBOURS },
            distances: DistanceSource::Geodesic,
            scale_free: graph > 0 && d == 0,
            cut_off: Config::default().cut_off,
            drop_edges: if graph > 0 { share } else { 0.0 },
            class_multiplier: if graph > 0 { norm } else { 1.0 },
            tensorboard: e == 0,
            log_batches: c == 0,
            reconstruction: [None, Some(Reconstruction::Sum), Some(Reconstruction::Gaussian)][sampler],
            beta1: share,
            latent: LatentArgs::of([Method::GeomAe, Method::Ggae][graph.min(1)]),
            terms: TermArgs::default(),
            data, test_fraction, epochs, batch_size, learning_rate, weight, weight_decay, latent_dim, hidden, seed, threads,
            manifold: None,
            mapped: false,
            measured_points: None,
            begin_at: [None, Some(BeginAt::Isomap), Some(BeginAt::File("a:b.csv".into()))][sampler].clone(),
            begin_epochs: (sampler > 0).then_some(epochs),
            labels: Labels::ALL[b],
            split: SplitRule::ALL[c],
            activation: Activation::ALL[a],
            output_activation: Activation::ALL[(a + b) % Activation::ALL.len()],
            device: Device::ALL[d],
            dtype: Dtype::ALL[e],
            out: out.map(PathBuf::from),
        };
        let text = config.to_toml().unwrap();
        prop_assert_eq!(Config::of(config.method).with(parse(&text).unwrap()), config);
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
