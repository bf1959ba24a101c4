"""What no run would be accepted of is refused at the door, with one kind of error."""

from itertools import pairwise

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

import quantumlink as ql
from quantumlink import circuits
from quantumlink.hardware.pauli_coefficients import STATE_TOLERANCE
from quantumlink.readings import succeeding
from quantumlink.readings.folding import NeverSucceeds


def never(spent=(0, 1, 0, 0)):
    a, b = ql.Node("a"), ql.Node("b")
    kept = ql.ElementaryLink(a, b, bell_diagonal=(1, 0, 0, 0), success_probability=0.5, attempt_time_s=1e-3)
    return ql.purify(
        kept, ql.ElementaryLink(a, b, bell_diagonal=spent, success_probability=0.5, attempt_time_s=1e-3)
    )


@pytest.mark.parametrize("reading", [ql.evaluate, ql.simulate, ql.forecast, ql.compose, ql.sample])
def test_every_reading_refuses(reading):
    with pytest.raises(NeverSucceeds, match="can never succeed"):
        reading(never())


def test_nothing_is_prepared():
    from qiskit.providers.fake_provider import GenericBackendV2

    with pytest.raises(NeverSucceeds):
        ql.prepare(never(), GenericBackendV2(5, seed=1))


def test_within_a_chain_too():
    b, c = ql.Node("b"), ql.Node("c")
    with pytest.raises(NeverSucceeds):
        ql.compose(ql.swap(never(), ql.ElementaryLink(b, c)))


def three_pairs(spent):
    a, b = ql.Node("a"), ql.Node("b")
    kept, other = (ql.ElementaryLink(a, b, bell_diagonal=state) for state in ((1, 0, 0, 0), spent))
    return ql.purify(kept, other, kept, by="double_selection")


def test_operations_on_more_pairs_and_more_ends_too():
    hub = ql.Node("b")
    arms = [ql.ElementaryLink(hub, ql.Node(name), fidelity=0.9) for name in "cd"]
    for spent in ((0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)):
        for link in (three_pairs(spent), ql.join(circuits.multiway_swap(3), three_pairs(spent), *arms)):
            with pytest.raises(NeverSucceeds, match="can never succeed"):
                ql.compose(link)
    assert ql.compose(three_pairs((0.9, 0.1, 0, 0))).heralds


def bell(a, b, *populations):
    return ql.ElementaryLink(a, b, bell_diagonal=populations)


@pytest.mark.parametrize(("by", "copies"), [("expedient", 4), ("stringent", 5)])
@pytest.mark.parametrize("error", [(0, 1, 0, 0), (0, 0, 1, 0)])
def test_the_largest_purifications_too(by, copies, error):
    a, b = ql.Node("a"), ql.Node("b")
    links = [bell(a, b, 1, 0, 0, 0)] * (copies - 1)
    with pytest.raises(NeverSucceeds, match=f"this purification can never succeed.*{copies} elementary"):
        ql.compose(ql.purify(*links, bell(a, b, *error), by=by))
    may = (0.1, *(0.9 * x for x in error[1:]))
    assert ql.compose(ql.purify(*links, bell(a, b, *may), by=by)).heralds


def test_what_can_never_succeed_is_found_below_an_operation_too_large_to_be_followed():
    nodes = [ql.Node(f"n{i}") for i in range(22)]
    hops = [bell(a, b, 0.9, 0.1, 0, 0) for a, b in pairwise(nodes)]
    whole = ql.Operation(circuits.chain_swap(20))
    spent = bell(*nodes[:2], 0, 0, 1, 0)
    with pytest.raises(NeverSucceeds, match=r"<Purify n0–n1"):
        ql.compose(ql.join(whole, ql.purify(bell(*nodes[:2], 1, 0, 0, 0), spent), *hops[1:]))
    assert ql.compose(ql.join(whole, *hops)).circuit.num_qubits == 42


def test_what_takes_long_to_follow_is_composed_at_once(monkeypatch):
    """Five pairs are entangled at one time, gate after gate: what that costs counts, of all links together."""
    numbers = []
    real = succeeding.fold
    monkeypatch.setattr(succeeding, "fold", lambda link: numbers.append(link.pairs) or real(link))

    def compared(depth, spent):
        ends = [QuantumRegister(5, name) for name in "ab"]
        circuit = QuantumCircuit(*ends, ClassicalRegister(2, "c"))
        for _ in range(depth):
            for end in ends:
                circuit.cx(end[0], end[1:])
                for turned in end[1:4]:
                    circuit.ry(0.1, turned)
                    circuit.cz(turned, end[4])
        circuit.measure([ends[0][4], ends[1][4]], [0, 1])
        pairs = [(ends[0][i], ends[1][i]) for i in range(5)]
        operation = circuits.Operation(circuit, inputs=pairs, outputs=pairs[0], heralds=[(0, 1)])
        a, b = ql.Node("a"), ql.Node("b")
        return ql.join(operation, *[ql.ElementaryLink(a, b, fidelity=0.9)] * 4, bell(a, b, *spent))

    ql.compose(compared(1, (1, 0, 0, 0)))
    assert numbers == [5]
    ql.compose(compared(12, (1, 0, 0, 0)))
    assert numbers == [5]


def test_wired_circuits_too():
    a, b = ql.Node("a"), ql.Node("b")
    right, wrong = bell(a, b, 1, 0, 0, 0), bell(a, b, 0, 0, 1, 0)
    ports = "pair[0]", "pair[1]"
    dejmps = circuits.known_operation("dejmps")
    with pytest.raises(NeverSucceeds, match="can never succeed"):
        ql.wire(dejmps, dict(zip(ports, (right, wrong), strict=True)))
    with pytest.raises(NeverSucceeds, match="this purification can never succeed"):
        ql.wire(circuits.teleportation(prepare_pair=False), {"pair": ql.purify(right, wrong)})
    taking = dict(zip(ports, (right, wrong), strict=True))
    circuit = dejmps.circuit.copy()
    circuit.add_register(QuantumRegister(1, "message"))
    circuit.cx(-1, 0)
    taken = ql.Operation(circuit, dejmps.inputs, ["message"], heralds=dejmps.heralds)
    with pytest.raises(NeverSucceeds, match="this circuit can never succeed"):
        ql.wire(taken, taking).channel  # noqa: B018
    refusing = ql.Operation(circuit, dejmps.inputs, ["message"], heralds=[], odd_heralds=dejmps.heralds)
    channel = ql.wire(refusing, taking).channel
    assert channel.success_probability == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(ValueError, match="with perfect links and nodes no run of this circuit is accepted"):
        channel.average_fidelity  # noqa: B018


def test_what_may_succeed_is_composed():
    assert ql.compose(never((0.01, 0.99, 0, 0))).heralds


def test_samples_without_an_accepted_run_say_so(seed):
    program = ql.compose(never((1e-9, 1 - 1e-9, 0, 0)))
    with pytest.warns(UserWarning, match="none of 200 runs was accepted"):
        samples = ql.sample(program, bases=["XX", "ZZ"], shots=100, seed=seed)
    assert samples.acceptance.best < 0.5


def stated(diagonal):
    return ql.ElementaryLink(ql.Node("a"), ql.Node("b"), state=np.diag(diagonal))


def test_one_tolerance_of_states():
    little, much = STATE_TOLERANCE, 1.01 * STATE_TOLERANCE
    stated([0.5, 0.5 + little, -little, 0])
    stated([0.5, 0.5 + little, 0, 0])
    stated([0.5, 0.5 - little, 0, 0])
    with pytest.raises(ValueError, match="density matrix to 1e-09: it is not positive"):
        stated([0.5, 0.5 + much, -much, 0])
    for off in (much, -much):
        with pytest.raises(ValueError, match="density matrix to 1e-09: its trace must be 1"):
            stated([0.5, 0.5 + off, 0, 0])


def test_a_conference_that_is_refused_before_it_reconciles_says_so():
    hub, *ends = (ql.Node(name) for name in "habc")
    links = [ql.ElementaryLink(end, hub, fidelity=0.93) for end in ends]
    key = ql.qkd.conference(ql.join(circuits.multiway_swap(3), *links), rounds=3000, seed=3)
    assert key.reason is not None
    assert key.disclosed_bits is None
    (line,) = (text for label, text in key.terms_lines() if label.startswith("leak of reconciliation"))
    assert line == f"{key.terms.leak:.0f} bits; the bits that reconciliation would disclose are not in it"
    assert line in key.report()


def test_a_key_that_was_reconciled_tells_its_leak():
    link = ql.ElementaryLink(ql.Node("a"), ql.Node("b"), fidelity=0.99)
    key = ql.qkd.bbm92(link, rounds=40_000, seed=3)
    assert key
    assert ("leak of reconciliation", f"{key.terms.leak:.0f} bits") in key.terms_lines()
