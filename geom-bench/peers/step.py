"""One training step of the plain autoencoder and of GeomAE in PyTorch, for comparison with `cargo bench --bench step`.

Prints a JSON object of median milliseconds. The nets, the batch and the optimiser are those of the Rust benchmark; GeomAE's
Jacobian is computed twice: as the paper's code does it (vmap of jacfwd, logdet of JᵀJ) and with hand-written tangents under
torch.compile, the best way found.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.func import jacfwd, vmap


def net(widths):
    layers = [nn.ELU()]
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ELU()]
    return nn.Sequential(*layers[:-1])


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", default="784,100,100,100,100,2")
    parser.add_argument("--batch", type=int, default=125)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    widths = [int(w) for w in options.widths.split(",")]
    x = torch.rand(options.batch, widths[0])

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

    def milliseconds(loss, compiled):
        encoder, decoder = net(widths), net(widths[::-1])
        weights = [*encoder.parameters(), *decoder.parameters()]
        adam = torch.optim.Adam(weights, lr=1e-3, weight_decay=1e-5)
        value = torch.compile(loss) if compiled else loss

        def step():
            adam.zero_grad()
            value(encoder, decoder).backward()
            adam.step()

        for _ in range(10):
            step()
        times = []
        for _ in range(options.repeats):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        return round(statistics.median(times), 3)

    print(json.dumps({
        "torch": torch.__version__,
        "plain": milliseconds(plain, False),
        "plain_compiled": milliseconds(plain, True),
        "geomae_paper": milliseconds(paper, False),
        "geomae_tangents": milliseconds(best, False),
        "geomae_tangents_compiled": milliseconds(best, True),
    }))


if __name__ == "__main__":
    main()
