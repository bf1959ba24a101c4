"""Planning: from a fibre map, demands and prices to the cheapest network that serves them.

`plan_network` decides what stands where (repeaters, trusted nodes, satellites with their ground stations),
which links are built with how many channels, which fibres are lit, and over which paths each demand goes. It is
an integer programme, solved by HiGHS: a plan says whether it is proven to be the cheapest, or how far it may be
from it.

The model:

- An elementary link runs along the shortest fibre between two sites, through whatever lies between; or it is
  given.
- A path of a demand leads over devices: pairs over repeaters and satellites, keys over trusted nodes as well,
  where they are ended and begun anew. Nothing leads through a demand's end that hosts nothing.
- Each path alone carries the demand's rate: of each link it takes as many pairs as a delivered pair or secret
  bit needs, in the mean, from the exact state of each entangled segment, nothing having to wait (as
  `Network.capacity` counts). Several demands share the channels of a link; links share the wavelengths of a
  fibre.
- Where prices fall with the number bought (``learning_rate``), what counts is what all pieces cost together: for
  the budget, for what is cheapest, and for how far a plan may be from it.

References:
    J. Rabbie, K. Chakraborty, G. Avis, S. Wehner, npj Quantum Inf. 8, 5 (2022).
    Q. Huangfu, J. A. J. Hall, Math. Prog. Comput. 10, 119 (2018): HiGHS.
"""

from quantumlink.network.planning.costs import Costs, Counts
from quantumlink.network.planning.equipment import Equipment
from quantumlink.network.planning.fronts import FrontPoint, pareto_front
from quantumlink.network.planning.generations import (
    GenerationMap,
    RepeaterLine,
    compare_generations,
    generation_map,
)
from quantumlink.network.planning.maps import FibreMap, FibreMapError, load_costs
from quantumlink.network.planning.places import Fibre, Site
from quantumlink.network.planning.plan import NetworkPlan, PlannedLink, PlannedPath
from quantumlink.network.planning.planning import plan_network
from quantumlink.network.planning.refusal import NoPlan
from quantumlink.network.planning.rollout import Year, roll_out
from quantumlink.network.planning.spacing import best_spacing_km

__all__ = [
    "Costs",
    "Counts",
    "Equipment",
    "Fibre",
    "FibreMap",
    "FibreMapError",
    "FrontPoint",
    "GenerationMap",
    "NetworkPlan",
    "NoPlan",
    "PlannedLink",
    "PlannedPath",
    "RepeaterLine",
    "Site",
    "Year",
    "best_spacing_km",
    "compare_generations",
    "generation_map",
    "load_costs",
    "pareto_front",
    "plan_network",
    "roll_out",
]
