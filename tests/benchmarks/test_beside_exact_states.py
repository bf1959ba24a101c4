"""How long one end-to-end state takes, beside the engines of other packages on the same chain, in one run.

`pytest tests/benchmarks/test_beside_exact_states.py --benchmark-only`, where they are installed: ReQuSim (requsim)
with density matrices and all of a processor's noise; SeQUeNCe (sequence) with density matrices, SimQN (qns) with
Werner pairs, both without noise in swaps. How parameters map is told in the integration test that lends the folds.
"""

from itertools import pairwise
from time import process_time

import pytest
from integration.test_beside_other_packages import (
    nodes,
    populations,
    requsim_state,
    sequence_chain,
    simqn_chain,
)

import quantumlink as ql

QUIET = ql.Processor()
NOISY = ql.Processor(depolarizing_1q=1e-4, depolarizing_2q=2e-3, readout_error=1e-3)


def werner_chain(hops, processor, **options):
    """Unequal Werner links, a balanced chain of them."""
    ends = nodes(hops + 1, processor)
    links = [
        ql.ElementaryLink(a, b, fidelity=0.99 + 0.005 * (i % 3) / 3) for i, (a, b) in enumerate(pairwise(ends))
    ]
    return ql.chain(links, **options)


def compare(benchmark, link, other):
    """Time our reading, note how much longer the other's takes (the best of three), and see that both agree."""
    ql.evaluate(link)
    other(link)
    times = []
    for _ in range(1 if benchmark.disabled else 3):
        started = process_time()
        found = other(link)
        times.append(process_time() - started)
    state = benchmark(ql.evaluate, link)
    ours = benchmark.stats.stats.min if benchmark.stats else float("nan")
    benchmark.extra_info["milliseconds there"] = 1e3 * min(times)
    benchmark.extra_info["milliseconds here"] = 1e3 * ours
    benchmark.extra_info["ratio"] = min(times) / ours
    assert found == pytest.approx(state.fidelity, abs=1e-9)


@pytest.mark.benchmark(group="end-to-end state: noisy swaps, beside ReQuSim")
@pytest.mark.parametrize("hops", [2, 16, 64])
def test_noisy_swaps_beside_requsim(benchmark, hops):
    pytest.importorskip("requsim")
    compare(benchmark, werner_chain(hops, NOISY), lambda link: populations(requsim_state(link)[0])[0])


@pytest.mark.benchmark(group="end-to-end state: two rounds of DEJMPS a hop, noisy, beside ReQuSim")
@pytest.mark.parametrize("hops", [2, 16])
def test_purified_beside_requsim(benchmark, hops):
    pytest.importorskip("requsim")
    link = werner_chain(hops, NOISY, purify_rounds=2)
    compare(benchmark, link, lambda link: populations(requsim_state(link)[0])[0])


@pytest.mark.benchmark(group="end-to-end state: ideal swaps, beside SeQUeNCe's density matrices")
@pytest.mark.parametrize("hops", [2, 16])
def test_ideal_swaps_beside_sequence(benchmark, hops):
    pytest.importorskip("sequence")
    link = werner_chain(hops, QUIET, order="sequential")
    compare(benchmark, link, lambda link: populations(sequence_chain(link.elementary_links()))[0])


@pytest.mark.benchmark(group="end-to-end state: ideal swaps, beside SimQN's Werner pairs")
@pytest.mark.parametrize("hops", [16, 1000])
def test_ideal_swaps_beside_simqn(benchmark, hops):
    pytest.importorskip("qns")
    # One number a pair, and no state: it shows what a whole state costs above that.
    link = werner_chain(hops, QUIET)
    compare(benchmark, link, lambda link: simqn_chain(link.elementary_links(), "werner").fidelity)
