"""Pictures of links, runs and networks.

Figures are made without pyplot, so that nothing depends on or changes a global state; a notebook shows them,
and ``figure.savefig(path)`` writes them.
"""

from quantumlink.visualization.key_rates import draw_key_rates
from quantumlink.visualization.link import draw, draw_run
from quantumlink.visualization.network_map import draw_network

__all__ = ["draw", "draw_key_rates", "draw_network", "draw_run"]
