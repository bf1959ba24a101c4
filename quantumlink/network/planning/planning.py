"""`plan_network`: where to build."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quantumlink import validation
from quantumlink.network.load.demand import Demand
from quantumlink.network.planning.costs import Costs
from quantumlink.network.planning.limits import Limits
from quantumlink.network.planning.plan import NetworkPlan, solve
from quantumlink.network.planning.problem import problem_of


def plan_network(
    sites: Any,
    fibres: Any,
    demands: Sequence[Demand],
    *,
    parts: Any = None,
    costs: Costs,
    max_link_km: float | None = None,
    max_repeaters: int | None = None,
    paths: int = 1,
    paths_per_repeater: int | None = None,
    wavelengths: int | None = None,
    most_channels: int | None = None,
    budget: float | None = None,
    use: float = 1.0,
    gap: float = 1e-6,
    time_limit_s: float = 60.0,
    name: str = "plan",
) -> NetworkPlan:
    """The cheapest network that serves all demands: what stands where, which fibres are lit, who goes where.

    Links run along the shortest fibre between two sites. Each demand goes over ``paths`` paths that have no device
    in common, so that one fewer may fail; each path alone carries the demand's rate, in the mean and where nothing
    has to wait (as in `Network.capacity`), and reaches its floor of fidelity, by the exact state of `evaluate`.
    A demand without a rate wants to be connected. See `quantumlink.network.planning` for the model.
    If interrupted by Ctrl-C, the best plan found comes back, with a warning.

    Args:
        sites: `Site` or `Node` objects, names, or a mapping from names to positions (latitude, longitude). A name
            alone is an end if a demand ends there, else a place for a repeater or a trusted node.
        fibres: `Fibre` objects or triples (site, site, kilometers); and `ElementaryLink` objects for what does not
            run through fibre, such as a satellite's.
        demands: what is wanted, at least one `Demand`.
        parts: what it is built from: an `Equipment`, its arguments, or an object of your own with the methods
            ``node(site, role)`` and ``link(left, right, length_km)``; `Equipment()` if None.
        costs: the prices.
        max_link_km: the longest elementary link.
        max_repeaters: most devices on a path.
        paths: disjoint paths of each demand.
        paths_per_repeater: most paths that one device serves.
        wavelengths: channels that fit into a pair of fibres; more need another pair. None for as many as wanted.
        most_channels: most channels of one elementary link.
        budget: the most that building may cost.
        use: share of a link's pairs that is planned with, in (0, 1]; less leaves room for waiting.
        gap: relative difference from the optimum that is accepted as none.
        time_limit_s: how long to look; then the best plan found comes back, which says how far it may be from the
            optimum.
        name: of the network.

    Raises:
        ValueError: if a price or a limit is out of range, a name is unknown, or the ends of a demand are not
            connected.
        NoPlan: if there is no plan; conditions in the way are told.

    >>> plan = plan_network(["a", "r", "s", "b"], [("a", "r", 60), ("r", "b", 50), ("a", "s", 40), ("s", "b", 90)],
    ...                     [Demand("a", "b")], costs=Costs(repeater=1.0), max_link_km=80)
    >>> plan
    <NetworkPlan: 1 repeater, cost 1, proven>
    >>> plan.network.route("a", "b")
    <Swap a–b via r, 2 elementary pairs>
    """
    limits = Limits(
        max_link_km, max_repeaters, paths, paths_per_repeater, wavelengths, most_channels, budget, use, gap
    )
    problem = problem_of(sites, fibres, demands, parts, costs, limits, name)
    return solve(problem, validation.positive("time_limit_s", time_limit_s))
