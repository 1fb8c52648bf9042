//! Closed forms and laws of geometry, each run on every space.
#![allow(clippy::unwrap_used, clippy::panic, clippy::type_complexity)] // a helper that panics fails its test

mod balls;
mod charts;
mod curvature;
mod examples;
mod geodesics;
mod graph_start;
mod peers;
mod precision;
mod properties;
mod spaces;
