"""How fast time tags become coincidences, and how fast their files are read; CPU seconds.

``python tests/benchmarks/test_timetag_speed.py`` prints the table for about 10⁷ clicks, both ends together.
"""

import sys
import tempfile
import time
from pathlib import Path

import pytest

from quantumlink.hardware import Detector, Fiber
from quantumlink.hardware.continuous_source import ContinuousSource
from quantumlink.qkd.timetags import Receiver, find_coincidences, read_tags, simulate_tags, write_tags

END = Detector(0.6, dark_count_rate_hz=1000, jitter_s=0.4e-9, dead_time_s=45e-9, elements=4, misalignment=0.01)
RECEIVER = Receiver(z=(1, 2), x=(3, 4))


def clicks(duration_s):
    return simulate_tags(
        ContinuousSource(pair_rate_hz=2e6),
        Fiber(50),
        duration_s=duration_s,
        seed=1,
        detector=END,
        offset_s=0.3,
        drift=3e-7,
        wander=1e-9,
    )


def found_in(run):
    return find_coincidences(run.alice, run.bob, receivers=(RECEIVER, RECEIVER))


@pytest.mark.benchmark(group="time tags")
def test_coincidences(benchmark):
    run = clicks(13 if benchmark.enabled else 1)
    found = benchmark.pedantic(found_in, (run,), rounds=1)
    benchmark.extra_info["clicks"] = len(run.alice) + len(run.bob)
    assert len(found) > 0.9 * run.true_pairs


def table():
    run = clicks(13)
    total = len(run.alice) + len(run.bob)
    start = time.process_time()
    found = found_in(run)
    spent = time.process_time() - start
    sys.stdout.write(f"{total} clicks, {len(found)} coincidences in {spent:.2f} CPU s\n")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.npz", "a.csv"):
            path = write_tags(run.alice, Path(folder) / name)
            start = time.process_time()
            read_tags(path)
            spent = time.process_time() - start
            sys.stdout.write(f"{name}: {len(run.alice)} clicks read in {spent:.2f} CPU s\n")


if __name__ == "__main__":
    table()
