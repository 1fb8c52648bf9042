//! Tests of the CPU, once more on the GPU: golden values, laws, kinks, metrics, products, derivatives on the tape.
#![cfg(all(feature = "cuda", not(feature = "cuda-check")))]

#[path = "../common/build.rs"]
mod build;
#[path = "../tape/derivatives.rs"]
mod derivatives;
#[path = "../golden_decoder_geometry.rs"]
mod golden_decoder_geometry;
#[path = "../golden_neighbourhood_reconstruction.rs"]
mod golden_neighbourhood_reconstruction;
#[path = "../kinks.rs"]
mod kinks;
#[path = "../every_layer/laws.rs"]
mod laws;
#[path = "../common/layers.rs"]
mod layers;
#[path = "../metric.rs"]
mod metric;
#[path = "../tape/outcome.rs"]
mod outcome;
#[path = "../products.rs"]
mod products;
