//! Networks on dfdx's tape against the other routes to the same numbers.

#[path = "../common/build.rs"]
mod build;
#[path = "../common/layers.rs"]
mod layers;

mod derivatives;
mod outcome;
mod random_architectures;
mod routes;
mod stock_models;
