//! GGAE's loss on minibatches: which bandwidth, which minibatch form, and how wrong each is.
//!
//! cargo run --release -p geom-graph --example 03_graph_distortion
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::manifolds::SwissRoll;
use geom_graph::{
    Bandwidth, DistanceGraph, Error, Geodesics, GraphDistortion, LaplacianParameters, Metric,
    Sampler, Symmetrisation, batch_bias, knn,
};
use ndarray::{Axis, stack};

fn main() -> Result<(), Error> {
    // The embedding to judge: the roll flattened right, and flattened too small.
    let roll = SwissRoll::sample(3000, 4.7..12.5, 60.0, 1)?;
    let flat = stack![Axis(1), roll.arc, roll.height];
    let shrunk = &flat * 0.6;
    // Geodesic distances come from the neighbour graph of all points, for the batch alone: 500 × 500, not 3,000 × 3,000.
    let found = knn(roll.points.view(), 10, Metric::Euclidean)?;
    let edges = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    let batch = Sampler::Uniform.epoch(&edges, 500, 1, 0)?.remove(0);
    let graph = DistanceGraph::from_dense(Geodesics::new().among(&edges, &batch)?.view())?;
    // The bandwidth: the paper's 0.2 would leave most points of such a batch alone.
    let parameters = LaplacianParameters::default();
    let on_batch = flat.select(Axis(0), &batch);
    let choice = Bandwidth::LeastBias.choose_on(&graph, Some(on_batch.view()), &parameters)?;
    println!("bandwidth {:.2}, bias {:?}", choice.bandwidth, choice.bias);
    // The distortion, its exact gradient, and the rescaling that would help.
    let distortion = GraphDistortion::new(&parameters.build(&graph, choice.bandwidth)?);
    for (name, y) in [
        ("flat", on_batch.clone()),
        ("shrunk", shrunk.select(Axis(0), &batch)),
    ] {
        let at = distortion.evaluate(y.view())?;
        let s = at.rescaling.sq_scale.sqrt();
        println!(
            "{name:>7}: {:.4}, best scale {s:.3}, scale-free {:.4}",
            at.value,
            distortion.evaluate_scale_free(y.view())?.value
        );
    }
    // Batches of 250 of these points: which form keeps the trace of the whole graph?
    let small = Sampler::Uniform.epoch(&graph, 250, 2, 0)?;
    let bias = batch_bias(
        &graph,
        &parameters,
        choice.bandwidth,
        on_batch.view(),
        &small,
    )?;
    println!(
        "mean Tr H: whole {:.3}, batch kernel {:.3}, slicing {:.3}",
        bias.whole, bias.batch_kernel, bias.slicing
    );
    Ok(())
}
