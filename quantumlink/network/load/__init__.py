"""Networks under load: many demands at once, and what they can have together, and what failures take away.

A `Demand` says what two nodes want. `Network.capacity` says how much of all demands the network can carry at once,
`Network.resilience` which failures cut whom off. Traffic files are in `traffic`.
"""

from quantumlink.network.load.capacities import Capacity, Cut, Share, Supply
from quantumlink.network.load.demand import Demand
from quantumlink.network.load.failures import Failure, Resilience
from quantumlink.network.load.traffic import TrafficFileError, load_demands

__all__ = [
    "Capacity",
    "Cut",
    "Demand",
    "Failure",
    "Resilience",
    "Share",
    "Supply",
    "TrafficFileError",
    "load_demands",
]
