//! Closed forms and laws of geometry, each run on every space.
#![allow(clippy::unwrap_used, clippy::panic, clippy::type_complexity)] // a helper that panics fails its test

mod charts;
mod curvature;
mod examples;
mod geodesics;
mod peers;
mod properties;
mod spaces;
