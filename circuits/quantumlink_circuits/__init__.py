"""Gate-level circuits of quantum networks: functions that return plain `QuantumCircuit` objects.

Qiskit only. Named registers are the ports; nothing here knows of noise, nodes or networks. What a circuit
promises beyond its gates stands in its metadata, as lists of indices:

- ``heralds`` (``odd_heralds``): parities of classical bits that must be even (odd) for a run to be accepted;
- ``pairs``: the pairs of input qubits on which a Bell pair Φ⁺ is expected to arrive;
- ``outputs``: the qubits that are delivered, where they are not just the input qubits that are left;
- ``twirls``: names of parameter vectors that draw a row of `TWIRL_ANGLES` in every run.

`Operation` reads them, so that links can be wired into the circuit.
"""

from quantumlink_circuits.bell import BELL_STATES, BellState, bell_measurement, bell_pair, rotated_pair
from quantumlink_circuits.catalogue import builders
from quantumlink_circuits.channel import PauliChannel, bell_diagonal_channel
from quantumlink_circuits.codes import STABILIZER_CODES, Code, repetition_code, surface_code
from quantumlink_circuits.eavesdropping import (
    BREIDBART_ANGLES,
    entangling_probe,
    intercept_resend,
    phase_covariant_cloner,
    universal_cloner,
)
from quantumlink_circuits.encoding import encoded_bell_pair, repetition_bell_pair
from quantumlink_circuits.entry_points import load_entry_points
from quantumlink_circuits.fusion import distribute_ghz, fuse_pairs_to_ghz
from quantumlink_circuits.graph_states import cluster_state, graph_state
from quantumlink_circuits.known_codes import add_code, code_names, forget_code, known_code
from quantumlink_circuits.known_operations import (
    PURIFICATIONS,
    SWAPS,
    add_operation,
    added_operations,
    forget_operation,
    has_arguments,
    is_operation,
    known_operation,
    name_of_operation,
    operation_names,
)
from quantumlink_circuits.measurement import (
    BASIS_ANGLES,
    basis_measurement,
    parity_measurement,
    partial_bell_measurement,
)
from quantumlink_circuits.multipartite import ghz_state, w_state
from quantumlink_circuits.multiselection import (
    double_selection,
    expedient_round,
    single_selection_3to1,
    stringent_round,
)
from quantumlink_circuits.operation import Operation
from quantumlink_circuits.purifications import (
    PURIFICATION_PROTOCOLS,
    TWIRL_ANGLES,
    PurificationProtocol,
    bbpssw,
    bilateral_twirl,
    dejmps,
    epl,
    purification,
)
from quantumlink_circuits.qkd import (
    B92_SETTINGS,
    BB84_SETTINGS,
    BB84_STATES,
    SARG04_SETTINGS,
    SIX_STATE_SETTINGS,
    SIX_STATE_STATES,
    b92_round,
    b92_settings,
    bb84_preparation,
    bb84_round,
    sarg04_round,
    six_state_preparation,
    six_state_round,
)
from quantumlink_circuits.qkd_pairs import (
    BBM92_SETTINGS,
    E91_CHSH,
    E91_KEY,
    E91_SETTINGS,
    SIX_STATE_PAIR_SETTINGS,
    bbm92_measurement,
    e91_measurement,
    six_state_measurement,
)
from quantumlink_circuits.qkd_relay import MDI_FLIPS, MDI_SETTINGS, mdi_relay_measurement, mdi_round
from quantumlink_circuits.random_settings import RandomSetting
from quantumlink_circuits.remote_gates import (
    cat_disentangler,
    cat_entangler,
    remote_cnot,
    remote_controlled,
    remote_cz,
    remote_toffoli,
    teleported_swap,
)
from quantumlink_circuits.swapping import chain_swap, entanglement_swap, linear_optics_swap, multiway_swap
from quantumlink_circuits.teleporting import (
    chain_teleportation,
    gate_teleportation,
    superdense_coding,
    teleport_half,
    teleportation,
)

__all__ = [
    "B92_SETTINGS",
    "BASIS_ANGLES",
    "BB84_SETTINGS",
    "BB84_STATES",
    "BBM92_SETTINGS",
    "BELL_STATES",
    "BREIDBART_ANGLES",
    "E91_CHSH",
    "E91_KEY",
    "E91_SETTINGS",
    "MDI_FLIPS",
    "MDI_SETTINGS",
    "PURIFICATIONS",
    "PURIFICATION_PROTOCOLS",
    "SARG04_SETTINGS",
    "SIX_STATE_PAIR_SETTINGS",
    "SIX_STATE_SETTINGS",
    "SIX_STATE_STATES",
    "STABILIZER_CODES",
    "SWAPS",
    "TWIRL_ANGLES",
    "BellState",
    "Code",
    "Operation",
    "PauliChannel",
    "PurificationProtocol",
    "RandomSetting",
    "add_code",
    "add_operation",
    "added_operations",
    "b92_round",
    "b92_settings",
    "basis_measurement",
    "bb84_preparation",
    "bb84_round",
    "bbm92_measurement",
    "bbpssw",
    "bell_diagonal_channel",
    "bell_measurement",
    "bell_pair",
    "bilateral_twirl",
    "builders",
    "cat_disentangler",
    "cat_entangler",
    "chain_swap",
    "chain_teleportation",
    "cluster_state",
    "code_names",
    "dejmps",
    "distribute_ghz",
    "double_selection",
    "e91_measurement",
    "encoded_bell_pair",
    "entanglement_swap",
    "entangling_probe",
    "epl",
    "expedient_round",
    "forget_code",
    "forget_operation",
    "fuse_pairs_to_ghz",
    "gate_teleportation",
    "ghz_state",
    "graph_state",
    "has_arguments",
    "intercept_resend",
    "is_operation",
    "known_code",
    "known_operation",
    "linear_optics_swap",
    "load_entry_points",
    "mdi_relay_measurement",
    "mdi_round",
    "multiway_swap",
    "name_of_operation",
    "operation_names",
    "parity_measurement",
    "partial_bell_measurement",
    "phase_covariant_cloner",
    "purification",
    "remote_cnot",
    "remote_controlled",
    "remote_cz",
    "remote_toffoli",
    "repetition_bell_pair",
    "repetition_code",
    "rotated_pair",
    "sarg04_round",
    "single_selection_3to1",
    "six_state_measurement",
    "six_state_preparation",
    "six_state_round",
    "stringent_round",
    "superdense_coding",
    "surface_code",
    "teleport_half",
    "teleportation",
    "teleported_swap",
    "universal_cloner",
    "w_state",
]
