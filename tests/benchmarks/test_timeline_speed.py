"""How fast the timeline is: with hops, with trials, and a trial beside event-driven simulations of the same link.

`pytest tests/benchmarks --benchmark-only` prints the table, `extra_info` has the ratios; nothing here fails because
a machine is slow. ReQuSim (the package requsim) is compared with where it is installed.
"""

import random
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest
from oracles.event_by_event import play

import quantumlink as ql
from quantumlink.readings import evaluate
from quantumlink.readings.timeline import simulate

MOMENT_S = 1e-12
"""ReQuSim loses an event that is due at the very moment at which it is made: messages take this long."""

T2_S, FIDELITY, PROBABILITY, ATTEMPT_S = 0.5, 0.97, 0.3, 1e-4


def repeater_chain(hops, *, fiber_km=None, t1_s=float("inf"), processor=None):
    """A balanced chain with memories and one round of purification of each hop."""
    memory, processor = ql.Memory(t1_s=t1_s, t2_s=T2_S), processor or ql.Processor()
    nodes = [ql.Node(f"n{i}", memory=memory, processor=processor) for i in range(hops + 1)]
    medium = None if fiber_km is None else ql.Fiber(fiber_km)
    links = [
        ql.ElementaryLink(
            a, b, medium, fidelity=FIDELITY, success_probability=PROBABILITY, attempt_time_s=ATTEMPT_S
        )
        for a, b in pairwise(nodes)
    ]
    return ql.chain(links, purify_rounds=1)


def full_chain(hops):
    """The same with fibres, relaxation and noisy processors: all that a trial can have."""
    processor = ql.Processor(1e-4, 2e-3, 1e-3, gate_1q_s=1e-7, gate_2q_s=1e-6, readout_s=1e-6)
    return repeater_chain(hops, fiber_km=20, t1_s=1.0, processor=processor)


@pytest.mark.benchmark(group="10,000 trials of a chain with memories and one round of purification")
@pytest.mark.parametrize("hops", [1, 4, 16, 64])
def test_hops(benchmark, hops):
    link = full_chain(hops)
    simulate(link, trials=1, seed=1)
    timeline = benchmark.pedantic(simulate, (link,), {"trials": 10_000, "seed": 1}, rounds=2)
    benchmark.extra_info["microseconds a trial and hop"] = 1e6 * _mean(benchmark) / 10_000 / hops
    assert timeline.fidelity < evaluate(link).fidelity


@pytest.mark.benchmark(group="16 hops: scaling with trials")
@pytest.mark.parametrize("trials", [100, 1_000, 10_000, 40_000])
def test_trials(benchmark, trials):
    link = full_chain(16)
    simulate(link, trials=1, seed=1)
    timeline = benchmark.pedantic(simulate, (link,), {"trials": trials, "seed": 1}, rounds=2)
    assert timeline.trials == trials


@pytest.mark.benchmark(group="16 hops: where time and fidelity went")
def test_budget(benchmark):
    timeline = simulate(full_chain(16), trials=1_000, seed=1)
    budget = benchmark.pedantic(lambda: type(timeline).budget.func(timeline), rounds=1)
    assert budget.fidelity.total == pytest.approx(1 - timeline.fidelity.best)


@pytest.mark.benchmark(group="16 hops: a trial beside event-driven simulations")
def test_beside_events_in_plain_python(benchmark):
    # The oracle knows noiseless gates only: fibres, relaxation and durations as in the full chain.
    processor = ql.Processor(gate_1q_s=1e-7, gate_2q_s=1e-6, readout_s=1e-6)
    link = repeater_chain(16, fiber_km=20, t1_s=1.0, processor=processor)
    generator = random.Random(1)
    started = perf_counter()
    events = [play(link, generator) for _ in range(10)]
    compare(benchmark, link, np.array([latency for latency, _ in events]), (perf_counter() - started) / 10)


@pytest.mark.benchmark(group="16 hops: a trial beside event-driven simulations")
def test_beside_requsim(benchmark):
    pytest.importorskip("requsim")
    link = repeater_chain(16)
    # ReQuSim draws from numpy's global generator.
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    started = perf_counter()
    found = np.array([requsim_trial(16) for _ in range(30)])
    seconds = (perf_counter() - started) / 30
    np.random.set_state(state)  # noqa: NPY002
    timeline = compare(benchmark, link, found[:, 0], seconds)
    error = found[:, 1].std() / np.sqrt(30) + 1e-4
    assert abs(found[:, 1].mean() - timeline.fidelity) < 6 * error


def compare(benchmark, link, latencies, seconds):
    """Time our trials, note the ratio, and see that both tell the same latency (within six standard errors)."""
    simulate(link, trials=1, seed=1)
    timeline = benchmark.pedantic(simulate, (link,), {"trials": 10_000, "seed": 1}, rounds=2)
    benchmark.extra_info["milliseconds a trial there"] = 1e3 * seconds
    benchmark.extra_info["times as fast per trial"] = seconds * 10_000 / _mean(benchmark)
    error = timeline.latencies_s.std() / np.sqrt(len(latencies))
    assert abs(latencies.mean() - timeline.latency_s) < 6 * error
    return timeline


def _mean(benchmark):
    return benchmark.stats.stats.mean if benchmark.stats else float("nan")


def requsim_trial(hops):
    """The chain without fibres in ReQuSim: latency, and fidelity at that moment."""
    import requsim.libs.matrix as mat
    from requsim.events import EntanglementPurificationEvent, EntanglementSwappingEvent
    from requsim.noise import NoiseChannel
    from requsim.quantum_objects import SchedulingSource, Station
    from requsim.world import World

    def dephased(rho, t):
        keep = (1 + np.exp(-t / T2_S)) / 2
        return keep * rho + (1 - keep) * mat.Z @ rho @ mat.Z

    noise = NoiseChannel(n_qubits=1, channel_function=dephased)
    phi = np.array([[1, 0, 0, 1]]).T / np.sqrt(2)
    werner = (4 * FIDELITY - 1) / 3 * phi @ phi.T + (1 - FIDELITY) / 3 * np.eye(4)
    world = World()
    stations = [Station(world, position=i, memory_noise=noise) for i in range(hops + 1)]
    sources = [
        SchedulingSource(
            world,
            position=i,
            target_stations=stations[i : i + 2],
            time_distribution=lambda source: np.random.geometric(PROBABILITY) * ATTEMPT_S,  # noqa: NPY002
            state_generation=lambda source: werner,
        )
        for i in range(hops)
    ]
    waiting = {i: [] for i in range(hops)}
    ready = {}

    def generate(i):
        for _ in range(2):
            sources[i].schedule_event().add_callback(lambda event: arrived(i, event["output_pair"]))

    def arrived(i, pair):
        waiting[i].append(pair)
        if len(waiting[i]) == 2:
            now = world.event_queue.current_time
            event = EntanglementPurificationEvent(now, waiting[i], communication_time=MOMENT_S)
            event.add_callback(lambda result: purified(i, result))
            world.event_queue.add_event(event)

    def purified(i, result):
        waiting[i] = []
        if result["is_successful"]:
            joined(i, i + 1, result["output_pair"])
        else:
            generate(i)

    def joined(first, last, pair):
        ready[first, last] = pair
        width = last - first
        left = first // (2 * width) * 2 * width
        middle, right = left + width, left + 2 * width
        if (left, middle) in ready and (middle, right) in ready:
            pairs = [ready.pop((left, middle)), ready.pop((middle, right))]
            # A moment after a purification's message, which sets its pair free.
            now = world.event_queue.current_time + 2 * MOMENT_S
            event = EntanglementSwappingEvent(now, pairs, stations[middle])
            event.add_callback(lambda result: joined(left, right, result["output_pair"]))
            world.event_queue.add_event(event)

    for i in range(hops):
        generate(i)
    while (0, hops) not in ready:
        world.event_queue.resolve_next_event()
    pair = ready[0, hops]
    pair.update_time()
    return world.event_queue.current_time, (phi.T @ pair.state @ phi)[0, 0].real
