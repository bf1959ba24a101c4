"""Networks: nodes and elementary links as a graph, files, forecasts, routes and strategies.

`Network` reads and writes TOML files (their form: `quantumlink.network.files`), finds routes (`search` says
what is guaranteed), routes without a common link, and routes of keys over trusted nodes. `forecast` is the
reading that they are scored by, `best_strategy` the search over expressions, `operate` a network under load,
`plan_network` what to build.
"""

from quantumlink.network.control import (
    Attack,
    FirstComeFirstServed,
    Load,
    ManyPaths,
    MaxWeight,
    Outage,
    Performance,
    Policy,
    ProportionalFairness,
    RandomFailures,
    Reservation,
    TimeSlots,
    Watch,
    operate,
)
from quantumlink.network.files import NetworkFileError
from quantumlink.network.geography import great_circle_km
from quantumlink.network.globe import (
    KeyBlock,
    Overpass,
    Overpasses,
    SatelliteKeys,
    Served,
    Weather,
    find_overpasses,
    satellite_keys,
    serve_keys,
)
from quantumlink.network.graph import Graph
from quantumlink.network.load import Capacity, Cut, Demand, Failure, Resilience, TrafficFileError, load_demands
from quantumlink.network.load.arrivals import Periodic, Poisson
from quantumlink.network.load.matrices import demands_of_matrix, gravity_demands, uniform_demands
from quantumlink.network.network import Network
from quantumlink.network.planning import Costs, Equipment, Fibre, NetworkPlan, NoPlan, Site, plan_network
from quantumlink.network.route import Multipath, Route
from quantumlink.network.schema import file_schema
from quantumlink.network.strategy import NoStrategy, Strategy, best_strategy
from quantumlink.readings.forecasting import Forecast, forecast

__all__ = [
    "Attack",
    "Capacity",
    "Costs",
    "Cut",
    "Demand",
    "Equipment",
    "Failure",
    "Fibre",
    "FirstComeFirstServed",
    "Forecast",
    "Graph",
    "KeyBlock",
    "Load",
    "ManyPaths",
    "MaxWeight",
    "Multipath",
    "Network",
    "NetworkFileError",
    "NetworkPlan",
    "NoPlan",
    "NoStrategy",
    "Outage",
    "Overpass",
    "Overpasses",
    "Performance",
    "Periodic",
    "Poisson",
    "Policy",
    "ProportionalFairness",
    "RandomFailures",
    "Reservation",
    "Resilience",
    "Route",
    "SatelliteKeys",
    "Served",
    "Site",
    "Strategy",
    "TimeSlots",
    "TrafficFileError",
    "Watch",
    "Weather",
    "best_strategy",
    "demands_of_matrix",
    "file_schema",
    "find_overpasses",
    "forecast",
    "gravity_demands",
    "great_circle_km",
    "load_demands",
    "operate",
    "plan_network",
    "satellite_keys",
    "serve_keys",
    "uniform_demands",
]
