"""Draw how the timeline scales: ``python tests/benchmarks/draw_scaling.py scaling.png``."""

import sys
from itertools import pairwise
from time import process_time

from matplotlib.figure import Figure

import quantumlink as ql


def full_chain(hops):
    """Fibres, T1 and T2, noisy processors and one round of purification: all that a trial can have."""
    processor = ql.Processor(1e-4, 2e-3, 1e-3, gate_1q_s=1e-7, gate_2q_s=1e-6, readout_s=1e-6)
    nodes = [ql.Node(f"n{i}", memory=ql.Memory(t1_s=1.0, t2_s=0.5), processor=processor) for i in range(hops + 1)]
    options = {"fidelity": 0.97, "success_probability": 0.3, "attempt_time_s": 1e-4}
    return ql.chain([ql.ElementaryLink(a, b, ql.Fiber(20), **options) for a, b in pairwise(nodes)], purify_rounds=1)


def seconds(hops, trials):
    """CPU seconds of one simulation, the better of two."""
    link = full_chain(hops)
    ql.simulate(link, trials=1, seed=1)
    found = []
    for _ in range(2):
        start = process_time()
        ql.simulate(link, trials=trials, seed=1)
        found.append(process_time() - start)
    return min(found)


def draw(path):
    """Two curves on logarithmic axes, with lines of proportionality."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (label, points, time) in zip(
        figure.subplots(1, 2),
        (
            ("hops, 10,000 trials", [1, 2, 4, 8, 16, 32, 64], lambda n: seconds(n, 10_000)),
            ("trials, 16 hops", [100, 300, 1_000, 3_000, 10_000, 30_000], lambda n: seconds(16, n)),
        ),
        strict=True,
    ):
        times = [time(n) for n in points]
        axes.loglog(points, times, "o-")
        axes.loglog(points, [times[-1] * n / points[-1] for n in points], ":", color="gray", label="proportional")
        axes.set_xlabel(label)
        axes.set_ylabel("CPU seconds")
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "scaling.png")
