"""Writes conventions.json: what scikit-learn, pydiffmap, datafold and megaman make of five points on a line at the same kernel.

    pip install scikit-learn pydiffmap==0.2.0.1 datafold==2.0.2; megaman's source as in megaman.py
    python conventions.py FOLDER_OF_MEGAMANS_SOURCE
"""

import json
import pathlib
import sys
import types
import warnings

import numpy as np
from scipy.sparse import csgraph
from scipy.spatial.distance import cdist

warnings.filterwarnings("ignore")
# The scripts of this folder have the names of the packages.
sys.path.pop(0)
source = pathlib.Path(sys.argv[1]) / "megaman"
for name, folder in [("megaman", source), ("megaman.geometry", source / "geometry")]:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(folder)]

h = 2.0
x = np.array([[0.0], [1.0], [3.0], [4.5], [7.0]])
out = dict(points=x.ravel().tolist(), bandwidth=h)


def dense(matrix):
    return (matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)).tolist()


def sklearn_():
    import sklearn
    from sklearn.manifold import spectral_embedding
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.neighbors import NearestNeighbors, kneighbors_graph

    kernel = rbf_kernel(x, gamma=1 / h)
    asked = NearestNeighbors(n_neighbors=2).fit(x)
    return dict(
        version=sklearn.__version__,
        neighbour_distances=asked.kneighbors(x)[0].tolist(),
        graph_distances=dense(kneighbors_graph(x, 1, mode="distance")),
        kernel=kernel.tolist(),
        laplacian=csgraph.laplacian(kernel, normed=True).tolist(),
        eigenvalues=np.linalg.eigvalsh(csgraph.laplacian(kernel, normed=True)).tolist(),
        eigenfunctions=spectral_embedding(kernel, n_components=3, drop_first=False).tolist(),
    )


def pydiffmap_():
    from pydiffmap import diffusion_map, kernel

    gaussian = kernel.Kernel(kernel_type="gaussian", epsilon=h / 4, k=5)
    fitted = diffusion_map.DiffusionMap(kernel_object=gaussian, alpha=1.0, n_evecs=2).fit(x)
    # A second call of compute would change what the first returned.
    fresh = kernel.Kernel(kernel_type="gaussian", epsilon=h / 4, k=5).fit(x)
    nearest = kernel.Kernel(kernel_type="gaussian", epsilon=h / 4, k=2).fit(x)
    return dict(
        version="0.2.0.1",
        neighbour_distances=nearest.neigh.kneighbors(x)[0].tolist(),
        kernel=dense(fresh.compute()),
        laplacian=dense(fitted.L),
        eigenvalues=fitted.evals.tolist(),
        eigenfunctions=fitted.evecs.tolist(),
    )


def datafold_():
    import datafold
    from datafold.dynfold import DiffusionMaps
    from datafold.pcfold.kernels import DmapKernelFixed, GaussianKernel

    gaussian = GaussianKernel(epsilon=h / 2)
    walk = DmapKernelFixed(gaussian, alpha=1.0, symmetrize_kernel=False)
    fitted = DiffusionMaps(GaussianKernel(epsilon=h / 2), n_eigenpairs=3).fit(x)
    return dict(
        version=datafold.__version__,
        kernel=dense(gaussian(x)),
        walk=dense(walk(x)),
        eigenvalues=np.asarray(fitted.eigenvalues_).tolist(),
        eigenfunctions=np.asarray(fitted.eigenvectors_).tolist(),
    )


def megaman_():
    from megaman.geometry.affinity import compute_affinity_matrix
    from megaman.geometry.laplacian import compute_laplacian_matrix

    kernel = compute_affinity_matrix(cdist(x, x), radius=np.sqrt(h))
    return dict(
        version="0.2",
        kernel=kernel.tolist(),
        unscaled=compute_laplacian_matrix(kernel).tolist(),
        laplacian=compute_laplacian_matrix(kernel, scaling_epps=np.sqrt(h)).tolist(),
    )


out.update(sklearn=sklearn_(), pydiffmap=pydiffmap_(), datafold=datafold_(), megaman=megaman_())
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")
