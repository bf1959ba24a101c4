"""Every primitive is proven, and its proof fails for exactly those mutants that are different circuits.

The proofs stand in `oracles.proofs`, the mistakes in `oracles.mutations`, which also tells the harmless ones,
exactly and without knowing the proofs. So a mutant that slips through fails here, and so does a proof that demands
more than was promised. The table of catch rates is printed at the end of the session.
"""

from dataclasses import dataclass, field

import pytest
from oracles.mutations import Judge, mutants
from oracles.proofs import PROOFS

from quantumlink.circuits import builders

ZEROS = {
    **dict.fromkeys(("bell_pair", "rotated_pair", "mdi_round"), ("a", "b")),
    **dict.fromkeys(("ghz_state", "w_state", "graph_state", "cluster_state"), ("q",)),
    **dict.fromkeys(("bb84_preparation", "six_state_preparation"), ("q",)),
    **dict.fromkeys(("bb84_round", "b92_round", "sarg04_round", "six_state_round"), ("q",)),
    **dict.fromkeys(("teleportation", "teleport_half", "gate_teleportation"), ("sender", "receiver")),
    "superdense_coding": ("sender", "receiver"),
    **dict.fromkeys(("entangling_probe", "phase_covariant_cloner", "universal_cloner"), ("eve",)),
    "parity_measurement": ("ancilla",),
    "distribute_ghz": ("local",),
    **dict.fromkeys(("encoded_bell_pair", "repetition_bell_pair"), ("check_a", "check_b")),
}
"""Ports that start in |0⟩, as the docstrings say; any other carries whatever arrives."""

LEFTOVER = {"teleported_swap": ("back_a", "out_b")}
"""Ports that hold nothing of interest after, though they are not measured last."""

AT_MOST = {
    "distribute_ghz": 60,
    "encoded_bell_pair": 4,
    "remote_toffoli": 12,
    "repetition_bell_pair": 45,
    "stringent_round": 25,
}
"""How many mutants of the slow ones are drawn in a session, by the session's seed: others next time."""


@dataclass
class CatchRates:
    """What the tests found, for the end of the session."""

    rows: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    """Name → how many mutants there are, were tried, are equivalent, were caught."""

    def pytest_terminal_summary(self, terminalreporter):
        if not self.rows:
            return
        terminalreporter.section("mutants of the library")
        total = tuple(sum(column) for column in zip(*self.rows.values(), strict=True))
        for name, (made, tried, equivalent, caught) in {**self.rows, "all": total}.items():
            wrong = tried - equivalent
            rate = f"{caught / wrong:7.1%}" if wrong else "   none"
            drawn = f", {tried} of {made} mutants drawn" if tried < made else ""
            same = f", {equivalent} equivalent" if equivalent else ""
            terminalreporter.write_line(f"{name:24} {rate} of {wrong:4} caught{same}{drawn}")


@pytest.fixture(scope="module")
def rates(request):
    found = CatchRates()
    request.config.pluginmanager.register(found)
    return found


def caught(name, circuit):
    try:
        PROOFS[name](circuit)
    except AssertionError:
        return True
    except ValueError as refusal:
        # No run is accepted by the heralds: any other error would be the proof's own.
        if "accepted" not in str(refusal) and "accepts nothing" not in str(refusal):
            raise
        return True
    return False


def test_every_builder_has_a_proof():
    assert PROOFS.keys() == builders().keys()


@pytest.mark.parametrize("name", builders())
def test_the_primitive_is_proven(name):
    PROOFS[name](builders()[name]())


@pytest.mark.parametrize("name", builders())
def test_every_mutant_that_differs_is_caught(name, rates, rng, record_property):
    circuit = builders()[name]()
    made = mutants(circuit)
    limit = AT_MOST.get(name, len(made))
    drawn = sorted(rng.choice(len(made), limit, replace=False)) if limit < len(made) else range(len(made))
    tried = [list(made)[i] for i in drawn]
    judge = Judge(circuit, rng, zeros=ZEROS.get(name, ()), leftover=LEFTOVER.get(name, ()))
    found = {what for what in tried if caught(name, made[what])}
    equivalent = {what for what in tried if judge.equivalent(made[what])}
    rates.rows[name] = (len(made), len(tried), len(equivalent), len(found - equivalent))
    record_property("mutants", rates.rows[name])
    assert [what for what in tried if what not in found | equivalent] == [], "slipped through"
    assert sorted(found & equivalent) == [], "harmless, and refused all the same"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("intercept_resend", {"gate dropped", "reset dropped", "correction dropped", "X and Z exchanged"}),
        ("chain_swap", {"condition without bit 2", "condition moved from bit 2 to 0", "condition negated"}),
        ("entanglement_swap", {"correction moved from qubit 3 to 1", "correction always", "records exchanged"}),
        ("bell_pair", {"turned round", "x on half a pair", "z on half a pair"}),
        ("dejmps", {"x on half a pair", "z on half a pair"}),
    ],
)
def test_every_kind_of_mistake_is_made_and_the_original_left_alone(name, kinds):
    circuit = builders()[name]()
    before, made = circuit.copy(), mutants(circuit)
    assert kinds <= {what.split(": ")[0] for what in made}
    assert circuit == before
    assert all(mutant != circuit for mutant in made.values())
