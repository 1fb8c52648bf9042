"""faiss, scipy and pynndescent on the points of `cargo bench --bench graph_neighbours`: one round, build and query.

    graph_neighbours.py FILE WIDTH K

FILE holds little-endian float32, WIDTH numbers a point. Prints `name<TAB>seconds` for each peer. Neighbours are the K nearest
others, so that a peer that returns the point itself is asked for K + 1. Peers use 2 threads, as ours does on 2 cores.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("NUMBA_NUM_THREADS", "2")

import sys
import time

import numpy as np

file, width, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
x = np.fromfile(file, dtype="<f4").reshape(-1, width)


def timed(name, work):
    start = time.perf_counter()
    found = work()
    print(f"{name}\t{time.perf_counter() - start:.6f}", flush=True)
    return found


def kd_tree():
    import scipy
    from scipy.spatial import cKDTree

    points = x.astype(np.float64)
    # The best setting found: no balancing, no compact nodes.
    timed(
        f"scipy {scipy.__version__} cKDTree, 2 workers",
        lambda: cKDTree(points, balanced_tree=False, compact_nodes=False).query(points, k + 1, workers=2),
    )


def flat():
    import faiss

    faiss.omp_set_num_threads(2)
    # By BLAS, the faster of its two ways at these sizes; 1.15 takes the other one below 128,000 queries.
    faiss.cvar.distance_compute_blas_threshold = 20

    def search():
        index = faiss.IndexFlatL2(width)
        index.add(x)
        return index.search(x, k + 1)

    return timed(f"faiss {faiss.__version__} IndexFlatL2, BLAS", search)[1]


def descent(exact):
    import pynndescent

    def search(points):
        return pynndescent.NNDescent(points, n_neighbors=k + 1, random_state=0, n_jobs=2).neighbor_graph[0]

    # Compile first.
    search(x[:2000])
    start = time.perf_counter()
    found = search(x)
    seconds = time.perf_counter() - start
    rows = np.random.default_rng(0).integers(0, len(x), 500)
    recall = np.mean([len(np.intersect1d(found[i], exact[i])) for i in rows]) / (k + 1)
    print(f"pynndescent {pynndescent.__version__}, recall {recall:.3f}\t{seconds:.6f}", flush=True)


if width <= 12:
    kd_tree()
else:
    descent(flat())
