//! The workbench: data sets, the command line, figures and reports, experiments, benchmarks

pub mod figures;
pub mod report;
