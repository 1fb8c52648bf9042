//! Graphs that approximate manifolds: neighbours, kernels, Laplace-Beltrami operators, spectra, graph distances
