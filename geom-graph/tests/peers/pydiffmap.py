"""Writes pydiffmap.json: what pydiffmap computes for the default forms, at bandwidths chosen by hand.

pip install numpy scipy pydiffmap==0.2.0.1; python pydiffmap.py
pydiffmap's kernel is exp(-d^2/(4 epsilon)) and its generator (P - I)/epsilon: h = 4 epsilon in geom-graph.
"""

import json
import pathlib
import sys
import warnings

import numpy as np

# This script has the name of the package.
sys.path.pop(0)
from pydiffmap import diffusion_map, kernel

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)
cases = []
for name, n, d, alpha, h in [
    ("sphere", 60, 3, 1.0, 0.3),
    ("sphere_alpha_half", 50, 3, 0.5, 0.4),
    ("cloud_alpha_zero", 40, 2, 0.0, 0.8),
]:
    x = rng.normal(size=(n, d))
    if name.startswith("sphere"):
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    gaussian = kernel.Kernel(kernel_type="gaussian", epsilon=h / 4, k=n)
    fitted = diffusion_map.DiffusionMap(kernel_object=gaussian, alpha=alpha, n_evecs=6).fit(x)
    cases.append(
        dict(
            name=name,
            x=x.tolist(),
            alpha=alpha,
            bandwidth=h,
            eigenvalues=[0.0] + sorted((-fitted.evals).tolist()),
            laplacian_row_0=np.asarray(fitted.L.toarray())[0].tolist(),
        )
    )
target = pathlib.Path(__file__).with_suffix(".json")
target.write_text(json.dumps(dict(peer="pydiffmap 0.2.0.1", cases=cases)))
