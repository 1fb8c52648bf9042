//! Shortest paths: between two points, from a point with a velocity, and what is carried along them.

mod ball;
mod connect;
mod flow;
mod logarithm;
mod segments;
mod start;
mod tridiagonal;

pub use ball::{GeodesicBall, NormalGrid};
pub use connect::{Geodesic, GeodesicOptions, connect, connect_all};
pub use flow::{FlowOptions, Shot, exponential, geodesic_path, parallel_transport};
pub use logarithm::{Distance, Logarithm, LogarithmOptions, distance, distances, logarithm};
pub use segments::Segments;
pub use start::{Start, natural_spline};
