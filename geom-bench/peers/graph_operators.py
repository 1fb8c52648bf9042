"""pydiffmap, datafold and scipy on the data of `cargo bench --bench graph_operators`: one round.

    graph_operators.py CASE FILE

Prints `name<TAB>seconds` for each peer. For `laplacian` FILE holds points, three little-endian float64 each; for `roll` and
`images` the symmetric form of our operator (see benches/shared/graph_file.rs). Threads: 2, as ours on 2 cores.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")

import sys
import time
import warnings

import numpy as np
import scipy
import scipy.sparse

warnings.filterwarnings("ignore")
case, file = sys.argv[1:]
K, EIGENPAIRS = 15, 20


def timed(name, work):
    start = time.perf_counter()
    out = work()
    print(f"{name}\t{time.perf_counter() - start:.6f}", flush=True)
    return out


def matrix():
    raw = np.fromfile(file, dtype="<u8")
    n = int(raw[0])
    offsets = raw[1 : n + 2].astype(np.int64)
    count = int(offsets[-1])
    columns = raw[n + 2 : n + 2 + count].astype(np.int32)
    values = raw[n + 2 + count :].view("<f8")
    return scipy.sparse.csr_matrix((values, columns, offsets), shape=(n, n))


def laplacians():
    x = np.fromfile(file, dtype="<f8").reshape(-1, 3)
    # The radius that holds 15 neighbours on average: datafold's sparse kernels know no other graph.
    radius = (K / (len(x) * 4 / 3 * np.pi)) ** (1 / 3)
    try:
        import pydiffmap.diffusion_map

        def walk():
            neighbours = dict(n_jobs=2, algorithm="kd_tree")
            build = pydiffmap.diffusion_map.DiffusionMap.from_sklearn
            return build(alpha=1.0, k=K + 1, epsilon=radius**2 / 4, neighbor_params=neighbours).construct_Lmat(x).L

        timed("pydiffmap 0.2.0.1", walk)
    except ImportError:
        pass
    try:
        import datafold
        from datafold.pcfold.kernels import DmapKernelFixed

        def fixed():
            distance = dict(cut_off=radius, algorithm="scipy.kdtree")
            return DmapKernelFixed(datafold.pcfold.GaussianKernel(epsilon=radius**2 / 2, distance=distance))(x)

        timed(f"datafold {datafold.__version__}", fixed)
    except ImportError:
        pass


def pairs(which):
    from scipy.sparse.linalg import eigsh

    a = matrix()
    name = f"scipy {scipy.__version__} eigsh, "
    if which == "roll":
        # Ours is negative semidefinite; the shift, a part of the smallest eigenvalue, keeps the factor from being singular.
        positive = (-a).tocsc()
        found = timed(name + "shift and invert", lambda: eigsh(positive, k=EIGENPAIRS, sigma=-1e-4, which="LM"))[0]
    else:
        # I + tL is D^-1/2 K D^-1/2 where t is the kernel's time, which the bench appends to the file's name.
        t = float(os.environ["GEOM_TIME"])
        kernel = (scipy.sparse.identity(a.shape[0]) + t * a).tocsr()
        found = timed(name + "normalised kernel, largest", lambda: eigsh(kernel, k=EIGENPAIRS, which="LA"))[0]
        found = (1 - found) / t
    print(f"last eigenvalue {np.sort(found)[-1]:.9f}", file=sys.stderr)


if case == "laplacian":
    laplacians()
else:
    pairs(case)
