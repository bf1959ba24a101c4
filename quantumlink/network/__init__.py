"""Networks: nodes and elementary links as a graph, files, forecasts, routes and strategies.

`Network` reads and writes TOML files (their form: `quantumlink.network.files`), finds routes (`search` says
what is guaranteed), routes without a common link, and routes of keys over trusted nodes. `forecast` is the
reading that they are scored by, `best_strategy` the search over expressions.
"""

from quantumlink.network.files import NetworkFileError
from quantumlink.network.forecast import Forecast, forecast
from quantumlink.network.geography import great_circle_km
from quantumlink.network.graph import Network
from quantumlink.network.route import Multipath, Route
from quantumlink.network.strategy import NoStrategy, Strategy, best_strategy

__all__ = [
    "Forecast",
    "Multipath",
    "Network",
    "NetworkFileError",
    "NoStrategy",
    "Route",
    "Strategy",
    "best_strategy",
    "forecast",
    "great_circle_km",
]
