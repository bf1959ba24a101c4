"""The readings of a link: as a circuit, and as an exact state."""

from quantumlink.compose.circuit import compose
from quantumlink.compose.exact import evaluate, fold
from quantumlink.compose.maps import measurement_map
from quantumlink.compose.rate import highest_rate_hz, pairs_spent
from quantumlink.compose.state import PairState

__all__ = ["PairState", "compose", "evaluate", "fold", "highest_rate_hz", "measurement_map", "pairs_spent"]
