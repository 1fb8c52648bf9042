//! Closed forms and laws of geometry, each run on every space.

mod charts;
mod curvature;
mod examples;
mod geodesics;
mod peers;
mod properties;
mod spaces;
