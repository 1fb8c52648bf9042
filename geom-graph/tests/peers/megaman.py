"""Writes megaman.json: what megaman's Laplacians are for given points, radius as bandwidth.

    pip download --no-clean --no-deps --no-binary :all: megaman==0.2   (its build fails on a new Python; the source stays in TMPDIR)
    python megaman.py FOLDER_OF_THE_SOURCE

megaman 0.2 does not build on a new Python, but its affinities and Laplacians are plain numpy: they are imported from the
source without the package's compiled parts. Its kernel is exp(-d^2/r^2) and its scale 4/r^2: h = r^2 in geom-graph.
"""

import json
import pathlib
import sys
import types

import numpy as np
import scipy.sparse
from scipy.spatial.distance import cdist

source = pathlib.Path(sys.argv[1]) / "megaman"
for name, folder in [("megaman", source), ("megaman.geometry", source / "geometry")]:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(folder)]
from megaman.geometry.affinity import compute_affinity_matrix
from megaman.geometry.laplacian import compute_laplacian_matrix

rng = np.random.default_rng(1)
cases = []
for name, n, d, h, reach in [("sphere", 12, 3, 0.5, None), ("cloud", 10, 2, 0.8, None), ("sphere_radius", 16, 3, 0.4, 1.1)]:
    x = rng.normal(size=(n, d))
    if name.startswith("sphere"):
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    distances = cdist(x, x)
    if reach is not None:
        distances = scipy.sparse.csr_matrix(np.where(distances <= reach, distances, 0.0))
    affinity = compute_affinity_matrix(distances, radius=np.sqrt(h))
    laplacians = {}
    for method, arguments in [
        ("geometric", {}),
        ("randomwalk", {}),
        ("symmetricnormalized", {}),
        ("unnormalized", {}),
        ("renormalized", dict(renormalization_exponent=0.5)),
    ]:
        l = compute_laplacian_matrix(affinity, method=method, scaling_epps=np.sqrt(h), **arguments)
        l = l.toarray() if scipy.sparse.issparse(l) else np.asarray(l)
        laplacians[method] = l.tolist()
    cases.append(dict(name=name, x=x.tolist(), bandwidth=h, reach=reach, laplacians=laplacians))
target = pathlib.Path(__file__).with_suffix(".json")
target.write_text(json.dumps(dict(peer="megaman 0.2", cases=cases)) + "\n")
