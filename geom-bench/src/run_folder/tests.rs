//! Run folders made, refused and undone.

use ndarray::{Array2, array};

use super::*;
use crate::config::Method;
use crate::data;

fn config(out: Option<PathBuf>) -> Config {
    Config {
        out,
        seed: 3,
        ..Config::default()
    }
}

/// Every path below a folder, sorted.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        found.push(entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            found.extend(tree(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn unnamed_runs_are_numbered() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = scratch.path().join("runs");
    let first = RunFolder::create(&config(None), &runs).unwrap();
    let second = RunFolder::create(&config(None), &runs).unwrap();
    let other = RunFolder::create(
        &config(None).with(crate::config::Settings {
            method: Some(Method::Ae),
            ..Default::default()
        }),
        &runs,
    )
    .unwrap();
    assert_eq!(
        [&first, &second, &other].map(|run| run
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()),
        ["geomae-digits-1", "geomae-digits-2", "ae-digits-1"]
    );
    assert_eq!(first.config().unwrap(), config(None));
}

#[test]
fn a_named_folder_is_made_with_those_above_it_or_taken_if_empty() {
    let scratch = tempfile::tempdir().unwrap();
    for out in [
        scratch.path().join("a/b/c"),
        scratch.path().to_path_buf().join("empty"),
    ] {
        fs::create_dir_all(scratch.path().join("empty")).unwrap();
        let run = RunFolder::create(&config(Some(out.clone())), Path::new("unused")).unwrap();
        assert_eq!(
            (run.path(), run.config().unwrap().out),
            (out.as_path(), None)
        );
        assert_eq!(tree(&out), [LOCK, CONFIG]);
    }
}

#[test]
fn a_folder_with_another_run_or_anything_else_is_refused_and_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    drop(RunFolder::create(&config(Some(out.clone())), Path::new("unused")).unwrap());
    let error = RunFolder::create(&config(Some(out.clone())), Path::new("unused")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: the folder holds another run (config.toml); choose another --out",
            out.display()
        )
    );

    let notes = scratch.path().join("notes");
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("todo.txt"), "x").unwrap();
    let error = RunFolder::create(&config(Some(notes.clone())), Path::new("unused")).unwrap_err();
    assert!(matches!(error, Error::FolderNotEmpty { .. }), "{error}");
    assert_eq!(tree(&notes), ["todo.txt"]);

    let file = notes.join("todo.txt");
    for out in [file.clone(), file.join("below")] {
        let error = RunFolder::create(&config(Some(out)), Path::new("unused")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
    assert_eq!(tree(&notes), ["todo.txt"]);
}

#[test]
fn a_second_writer_is_kept_out_until_the_first_is_gone() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("run");
    let run = RunFolder::create(&config(Some(out.clone())), Path::new("unused")).unwrap();
    assert!(matches!(
        RunFolder::open_to_write(&out),
        Err(Error::FolderLocked { .. })
    ));
    RunFolder::open(&out).unwrap();
    drop(run);
    let again = RunFolder::open_to_write(&out).unwrap();
    assert!(matches!(
        RunFolder::open_to_write(&out),
        Err(Error::FolderLocked { .. })
    ));
    drop(again);

    // An empty folder that another process has just locked.
    let fresh = scratch.path().join("fresh");
    fs::create_dir(&fresh).unwrap();
    let held = lock(&fresh).unwrap();
    assert!(matches!(
        RunFolder::create(&config(Some(fresh.clone())), Path::new("unused")),
        Err(Error::FolderLocked { .. })
    ));
    drop(held);
    assert_eq!(tree(&fresh), [LOCK]);
}

#[test]
fn only_one_of_many_that_want_the_same_folder_gets_it() {
    let scratch = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let out = scratch.path().join(format!("a/{round}"));
        let config = config(Some(out.clone()));
        let created: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| RunFolder::create(&config, Path::new("unused"))))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(
            created.iter().filter(|run| run.is_ok()).count(),
            1,
            "{created:?}"
        );
        assert_eq!(tree(&out), [LOCK, CONFIG]);
    }
}

#[test]
fn nothing_is_left_when_creating_fails() {
    let scratch = tempfile::tempdir().unwrap();
    let bad = Config {
        epochs: 0,
        ..config(Some(scratch.path().join("a/b")))
    };
    assert!(matches!(
        RunFolder::create(&bad, Path::new("unused")),
        Err(Error::Setting {
            setting: "epochs",
            ..
        })
    ));
    assert!(tree(scratch.path()).is_empty());

    // A name too long for a file system, below folders that can be made.
    let long = config(Some(scratch.path().join("a/b").join("x".repeat(5000))));
    assert!(matches!(
        RunFolder::create(&long, Path::new("unused")),
        Err(Error::Io { .. })
    ));
    assert!(tree(scratch.path()).is_empty());

    // The writing of the settings fails after folder and lock are there.
    let out = scratch.path().join("a/b");
    let mut made = Made::default();
    made.folders(&out).unwrap();
    let held = made.lock(&out).unwrap();
    assert_eq!(tree(scratch.path()), [LOCK, "a", "b"]);
    drop((made, held));
    assert!(tree(scratch.path()).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_is_one_clear_error() {
    // Refused to every user, root included.
    let error = RunFolder::create(&config(Some("/proc/geom-run".into())), Path::new("unused"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot create the folder /proc/geom-run: "),
        "{error}"
    );
    let error = RunFolder::create(&config(None), Path::new("/proc/runs"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot create the folder /proc/runs: "),
        "{error}"
    );
}

#[test]
fn folders_without_a_run_are_not_opened() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(matches!(
        RunFolder::open(scratch.path()),
        Err(Error::NotARun { .. })
    ));
    assert!(matches!(
        RunFolder::open(&scratch.path().join("no")),
        Err(Error::Io { .. })
    ));
    assert!(matches!(
        RunFolder::open_to_write(scratch.path()),
        Err(Error::NotARun { .. })
    ));
    assert!(tree(scratch.path()).is_empty());
}

#[test]
fn the_settings_left_behind_repeat_the_run() {
    let scratch = tempfile::tempdir().unwrap();
    let first = RunFolder::create(&config(None), scratch.path()).unwrap();
    let args = crate::config::ConfigArgs {
        config: Some(first.file(CONFIG)),
        ..Default::default()
    };
    let second = RunFolder::create(&args.resolve().unwrap(), scratch.path()).unwrap();
    assert_ne!(first.path(), second.path());
    assert_eq!(
        fs::read(first.file(CONFIG)).unwrap(),
        fs::read(second.file(CONFIG)).unwrap()
    );
}

#[test]
fn an_embedding_is_written_in_three_files_of_the_same_order() {
    let scratch = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&config(None), scratch.path()).unwrap();
    let (train, test) = (
        array![[0.1_f32, -2.0], [1e-30, 3e9]],
        array![[0.5_f32, 7.0]],
    );
    let parts = [
        EmbeddingPart {
            split: "train",
            indices: &[4, 9],
            labels: Some(&[1, -2]),
            points: train.view(),
        },
        EmbeddingPart {
            split: "test",
            indices: &[5],
            labels: Some(&[3]),
            points: test.view(),
        },
    ];
    run.write_embedding(&parts).unwrap();
    let text = fs::read_to_string(run.file(EMBEDDING_CSV)).unwrap();
    assert_eq!(
        text,
        "split,index,label,z0,z1\ntrain,4,1,0.1,-2.0\ntrain,9,-2,1e-30,3000000000.0\ntest,5,3,0.5,7.0\n"
    );
    let points = data::load::<f32>(
        run.file(EMBEDDING_NPY).to_str().unwrap(),
        data::Options::default(),
    )
    .unwrap()
    .points;
    assert_eq!(points, array![[0.1, -2.0], [1e-30, 3e9], [0.5, 7.0]]);
    let labels = npyz::NpyFile::new(&fs::read(run.file(LABELS_NPY)).unwrap()[..])
        .unwrap()
        .into_vec::<i64>()
        .unwrap();
    assert_eq!(labels, [1, -2, 3]);
}

#[test]
fn without_labels_the_column_is_empty_and_the_file_is_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&config(None), scratch.path()).unwrap();
    let points = array![[1.5_f64]];
    let part = EmbeddingPart {
        split: "all",
        indices: &[0],
        labels: None,
        points: points.view(),
    };
    run.write_embedding(&[part]).unwrap();
    assert_eq!(
        fs::read_to_string(run.file(EMBEDDING_CSV)).unwrap(),
        "split,index,label,z0\nall,0,,1.5\n"
    );
    assert!(!run.file(LABELS_NPY).exists());
    assert!(matches!(
        export(&run.file("e.txt"), &[part]),
        Err(Error::UnknownOutput { .. })
    ));
}

#[test]
fn parts_that_do_not_fit_are_refused_with_the_numbers() {
    let scratch = tempfile::tempdir().unwrap();
    let (two, one) = (Array2::<f64>::zeros((2, 2)), Array2::<f64>::zeros((2, 1)));
    let good = EmbeddingPart {
        split: "train",
        indices: &[0, 1],
        labels: None,
        points: two.view(),
    };
    for bad in [
        EmbeddingPart {
            indices: &[0],
            ..good
        },
        EmbeddingPart {
            labels: Some(&[1, 2, 3]),
            ..good
        },
        EmbeddingPart {
            points: one.view(),
            ..good
        },
    ] {
        for name in ["e.csv", "e.npy"] {
            let path = scratch.path().join(name);
            assert!(matches!(
                export(&path, &[good, bad]),
                Err(Error::EmbeddingParts { points: 2, .. })
            ));
            assert!(!path.exists());
        }
    }
}

#[test]
fn arrays_of_any_strides_are_written_row_by_row() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.npy");
    let matrix = Array2::from_shape_fn((50, 3), |(i, j)| (3 * i + j) as f64);
    for view in [matrix.view(), matrix.t()] {
        write_npy(&path, view).unwrap();
        assert_eq!(
            data::load::<f64>(path.to_str().unwrap(), data::Options::default())
                .unwrap()
                .points,
            view
        );
    }
}
