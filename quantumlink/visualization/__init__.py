"""Pictures of links, runs, timelines, networks and keys.

Figures are made without pyplot, so that nothing depends on or changes a global state; a notebook shows them,
and ``figure.savefig(path)`` writes them. Every function draws where ``ax=`` says, or in a new figure of the given
``size=``; `quantumlink.figures.style` says which colors there are, and how to draw on a dark ground.
"""

from quantumlink.figures.style import DARK
from quantumlink.visualization.animation import Animation, draw_animation
from quantumlink.visualization.hardware import draw_comparison
from quantumlink.visualization.key_rates import draw_key_rates
from quantumlink.visualization.link import draw, draw_run
from quantumlink.visualization.network_map import draw_network
from quantumlink.visualization.overpasses import draw_overpasses, draw_tracks
from quantumlink.visualization.qkd import draw_error_rate, draw_eve, draw_key
from quantumlink.visualization.timeline import draw_timeline

__all__ = [
    "DARK",
    "Animation",
    "draw",
    "draw_animation",
    "draw_comparison",
    "draw_error_rate",
    "draw_eve",
    "draw_key",
    "draw_key_rates",
    "draw_network",
    "draw_overpasses",
    "draw_run",
    "draw_timeline",
    "draw_tracks",
]
