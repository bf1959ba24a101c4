"""Stabiliser flows of the Clifford primitives, decided by stim: a circuit either has a flow or it has not.

A flow "P -> Q xor bits" says that measuring P before is measuring Q after, up to the parity of bits. Letters
belong to qubits in the order of the circuit's registers. Those of the longer circuits are worked out in
`oracles.promises`.
"""

import pytest
from oracles.promises import PARITY, PHASE, PROMISES
from oracles.stim_circuits import has_flow, to_stim

from quantumlink.circuits import bell_measurement, bell_pair, entanglement_swap, teleportation

# XX and ZZ of (|00⟩ ± |11⟩)/√2 and (|01⟩ ± |10⟩)/√2; YY = −XX·ZZ.
BELL_STABILISERS = {"phi+": "+-+", "phi-": "-++", "psi+": "++-", "psi-": "---"}


@pytest.mark.parametrize("state", BELL_STABILISERS)
def test_bell_pair_prepares_its_stabilisers(state):
    for pauli, sign in zip(("XX", "YY", "ZZ"), BELL_STABILISERS[state], strict=True):
        opposite = "-" if sign == "+" else "+"
        assert has_flow(bell_pair(state), f"1 -> {sign}{pauli}", zeros=[0, 1])
        assert not has_flow(bell_pair(state), f"1 -> {opposite}{pauli}", zeros=[0, 1])


def test_bell_measurement_reads_xx_as_phase_and_zz_as_parity():
    circuit = bell_measurement()
    assert has_flow(circuit, "XX -> 1", bits=[PHASE])
    assert has_flow(circuit, "ZZ -> 1", bits=[PARITY])
    assert has_flow(circuit, "-YY -> 1", bits=[PHASE, PARITY])
    for wrong, bits in (("XX", [PARITY]), ("ZZ", [PHASE]), ("-XX", [PHASE]), ("-ZZ", [PARITY]), ("XX", [])):
        assert not has_flow(circuit, f"{wrong} -> 1", bits=bits)


@pytest.mark.parametrize("name", PROMISES)
def test_primitive_has_the_flows_it_promises_and_not_those_of_likely_mistakes(name):
    assert PROMISES[name].broken_flows() == []
    assert PROMISES[name].wrong_flows() == []


@pytest.mark.parametrize("name", ["bbpssw", "dejmps"])
def test_a_purification_states_in_its_metadata_which_bits_it_compares(name):
    (herald,) = PROMISES[name].circuit.metadata["heralds"]
    assert sorted(herald) == [0, 1]


def test_flow_generators_of_the_prepared_swap_fix_the_joined_pair_completely():
    # The ends hold a pure state, so that there must be exactly two independent flows "1 -> Q xor bits" with Q
    # on the ends alone; stim finds them in the generators with nothing left on the relay but its Z, measured.
    circuit, _ = to_stim(entanglement_swap(prepare_pairs=True), zeros=range(4))
    found = []
    for flow in circuit.flow_generators():
        if str(flow.input_copy()).strip("+_"):
            continue
        output = str(flow.output_copy())
        if output[2:4] == "__" and output.strip("+-_"):
            found.append((output, flow.measurements_copy()))
    assert sorted(found) == [("+X__X", []), ("+Z__Z", [])]


def test_the_oracle_itself_sees_a_dropped_correction():
    circuit = teleportation()
    broken = circuit.copy_empty_like()
    for instruction in circuit.data[:-1]:  # without the conditional Z
        broken.append(instruction)
    assert has_flow(broken, "Z__ -> __Z", zeros=[1, 2])
    assert not has_flow(broken, "X__ -> __X", zeros=[1, 2])
