"""How long rounds of key distribution take: drawn per setting, against one circuit a round.

`pytest tests/benchmarks/test_qkd_speed.py --benchmark-only` prints the tables. Goals: a million rounds of BB84
drawn in 0.1 s, from circuits to the final key at least a hundred times as fast as the rounds alone are one by one.
The one-by-one time is extrapolated from 1,000 rounds, and says so.
"""

from time import perf_counter

import numpy as np
import pytest
from qiskit_aer import AerSimulator

from quantumlink.circuits import BB84_SETTINGS, bb84_round
from quantumlink.hardware import Detector, Fiber
from quantumlink.qkd.eavesdropping import InterceptResend
from quantumlink.qkd.protocols import BB84, DecoyBB84, SixState

ROUNDS = 1_000_000


def one_circuit_a_round(rounds):
    """As tutorials do it: choose, build, run one shot, look at the bit."""
    rng = np.random.default_rng(1)
    backend, circuit, settings = AerSimulator(), bb84_round(), list(BB84_SETTINGS.values())
    bits = []
    for _ in range(rounds):
        bound = circuit.assign_parameters(settings[rng.integers(len(settings))])
        bits.append(backend.run(bound, shots=1).result().get_counts().popitem()[0])
    return bits


@pytest.mark.benchmark(group="a million rounds, drawn and sifted")
@pytest.mark.parametrize("kind", [BB84, SixState])
@pytest.mark.parametrize("eve", [None, InterceptResend(0.2)], ids=["quiet", "intercepted"])
def test_drawing_a_million_rounds(benchmark, kind, eve):
    sifted = benchmark(lambda: kind(medium=Fiber(0), rounds=ROUNDS, seed=7, eavesdropper=eve).sift())
    assert sifted.accepted == ROUNDS


@pytest.mark.benchmark(group="ten billion decoy pulses over 100 km, drawn and sifted")
def test_drawing_decoy_pulses(benchmark):
    detector = Detector(0.2, dark_count_rate_hz=1000, misalignment=0.01)
    sifted = benchmark.pedantic(
        lambda: DecoyBB84(medium=Fiber(100), rounds=10**10, seed=7, detector=detector).sift(), rounds=3
    )
    assert sifted.accepted > 10**6


@pytest.mark.benchmark(group="from circuits to the key")
def test_a_million_rounds_to_a_key(benchmark):
    """All of a million rounds arrive; the ratios are to the rounds alone, one circuit each."""
    detector = Detector(misalignment=0.02)
    started = perf_counter()
    sample = 20 if benchmark.disabled else 1_000
    one_circuit_a_round(sample)
    naive_s = (perf_counter() - started) * ROUNDS / sample
    started = perf_counter()
    BB84(medium=Fiber(0), rounds=ROUNDS, seed=7, detector=detector).sift()
    drawing_s = perf_counter() - started
    rounds = 100_000 if benchmark.disabled else ROUNDS
    started = perf_counter()
    key = benchmark.pedantic(
        lambda: BB84(medium=Fiber(0), rounds=rounds, seed=7, detector=detector).run(), rounds=1
    )
    total_s = perf_counter() - started
    benchmark.extra_info.update(
        drawing_s=drawing_s,
        secret_bits=len(key),
        naive_rounds_s=f"{naive_s:.0f}, extrapolated from {sample} rounds",
        ratio_drawing=naive_s / drawing_s,
        ratio_whole=naive_s / total_s * rounds / ROUNDS,
    )
    assert key
