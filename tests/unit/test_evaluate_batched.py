"""`evaluate` at many points: the same as one by one, and as the circuit with its delays; refusals at the door."""

from itertools import pairwise
from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.density import program_state
from oracles.promises import purified_dejmps
from qiskit.circuit import Delay
from qiskit.circuit.library import XGate
from qiskit.quantum_info import Kraus

import quantumlink as ql
from quantumlink.readings import folding
from quantumlink.readings.fold_schedule import Schedule
from quantumlink.readings.points import Arrival, Points
from quantumlink.readings.states import PairStates
from quantumlink.readings.tree import Tree

# Exact up to rounding: some dozens of products with entries below 1.
EXACT = 1e-12

NOISY = ql.Processor(depolarizing_1q=0.01, depolarizing_2q=0.03, readout_error=((0.98, 0.02), (0.05, 0.95)))
MEMORIES = [ql.Memory(t1_s=3, t2_s=1), ql.Memory(t2_s=0.7), ql.Memory(t1_s=2), ql.Memory(t1_s=1, t2_s=1.5)]


def make_nodes(count):
    return [ql.Node(f"n{i}", memory=MEMORIES[i % 4], processor=NOISY) for i in range(count)]


class Example:
    """swap(purify(kept, spent), right): every part is another link."""

    def __init__(self, kept=0.85, spent=(0.8, 0.1, 0.06, 0.04), right=0.9):
        a, r, b = make_nodes(3)
        self.kept = ql.ElementaryLink(a, r, fidelity=kept)
        self.spent = ql.ElementaryLink(a, r, bell_diagonal=spent)
        self.right = ql.ElementaryLink(r, b, fidelity=right)
        self.purified = ql.purify(self.kept, self.spent)
        self.link = ql.swap(self.purified, self.right)


# --- against the circuit with its delays


def relaxation_kraus(memory, time_s):
    """Amplitude damping, then phase flips, so that coherences keep exp(−t/T2): written out by hand."""
    gamma = 1 - exp(-time_s / memory.t1_s)
    flip = (1 - exp(-time_s / memory.t2_s) / sqrt(1 - gamma)) / 2
    damp = [np.diag([1, sqrt(1 - gamma)]), sqrt(gamma) * np.array([[0, 1], [0, 0]])]
    phase = [sqrt(1 - flip) * np.eye(2), sqrt(max(flip, 0)) * np.diag([1, -1])]
    return [b @ a for a in damp for b in phase]


def with_waiting(program, holds, wait):
    """The example's circuit where each link's pair, once made, waits: (left_s, right_s) by the link's name."""
    circuit, nodes = program.circuit, program.nodes
    result = circuit.copy_empty_like()
    places = [i for i, x in enumerate(circuit.data) if x.name == "bell_pair"]
    # A pair's own channel follows it; the purified pair is ready when the right one is about to be made.
    pairs = [circuit.data[i].qubits for i in places]
    ends = tuple(circuit.qubits[q] for q in program.ends.values())
    after = {
        places[0] + 1: [("kept", pairs[0])],
        places[1] + 1: [("spent", pairs[1])],
        places[2] - 1: [("purified", pairs[0])],
        places[2] + 1: [("right", pairs[2])],
        len(circuit.data) - 1: [("link", ends)],
    }
    assert all(circuit.data[i + 1].name == "pauli_channel" for i in places)
    for i, instruction in enumerate(circuit.data):
        result.append(instruction)
        for name, qubits in after.get(i, []):
            for qubit, time_s in zip(qubits, holds[name], strict=True):
                result.append(wait(nodes[circuit.find_bit(qubit).index].memory, time_s), [qubit])
    return ql.Program(result, program.ends, nodes, program.heralds)


HOLDS = {
    "kept": (0.05, 0.3),
    "spent": (0.2, 0.01),
    "purified": (0.15, 0.4),
    "right": (0.1, 0.07),
    "link": (0.25, 0.12),
}


@pytest.mark.parametrize("alone", [None, *HOLDS])
def test_holding_is_a_delay_in_the_circuit(alone):
    example = Example()
    holds = {name: times if alone in (None, name) else (0.0, 0.0) for name, times in HOLDS.items()}
    found = ql.evaluate(example.link, hold_s={getattr(example, name): times for name, times in holds.items()})
    program = ql.compose(example.link)
    # First by the noise rewrite and the branch interpreter ...
    delayed = with_waiting(program, holds, lambda memory, time_s: Delay(time_s, "s"))
    read = ql.evaluate(delayed)
    np.testing.assert_allclose(found.coefficients, read.coefficients, rtol=0, atol=1e-9)
    assert found.success_probability == pytest.approx(read.success_probability, abs=1e-9)
    # ... then by density matrices with Kraus operators from here, and noise written anew.
    kraus = with_waiting(
        program, holds, lambda memory, time_s: Kraus(relaxation_kraus(memory, time_s)).to_instruction()
    )
    rho, success = program_state(kraus)
    np.testing.assert_allclose(np.asarray(found.density_matrix), rho, rtol=0, atol=1e-9)
    assert found.success_probability == pytest.approx(success, abs=1e-9)
    # The check would notice a wait that is left out.
    bare = ql.evaluate(example.link)
    assert np.abs(found.coefficients - bare.coefficients).max() > 1e-3


@settings(max_examples=25, deadline=None, derandomize=True)
@given(t1=st.floats(0.1, 10), ratio=st.floats(0.05, 2), time_s=st.floats(0, 5))
def test_a_perfect_pair_that_waits(t1, ratio, time_s):
    # γ = 1 − e^(−t/T1): F = [1+γ²+(1−γ)²]/4 + e^(−2t/T2)/2 at both ends, (2−γ)/4 + e^(−t/T2)/2 at one.
    memory = ql.Memory(t1_s=t1, t2_s=ratio * t1)
    pair = ql.ElementaryLink(ql.Node("a", memory=memory), ql.Node("b", memory=memory))
    gamma, coherent = 1 - exp(-time_s / t1), exp(-time_s / (ratio * t1))
    both = ql.evaluate(pair, hold_s=time_s).fidelity
    one = ql.evaluate(pair, hold_s=(0.0, time_s)).fidelity
    assert both == pytest.approx((1 + gamma**2 + (1 - gamma) ** 2) / 4 + coherent**2 / 2, abs=EXACT)
    assert one == pytest.approx((2 - gamma) / 4 + coherent / 2, abs=EXACT)


# --- against one by one


def agree(states, one_by_one):
    """All that the states tell, compared with what a function tells of each point."""
    for index in np.ndindex(states.shape):
        one = one_by_one(*index)
        np.testing.assert_allclose(states.coefficients[index], one.coefficients, rtol=0, atol=EXACT)
        assert states.success_probability[index] == pytest.approx(one.success_probability, abs=EXACT)


def test_fidelities_of_one_link(rng):
    fidelities = rng.uniform(0.25, 1, 7)
    example = Example()
    states = ql.evaluate(example.link, fidelity={example.kept: fidelities})
    assert states.shape == (7,)
    agree(states, lambda i: ql.evaluate(Example(kept=fidelities[i]).link))


def test_fidelities_and_populations_on_a_grid(rng):
    fidelities, populations = rng.uniform(0.25, 1, (3, 1)), rng.dirichlet(np.ones(4), 4)
    example = Example()
    states = ql.evaluate(
        example.link, fidelity={example.right: fidelities}, bell_diagonal={example.spent: populations}
    )
    assert states.shape == (3, 4)
    agree(states, lambda i, j: ql.evaluate(Example(spent=populations[j], right=fidelities[i, 0]).link))


def test_one_array_is_for_all_elementary_links(rng):
    fidelities = rng.uniform(0.25, 1, 5)
    example = Example()
    states = ql.evaluate(example.link, fidelity=fidelities.tolist())
    agree(states, lambda i: ql.evaluate(Example(*[(f := fidelities[i]), (f, *[(1 - f) / 3] * 3), f]).link))
    populations = rng.dirichlet(np.ones(4), 5)
    states = ql.evaluate(example.link, bell_diagonal=populations)
    everywhere = dict.fromkeys((example.kept, example.spent, example.right), populations)
    np.testing.assert_array_equal(
        states.coefficients, ql.evaluate(example.link, bell_diagonal=everywhere).coefficients
    )


def test_hold_times_of_every_link(rng):
    example = Example()
    times = {getattr(example, name): tuple(rng.exponential(0.3, (2, 6))) for name in HOLDS}
    states = ql.evaluate(example.link, hold_s=times)
    agree(
        states,
        lambda i: ql.evaluate(example.link, hold_s={part: (a[i], b[i]) for part, (a, b) in times.items()}),
    )


def test_one_hold_time_is_for_all_elementary_links(rng):
    example = Example()
    times = rng.exponential(0.3, 6)
    leaves = (example.kept, example.spent, example.right)
    np.testing.assert_array_equal(
        ql.evaluate(example.link, hold_s=times).coefficients,
        ql.evaluate(example.link, hold_s=dict.fromkeys(leaves, times)).coefficients,
    )


def test_not_waiting_changes_nothing():
    example = Example()
    waited, plain = ql.evaluate(example.link, hold_s=np.zeros(2)), ql.evaluate(example.link)
    np.testing.assert_allclose(waited.coefficients, [plain.coefficients] * 2, rtol=0, atol=EXACT)


def test_scalars_give_one_state():
    example = Example()
    plain = ql.evaluate(example.link)
    for options in (
        {"fidelity": 0.9},
        {"fidelity": {example.kept: 0.85}},
        {"bell_diagonal": (0.7, 0.1, 0.1, 0.1)},
        {"hold_s": 0.1},
        {"hold_s": {example.link: (0.0, np.float64(0.1))}},
    ):
        assert isinstance(ql.evaluate(example.link, **options), ql.PairState)
    same = ql.evaluate(example.link, fidelity={example.kept: 0.85})
    np.testing.assert_allclose(same.coefficients, plain.coefficients, rtol=0, atol=EXACT)


def test_a_key_stands_for_every_equal_link():
    a, b = make_nodes(2)
    first, second = (ql.ElementaryLink(a, b, fidelity=0.8) for _ in range(2))
    both = ql.evaluate(ql.purify(first, second), fidelity={ql.ElementaryLink(a, b, fidelity=0.8): [0.9, 0.7]})
    shared = ql.evaluate(ql.purify(first, first), fidelity=[0.9, 0.7])
    np.testing.assert_array_equal(both.coefficients, shared.coefficients)


def test_only_what_varies_is_folded_at_each_point():
    # A chain of 64 hops of which one varies: seven parts of its balanced tree differ from point to point.
    nodes = make_nodes(65)
    hops = [ql.ElementaryLink(nodes[i], nodes[i + 1], fidelity=0.99) for i in range(64)]
    link = ql.chain(hops)
    schedule = Schedule(Tree(link), Points((9,), (Arrival([0], np.full(9, 0.95), True),)))
    assert schedule.counts == [127 - 7, 7]
    states = ql.evaluate(link, fidelity={hops[20]: np.linspace(0.9, 1, 9)})
    agree(
        states,
        lambda i: ql.evaluate(
            ql.chain([*hops[:20], ql.ElementaryLink(nodes[20], nodes[21], fidelity=0.9 + 0.0125 * i), *hops[21:]])
        ),
    )


@pytest.mark.parametrize("limit", ["MAX_POINTS", "MAX_VECTORS"])
def test_chunks_of_any_size_give_the_same(monkeypatch, rng, limit):
    example = Example()
    options = {
        "fidelity": {example.kept: rng.uniform(0.25, 1, (5, 1)), example.right: rng.uniform(0.25, 1, (1, 1))},
        "hold_s": {example.purified: (rng.exponential(1, 4), 0.1), example.spent: 0.2},
    }
    whole = ql.evaluate(example.link, **options)
    assert whole.shape == (5, 4)
    monkeypatch.setattr(folding, limit, 7)
    parts = ql.evaluate(example.link, **options)
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=0, atol=EXACT)
    np.testing.assert_allclose(parts.success_probability, whole.success_probability, rtol=0, atol=EXACT)


# --- what states tell


@pytest.fixture
def states():
    example = Example()
    return ql.evaluate(
        example.link, fidelity={example.kept: [[0.8], [0.9], [1.0]]}, hold_s={example.link: [0.0, 0.5]}
    )


def test_states_tell_what_each_state_tells(states):
    for index in np.ndindex(3, 2):
        one = states[index]
        assert isinstance(one, ql.PairState)
        assert one.ends == states.ends == ("n0", "n2")
        assert states.fidelity[index] == pytest.approx(one.fidelity, abs=EXACT)
        assert states.bell_diagonal[index] == pytest.approx(one.bell_diagonal, abs=EXACT)
        assert states.chsh[index] == pytest.approx(one.chsh, abs=EXACT)
        assert states.success_probability[index] == one.success_probability
        for basis in "XYZ":
            assert states.qber(basis)[index] == pytest.approx(one.qber(basis), abs=EXACT)
        for label in ("XX", "ZI", "IZ", "YX"):
            assert states.expectation(label)[index] == pytest.approx(one.expectation(label), abs=EXACT)
        np.testing.assert_allclose(states.density_matrices[index], np.asarray(one.density_matrix), atol=EXACT)
    assert not np.allclose(states.expectation("ZI"), states.expectation("IZ"), atol=1e-3)  # ends are told apart


def test_states_are_indexed_as_arrays(states):
    assert (states.shape, states.size, len(states)) == ((3, 2), 6, 3)
    column = states[:, 1]
    assert isinstance(column, PairStates)
    assert column.shape == (3,)
    np.testing.assert_array_equal(column.fidelity, states.fidelity[:, 1])
    np.testing.assert_array_equal(states[states.fidelity > 0.8].fidelity, states.fidelity[states.fidelity > 0.8])
    assert states[..., -1].coefficients.shape == (3, 4, 4)
    assert [row.shape for row in states] == [(2,)] * 3
    assert repr(states).startswith("<PairStates n0–n2 at points of shape (3, 2): fidelity 0.")
    assert "3 × 2" in states._repr_html_()
    with pytest.raises(IndexError):
        states[3]
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        states.coefficients[0, 0, 0, 0] = 2
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        column.success_probability[0] = 2
    with pytest.raises(ValueError, match="basis must be one of"):
        states.qber("W")


def test_no_points_at_all():
    found = ql.evaluate(Example().link, hold_s=[])
    assert found.shape == (0,)
    assert found.fidelity.shape == (0,)
    assert repr(found) == "<PairStates n0–n2 at points of shape (0,)>"


# --- depth


def test_nested_purification_to_any_depth():
    # 2⁴⁰ pairs, 41 distinct links. The recurrence of Deutsch et al. goes on with both pairs alike.
    a, b = ql.Node("a"), ql.Node("b")
    link, state = ql.ElementaryLink(a, b, fidelity=0.8), (0.8, *[0.2 / 3] * 3)
    for depth in range(1, 41):
        link = ql.purify(link, link)
        state, _ = purified_dejmps(state, state)
        if depth in (1, 2, 3, 10, 40):
            assert ql.evaluate(link).bell_diagonal == pytest.approx(tuple(state), abs=1e-9)


def test_a_long_sequential_chain_with_waiting(rng):
    # w^L and dephasing at every node but the last: XX and YY lose e^(−t/T2) for each end that waits.
    memory = ql.Memory(t2_s=1.0)
    nodes = [ql.Node(f"n{i}", memory=memory) for i in range(301)]
    link = ql.chain(
        [ql.ElementaryLink(*ends, fidelity=0.999) for ends in pairwise(nodes)],
        order="sequential",
    )
    times = rng.uniform(0, 0.002, 4)
    states = ql.evaluate(link, hold_s=times)
    w = ((4 * 0.999 - 1) / 3) ** 300
    np.testing.assert_allclose(states.fidelity, (1 + w + 2 * w * np.exp(-600 * times)) / 4, rtol=0, atol=1e-10)


# --- refusals


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"fidelity": [0.9, 1.2]}, ValueError, r"fidelity must be numbers in \[0.25, 1\], got 1.2 at index \(1,\)"),
        ({"fidelity": 0.2}, ValueError, r"fidelity must be .*, got 0.2$"),
        ({"fidelity": [0.9, float("nan")]}, ValueError, "got nan at index"),
        ({"fidelity": "high"}, TypeError, "fidelity must be numbers"),
        ({"fidelity": [True, False]}, TypeError, "fidelity must be numbers"),
        ({"fidelity": [[0.9], [0.8, 0.7]]}, ValueError, "fidelity must be numbers"),
        ({"bell_diagonal": [0.5, 0.5]}, ValueError, r"bell_diagonal must be .* got the shape \(2,\)"),
        ({"bell_diagonal": [[1, 0, 0, 0], [0.5, 0, 0, 0]]}, ValueError, "sum to 1, got .* at index"),
        ({"bell_diagonal": [1.5, -0.5, 0, 0]}, ValueError, "bell_diagonal must be"),
        ({"hold_s": -1.0}, ValueError, "hold_s must be finite times in seconds, at least 0, got -1.0"),
        ({"hold_s": [0.0, float("inf")]}, ValueError, "got inf at index"),
        ({"hold_s": (1.0, 1.0, 1.0)}, ValueError, "got a tuple of 3"),
        ({"hold_s": (0.0, [-2.0])}, ValueError, r"hold_s \(right end\) must be"),
        ({"fidelity": 0.9, "bell_diagonal": [1, 0, 0, 0]}, ValueError, "give fidelity or bell_diagonal, not both"),
        ({"fidelity": {"n0": 0.9}}, TypeError, "a key of fidelity must be an elementary link"),
    ],
)
def test_bad_values_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        ql.evaluate(Example().link, **options)


def test_keys_that_are_not_in_the_tree_are_refused():
    example = Example()
    other = ql.ElementaryLink(*make_nodes(2), fidelity=0.5)
    with pytest.raises(ValueError, match="fidelity has a key that is not in this tree: <ElementaryLink n0–n1"):
        ql.evaluate(example.link, fidelity={other: 0.9})
    with pytest.raises(ValueError, match="hold_s has a key that is not in this tree: <Swap"):
        ql.evaluate(example.purified, hold_s={example.link: 0.1})
    with pytest.raises(TypeError, match="a key of fidelity must be an elementary link of the tree"):
        ql.evaluate(example.link, fidelity={example.purified: 0.9})


def test_shapes_that_do_not_broadcast_are_both_named():
    example = Example()
    with pytest.raises(ValueError, match=r"fidelity of .*n0–n1.* has the shape \(3,\), hold_s of .*has \(2, 4\)"):
        ql.evaluate(example.link, fidelity={example.kept: np.ones(3)}, hold_s={example.right: np.ones((2, 4))})
    with pytest.raises(ValueError, match=r"\(left end\) has the shape \(2,\), .*\(right end\) has \(3,\)"):
        ql.evaluate(example.link, hold_s=([0.1, 0.2], [0.1, 0.2, 0.3]))


def test_programs_take_no_points():
    with pytest.raises(ValueError, match="hold_s is for links"):
        ql.evaluate(ql.compose(Example().link), hold_s=0.1)


def test_an_impossible_point_is_named():
    # ZZ of the two pairs always differs, so that the heralds never agree.
    a, b = ql.Node("a"), ql.Node("b")
    kept, spent = ql.ElementaryLink(a, b, fidelity=1), ql.ElementaryLink(a, b, fidelity=0.9)
    states = {spent: [[[1, 0, 0, 0], [0, 0, 1, 0]]]}
    with pytest.raises(ValueError, match=r"this purification can never succeed at the point \(0, 1\): <Purify a–b"):
        ql.evaluate(ql.purify(kept, spent), bell_diagonal=states)


# --- the check of these tests


def test_the_circuits_waits_are_where_they_are_told():
    # Swapping two waits, or adding an X, would not go unseen.
    example = Example()
    program = ql.compose(example.link)
    right = ql.evaluate(with_waiting(program, HOLDS, lambda memory, time_s: Delay(time_s, "s")))
    other = HOLDS | {"kept": HOLDS["right"], "right": HOLDS["kept"]}
    wrong = ql.evaluate(with_waiting(program, other, lambda memory, time_s: Delay(time_s, "s")))
    flipped = ql.evaluate(with_waiting(program, HOLDS, lambda memory, time_s: XGate()))
    assert np.abs(right.coefficients - wrong.coefficients).max() > 1e-4
    assert np.abs(right.coefficients - flipped.coefficients).max() > 1e-2


def test_three_ends_wait_each_in_its_own_memory():
    """Damping, depolarizing and dephasing of each end's qubit by Kraus operators on the density matrix."""
    from qiskit.quantum_info import Kraus

    t1, t2, d, g, times = 1.0, 0.5, 2.0, 0.7, (0.1, 0.2, 0.3)
    memories = ql.Memory(t1_s=t1, t2_s=t2), ql.Memory(depolarizing_s=d), ql.Memory(gaussian_s=g)
    hub, *ends = ql.Node("hub"), *(ql.Node(name, memory=m) for name, m in zip("abc", memories, strict=True))
    link = ql.join(ql.circuits.multiway_swap(3), *(ql.ElementaryLink(end, hub, fidelity=0.93) for end in ends))
    states = ql.evaluate(link, hold_s={link: (times[0], [times[1], 0.0], times[2])})
    gamma, keep = 1 - np.exp(-times[0] / t1), np.exp(-times[0] / t2 + times[0] / (2 * t1))
    damping = Kraus([np.diag([1, np.sqrt(1 - gamma)]), np.sqrt(gamma) * np.array([[0, 1], [0, 0]])])
    x, y, z = (np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]))

    def dephasing(kept):
        return Kraus([np.sqrt((1 + kept) / 2) * np.eye(2), np.sqrt((1 - kept) / 2) * z])

    lost = (1 - np.exp(-times[1] / d)) / 4
    mixing = Kraus([np.sqrt(1 - 3 * lost) * np.eye(2), *(np.sqrt(lost) * m for m in (x, y, z))])
    slow = dephasing(np.exp(-((times[2] / g) ** 2)))
    for point, second in ((0, [mixing]), (1, [])):
        rho = ql.evaluate(link).density_matrix
        for end, channels in enumerate(([damping, dephasing(keep)], second, [slow])):
            for channel in channels:
                rho = rho.evolve(channel, [end])
        np.testing.assert_allclose(states[point].density_matrix.data, rho.data, rtol=0, atol=EXACT)
    with pytest.raises(ValueError, match="times of all ends, or a tuple one for each of a, b, c; got a tuple of 2"):
        ql.evaluate(link, hold_s={link: (0.1, 0.2)})
