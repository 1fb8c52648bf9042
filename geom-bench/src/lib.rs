//! The workbench of geom: data sets, settings, run folders, pictures and reports.
//!
//! The binary `geom` is a thin layer over this library.
//!
//! | module | holds |
//! |---|---|
//! | [`data`] | data sets: embedded, generated, read from IDX, `.npy`, `.npz` and `.csv` files; the split into train and test |
//! | [`config`] | every setting of a run: the paper's values, a TOML file, the command line, in this order |
//! | [`beginning`] | the picture that networks begin at |
//! | [`controls`] | embeddings without a network, and a decoder fitted to any embedding |
//! | [`experiments`] | the papers' experiments: figures and numbers over several seeds |
//! | [`history`] | what the log holds of every epoch |
//! | [`events`] | the same as files for TensorBoard |
//! | [`figures`] | plain arrays in, SVG out |
//! | [`pictures`] | the figures of a trained model |
//! | [`run_folder`] | the folder a run writes: lock, atomic files, the log, embeddings |
//! | [`report`] | one self-contained HTML page for a run, one for several side by side |
//!
//! Whatever a user hands in, a function here answers with a value or with one [`Error`] whose message is a single
//! line that names the file, the place and the numbers.

pub mod data;

pub mod config;

pub mod beginning;

pub mod controls;

pub mod events;
pub mod experiments;
pub mod figures;
pub mod history;
pub mod pictures;
pub mod report;
pub mod run_folder;
pub mod score_picture;

mod error;
mod named;

pub use error::Error;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
