"""Gate-level circuits of quantum networks: functions that return plain `QuantumCircuit` objects.

Qiskit only. Named registers are the ports; nothing here knows of noise, nodes or networks.
"""

from quantumlink_circuits.bell import BELL_STATES, BellState, bell_measurement, bell_pair
from quantumlink_circuits.catalogue import builders
from quantumlink_circuits.channel import PauliChannel, bell_diagonal_channel
from quantumlink_circuits.measurement import BASIS_ANGLES, basis_measurement
from quantumlink_circuits.purification import (
    PURIFICATION_PROTOCOLS,
    TWIRL_ANGLES,
    PurificationProtocol,
    bbpssw,
    bilateral_twirl,
    dejmps,
    purification,
)
from quantumlink_circuits.swapping import entanglement_swap
from quantumlink_circuits.teleportation import teleportation

__all__ = [
    "BASIS_ANGLES",
    "BELL_STATES",
    "PURIFICATION_PROTOCOLS",
    "TWIRL_ANGLES",
    "BellState",
    "PauliChannel",
    "PurificationProtocol",
    "basis_measurement",
    "bbpssw",
    "bell_diagonal_channel",
    "bell_measurement",
    "bell_pair",
    "bilateral_twirl",
    "builders",
    "dejmps",
    "entanglement_swap",
    "purification",
    "teleportation",
]
