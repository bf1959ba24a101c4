"""Draws which generation of repeaters is the cheapest where: `python …/draw_generations.py map.png`."""

import sys

import matplotlib.pyplot as plt

from quantumlink import Memory
from quantumlink.network.planning import Costs, Equipment, generation_map

PARTS = Equipment(memory=Memory(t2_s=100.0), fidelity=0.95, success_probability=0.5)
COSTS = Costs(source=1, repeater=100)
LENGTHS_KM, GATE_ERRORS = (200, 400, 800, 1600), (1e-5, 1e-4, 3e-4, 1e-3, 3e-3)


def main(path: str) -> None:
    """Two maps: with at most two rounds of purification a hop, and with three."""
    figure, both = plt.subplots(1, 2, figsize=(12, 4.6))
    for axes, rounds in zip(both, ((0, 1, 2), (0, 1, 2, 3)), strict=True):
        found = generation_map(
            LENGTHS_KM, GATE_ERRORS, costs=COSTS, parts=PARTS, rounds=rounds, hops=(4, 8, 16, 32, 64, 128)
        )
        found.plot(axes)
        axes.set_title(f"at most {rounds[-1]} rounds; cost for a secret bit/s")
    figure.savefig(path, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main(sys.argv[1])
