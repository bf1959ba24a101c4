"""The readings of a link: as a circuit (`compose`), an exact state (`evaluate`), a timeline (`simulate`)."""

from quantumlink.readings.circuit import compose
from quantumlink.readings.exact import evaluate, fold
from quantumlink.readings.rate import highest_rate_hz, pairs_spent
from quantumlink.readings.shared_state import SharedState
from quantumlink.readings.state import PairState
from quantumlink.readings.states import PairStates
from quantumlink.readings.wiring import WiredChannel, WiredProgram, wire

__all__ = [
    "PairState",
    "PairStates",
    "SharedState",
    "WiredChannel",
    "WiredProgram",
    "compose",
    "evaluate",
    "fold",
    "highest_rate_hz",
    "pairs_spent",
    "wire",
]
