"""Draws how long networks under load take, in nodes, demands and hours: `python …/draw_load_scaling.py plot.png`.

One trial of `operate`, every demand asking all the time, slots of 1 ms, p = 0.1; compiled before the clock starts.
Seconds are those of the processor, so that a busy machine changes them little; choosing the routes is in them.
"""

import sys
from pathlib import Path
from time import process_time

import matplotlib.pyplot as plt

from quantumlink import operate
from quantumlink.network import MaxWeight
from quantumlink.network.control import operating

sys.path.insert(0, str(Path(__file__).parent))
from test_operate_speed import country

NODES, DEMANDS, SECONDS = (10, 20, 50, 100, 200), (5, 10, 20, 40, 80), (10.0, 30.0, 100.0, 300.0, 1000.0)


def seconds(nodes: int, demands: int, duration_s: float) -> float:
    """How long one trial takes."""
    network, wanted = country(nodes, demands)
    options = {"policy": MaxWeight(recovery=0), "cutoff_s": 0.1, "records": 0, "seed": 7}
    started = process_time()
    operate(network, wanted, duration_s=duration_s, **options)
    return process_time() - started


def main(path: str) -> None:
    """Three curves, in each of which two of the three numbers stay."""
    operating.WORTH_COMPILING = 0
    seconds(10, 5, 0.01)  # compiles
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
    rows = (
        (NODES, [seconds(n, 10, 30.0) for n in NODES], "nodes (10 demands, 30 s of network time)"),
        (DEMANDS, [seconds(50, n, 30.0) for n in DEMANDS], "demands (50 nodes, 30 s)"),
        ([t / 3600 for t in SECONDS], [seconds(20, 10, t) for t in SECONDS], "hours (20 nodes, 10 demands)"),
    )
    for ax, (numbers, took, label) in zip(axes, rows, strict=True):
        ax.loglog(numbers, took, "o-")
        ax.set(xlabel=label)
        ax.minorticks_off()
        ax.set_xticks(numbers, [f"{x:.2g}" if x < 1 else f"{x:g}" for x in numbers])
        ax.grid(alpha=0.3)
        told = ", ".join(f"{x:.3g}: {t:.3g} s" for x, t in zip(numbers, took, strict=True))
        sys.stdout.write(f"{label}: {told}\n")
    axes[0].set(ylabel="CPU seconds")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1])
