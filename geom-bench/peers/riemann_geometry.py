"""PyTorch's batched route to the metric, the spectrum and the gradient of Var log det: J^T J, slogdet / eigvalsh, backward."""

import time

import torch

torch.manual_seed(1)
j = torch.randn(1000, 784, 2, requires_grad=True)


def bench(name, work, runs=31):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(f"{name:<44} {times[runs // 2]:>9.3f} ms   ({times[0]:.3f} .. {times[-1]:.3f})", flush=True)


def metric():
    with torch.no_grad():
        return j.transpose(1, 2) @ j


def spectrum():
    with torch.no_grad():
        return torch.linalg.eigvalsh(j.transpose(1, 2) @ j)


def var_log_det():
    j.grad = None
    torch.linalg.slogdet(j.transpose(1, 2) @ j)[1].var().backward()


for threads in (1, 2):
    torch.set_num_threads(threads)
    prefix = f"torch {torch.__version__}, {threads} threads"
    bench(f"{prefix}/metric", metric)
    bench(f"{prefix}/spectrum", spectrum)
    bench(f"{prefix}/var_log_det+backward", var_log_det)
