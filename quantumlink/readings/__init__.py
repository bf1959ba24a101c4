"""The readings of a link: as a circuit (`compose`), an exact state (`evaluate`), a timeline (`simulate`)."""

from quantumlink.readings.circuit import compose
from quantumlink.readings.exact import evaluate, fold
from quantumlink.readings.maps import measurement_map
from quantumlink.readings.rate import highest_rate_hz, pairs_spent
from quantumlink.readings.state import PairState
from quantumlink.readings.states import PairStates

__all__ = [
    "PairState",
    "PairStates",
    "compose",
    "evaluate",
    "fold",
    "highest_rate_hz",
    "measurement_map",
    "pairs_spent",
]
