//! GGAE's loss on minibatches: which bandwidth, which minibatch form, and how wrong each is.
//!
//! cargo run --release -p geom-graph --example 03_graph_distortion
#![allow(clippy::print_stdout, reason = "an example prints")]

use geom_graph::manifolds::SwissRoll;
use geom_graph::{
    Bandwidth, BandwidthChoice, BatchBias, DistanceGraph, Error, Geodesics, GraphDistortion,
    LaplacianParameters, Metric, Sampler, Symmetrisation, batch_bias, knn,
};
use ndarray::{Axis, stack};

/// One embedding's distortion.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) value: f64,
    pub(crate) best_scale: f64,
    pub(crate) scale_free: f64,
}

#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) choice: BandwidthChoice,
    pub(crate) flat: Judged,
    pub(crate) shrunk: Judged,
    pub(crate) bias: BatchBias,
}

pub(crate) fn judge() -> Result<Verdict, Error> {
    // The embedding to judge: the roll flattened right, and flattened too small.
    let roll = SwissRoll::sample(3000, 4.7..12.5, 60.0, 1)?;
    let flat = stack![Axis(1), roll.arc, roll.height];
    // Geodesic distances come from the neighbour graph of all points, for the batch alone: 500 × 500, not 3,000 × 3,000.
    let found = knn(roll.points.view(), 10, Metric::Euclidean)?;
    let edges = DistanceGraph::from_neighbours(&found, Symmetrisation::Union)?;
    let batch = Sampler::Uniform.epoch(&edges, 500, 1, 0)?.remove(0);
    let graph = DistanceGraph::from_dense(Geodesics::new().among(&edges, &batch)?.view())?;
    // The bandwidth: the paper's 0.2 would leave most points of such a batch alone.
    let parameters = LaplacianParameters::default();
    let on_batch = flat.select(Axis(0), &batch);
    let choice = Bandwidth::LeastBias.choose_on(&graph, Some(on_batch.view()), &parameters)?;
    // The distortion, its exact gradient, and the rescaling that would help.
    let distortion = GraphDistortion::new(&parameters.build(&graph, choice.bandwidth)?);
    let judged = |scale: f64| {
        let y = &on_batch * scale;
        let at = distortion.evaluate(y.view())?;
        Ok(Judged {
            value: at.value,
            best_scale: at.rescaling.sq_scale.sqrt(),
            scale_free: distortion.evaluate_scale_free(y.view())?.value,
        })
    };
    let (flat, shrunk) = (judged(1.0)?, judged(0.6)?);
    // Batches of 250 of these points: which form keeps the trace of the whole graph?
    let small = Sampler::Uniform.epoch(&graph, 250, 2, 0)?;
    let (h, y) = (choice.bandwidth, on_batch.view());
    let bias = batch_bias(&graph, &parameters, h, y, &small)?;
    Ok(Verdict {
        choice,
        flat,
        shrunk,
        bias,
    })
}

fn main() -> Result<(), Error> {
    let Verdict {
        choice,
        flat,
        shrunk,
        bias,
    } = judge()?;
    println!("bandwidth {:.2}, bias {:?}", choice.bandwidth, choice.bias);
    for (name, at) in [("flat", flat), ("shrunk", shrunk)] {
        println!(
            "{name:>7}: {:.4}, best scale {:.3}, scale-free {:.4}",
            at.value, at.best_scale, at.scale_free
        );
    }
    println!(
        "mean Tr H: whole {:.3}, batch kernel {:.3}, slicing {:.3}",
        bias.whole, bias.batch_kernel, bias.slicing
    );
    Ok(())
}
