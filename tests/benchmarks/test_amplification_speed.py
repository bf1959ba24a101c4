"""How fast privacy amplification to half as many bits is; `pytest tests/benchmarks --benchmark-only` prints it.

Each run notes Mbit/s of input and the most memory that it took at once. The goal is 30 Mbit/s at 10⁷ bits. 10⁸ bits
take a minute or so, and only if QUANTUMLINK_LONG_BENCHMARKS is set.
"""

import os
import tracemalloc

import numpy as np
import pytest

from quantumlink.qkd import toeplitz_hash

SIZES = [10**6, 10**7] + [10**8] * ("QUANTUMLINK_LONG_BENCHMARKS" in os.environ)


def peak_megabytes(function, *args, **kwargs):
    tracemalloc.start()
    try:
        function(*args, **kwargs)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.benchmark(group="Toeplitz hash, n bits to n/2")
@pytest.mark.parametrize("n", SIZES)
def test_toeplitz(benchmark, n):
    if not benchmark.enabled:
        n = 10**5
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, n, dtype=np.uint8)
    seed = rng.integers(0, 2, n + n // 2 - 1, dtype=np.uint8)
    result = benchmark.pedantic(
        toeplitz_hash, (bits,), {"seed": seed, "length": n // 2}, rounds=3 if n < 10**8 else 1
    )
    for i in rng.integers(0, n // 2, 20):  # row by row, from the definition
        assert result[i] == np.count_nonzero(seed[i : i + n][::-1] & bits) % 2
    if benchmark.enabled:
        benchmark.extra_info["Mbit/s"] = round(n / benchmark.stats["min"] / 1e6, 1)
        benchmark.extra_info["peak MB"] = round(peak_megabytes(toeplitz_hash, bits, seed=seed, length=n // 2))
