"""One training step of an autoencoder in PyTorch, for comparison with `cargo bench --bench step`.

Prints a JSON object of median milliseconds and the process's peak memory. The nets, the batch and the optimiser are those of the
Rust benchmark. GeomAE's Jacobian is computed twice: as the paper's code does it (vmap of jacfwd, logdet of JᵀJ) and with
hand-written tangents under torch.compile, the best way found. The other methods' losses are restated the way their papers' code
computes them: IRVAE's traces by one probe through double backward, NRAE's second order by nested double backward, WAE's
discrepancy from distance matrices at seven scales, TopoAE's spanning trees by Kruskal's algorithm in Python.
"""

import argparse
import json
import math
import resource
import statistics
import time

import numpy
import torch
from torch import nn
from torch.autograd.functional import jvp, vjp
from torch.func import jacfwd, vmap


ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU, "tanh": nn.Tanh}


def net(widths, activation="elu", on_input=True, output=None):
    layers = [ACTIVATIONS[activation]()] if on_input else []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1], *([output] if output else []))


def tangents(decoder, z):
    """Value and Jacobian by pushing d stacked tangents through the layers."""
    d = z.shape[1]
    value = z
    tangent = torch.eye(d).unsqueeze(1).expand(d, z.shape[0], d)
    for layer in decoder:
        if isinstance(layer, nn.Linear):
            value, tangent = layer(value), tangent @ layer.weight.T
        else:
            slope = torch.where(value > 0, torch.ones_like(value), torch.exp(value.clamp(max=0)))
            value, tangent = layer(value), tangent * slope
    return value, tangent


def log_det_2(tangent):
    a = (tangent[0] * tangent[0]).sum(-1)
    b = (tangent[0] * tangent[1]).sum(-1)
    c = (tangent[1] * tangent[1]).sum(-1)
    return torch.log(a * c - b * b)


def finish():
    """Waits for what a GPU still has to do."""
    if torch.get_default_device().type == "cuda":
        torch.cuda.synchronize()


def measure(loss, encoder, decoder, own, repeats):
    """Median milliseconds of a step."""
    weights = [*encoder.parameters(), *decoder.parameters(), *own]
    adam = torch.optim.Adam(weights, lr=1e-3)

    def step():
        adam.zero_grad()
        loss(encoder, decoder).backward()
        adam.step()

    for _ in range(5):
        step()
    times = []
    finish()
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        finish()
        times.append(1e3 * (time.perf_counter() - start))
    return round(statistics.median(times), 3)


def geomae(options, widths, x):
    def plain(encoder, decoder):
        return nn.functional.mse_loss(decoder(encoder(x)), x)

    def paper(encoder, decoder):
        z = encoder(x)
        jacobian = vmap(jacfwd(decoder))(z)
        metric = jacobian.transpose(1, 2) @ jacobian
        return nn.functional.mse_loss(decoder(z), x) + 0.1 * torch.logdet(metric).var()

    def best(encoder, decoder):
        z = encoder(x)
        y, tangent = tangents(decoder, z)
        return nn.functional.mse_loss(y, x) + 0.1 * log_det_2(tangent).var()

    def run(loss, compiled=False):
        loss = torch.compile(loss) if compiled else loss
        return measure(loss, net(widths), net(widths[::-1]), [], options.repeats)

    return {
        "plain": run(plain),
        "plain_compiled": run(plain, True),
        "geomae_paper": run(paper),
        "geomae_tangents": run(best),
        "geomae_tangents_compiled": run(best, True),
    }


def irvae(options, widths, x):
    encoder = net([*widths[:-1], 2 * widths[-1]], "relu", False)
    decoder = net(widths[::-1], "relu", False, nn.Sigmoid())
    sigma = nn.Parameter(torch.ones(()))

    def loss(encoder, decoder):
        mean, log_sigma = encoder(x).chunk(2, dim=1)
        z = mean + log_sigma.exp() * torch.randn_like(mean)
        y = decoder(z)
        d = x.shape[1]
        squares = ((x - y) ** 2).flatten(1).sum(1)
        nll = 0.5 * d * math.log(2 * math.pi) + d * torch.log(sigma) + squares / (2 * sigma**2)
        kl = 0.5 * (mean**2 + (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(1)
        alpha = 1.4 * torch.rand(len(z), 1) - 0.2
        mixed = alpha * z + (1 - alpha) * z[torch.randperm(len(z))]
        probe = torch.randn_like(mixed)
        along = jvp(decoder, mixed, v=probe, create_graph=True)[1]
        back = vjp(decoder, mixed, v=along, create_graph=True)[1]
        first = (along.flatten(1) ** 2).sum(1).mean()
        second = (back.flatten(1) ** 2).sum(1).mean()
        return (nll + kl).mean() + 100 * second / first**2

    return {"irvae_paper": measure(loss, encoder, decoder, [sigma], options.repeats)}


def nrae_q(options, widths, x):
    encoder, decoder = net(widths, "elu", False), net(widths[::-1], "elu", False)
    # The first of the two is the point itself; which point the other is does not change the time.
    neighbours = torch.stack([x, x.roll(1, 0)], 1)

    def loss(encoder, decoder):
        z = encoder(x)
        others = encoder(neighbours.flatten(0, 1)).view(len(x), 2, -1)
        step = (others - z.unsqueeze(1)).flatten(0, 1)
        centre = z.unsqueeze(1).expand_as(others).flatten(0, 1)

        def first(point):
            return jvp(decoder, point, v=step, create_graph=True)[1]

        value = decoder(centre)
        along, bend = jvp(first, centre, v=step, create_graph=True)
        predicted = (value + along + 0.5 * bend).view_as(neighbours)
        squares = ((neighbours - predicted) ** 2).sum(2)
        far = ((neighbours - x.unsqueeze(1)) ** 2).sum(2).sqrt() > 1e-12
        return (torch.where(far, 10.0, 1.0) * squares).mean()

    return {"nrae_q_paper": measure(loss, encoder, decoder, [], options.repeats)}


def squared_distances(a, b):
    return (a**2).sum(1, keepdim=True) + (b**2).sum(1) - 2 * a @ b.T


def wae_mmd(options, widths, x):
    encoder = net(widths, "relu", False)
    decoder = net(widths[::-1], "relu", False, nn.Sigmoid())
    n, d = len(x), widths[-1]

    def loss(encoder, decoder):
        q = encoder(x)
        p = torch.randn_like(q)
        pp, qq, qp = squared_distances(p, p), squared_distances(q, q), squared_distances(q, p)
        off = 1 - torch.eye(n)
        penalty = 0.0
        for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
            c = 2 * d * scale
            within = ((c / (c + qq) + c / (c + pp)) * off).sum() / (n * n - n)
            penalty = penalty + within - 2 * (c / (c + qp)).sum() / n**2
        return 0.05 * ((x - decoder(q)) ** 2).sum(1).mean() + 10 * penalty

    return {"wae_mmd_paper": measure(loss, encoder, decoder, [], options.repeats)}


def spanning_tree(distances):
    """Kruskal's algorithm over all pairs, one at a time."""
    n = len(distances)
    rows, columns = numpy.tril_indices(n)
    order = numpy.argsort(distances[rows, columns], kind="stable")
    parent = list(range(n))

    def find(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    edges = []
    for index in order:
        a, b = find(rows[index]), find(columns[index])
        if a != b:
            parent[a] = b
            edges.append((rows[index], columns[index]))
    return numpy.array(edges)


def topoae(options, widths, x):
    encoder, decoder = net(widths, "relu", False), net(widths[::-1], "relu", False)
    norm = nn.Parameter(torch.ones(()))

    def loss(encoder, decoder):
        z = encoder(x)
        data = torch.norm(x[:, None] - x, dim=2)
        data = data / data.max()
        codes = torch.norm(z[:, None] - z, dim=2) / norm
        total = 0.0
        for own in (data, codes):
            i, j = torch.from_numpy(spanning_tree(own.detach().cpu().numpy()).T)
            total = total + ((data[i, j] - codes[i, j]) ** 2).sum()
        return nn.functional.mse_loss(decoder(z), x) + 0.5 * total / len(x)

    # The diagonal's distances are zero, where the norm's gradient is not defined, and no edge reads it.
    return {"topoae_paper": measure(loss, encoder, decoder, [norm], min(options.repeats, 8))}


METHODS = {"geomae": geomae, "irvae": irvae, "nrae-q": nrae_q, "wae-mmd": wae_mmd, "topoae": topoae}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", choices=METHODS, default="geomae")
    parser.add_argument("--widths", default="784,100,100,100,100,2")
    parser.add_argument("--batch", type=int, default=125)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    torch.manual_seed(0)
    widths = [int(w) for w in options.widths.split(",")]
    x = torch.rand(options.batch, widths[0])
    found = METHODS[options.method](options, widths, x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    versions = {"torch": torch.__version__, "device": options.device}
    print(json.dumps({**versions, **found, "peak_mib": round(peak)}))


if __name__ == "__main__":
    main()
