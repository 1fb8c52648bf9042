//! Memory of neighbours, graph and operator, in a process of its own: the peak of the resident set tells, on Linux alone.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests: what fails shall panic")]

#[allow(dead_code, reason = "the tests need no main")]
#[path = "../examples/memory.rs"]
mod memory;

#[test]
fn three_matrices_at_most() {
    let found = memory::run::<f64>(200_000).unwrap();
    // Lists of neighbours, which the graph is made from, are half a matrix; the graph becomes the operator where it stands.
    assert!(found.to_graph > 1.0 && found.to_graph < 3.0, "{found:?}");
    assert!(
        found.to_laplacian >= 1.0 && found.to_laplacian < 3.0,
        "{found:?}"
    );
}
